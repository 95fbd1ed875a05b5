-- Deploy astra:start_goals to pg
-- requires: goals
-- requires: approval_requests
--
-- For a scheduler: as many goals of one agent as it takes on, the most urgent first, passing over
-- those that wait. Many schedulers may ask at once: they skip what another has in hand. One agent a
-- call and a transaction, since the agent is locked after its goals.
-- Locks: the goals, then the agent, then tasks, when it is called.
-- Docs: docs/schema/astra.md#start-goals

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.start_goals(p_agent_id uuid, p_limit integer DEFAULT 1)
RETURNS SETOF uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id  CONSTANT uuid := platform.current_tenant_id();
    v_goal_id uuid;
    v_reason  text;
BEGIN
    IF (p_limit BETWEEN 1 AND 1000) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_limit %: not between 1 and 1000', p_limit
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Start fewer goals at a time.';
    END IF;

    FOR v_goal_id IN
        SELECT g.id
        FROM astra.goals AS g
        WHERE g.org_id = v_org_id
            AND g.agent_id = p_agent_id
            AND g.status = 'pending'
            AND NOT EXISTS (
                SELECT
                FROM unnest(g.depends_on_goal_ids) AS dependency (id)
                WHERE NOT EXISTS (
                    SELECT
                    FROM astra.goals AS other
                    WHERE other.org_id = v_org_id
                        AND other.id = dependency.id
                        AND other.status = 'completed'
                )
            )
            AND coalesce(
                (
                    SELECT r.status
                    FROM astra.approval_requests AS r
                    WHERE r.org_id = v_org_id
                        AND r.goal_id = g.id
                        AND r.request_type = 'plan'
                    ORDER BY r.created_at DESC, r.id DESC
                    LIMIT 1
                ),
                'approved'
            ) = 'approved'
        ORDER BY g.priority DESC, g.id
        LIMIT p_limit
        FOR NO KEY UPDATE OF g SKIP LOCKED
    LOOP
        BEGIN
            UPDATE astra.goals AS g
            SET status = 'active'
            WHERE g.org_id = v_org_id
                AND g.id = v_goal_id;
            RETURN NEXT v_goal_id;
        EXCEPTION
            WHEN OTHERS THEN
                -- The agent takes on no more: what has started stays.
                GET STACKED DIAGNOSTICS v_reason = RETURNED_SQLSTATE;
                IF v_reason NOT IN ('MU413', 'MU414', 'MU415', 'MU416') THEN
                    RAISE;
                END IF;
                EXIT WHEN v_reason <> 'MU416';
        END;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION astra.start_goals(uuid, integer) IS
    'Starts up to p_limit pending goals of an agent (1 to 1000), the highest priority first, that '
    'wait for no other goal and no approval. Returns those that have started: fewer, or none, '
    'when the agent drains or is at a limit. Raises 22023 for a bad p_limit, MU410 unless the '
    'transaction is read committed, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.start_goals(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.start_goals(uuid, integer) TO muniment_app;

COMMIT;
