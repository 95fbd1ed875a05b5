-- Subject: agents.seal_fault()    Docs: docs/schema/agents.md#seal-fault
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(38);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.seal_fault' $$,
    $$ VALUES (
        'p_seal agents.run_seal',
        'text',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader'
    ) $$,
    'agents and readers ask, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

-- a1, a2 and a3 are the seals 1, 2 and 3 of a chain; b1 is one of another firm.
SELECT test_support.record_run(firm, run, '2026-06-15 12:00:00+00')
FROM (
    VALUES ('a', 'a1'), ('a', 'a2'), ('a', 'a3'), ('b', 'b1')
) AS run (firm, run);
SELECT agents.seal_run(
    test_support.id(firm), test_support.id(run), '2026-06-15 12:00:00+00'
)
FROM (
    VALUES ('a', 'a1'), ('a', 'a2'), ('a', 'a3'), ('b', 'b1')
) AS run (firm, run);
-- A seal is what its CHECKs allow: without them it can be anything.
DROP INDEX agents.run_seal_run_uq;
DROP INDEX agents.run_seal_redaction_uq;
ALTER TABLE agents.run_seal
    DROP CONSTRAINT run_seal_seal_sha256_ck,
    DROP CONSTRAINT run_seal_first_has_no_previous_ck,
    DROP CONSTRAINT run_seal_format_no_ck,
    DROP CONSTRAINT run_seal_kind_ck,
    DROP CONSTRAINT run_seal_row_count_ck;
SELECT platform.set_tenant(test_support.id('a'));

