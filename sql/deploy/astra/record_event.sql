-- Deploy astra:record_event to pg
-- requires: events
--
-- The life of goals, tasks and approvals is told by the database, so that no program can forget it.
-- Locks: none.  Docs: docs/schema/astra.md#record-event

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.record_event()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_actor_id uuid;
    v_payload  jsonb := '{}';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.status = OLD.status THEN
            RETURN NULL;
        END IF;
        v_payload := jsonb_build_object('from', OLD.status);
    END IF;

    -- Each kind has columns that others have not.
    CASE TG_ARGV[0]
        WHEN 'goal' THEN
            v_payload := v_payload || jsonb_build_object('agent_id', NEW.agent_id);
            v_actor_id := NEW.source_agent_id;
        WHEN 'task' THEN
            v_payload := v_payload || jsonb_build_object('goal_id', NEW.goal_id);
            v_actor_id := NEW.worker_id;
        ELSE
            v_payload := v_payload || jsonb_build_object('goal_id', NEW.goal_id);
            v_actor_id := NEW.requested_by;
    END CASE;
    IF TG_OP = 'UPDATE' AND TG_ARGV[0] <> 'task' THEN
        v_actor_id := NULL;
    END IF;

    INSERT INTO astra.events (org_id, event_type, subject_id, actor_id, payload)
    VALUES (
        NEW.org_id,
        TG_ARGV[0] || '.' || CASE TG_OP WHEN 'INSERT' THEN 'created' ELSE NEW.status END,
        NEW.id,
        v_actor_id,
        v_payload
    );
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.record_event() IS
    'Trigger function of tables with a status: writes an event when a row is made and when its '
    'status changes, as goal.created or task.completed. The argument is the kind: goal, task or '
    'approval_request. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.record_event() FROM PUBLIC;

COMMIT;
