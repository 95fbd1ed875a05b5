-- Subject: agents.seal_runs()    Docs: docs/schema/agents.md#seal-runs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.seal_runs' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_ids uuid[], p_from timestamp with time zone', 'void',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'for what imports: it writes, with the rights of agents'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agents.chat_session (firm_id, session_id)
VALUES (test_support.id('a'), test_support.id('c1'));
SELECT test_support.record_run(
    'a', 'a1', '2026-06-15 12:00:00+00', jsonb_build_object('session_id', test_support.id('c1'))
);
SELECT test_support.record_run('a', ending, started_at::timestamptz)
FROM (
    VALUES
        ('a2', '2026-05-15 12:00:00+00'), ('a3', '2026-06-15 13:00:00+00'), ('a4', '2026-06-15 14:00:00+00')
) AS run (ending, started_at);
SELECT test_support.record_run(
    'a', 'a5', '2026-06-15 12:00:00+00', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_tool('look', 'read', 'safe');
SELECT test_support.record_turn(
    'a', turn, 'c1', turn_no, '2026-06-15 12:00:00+00', turn,
    jsonb_build_object(
        'run_id', test_support.id('a1'), 'run_started_at', '2026-06-15 12:00:00+00'
    )
)
FROM (VALUES ('b2', 2), ('b1', 1)) AS said (turn, turn_no);
SELECT test_support.record_call('a', 'd1', 'a1', 'look', '2026-06-15 12:00:00+00');
SELECT test_support.record_run('a', 'a6', '2026-06-15 12:00:00+00');
SELECT test_support.record_call(
    'a', 'd2', 'a6', 'look', '2026-06-15 12:00:00+00',
    '{"status": "requested", "started_at": null, "ended_at": null}'
);
SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_app;
SELECT agents.seal_run(test_support.id('a'), test_support.id('a4'), '2026-06-15 14:00:00+00');
SELECT agents.seal_runs(
    test_support.id('a'), ARRAY[test_support.id('a1'), test_support.id('a2')],
    '2026-05-15 12:00:00+00'
);
SELECT results_eq(
    $$ SELECT chain_no, seal_no, kind, run_id, run_started_at
       FROM agents.run_seal
       ORDER BY seal_no $$,
    $$ VALUES
        (1::smallint, 1::bigint, 'run', test_support.id('a4'),
         '2026-06-15 14:00:00+00'::timestamptz),
        (1::smallint, 2, 'run', test_support.id('a2'), '2026-05-15 12:00:00+00'),
        (1::smallint, 3, 'run', test_support.id('a1'), '2026-06-15 12:00:00+00') $$,
    'runs are sealed in the order in which they started, in one chain'
);
SELECT results_eq(
    $$ SELECT run_id, row_count, row_digests, content_sha256
       FROM agents.run_seal
       ORDER BY seal_no $$,
    $$ SELECT
           r.run_id,
           count(*)::integer,
           string_agg(substring(s.digest FOR 8), '' ORDER BY s.place),
           sha256(string_agg(s.digest, '' ORDER BY s.place))
       FROM (
           VALUES
               (1, test_support.id('a4'), '2026-06-15 14:00:00+00'::timestamptz),
               (2, test_support.id('a2'), '2026-05-15 12:00:00+00'),
               (3, test_support.id('a1'), '2026-06-15 12:00:00+00')
       ) AS r (seal_no, run_id, started_at)
       CROSS JOIN LATERAL agents.sealed_rows(
           test_support.id('a'), r.run_id, r.started_at
       ) AS s
       GROUP BY r.seal_no, r.run_id
       ORDER BY r.seal_no $$,
    'over the rows that every seal is over, in their order'
);
SELECT is(
    (SELECT max(row_count) FROM agents.run_seal), 6, 'with session, turns and calls'
);
SELECT is_empty(
    $$ SELECT * FROM agents.run_seal AS s
       WHERE s.previous_sha256 IS DISTINCT FROM (
           SELECT p.seal_sha256 FROM agents.run_seal AS p WHERE p.seal_no = s.seal_no - 1
       ) $$,
    'each holds the one before it'
);
SELECT results_eq(
    $$ SELECT c.chain_no, c.last_seal_no, c.last_sha256 FROM agents.seal_chain AS c $$,
    $$ SELECT 1::smallint, 3::bigint, s.seal_sha256 FROM agents.run_seal AS s WHERE s.seal_no = 3 $$,
    'the head of the chain is the last of them'
);
SELECT is(
    test_support.answer_to(format('SELECT agents.seal_runs(%s)', arguments)), answer, promise
)
FROM (
    VALUES
        ($$ :a, ARRAY[:a3, :a1]::uuid[], '2026-06-15 12:00:00+00' $$,
         '23505 duplicate key value violates unique constraint "run_seal_run_uq"',
         'a run is sealed once'),
        ($$ :a, ARRAY[:a3, :a5]::uuid[], '2026-06-15 12:00:00+00' $$,
         'MU103 p_run_ids: run a5 has not ended', 'what goes on is not sealed'),
        ($$ :a, ARRAY[:a3, :a6]::uuid[], '2026-06-15 12:00:00+00' $$,
         'MU115 p_run_ids: call 1 of run a6 is open', 'nor over a call that goes on'),
        ($$ :b, ARRAY[:a3]::uuid[], '2026-06-15 12:00:00+00' $$,
         '42501 new row violates row-level security policy for table "seal_chain"',
         'nobody seals for another firm')
) AS attempt (arguments, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
