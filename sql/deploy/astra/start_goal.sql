-- Deploy astra:start_goal to pg
-- requires: goals
-- requires: lock_goal
--
-- One goal, or the reason why not. Its trigger does the rest.
-- Locks: the goal, then its agent, then its tasks, when it is called.
-- Docs: docs/schema/astra.md#start-goal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.start_goal(p_goal_id uuid)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
    v_status CONSTANT text := astra.lock_goal(v_org_id, p_goal_id);
BEGIN
    IF v_status IS NULL THEN
        RAISE EXCEPTION 'p_goal_id %: no such goal', p_goal_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Name a goal of the organisation.';
    END IF;
    IF v_status <> 'pending' THEN
        RAISE EXCEPTION 'p_goal_id %: the goal is %, not pending', p_goal_id, v_status
            USING ERRCODE = 'MU412',
                  HINT = 'A goal starts once.';
    END IF;

    UPDATE astra.goals AS g
    SET status = 'active'
    WHERE g.org_id = v_org_id
        AND g.id = p_goal_id;
END;
$function$;

COMMENT ON FUNCTION astra.start_goal(uuid) IS
    'Starts a pending goal, so that its tasks can be claimed. Returns nothing. Raises MU413 when '
    'the agent drains or is not active, MU414 at max_concurrent_goals, MU415 at '
    'daily_token_budget, MU416 while dependencies or the approval of the plan are missing, MU412 '
    'when the goal is not pending, P0002 when it is not there, MU410 unless the transaction is '
    'read committed, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.start_goal(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.start_goal(uuid) TO muniment_app;

COMMIT;
