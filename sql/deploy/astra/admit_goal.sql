-- Deploy astra:admit_goal to pg
-- requires: agent_daily_usage
-- requires: lock_goal
--
-- Whether a goal may start, asked by the trigger of goals, so by every way in which one can start.
-- Whoever comes here holds the goal; the agent is locked after it, as the order is.
-- Locks: one row of agents, FOR NO KEY UPDATE, when it is called.
-- Docs: docs/schema/astra.md#admit-goal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.admit_goal(p_org_id uuid, p_goal_id uuid)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_goal   record;
    v_agent  record;
    v_count  bigint;
    v_status text;
BEGIN
    SELECT g.agent_id, g.depends_on_goal_ids
    INTO v_goal
    FROM astra.goals AS g
    WHERE g.org_id = p_org_id
        AND g.id = p_goal_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_goal_id %: no such goal', p_goal_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Name a goal of the organisation.';
    END IF;

    SELECT count(*)
    INTO v_count
    FROM unnest(v_goal.depends_on_goal_ids) AS dependency (id)
    WHERE NOT EXISTS (
        SELECT
        FROM astra.goals AS g
        WHERE g.org_id = p_org_id
            AND g.id = dependency.id
            AND g.status = 'completed'
    );
    IF v_count > 0 THEN
        RAISE EXCEPTION 'depends_on_goal_ids of goal %: % not completed', p_goal_id, v_count
            USING ERRCODE = 'MU416',
                  HINT = 'Start it when the goals that it depends on are completed.';
    END IF;

    SELECT r.status
    INTO v_status
    FROM astra.approval_requests AS r
    WHERE r.org_id = p_org_id
        AND r.goal_id = p_goal_id
        AND r.request_type = 'plan'
    ORDER BY r.created_at DESC, r.id DESC
    LIMIT 1;
    IF v_status <> 'approved' THEN
        RAISE EXCEPTION 'plan of goal %: its approval is %', p_goal_id, v_status
            USING ERRCODE = 'MU416',
                  HINT = 'Start it when the latest request for its plan is approved.';
    END IF;

    -- Locked, not only read: whoever counts the goals of the agent does so one after the other.
    SELECT a.drain_mode, a.status, a.max_concurrent_goals, a.daily_token_budget
    INTO v_agent
    FROM astra.agents AS a
    WHERE a.org_id = p_org_id
        AND a.id = v_goal.agent_id
    FOR NO KEY UPDATE;
    IF v_agent.drain_mode OR v_agent.status <> 'active' THEN
        RAISE EXCEPTION 'agent % takes on no goal: drain_mode is %, status is %',
            v_goal.agent_id, v_agent.drain_mode, v_agent.status
            USING ERRCODE = 'MU413',
                  HINT = 'Give the goal to another agent, or let this one take on goals again.';
    END IF;

    IF v_agent.max_concurrent_goals IS NOT NULL THEN
        SELECT count(*)
        INTO v_count
        FROM astra.goals AS g
        WHERE g.org_id = p_org_id
            AND g.agent_id = v_goal.agent_id
            AND g.status = 'active';
        IF v_count >= v_agent.max_concurrent_goals THEN
            RAISE EXCEPTION 'max_concurrent_goals of agent %: % of % under way',
                v_goal.agent_id, v_count, v_agent.max_concurrent_goals
                USING ERRCODE = 'MU414',
                      HINT = 'Start it when a goal of the agent has ended.';
        END IF;
    END IF;

    IF v_agent.daily_token_budget IS NOT NULL THEN
        SELECT coalesce(sum(u.tokens_used + u.tokens_reserved), 0)
        INTO v_count
        FROM astra.agent_daily_usage AS u
        WHERE u.org_id = p_org_id
            AND u.agent_id = v_goal.agent_id
            AND u.usage_date = (now() AT TIME ZONE 'UTC')::date;
        IF v_count >= v_agent.daily_token_budget THEN
            RAISE EXCEPTION 'daily_token_budget of agent %: % of % used or reserved',
                v_goal.agent_id, v_count, v_agent.daily_token_budget
                USING ERRCODE = 'MU415',
                      HINT = 'Raise the budget of the agent, or wait until tomorrow, UTC.';
        END IF;
    END IF;
END;
$function$;

COMMENT ON FUNCTION astra.admit_goal(uuid, uuid) IS
    'Refuses a pending goal that may not start now: MU416 when a goal that it depends on is not '
    'completed or its plan is not approved, MU413 when the agent drains or is not active, MU414 '
    'at max_concurrent_goals, MU415 at daily_token_budget. Raises these, P0002 when there is no '
    'such goal, and returns nothing.';

REVOKE ALL ON FUNCTION astra.admit_goal(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.admit_goal(uuid, uuid) TO muniment_app;

COMMIT;
