-- Subject: agents.verify_chain()    Docs: docs/schema/agents.md#verify-chain
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.verify_chain' $$,
    $$ VALUES (
        'p_firm_id uuid, p_from timestamp with time zone DEFAULT ''-infinity''::timestamp with '
        'time zone, p_to timestamp with time zone DEFAULT ''infinity''::timestamp with time zone',
        'TABLE(verdict text, chain_no smallint, seal_no bigint, run_id uuid, table_name text, '
        'row_id uuid, row_no integer, reason text)',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader'
    ) $$,
    'agents and readers ask, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

-- a1 is the first seal of the second chain, a2, a3 and a4 are those of the first; a5 is under way.
-- b1 is of another firm, which has an end without a seal.
SELECT test_support.record_run(firm, run, '2026-06-15 12:00:00+00', facts)
FROM (
    VALUES
        ('a', 'a1', '{}'::jsonb), ('a', 'a2', '{}'), ('a', 'a3', '{}'), ('a', 'a4', '{}'),
        ('a', 'a5', '{"status": "queued", "ended_at": null}'), ('b', 'b1', '{}')
) AS run (firm, run, facts);
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('a'), 2);
SELECT agents.seal_run(test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00');
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('a'), 1);
SELECT agents.seal_run(test_support.id('a'), test_support.id(run), '2026-06-15 12:00:00+00')
FROM unnest(ARRAY['a2', 'a3', 'a4']) AS run;
SELECT test_support.record_turn('a', 'c1', 'd1', 1, '2026-06-15 12:00:00+00', 'x');

SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT verdict, chain_no, seal_no, run_id, table_name, row_id, row_no, reason
       FROM agents.verify_chain(test_support.id('a')) $$,
    $$ VALUES
        ('holds', 1::smallint, 1::bigint, test_support.id('a2'), NULL, NULL::uuid,
         NULL::integer, NULL),
        ('holds', 1::smallint, 2, test_support.id('a3'), NULL, NULL, NULL, NULL),
        ('holds', 1::smallint, 3, test_support.id('a4'), NULL, NULL, NULL, NULL),
        ('holds', 2::smallint, 1, test_support.id('a1'), NULL, NULL, NULL, NULL) $$,
    'every run that was sealed holds, chain by chain'
);
SELECT results_eq(
    $$ SELECT v.run_id
       FROM agents.run_seal AS s
       CROSS JOIN LATERAL agents.verify_chain(s.firm_id, s.sealed_at) AS v
       WHERE s.run_id = test_support.id('a3') $$,
    $$ VALUES (test_support.id('a3')), (test_support.id('a4')) $$,
    'or those that were sealed from some time on'
);
SELECT results_eq(
    $$ SELECT v.run_id
       FROM agents.run_seal AS s
       CROSS JOIN LATERAL agents.verify_chain(
           s.firm_id, p_to => s.sealed_at + interval '1 microsecond'
       ) AS v
       WHERE s.run_id = test_support.id('a2') $$,
    $$ VALUES (test_support.id('a2')), (test_support.id('a1')) $$,
    'or until then'
);
SELECT is_empty(
    $$ SELECT * FROM agents.verify_chain(test_support.id('a'), 'infinity') $$,
    'when nothing was sealed there is nothing that differs'
);
RESET ROLE;

-- What differs after p_harm, which is undone: table and end of the id, each once.
CREATE FUNCTION pg_temp.differs(p_harm text)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_told text;
BEGIN
    SET LOCAL session_replication_role = replica;
    EXECUTE regexp_replace(p_harm, ':([a-f]\d?)\M', 'test_support.id(''\1'')', 'g');
    SET LOCAL ROLE muniment_reader;
    SELECT coalesce(
        string_agg(
            DISTINCT concat_ws(
                ' ', v.table_name, ltrim(split_part(v.row_id::text, '-', 5), '0'),
                CASE v.table_name WHEN 'seal_chain' THEN v.chain_no END
            ),
            ', '
        ),
        'nothing'
    )
    INTO v_told
    FROM agents.verify_chain(test_support.id('a')) AS v
    WHERE v.verdict <> 'holds';
    RAISE EXCEPTION '%', v_told USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
