-- Deploy open_agents:admit_step to pg
-- requires: workflow_runs
--
-- A step that is open when it is written needs a run that runs, whoever writes it. The row of the
-- run is written as it is, not only locked: whoever ends the run with a snapshot from before, under
-- REPEATABLE READ, would not see the step, and is told to try again (40001). Steps that are over
-- are let in, so that a workflow may be recorded afterwards.
-- Locks: none.  Docs: docs/schema/open_agents.md#admit-step

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.admit_step()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_status text;
BEGIN
    UPDATE open_agents.workflow_runs AS r
    SET status = r.status
    WHERE r.tenant_id = NEW.tenant_id
        AND r.id = NEW.workflow_run_id
        AND r.status = 'running';
    IF FOUND THEN
        RETURN NEW;
    END IF;

    SELECT r.status
    INTO v_status
    FROM open_agents.workflow_runs AS r
    WHERE r.tenant_id = NEW.tenant_id
        AND r.id = NEW.workflow_run_id;
    -- Without the run, row security or the reference refuses the row, and has the better answer.
    IF FOUND THEN
        RAISE EXCEPTION 'workflow run % has ended: %', NEW.workflow_run_id, v_status
            USING ERRCODE = 'MU402',
                  HINT = 'Begin another run.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION open_agents.admit_step() IS
    'Trigger function for BEFORE INSERT ... FOR EACH ROW on workflow_run_steps: lets an open step '
    'only into a run that runs. Raises MU402.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION open_agents.admit_step() FROM PUBLIC;

COMMIT;
