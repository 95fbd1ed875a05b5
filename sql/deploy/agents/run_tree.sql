-- Deploy agents:run_tree to pg
-- requires: agent_run_key
-- requires: agent_run
-- requires: platform:enter_tenant
--
-- The runs of a tree share root_run_id, so agent_run_root_ix finds them once in each month (a
-- subagent may start in a later one than its parent), and the tree is built from what was found.
-- Keys do not keep two runs from being each other's parents: a run is left out where it is above
-- itself.
-- Locks: none.  Docs: docs/schema/agents.md#run-tree

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.run_tree(p_firm_id uuid, p_run_id uuid)
RETURNS TABLE (
    run_id uuid,
    started_at timestamptz,
    parent_run_id uuid,
    level integer,
    path uuid[],
    agent_name text,
    status text,
    input_tokens bigint,
    output_tokens bigint,
    cost_usd numeric,
    tree_run_count bigint,
    tree_unpriced_count bigint,
    tree_input_tokens numeric,
    tree_output_tokens numeric,
    tree_cost_usd numeric
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_started_at  timestamptz;
    v_root_run_id uuid;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    -- First the start, then the run: so one partition is looked at.
    SELECT k.started_at
    INTO v_started_at
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND k.run_id = p_run_id;
    SELECT r.root_run_id
    INTO v_root_run_id
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = v_started_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_run_id: run % is not there', p_run_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id, and whether its month is archived.';
    END IF;

    RETURN QUERY
    WITH RECURSIVE member AS MATERIALIZED (
        SELECT r.*
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_run_id
            AND r.started_at = v_started_at
        UNION ALL
        SELECT r.*
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.root_run_id = v_root_run_id
            -- No run starts before its parent.
            AND r.started_at >= v_started_at
            AND r.parent_run_id IS NOT NULL
            AND r.run_id <> p_run_id
    ),
    node AS (
        SELECT
            p_run_id AS run_id,
            0 AS level,
            ARRAY[p_run_id] AS path
        UNION ALL
        SELECT
            m.run_id,
            n.level + 1,
            n.path || m.run_id
        FROM node AS n
        INNER JOIN member AS m ON m.parent_run_id = n.run_id
        WHERE m.run_id <> ALL (n.path)
    ),
    tree AS (
        SELECT
            above.run_id,
            count(*) AS run_count,
            count(*) FILTER (WHERE m.cost_usd IS NULL) AS unpriced_count,
            sum(m.input_tokens) AS input_tokens,
            sum(m.output_tokens) AS output_tokens,
            sum(m.cost_usd) AS cost_usd
        FROM node AS n
        INNER JOIN member AS m ON m.run_id = n.run_id
        CROSS JOIN LATERAL unnest(n.path) AS above (run_id)
        GROUP BY above.run_id
    )
    SELECT
        m.run_id, m.started_at, m.parent_run_id, n.level, n.path, m.agent_name, m.status,
        m.input_tokens, m.output_tokens, m.cost_usd::numeric,
        t.run_count, t.unpriced_count, t.input_tokens, t.output_tokens, t.cost_usd
    FROM node AS n
    INNER JOIN member AS m ON m.run_id = n.run_id
    INNER JOIN tree AS t ON t.run_id = n.run_id
    ORDER BY n.path;
END;
$function$;

COMMENT ON FUNCTION agents.run_tree(uuid, uuid) IS
    'A run and all below it, each after the one that started it: level is 0 for the run itself, '
    'and the columns tree_ add up a run and all below it. tree_cost_usd is complete when '
    'tree_unpriced_count is 0; a sum of nothing is NULL. Raises P0002 when the run is not '
    'there, 22004 when p_firm_id is null, 42501 when the transaction acts for another tenant.';

REVOKE ALL ON FUNCTION agents.run_tree(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.run_tree(uuid, uuid) TO muniment_app, muniment_reader;

COMMIT;
