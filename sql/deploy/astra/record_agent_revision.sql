-- Deploy astra:record_agent_revision to pg
-- requires: schema
--
-- Before the tables, because a table comes with its triggers. An update that changes nothing makes
-- no revision.
-- Locks: none.  Docs: docs/schema/astra.md#record-agent-revision

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.record_agent_revision()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- What has its own place in a revision, or says nothing about the configuration.
    c_left_out CONSTANT text[] := ARRAY['org_id', 'id', 'created_at', 'updated_at'];
    v_payload  CONSTANT jsonb := to_jsonb(NEW) - c_left_out;
BEGIN
    IF TG_OP = 'UPDATE' AND v_payload = to_jsonb(OLD) - c_left_out THEN
        RETURN NULL;
    END IF;

    -- Whoever changes the agent holds its row until the end, so nobody else counts here.
    INSERT INTO astra.agent_config_revisions (org_id, agent_id, revision, payload)
    SELECT
        NEW.org_id,
        NEW.id,
        coalesce(max(r.revision), 0) + 1,
        v_payload
    FROM astra.agent_config_revisions AS r
    WHERE r.org_id = NEW.org_id
        AND r.agent_id = NEW.id;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION astra.record_agent_revision() IS
    'Trigger function of agents: writes the row after the change as the next revision. Raises '
    'nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.record_agent_revision() FROM PUBLIC;

COMMIT;
