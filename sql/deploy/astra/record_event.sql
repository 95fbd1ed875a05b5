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
            IF TG_OP = 'INSERT' THEN
                v_actor_id := NEW.source_agent_id;
            END IF;
        WHEN 'task' THEN
            v_payload := v_payload || jsonb_build_object('goal_id', NEW.goal_id);
            -- Of an attempt, all that the next one overwrites in the row. Whoever takes back what
            -- a lease has ended for is not the worker that had it.
            IF TG_OP = 'UPDATE' AND 'running' IN (OLD.status, NEW.status) THEN
                v_payload := v_payload || jsonb_strip_nulls(jsonb_build_object(
                    'attempt', NEW.attempts, 'worker_id', NEW.worker_id, 'error', NEW.error
                ));
                IF NEW.status IN ('running', 'completed')
                    OR OLD.lease_expires_at >= clock_timestamp()
                THEN
                    v_actor_id := NEW.worker_id;
                END IF;
            END IF;
        ELSE
            v_payload := v_payload || jsonb_build_object('goal_id', NEW.goal_id);
            IF TG_OP = 'INSERT' THEN
                v_actor_id := NEW.requested_by;
            END IF;
    END CASE;

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
    'status changes, as goal.created or task.completed, with what is known of the attempt when a '
    'task begins or ends to run. The argument is the kind: goal, task or approval_request. Raises '
    'nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.record_event() FROM PUBLIC;

COMMIT;
