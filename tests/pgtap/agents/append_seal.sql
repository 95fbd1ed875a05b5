-- Subject: agents.append_seal()    Docs: docs/schema/agents.md#append-seal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.append_seal' $$,
    $$ VALUES (
        'p_firm_id uuid, p_kind text, p_run_id uuid, p_run_started_at timestamp with time zone,'
        ' p_redaction_id uuid, p_digests bytea[]',
        'bytea',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_service'
    ) $$,
    'for what seals: it writes, with the rights of agents and of the backend'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_run('a', ending, '2026-06-15 12:00:00+00')
FROM unnest(ARRAY['a1', 'a2', 'a3']) AS ending;
SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_app;
SET LOCAL lock_timeout = '17s';

CREATE FUNCTION pg_temp.seal(p_ending text)
RETURNS bytea
LANGUAGE sql
AS $$
    SELECT agents.append_seal(
        test_support.id('a'), 'run', test_support.id(p_ending), '2026-06-15 12:00:00+00', NULL,
        ARRAY[sha256('one'), sha256('two')]
    )
$$;
CREATE TEMPORARY TABLE answer AS
SELECT 1 AS no, pg_temp.seal('a1') AS seal_sha256;
INSERT INTO answer VALUES (2, pg_temp.seal('a2'));

SELECT results_eq(
    $$ SELECT chain_no, seal_no, format_no, kind, run_id, run_started_at, redaction_id, row_count
       FROM agents.run_seal
       ORDER BY seal_no $$,
    $$ VALUES
        (1::smallint, 1::bigint, 1::smallint, 'run', test_support.id('a1'),
         '2026-06-15 12:00:00+00'::timestamptz, NULL::uuid, 2),
        (1::smallint, 2, 1::smallint, 'run', test_support.id('a2'), '2026-06-15 12:00:00+00', NULL,
         2) $$,
    'seals follow one another in a chain that nobody else holds'
);
SELECT results_eq(
    $$ SELECT row_digests, content_sha256, sealed_at >= now() FROM agents.run_seal LIMIT 1 $$,
    $$ VALUES (
           substring(sha256('one') FOR 8) || substring(sha256('two') FOR 8),
           sha256(sha256('one') || sha256('two')), true
       ) $$,
    'a seal holds the beginning of each hash, and the hash of all'
);
SELECT results_eq(
    $$ SELECT s.seal_no, s.seal_sha256, s.previous_sha256
       FROM agents.run_seal AS s
       ORDER BY s.seal_no $$,
    $$ SELECT no::bigint, seal_sha256, lag(seal_sha256) OVER (ORDER BY no)
       FROM answer
       ORDER BY no $$,
    'the seal is returned, and the one after it holds it'
);
SELECT results_eq(
    $$ SELECT chain_no, last_seal_no, last_sha256 FROM agents.seal_chain $$,
    $$ SELECT 1::smallint, 2::bigint, seal_sha256 FROM answer WHERE no = 2 $$,
    'the head of the chain is the last of them'
);
SELECT is(current_setting('lock_timeout'), '17s', 'how long the caller waits for locks stays');

RESET ROLE;
SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_service;
SELECT agents.append_seal(
    test_support.id('a'), 'redaction', NULL, NULL, test_support.id('d1'), ARRAY[sha256('one')]
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT kind, seal_no, run_id, redaction_id, row_count
       FROM agents.run_seal
       WHERE kind = 'redaction' $$,
    $$ VALUES ('redaction', 3::bigint, NULL::uuid, test_support.id('d1'), 1) $$,
    'the backend seals a redaction, in the same chain'
);
SELECT test_support.record_run('b', 'a8', '2026-06-15 12:00:00+00');
SELECT agents.append_seal(
    test_support.id('b'), 'run', test_support.id('a8'), '2026-06-15 12:00:00+00', NULL,
    ARRAY[sha256('one')]
);
SELECT results_eq(
    $$ SELECT chain_no, seal_no, previous_sha256
       FROM agents.run_seal
       WHERE firm_id = test_support.id('b') $$,
    $$ VALUES (1::smallint, 1::bigint, NULL::bytea) $$,
    'another firm has chains of its own'
);

SELECT is(
    test_support.answer_to(
        format('SELECT agents.append_seal(:a, %s)', arguments)
    ),
    answer,
    promise
)
FROM (
    VALUES
        ($$ 'run', :a1, '2026-06-15 12:00:00+00', NULL, ARRAY[sha256('one')] $$,
         '23505 duplicate key value violates unique constraint "run_seal_run_uq"',
         'a run is sealed once'),
        ($$ 'redaction', NULL, NULL, :d1, ARRAY[sha256('one')] $$,
         '23505 duplicate key value violates unique constraint "run_seal_redaction_uq"',
         'a redaction is sealed once'),
        ($$ 'run', :a3, '2026-06-15 12:00:01+00', NULL, ARRAY[sha256('one')] $$,
         '23503 insert or update on table "run_seal" violates foreign key constraint '
         '"run_seal_run_fk"',
         'a seal is that of a run which started then')
) AS attempt (arguments, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
