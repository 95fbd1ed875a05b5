-- Subject: agents.chain_heads()    Docs: docs/schema/agents.md#chain-heads
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.chain_heads' $$,
    $$ VALUES (
        'p_firm_id uuid',
        'jsonb',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader'
    ) $$,
    'agents and readers ask, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_run(firm, run, '2026-06-15 12:00:00+00')
FROM (
    VALUES ('a', 'a1'), ('a', 'a2'), ('a', 'a3'), ('b', 'b1')
) AS run (firm, run);
-- A seal goes into the first chain there is, so the second one is made first. Nobody has sealed in
-- the third yet.
CREATE FUNCTION pg_temp.seal(p_firm text, p_run text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT encode(
        agents.seal_run(
            test_support.id(p_firm), test_support.id(p_run), '2026-06-15 12:00:00+00'
        ),
        'hex'
    )
$$;
CREATE TEMPORARY TABLE seal (run text, sha256 text);
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('a'), 2);
INSERT INTO seal SELECT run, pg_temp.seal('a', run) FROM unnest(ARRAY['a1', 'a2']) AS run;
INSERT INTO agents.seal_chain (firm_id, chain_no)
SELECT test_support.id('a'), no FROM unnest(ARRAY[1, 3]) AS no;
INSERT INTO seal VALUES ('a3', pg_temp.seal('a', 'a3'));
INSERT INTO seal VALUES ('b1', pg_temp.seal('b', 'b1'));
GRANT SELECT ON seal TO muniment_app;

SET LOCAL ROLE muniment_app;
SELECT is(
    agents.chain_heads(test_support.id('a')) - 'taken_at',
    jsonb_build_object(
        'firm_id', test_support.id('a'),
        'heads', jsonb_build_array(
            jsonb_build_object(
                'chain_no', 1, 'seal_no', 1,
                'seal_sha256', (SELECT sha256 FROM seal WHERE run = 'a3')
            ),
            jsonb_build_object(
                'chain_no', 2, 'seal_no', 2,
                'seal_sha256', (SELECT sha256 FROM seal WHERE run = 'a2')
            )
        )
    ),
    'the last seal of each chain of the firm that has one'
);
SELECT is(
    platform.current_tenant_id(), test_support.id('a'), 'the transaction acts for the firm now'
);
-- In a zone and a style that would change what is written.
SET LOCAL TimeZone = 'Asia/Kolkata';
SET LOCAL DateStyle = 'German, DMY';
SELECT matches(
    agents.chain_heads(test_support.id('a')) ->> 'taken_at',
    '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$',
    'with the time, in UTC whoever asks'
);
SELECT ok(
    (agents.chain_heads(test_support.id('a')) ->> 'taken_at')::timestamptz
        BETWEEN now() AND clock_timestamp(),
    'which is now'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.chain_heads(:b) $$, '42501 the transaction acts for another tenant',
         'an empty answer would say that another firm has no chains'),
        ($$ SELECT agents.chain_heads(NULL) $$, '42501 the transaction acts for another tenant',
         'nor is there one for nobody'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.chain_heads(NULL) $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

RESET ROLE;
SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_reader;
SELECT is(
    agents.chain_heads(test_support.id('b')) #>> '{heads, 0, seal_no}',
    '1',
    'a reader sees those of its firm'
);
RESET ROLE;
SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_reader;
SELECT is(
    agents.chain_heads(test_support.id('c')) -> 'heads',
    '[]',
    'who has sealed nothing has no heads'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
