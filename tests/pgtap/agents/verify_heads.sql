-- Subject: agents.verify_heads()    Docs: docs/schema/agents.md#verify-heads
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.verify_heads' $$,
    $$ VALUES (
        'p_firm_id uuid, p_heads jsonb',
        'TABLE(verdict text, chain_no smallint, seal_no bigint, reason text)',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader'
    ) $$,
    'agents and readers ask, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_run('a', 'a' || no, '2026-06-15 12:00:00+00')
FROM generate_series(1, 5) AS no;
CREATE FUNCTION pg_temp.seal(p_run text)
RETURNS bytea
LANGUAGE sql
AS $$
    SELECT agents.seal_run(
        test_support.id('a'), test_support.id(p_run), '2026-06-15 12:00:00+00'
    )
$$;
-- A seal goes into the first chain there is, so the second one is made first.
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('a'), 2);
SELECT pg_temp.seal('a1');
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('a'), 1);
SELECT pg_temp.seal('a2'), pg_temp.seal('a3');
CREATE TEMPORARY TABLE kept AS SELECT agents.chain_heads(test_support.id('a')) AS heads;
GRANT SELECT ON kept TO muniment_reader;

-- What a reader is told after p_harm, which is undone.
CREATE FUNCTION pg_temp.told(p_harm text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_told text;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE p_harm;
    SET LOCAL ROLE muniment_reader;
    SELECT string_agg(
        concat_ws(' ', v.verdict, v.chain_no || '/' || v.seal_no, v.reason), '; ' ORDER BY v.place
    )
    INTO v_told
    FROM kept
    CROSS JOIN LATERAL agents.verify_heads(
        test_support.id('a'), kept.heads
    ) WITH ORDINALITY AS v (verdict, chain_no, seal_no, reason, place);
    RAISE EXCEPTION '%', v_told USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
END;
$$;
SELECT is(pg_temp.told(harm), told, promise)
FROM (
    VALUES
        ('SELECT', 'holds 1/2; holds 2/1', 'what nobody touched holds'),
        ($$ SELECT pg_temp.seal('a4'), pg_temp.seal('a5') $$,
         'holds 1/2; holds 2/1', 'chains go on'),
        ($$ DELETE FROM agents.run_seal WHERE run_id = test_support.id('a3') $$,
         'differs 1/2 the seal is missing: the chain was cut off; holds 2/1',
         'a tail that is cut off is missing'),
        -- With a head that fits.
        ($$ DELETE FROM agents.run_seal WHERE run_id = test_support.id('a3');
            UPDATE agents.seal_chain AS c
            SET last_seal_no = 1, last_sha256 = s.seal_sha256
            FROM agents.run_seal AS s
            WHERE c.chain_no = 1 AND s.chain_no = 1 $$,
         'differs 1/2 the seal is missing: the chain was cut off; holds 2/1',
         'also when the rest of the chain looks whole'),
        ($$ DELETE FROM agents.run_seal WHERE run_id = test_support.id('a3');
            UPDATE agents.seal_chain AS c
            SET last_seal_no = 1, last_sha256 = s.seal_sha256
            FROM agents.run_seal AS s
            WHERE c.chain_no = 1 AND s.chain_no = 1;
            SELECT pg_temp.seal('a4') $$,
         'differs 1/2 the seal is another one: the chain was rewritten; holds 2/1',
         'and when it is written on'),
        ('DELETE FROM agents.run_seal; DELETE FROM agents.seal_chain',
         'differs 1/2 the seal is missing: the chain was cut off; '
         'differs 2/1 the seal is missing: the chain was cut off',
         'nothing is no chain')
) AS attempt (harm, told, promise);

-- Documents that are none, or not whole.
SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_reader;
SELECT is_empty(
    $$ SELECT agents.verify_heads(
           test_support.id('a'), (SELECT jsonb_set(heads, '{heads}', '[]') FROM kept)
       ) $$,
    'a firm that had no chains then has nothing to compare'
);
SELECT results_eq(
    $$ SELECT v.verdict, v.reason
       FROM kept
       CROSS JOIN LATERAL agents.verify_heads(
           test_support.id('a'), kept.heads #- '{heads, 0, seal_sha256}' #- '{heads, 1, seal_no}'
       ) AS v $$,
    $$ VALUES
        ('differs', 'the seal is another one: the chain was rewritten'),
        ('differs', 'the seal is missing: the chain was cut off') $$,
    'what a head does not say cannot hold'
);
SELECT is(
    test_support.answer_to(format('SELECT agents.verify_heads(:a, %s)', document)),
    answer,
    promise
)
FROM (
    VALUES
        ('(SELECT heads FROM kept)', 'accepted', 'a document of this firm is read'),
        ('NULL',
         '22023 p_heads: is not a document of agents.chain_heads() for this firm',
         'nothing is no document'),
        ('''{}''',
         '22023 p_heads: is not a document of agents.chain_heads() for this firm',
         'nor is an empty one'),
        ('''[]''',
         '22023 p_heads: is not a document of agents.chain_heads() for this firm',
         'nor a list'),
        ('(SELECT heads -> ''heads'' FROM kept)',
         '22023 p_heads: is not a document of agents.chain_heads() for this firm',
         'nor the heads alone'),
        ('(SELECT jsonb_set(heads, ''{firm_id}'', to_jsonb(:b)) FROM kept)',
         '22023 p_heads: is not a document of agents.chain_heads() for this firm',
         'nor that of another firm'),
        ('(SELECT jsonb_set(heads, ''{heads}'', ''{}'') FROM kept)',
         '22023 p_heads: is not a document of agents.chain_heads() for this firm',
         'nor one whose heads are no list'),
        ('(SELECT jsonb_set(heads, ''{heads, 0, seal_no}'', ''"x"'') FROM kept)',
         '22P02 invalid input syntax for type bigint: "x"', 'a number is one'),
        ('(SELECT jsonb_set(heads, ''{heads, 0, chain_no}'', ''99999'') FROM kept)',
         '22003 value "99999" is out of range for type smallint', 'that fits'),
        ('(SELECT jsonb_set(heads, ''{heads, 0, seal_sha256}'', ''"x"'') FROM kept)',
         '22023 invalid hexadecimal digit: "x"', 'a hash is one')
) AS attempt (document, answer, promise);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.verify_heads(:b, jsonb_build_object('firm_id', :b, 'heads', '[]'::jsonb))
         $$,
         '42501 the transaction acts for another tenant',
         'an empty answer would say that all is well elsewhere'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.verify_heads(:a, heads) FROM kept $$,
         'accepted', 'one call is enough'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.verify_heads(NULL, heads) FROM kept $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
