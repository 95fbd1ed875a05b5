-- Subject: agents.seal_run()    Docs: docs/schema/agents.md#seal-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.seal_run' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_run_started_at timestamp with time zone',
        'bytea',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_service'
    ) $$,
    'for what ends runs: it writes, with the rights of agents and of the backend'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_run('a', 'a1', '2026-06-15 12:00:00+00');
SELECT test_support.record_run(
    'a', 'a2', '2026-06-15 12:00:00+00', '{"status": "queued", "ended_at": null}'
);
SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_app;
CREATE TEMPORARY TABLE answer AS
SELECT agents.seal_run(
    test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00'
) AS seal_sha256;
SELECT results_eq(
    $$ SELECT kind, run_id, run_started_at, row_count, content_sha256, seal_sha256
       FROM agents.run_seal $$,
    $$ SELECT
           'run', test_support.id('a1'), '2026-06-15 12:00:00+00'::timestamptz, count(*)::integer,
           sha256(string_agg(s.digest, '' ORDER BY s.place)),
           (SELECT seal_sha256 FROM answer)
       FROM agents.sealed_rows(
           test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00'
       ) AS s $$,
    'it seals the rows of the run in their order, and returns the seal'
);
SELECT is(
    test_support.answer_to(format('SELECT agents.seal_run(%s)', arguments)), answer, promise
)
FROM (
    VALUES
        ($$ :a, :a1, '2026-06-15 12:00:00+00' $$,
         '23505 duplicate key value violates unique constraint "run_seal_run_uq"',
         'a run is sealed once'),
        ($$ :a, :a2, '2026-06-15 12:00:00+00' $$,
         'MU103 p_run_id: run a2 has not ended', 'what goes on is not sealed'),
        ($$ :a, :a1, '2026-06-15 12:00:01+00' $$,
         'P0002 p_run_id: run a1 is not there', 'a run is known by its start, too'),
        ($$ :a, :a9, '2026-06-15 12:00:00+00' $$,
         'P0002 p_run_id: run a9 is not there', 'what is not there is not sealed'),
        ($$ :b, :a1, '2026-06-15 12:00:00+00' $$,
         'P0002 p_run_id: run a1 is not there', 'what another firm has is not there')
) AS attempt (arguments, answer, promise);
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = '';
           SELECT agents.seal_run(:a, :a1, '2026-06-15 12:00:00+00') $$
    ),
    '42501 tenant is not set',
    'who calls it has set the tenant'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