-- What is wrong with the three seals after p_harm, which is undone.
CREATE FUNCTION pg_temp.faults(p_harm text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_faults text;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE p_harm;
    SET LOCAL ROLE muniment_reader;
    SELECT string_agg(
        right(s.run_id::text, 1) || ' ' || coalesce(
            CASE agents.seal_fault(s)
                WHEN 'the seal is broken: it is not the hash of what is written on it'
                    THEN 'broken'
                WHEN 'the seal before it in the chain is another one, or is missing'
                    THEN 'before'
                WHEN 'the seal after it, or the head of the chain, follows another one'
                    THEN 'after'
                WHEN 'there is another seal of the same run or redaction'
                    THEN 'twice'
                ELSE agents.seal_fault(s)
            END,
            'whole'
        ),
        ', ' ORDER BY s.run_id, s.chain_no
    )
    INTO v_faults
    FROM agents.run_seal AS s;
    RAISE EXCEPTION '%', v_faults USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
END;
$$;

SELECT is(
    pg_temp.faults('SELECT'), '1 whole, 2 whole, 3 whole', 'what nobody touched has no fault'
);
SELECT is(
    agents.seal_fault(NULL::agents.run_seal), 'there is no seal', 'what is not there has one'
);
SELECT is(
    pg_temp.faults(
        format(
            'UPDATE agents.run_seal SET %I = %s WHERE run_id = %L',
            column_name, value, test_support.id('a2')
        )
    ),
    faults,
    format('%s cannot be changed unseen', column_name)
)
FROM (
    VALUES
        ('chain_no', '9', '1 after, 2 broken, 3 before'),
        ('seal_no', '9', '1 after, 2 broken, 3 before'),
        ('format_no', '2', '1 whole, 2 broken, 3 whole'),
        ('kind', '''x''', '1 whole, 2 broken, 3 whole'),
        ('run_started_at', 'run_started_at + interval ''1 microsecond''',
         '1 whole, 2 broken, 3 whole'),
        ('redaction_id', 'run_id', '1 whole, 2 broken, 3 whole'),
        ('sealed_at', 'sealed_at + interval ''1 microsecond''', '1 whole, 2 broken, 3 whole'),
        ('row_count', 'row_count + 1', '1 whole, 2 broken, 3 whole'),
        ('row_digests', 'sha256(row_digests)', '1 whole, 2 broken, 3 whole'),
        ('content_sha256', 'sha256(content_sha256)', '1 whole, 2 broken, 3 whole'),
        ('previous_sha256', 'sha256(previous_sha256)', '1 after, 2 broken, 3 whole'),
        ('previous_sha256', 'NULL', '1 after, 2 broken, 3 whole'),
        ('seal_sha256', 'sha256(seal_sha256)', '1 whole, 2 broken, 3 before')
) AS change (column_name, value, faults);
SELECT is(
    pg_temp.faults(
        format(
            'UPDATE agents.run_seal SET run_id = %L WHERE run_id = %L',
            test_support.id('a9'), test_support.id('a2')
        )
    ),
    '1 whole, 3 whole, 9 broken',
    'run_id cannot be changed unseen'
);

-- Another seal, that is the hash of what is written on it: only its neighbours tell.
CREATE FUNCTION pg_temp.rewrite(p_run text)
RETURNS void
LANGUAGE sql
AS $$
    UPDATE agents.run_seal AS s
    SET
        content_sha256 = sha256('else'),
        seal_sha256 = agents.seal_sha256(
            s.firm_id, s.chain_no, s.seal_no, s.format_no, s.kind, s.run_id, s.run_started_at,
            s.redaction_id, s.sealed_at, s.row_count, s.row_digests, sha256('else'),
            s.previous_sha256
        )
    WHERE s.run_id = test_support.id(p_run)
$$;
SELECT is(pg_temp.faults(harm), faults, promise)
FROM (
    VALUES
        ($$ SELECT pg_temp.rewrite('a1') $$, '1 after, 2 before, 3 whole',
         'the first seal is held by the second'),
        ($$ SELECT pg_temp.rewrite('a2') $$, '1 whole, 2 after, 3 before',
         'the second by the third'),
        ($$ SELECT pg_temp.rewrite('a3') $$, '1 whole, 2 whole, 3 after',
         'the third by the head of the chain'),
        ($$ DELETE FROM agents.run_seal WHERE run_id = test_support.id('a1') $$,
         '2 before, 3 whole', 'the first one is missed by the second'),
        ($$ DELETE FROM agents.run_seal WHERE run_id = test_support.id('a2') $$,
         '1 after, 3 before', 'the second by both'),
        ($$ DELETE FROM agents.run_seal WHERE run_id = test_support.id('a3') $$,
         '1 whole, 2 after', 'the third by the one before it'),
        ($$ UPDATE agents.seal_chain SET last_sha256 = sha256('else')
            WHERE firm_id = test_support.id('a') $$,
         '1 whole, 2 whole, 3 after', 'the head is that of the last'),
        ($$ UPDATE agents.seal_chain SET last_seal_no = 9
            WHERE firm_id = test_support.id('a') $$,
         '1 whole, 2 whole, 3 after', 'and counts it'),
        ($$ UPDATE agents.seal_chain SET last_seal_no = 2
            WHERE firm_id = test_support.id('a') $$,
         '1 whole, 2 after, 3 after', 'not another one'),
        ($$ DELETE FROM agents.seal_chain WHERE firm_id = test_support.id('a') $$,
         '1 whole, 2 whole, 3 after', 'a chain has a head'),
        ($$ DELETE FROM agents.run_seal WHERE firm_id = test_support.id('b') $$,
         '1 whole, 2 whole, 3 whole', 'what becomes of another firm has nothing to do with it'),
        ($$ INSERT INTO agents.run_seal
            SELECT (jsonb_populate_record(s, '{"chain_no": 2, "seal_no": 1}')).*
            FROM agents.run_seal AS s
            WHERE s.run_id = test_support.id('a3') $$,
         '1 whole, 2 whole, 3 twice, 3 broken', 'a run is sealed once'),
        ($$ UPDATE agents.run_seal AS s
            SET
                kind = 'redaction',
                redaction_id = test_support.id('d1'),
                seal_sha256 = agents.seal_sha256(
                    s.firm_id, s.chain_no, s.seal_no, s.format_no, 'redaction', s.run_id,
                    s.run_started_at, test_support.id('d1'), s.sealed_at, s.row_count,
                    s.row_digests, s.content_sha256, s.previous_sha256
                )
            WHERE s.seal_no > 1 $$,
         '1 whole, 2 twice, 3 twice', 'and a redaction, too')
) AS attempt (harm, faults, promise);

-- In other settings.
SELECT is(
    pg_temp.faults(format('SET LOCAL %s', setting)),
    '1 whole, 2 whole, 3 whole',
    format('it holds with %s, too', setting)
)
FROM unnest(
    ARRAY[
        'TimeZone = ''Asia/Kolkata''', 'DateStyle = ''German, DMY''', 'bytea_output = ''escape''',
        'extra_float_digits = -15', 'IntervalStyle = ''iso_8601''', 'lc_monetary = ''C'''
    ]
) AS setting;

SET LOCAL ROLE muniment_reader;
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = '';
           SELECT agents.seal_fault(NULL::agents.run_seal) $$
    ),
    'accepted',
    'nothing is nobody''s'
);
RESET ROLE;
CREATE TEMPORARY TABLE one AS SELECT s.* FROM agents.run_seal AS s WHERE s.seal_no = 2;
GRANT SELECT ON one TO muniment_reader;
SET LOCAL ROLE muniment_reader;
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = '';
           SELECT agents.seal_fault(
               ROW(
                   firm_id, chain_no, seal_no, format_no, kind, run_id, run_started_at,
                   redaction_id, sealed_at, row_count, row_digests, content_sha256,
                   previous_sha256, seal_sha256
               )::agents.run_seal
           )
           FROM one $$
    ),
    '42501 tenant is not set',
    'who looks at a seal has set the tenant'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