END;
$$;
ALTER TABLE agents.run_seal DROP CONSTRAINT run_seal_seal_sha256_ck;

SELECT matches(pg_temp.differs(harm), '(^|, )' || named || '(,|$)', promise)
FROM (
    VALUES
        ('SELECT', 'nothing', 'what nobody touched does not differ'),
        ('UPDATE agents.agent_run SET agent_name = ''x'' WHERE run_id = :a3', 'agent_run a3',
         'a row that was changed is named'),
        ('UPDATE agents.run_seal SET content_sha256 = sha256(''x'') WHERE run_id = :a3',
         'run_seal a3', 'so is a seal that was changed'),
        ('UPDATE agents.run_seal SET previous_sha256 = sha256(''x'') WHERE run_id = :a3',
         'run_seal a3', 'or is linked with another one'),
        ('DELETE FROM agents.run_seal WHERE run_id = :a3', 'run_seal a4',
         'a seal tells that the one before it is missing'),
        ('DELETE FROM agents.run_seal WHERE run_id = :a3', 'agent_run a3',
         'and the run that it has none'),
        ('DELETE FROM agents.run_seal WHERE run_id = :a4', 'seal_chain 1',
         'the head tells that the last one is missing'),
        ('UPDATE agents.seal_chain SET last_sha256 = sha256(''x'') WHERE chain_no = 2',
         'seal_chain 2', 'a head that was changed is named'),
        ('UPDATE agents.seal_chain SET last_seal_no = 4 WHERE chain_no = 1', 'seal_chain 1',
         'or counts others'),
        ('DELETE FROM agents.seal_chain WHERE chain_no = 1', 'seal_chain 1',
         'or is not there'),
        ('INSERT INTO agents.seal_chain VALUES (:a, 3, 1, sha256(''x''))', 'seal_chain 3',
         'a head without a chain is named'),
        ('UPDATE agents.agent_run SET status = ''cancelled'', ended_at = now()
          WHERE run_id = :a5',
         'agent_run a5', 'a run that was ended by hand is named'),
        ('INSERT INTO agents.redaction (
              firm_id, redaction_id, table_name, row_id, row_at, body, storage, sha256, bytes,
              redacted_by, reason
          )
          VALUES (
              :a, :e1, ''chat_turn'', :c1, ''2026-06-15 12:00:00+00'', ''content'', ''inline'',
              sha256(''x''), 1, ''U'', ''x''
          )',
         'redaction e1', 'a redaction that was made up is named')
) AS attempt (harm, named, promise);

-- One that was made, of a turn before any run.
SELECT is(
    pg_temp.differs(
        'SELECT agents.redact_turn(:a, :c1, ''2026-06-15 12:00:00+00'', ''U'', ''x'')'
    ),
    'nothing',
    'a redaction through the API differs from nothing'
);
SELECT matches(
    pg_temp.differs(
        'SELECT agents.redact_turn(:a, :c1, ''2026-06-15 12:00:00+00'', ''U'', ''x'');
         UPDATE agents.redaction SET reason = ''y'''
    ),
    '(^|, )redaction ',
    'and stays as it was sealed'
);
SELECT is(
    pg_temp.differs('UPDATE agents.agent_run SET agent_name = ''x'' WHERE firm_id = :b'),
    'nothing',
    'what becomes of another firm is not looked at'
);

SET LOCAL ROLE muniment_reader;
SELECT matches(
    test_support.answer_to($$ SET LOCAL app.tenant_id = ''; SELECT agents.verify_chain(NULL) $$),
    '^(22004 tenant is null|42501 tenant is not set)$',
    'somebody has to act'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
