-- Deploy open_agents:start_run to pg
-- requires: workflow_runs
--
-- Workflows are begun again after a crash: the same run of the same chat is not begun twice.
-- Locks: none.  Docs: docs/schema/open_agents.md#start-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION open_agents.start_run(
    p_chat_id text,
    p_workflow_run_id text,
    p_model_id text DEFAULT NULL
)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    -- The clock, not the time of the transaction: a caller may do all its work in one.
    INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at, model_id)
    VALUES (v_tenant_id, p_workflow_run_id, p_chat_id, clock_timestamp(), p_model_id)
    ON CONFLICT (tenant_id, id) DO NOTHING;
    IF FOUND THEN
        RETURN true;
    END IF;

    PERFORM
    FROM open_agents.workflow_runs AS r
    WHERE r.tenant_id = v_tenant_id
        AND r.id = p_workflow_run_id
        AND r.chat_id = p_chat_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workflow run % is there with another chat', p_workflow_run_id
            USING ERRCODE = 'MU400',
                  HINT = 'Give a new run a new id.';
    END IF;

    RETURN false;
END;
$function$;

COMMENT ON FUNCTION open_agents.start_run(text, text, text) IS
    'Begins a run of a workflow for a chat, with a model if that is known. Returns true, or false '
    'when the run was begun before, whether or not it has ended since. Raises MU400 when the id is '
    'that of a run for another chat, 23503 when the account has no such chat, 23514 for an empty '
    'id, 23502 without id or chat, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION open_agents.start_run(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_agents.start_run(text, text, text) TO muniment_app;

COMMIT;
