-- Deploy open_agents:forbid_open_end to pg
-- requires: schema
--
-- A run that has ended has no open step, whoever ends it and however: finish_run() and
-- abort_stale_runs() end the step first. It looks for one when the row of the run is locked, so it
-- sees all that began before; admit_step() refuses what comes after.
-- Locks: none.  Docs: docs/schema/open_agents.md#forbid-open-end

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.forbid_open_end()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_step_id text;
BEGIN
    SELECT s.id
    INTO v_step_id
    FROM open_agents.workflow_run_steps AS s
    WHERE s.tenant_id = NEW.tenant_id
        AND s.workflow_run_id = NEW.id
        AND s.finished_at IS NULL;
    IF FOUND THEN
        RAISE EXCEPTION 'workflow run % has an open step: %', NEW.id, v_step_id
            USING ERRCODE = 'MU403',
                  HINT = 'End it with open_agents.finish_step(), or end the run as aborted.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION open_agents.forbid_open_end() IS
    'Trigger function for workflow_runs, where a run ends: refuses while a step of it is open. '
    'Raises MU403.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION open_agents.forbid_open_end() FROM PUBLIC;

COMMIT;
