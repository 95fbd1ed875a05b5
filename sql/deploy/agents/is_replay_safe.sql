-- Deploy agents:is_replay_safe to pg
-- requires: agent_run
-- requires: tool_call
-- requires: platform:enter_tenant
--
-- A call may be made again when it did nothing, or when its tool is registered as safe to replay,
-- with the key that the call carries if the tool asks for one. What failed or was cut off may have
-- had its effect, so it counts as made. Runs below are found by agent_run_parent_ix in each month,
-- for a subagent may start in a later one, and by the calls that started them. UNION, not UNION
-- ALL: two runs that are each other's parents are visited once.
-- Locks: none.  Docs: docs/schema/agents.md#is-replay-safe

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.is_replay_safe(p_firm_id uuid, p_run_id uuid)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_started_at timestamptz;
    v_run_ids    uuid[];
    v_is_safe    boolean;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    SELECT k.started_at
    INTO v_started_at
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND k.run_id = p_run_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_run_id: run % is not there', p_run_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id.';
    END IF;

    WITH RECURSIVE member AS (
        SELECT
            p_run_id AS run_id,
            v_started_at AS started_at
        UNION
        SELECT
            below.run_id,
            below.started_at
        FROM member AS m
        CROSS JOIN LATERAL (
            SELECT
                r.run_id,
                r.started_at
            FROM agents.agent_run AS r
            WHERE r.firm_id = p_firm_id
                AND r.parent_run_id = m.run_id
                -- No run starts before its parent, and no call before its run.
                AND r.started_at >= m.started_at
            UNION ALL
            -- A call may be answered by a run that had begun before.
            SELECT
                k.run_id,
                k.started_at
            FROM agents.tool_call AS c
            INNER JOIN agents.agent_run_key AS k
                ON k.firm_id = p_firm_id
                AND k.run_id = c.child_run_id
            WHERE c.firm_id = p_firm_id
                AND c.run_id = m.run_id
                AND c.requested_at >= m.started_at
        ) AS below
    )
    SELECT array_agg(m.run_id), min(m.started_at)
    INTO v_run_ids, v_started_at
    FROM member AS m;

    -- From a list: the planner cannot know how small a recursion is, and would read every key.
    WITH verdict AS (
        -- Of a run that is open, or whose month has left, not all calls are known.
        SELECT CASE WHEN r.ended_at IS NOT NULL THEN true END AS is_safe
        FROM agents.agent_run_key AS k
        LEFT JOIN agents.agent_run AS r
            ON r.firm_id = p_firm_id
            AND r.run_id = k.run_id
            AND r.started_at = k.started_at
            -- The key does not prune; the earliest start does.
            AND r.started_at >= v_started_at
        WHERE k.firm_id = p_firm_id
            AND k.run_id = ANY (v_run_ids)
        UNION ALL
        SELECT
            CASE
                WHEN c.status IN ('requested', 'waiting_approval', 'denied') THEN true
                WHEN t.side_effect = 'unknown' THEN NULL
                WHEN c.status = 'cancelled' AND c.started_at IS NULL THEN true
                WHEN t.replay = 'safe' THEN true
                WHEN t.replay = 'with_key' THEN c.idempotency_key IS NOT NULL
                ELSE false
            END
        FROM agents.agent_run_key AS k
        INNER JOIN agents.tool_call AS c
            ON c.firm_id = p_firm_id
            AND c.run_id = k.run_id
            AND c.requested_at >= k.started_at
            AND c.requested_at >= v_started_at
        INNER JOIN agents.tool_registry AS t
            ON t.tool_name = c.tool_name
            AND t.tool_version = c.tool_version
        WHERE k.firm_id = p_firm_id
            AND k.run_id = ANY (v_run_ids)
    )
    SELECT
        CASE
            WHEN bool_or(NOT v.is_safe) THEN false
            WHEN bool_or(v.is_safe IS NULL) THEN NULL
            ELSE true
        END
    INTO v_is_safe
    FROM verdict AS v;

    RETURN v_is_safe;
END;
$function$;

COMMENT ON FUNCTION agents.is_replay_safe(uuid, uuid) IS
    'Whether every call of a run, and of the runs below it, may be made again: true, or false '
    'when one may not. NULL when that is not known: a run is open or its month has left, or a '
    'tool is known from imports only. Raises P0002 when the run is not there, 22004 when '
    'p_firm_id is null, 42501 when the transaction acts for another tenant.';

REVOKE ALL ON FUNCTION agents.is_replay_safe(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.is_replay_safe(uuid, uuid) TO muniment_app, muniment_reader;

COMMIT;
