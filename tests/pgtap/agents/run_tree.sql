-- Subject: agents.run_tree    Docs: docs/schema/agents.md#run-tree
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('agents', 'run_tree', ARRAY['uuid', 'uuid'], 'setof record');
SELECT isnt_definer('agents', 'run_tree', ARRAY['uuid', 'uuid']);
SELECT function_privs_are(
    'agents', 'run_tree', ARRAY['uuid', 'uuid'], 'muniment_app',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'run_tree', ARRAY['uuid', 'uuid'], 'muniment_reader',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'run_tree', ARRAY['uuid', 'uuid'], 'muniment_service',
    ARRAY[]::text[]
);
SELECT function_privs_are(
    'agents', 'run_tree', ARRAY['uuid', 'uuid'], 'muniment_maintainer',
    ARRAY[]::text[]
);

-- Behaviour -----------------------------------------------------------------

CREATE FUNCTION pg_temp.below(p_parent text, p_root text, p_depth integer)
RETURNS jsonb
LANGUAGE sql
AS $function$
    SELECT jsonb_build_object(
        'parent_run_id', test_support.id(p_parent), 'root_run_id', test_support.id(p_root),
        'depth', p_depth
    );
$function$;
CREATE FUNCTION pg_temp.tree_of(p_firm text, p_run text)
RETURNS TABLE (
    run text, parent text, level integer, runs bigint, unpriced bigint, input numeric,
    output numeric, cost numeric
)
LANGUAGE sql
AS $function$
    SELECT
        right(t.run_id::text, 2), right(t.parent_run_id::text, 2), t.level, t.tree_run_count,
        t.tree_unpriced_count, t.tree_input_tokens, t.tree_output_tokens, t.tree_cost_usd
    FROM agents.run_tree(test_support.id(p_firm), test_support.id(p_run)) AS t;
$function$;

-- a1 over a2 and a3 (of the next month), a3 over a4. Another tree, and one of b with the same ids.
SELECT test_support.record_run(
    'a', 'a1', '2026-05-31 23:59:59Z', '{"input_tokens": 1, "output_tokens": 1, "cost_usd": 0.1}'
);
SELECT test_support.record_run(
    'a', 'a2', '2026-05-31 23:59:59Z',
    pg_temp.below('a1', 'a1', 1) || '{"input_tokens": 10, "cost_usd": 0.000000001}'
);
SELECT test_support.record_run(
    'a', 'a3', '2026-06-01 00:00:00Z', pg_temp.below('a1', 'a1', 1)
);
SELECT test_support.record_run(
    'a', 'a4', '2026-06-01 00:00:00Z', pg_temp.below('a3', 'a1', 2) || '{"input_tokens": 100}'
);
SELECT test_support.record_run('a', 'a9', '2026-06-01 00:00:00Z', '{"input_tokens": 1000}');
SELECT test_support.record_run('b', 'a1', '2026-06-01 00:00:00Z', '{"input_tokens": 9}');
SELECT test_support.record_run(
    'b', 'a2', '2026-06-01 00:00:00Z', pg_temp.below('a1', 'a1', 1)
);
-- Each other's parent, below a root that neither reaches. Keys are checked at the end.
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
SELECT test_support.id('a'), test_support.id(id), '2026-06-02 00:00:00Z'
FROM unnest(ARRAY['c1', 'c2']) AS id;
INSERT INTO agents.agent_run (
    firm_id, run_id, started_at, parent_run_id, root_run_id, depth, agent_name, input_tokens
)
SELECT
    test_support.id('a'), test_support.id(own), '2026-06-02 00:00:00Z', test_support.id(other),
    test_support.id('a9'), 1, 'clerk', tokens
FROM (VALUES ('c1', 'c2', 1), ('c2', 'c1', 2)) AS pair (own, other, tokens);
SET CONSTRAINTS ALL IMMEDIATE;

SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT * FROM pg_temp.tree_of('a', 'a1') $$,
    $$ VALUES
        ('a1', NULL, 0, 4::bigint, 2::bigint, 111::numeric, 1::numeric, 0.100000001::numeric),
        ('a2', 'a1', 1, 1, 0, 10, NULL, 0.000000001),
        ('a3', 'a1', 1, 2, 2, 100, NULL, NULL),
        ('a4', 'a3', 2, 1, 1, 100, NULL, NULL) $$,
    'each run has the sums of what is below it, over months, and a sum of nothing is NULL'
);
SELECT results_eq(
    $$ SELECT run, level, runs FROM pg_temp.tree_of('a', 'a3') $$,
    $$ VALUES ('a3', 0, 2::bigint), ('a4', 1, 1) $$,
    'asked for a part, it tells of that part'
);
SELECT results_eq(
    $$ SELECT run, level, runs FROM pg_temp.tree_of('a', 'a4') $$,
    $$ VALUES ('a4', 0, 1::bigint) $$,
    'a run without others below is a tree of one'
);
SELECT results_eq(
    $$ SELECT run, level, runs, input FROM pg_temp.tree_of('a', 'c1') $$,
    $$ VALUES ('c1', 0, 2::bigint, 3::numeric), ('c2', 1, 1, 2) $$,
    'runs that are each other''s parents are told once'
);
SELECT results_eq(
    $$ SELECT path, agent_name, status, input_tokens, cost_usd
       FROM agents.run_tree(test_support.id('a'), test_support.id('a3'))
       WHERE level = 1 $$,
    $$ VALUES (
        ARRAY[test_support.id('a3'), test_support.id('a4')], 'clerk', 'succeeded', 100::bigint,
        NULL::numeric
    ) $$,
    'a run is told with the way to it and with what it used itself'
);
SELECT throws_ok(
    $$ SELECT agents.run_tree(test_support.id('a'), test_support.id('b1')) $$,
    'P0002', NULL, 'a run that is not there has no tree'
);
SELECT throws_ok(
    $$ SELECT agents.run_tree(test_support.id('b'), test_support.id('a1')) $$,
    '42501', NULL, 'a transaction asks for one firm'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
SELECT results_eq(
    $$ SELECT run, runs, input FROM pg_temp.tree_of('b', 'a1') $$,
    $$ VALUES ('a1', 2::bigint, 9::numeric), ('a2', 1, NULL) $$,
    'another firm with the same ids has its own tree'
);

SELECT * FROM finish(true);
ROLLBACK;
