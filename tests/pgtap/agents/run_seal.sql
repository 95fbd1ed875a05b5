-- Subject: agents.seal_chain    Docs: docs/schema/agents.md#seal-chain
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(41);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agents.seal_chain', 'agents.run_seal']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('seal_chain'::text, 'firm_id'::text, 'uuid', true, NULL),
        ('seal_chain', 'chain_no', 'smallint', true, NULL),
        ('seal_chain', 'last_seal_no', 'bigint', true, '0'),
        ('seal_chain', 'last_sha256', 'bytea', false, NULL),
        ('run_seal', 'firm_id', 'uuid', true, NULL),
        ('run_seal', 'chain_no', 'smallint', true, NULL),
        ('run_seal', 'seal_no', 'bigint', true, NULL),
        ('run_seal', 'format_no', 'smallint', true, '1'),
        ('run_seal', 'kind', 'text', true, NULL),
        ('run_seal', 'run_id', 'uuid', false, NULL),
        ('run_seal', 'run_started_at', 'timestamp with time zone', false, NULL),
        ('run_seal', 'redaction_id', 'uuid', false, NULL),
        ('run_seal', 'sealed_at', 'timestamp with time zone', true, NULL),
        ('run_seal', 'row_count', 'integer', true, NULL),
        ('run_seal', 'row_digests', 'bytea', true, NULL),
        ('run_seal', 'content_sha256', 'bytea', true, NULL),
        ('run_seal', 'previous_sha256', 'bytea', false, NULL),
        ('run_seal', 'seal_sha256', 'bytea', true, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, regexp_replace(pg_get_constraintdef(oid), '\s+', ' ', 'g')
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('seal_chain_pk'::name, 'PRIMARY KEY (firm_id, chain_no)'),
        ('seal_chain_chain_no_ck', 'CHECK ((chain_no >= 1))'),
        ('seal_chain_last_seal_no_ck',
         'CHECK (((last_seal_no >= 0) AND ((last_seal_no = 0) = (last_sha256 IS NULL))))'),
        ('seal_chain_last_sha256_ck', 'CHECK ((octet_length(last_sha256) = 32))'),
        ('run_seal_pk', 'PRIMARY KEY (firm_id, chain_no, seal_no)'),
        ('run_seal_chain_fk',
         'FOREIGN KEY (firm_id, chain_no) REFERENCES agents.seal_chain(firm_id, chain_no) '
         'ON DELETE RESTRICT'),
        ('run_seal_run_fk',
         'FOREIGN KEY (firm_id, run_id, run_started_at) REFERENCES '
         'agents.agent_run_key(firm_id, run_id, started_at) ON DELETE RESTRICT'),
        ('run_seal_seal_no_ck', 'CHECK ((seal_no >= 1))'),
        ('run_seal_first_has_no_previous_ck',
         'CHECK (((seal_no = 1) = (previous_sha256 IS NULL)))'),
        ('run_seal_kind_ck',
         'CHECK ( CASE kind '
         'WHEN ''run''::text THEN ((run_id IS NOT NULL) AND (redaction_id IS NULL)) '
         'WHEN ''redaction''::text THEN (redaction_id IS NOT NULL) ELSE false END)'),
        ('run_seal_run_is_whole_ck', 'CHECK (((run_id IS NULL) = (run_started_at IS NULL)))'),
        ('run_seal_format_no_ck', 'CHECK ((format_no = 1))'),
        ('run_seal_row_count_ck',
         'CHECK (((row_count >= 1) AND (octet_length(row_digests) = (8 * row_count))))'),
        ('run_seal_content_sha256_ck', 'CHECK ((octet_length(content_sha256) = 32))'),
        ('run_seal_previous_sha256_ck', 'CHECK ((octet_length(previous_sha256) = 32))'),
        ('run_seal_sealed_at_ck', 'CHECK (isfinite(sealed_at))'),
        ('run_seal_seal_sha256_ck',
         'CHECK ((seal_sha256 = agents.seal_sha256(firm_id, chain_no, seal_no, format_no, '
         'kind, run_id, run_started_at, redaction_id, sealed_at, row_count, row_digests, '
         'content_sha256, previous_sha256)))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('run_seal_run_uq'::name, true, 'btree (firm_id, run_id) WHERE (kind = ''run''::text)'),
        ('run_seal_redaction_uq', true,
         'btree (firm_id, redaction_id) WHERE (redaction_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('seal_chain_forbid_delete_tg'::name,
         'BEFORE DELETE ON agents.seal_chain FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('seal_chain_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agents.seal_chain FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('run_seal_forbid_update_tg',
         'BEFORE UPDATE ON agents.run_seal FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('run_seal_forbid_delete_tg',
         'BEFORE DELETE ON agents.run_seal FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('run_seal_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agents.run_seal FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a seal with these differences from a good one: accepted, or the SQLSTATE and the
-- name of the rule that refuses it. Unless it is given, its hash is what it must be. Nothing of it
-- stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_seal agents.run_seal := jsonb_populate_record(
        NULL::agents.run_seal,
        jsonb_build_object(
            'firm_id', test_support.id('a'), 'chain_no', 1, 'seal_no', 1, 'format_no', 1,
            'kind', 'run', 'run_id', test_support.id('a1'),
            'run_started_at', '2026-06-15T12:00:00Z', 'sealed_at', '2026-06-15T12:01:00Z',
            'row_count', 2, 'row_digests', '\x00112233445566778899aabbccddeeff',
            'content_sha256', sha256('')::text
        ) || p_difference
    );
    v_rule text;
BEGIN
    v_seal.seal_sha256 := coalesce(
        v_seal.seal_sha256,
        agents.seal_sha256(
            v_seal.firm_id, v_seal.chain_no, v_seal.seal_no, v_seal.format_no, v_seal.kind,
            v_seal.run_id, v_seal.run_started_at, v_seal.redaction_id, v_seal.sealed_at,
            v_seal.row_count, v_seal.row_digests, v_seal.content_sha256, v_seal.previous_sha256
        )
    );
    INSERT INTO agents.run_seal
    SELECT v_seal.*;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

SELECT test_support.record_run('a', 'a1', '2026-06-15 12:00:00+00');
SELECT test_support.record_run('a', 'a2', '2026-06-15 12:00:00+00');
SELECT agents.append_seal(
    test_support.id('a'), 'run', test_support.id('a2'), '2026-06-15 12:00:00+00', NULL,
    ARRAY[sha256('')]
);
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('a'), 2);

SELECT is(pg_temp.fate_of('{"chain_no": 2}' || difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a seal is accepted'),
        (jsonb_build_object('seal_sha256', sha256('')::text), '23514 run_seal_seal_sha256_ck',
         'a seal is the hash of what is written on it'),
        ('{"chain_no": 1}', '23505 run_seal_pk', 'a place in a chain is taken once'),
        ('{"chain_no": 3}', '23503 run_seal_chain_fk', 'a chain is there'),
        (jsonb_build_object('seal_no', 0, 'previous_sha256', sha256('')::text),
         '23514 run_seal_seal_no_ck', 'seals are counted from 1'),
        ('{"seal_no": 2}', '23514 run_seal_first_has_no_previous_ck',
         'a seal that is not the first holds the one before it'),
        (jsonb_build_object('seal_no', 2, 'previous_sha256', sha256('')::text), 'accepted',
         'so'),
        (jsonb_build_object('previous_sha256', sha256('')::text),
         '23514 run_seal_first_has_no_previous_ck', 'and the first holds none'),
        ('{"seal_no": 2, "previous_sha256": "\\x00"}', '23514 run_seal_previous_sha256_ck',
         'a hash has 32 bytes'),
        ('{"content_sha256": "\\x00"}', '23514 run_seal_content_sha256_ck',
         'and so has that of the rows'),
        ('{"format_no": 2}', '23514 run_seal_format_no_ck', 'there is one format'),
        ('{"row_count": 1}', '23514 run_seal_row_count_ck', 'each row has eight bytes'),
        ('{"row_count": 0, "row_digests": "\\x"}', '23514 run_seal_row_count_ck',
         'a seal is that of something'),
        ('{"sealed_at": "infinity"}', '23514 run_seal_sealed_at_ck',
         'nothing is sealed at the end of time'),

        (jsonb_build_object('run_id', test_support.id('a2')), '23505 run_seal_run_uq',
         'a run is sealed once'),
        (jsonb_build_object('run_id', test_support.id('a9')), '23503 run_seal_run_fk',
         'a run that is sealed is there'),
        ('{"run_id": null, "run_started_at": null}', '23514 run_seal_kind_ck',
         'a seal of a run names it'),
        ('{"run_started_at": null}', '23514 run_seal_run_is_whole_ck',
         'half a reference, which would not be checked, is refused'),
        (jsonb_build_object('redaction_id', test_support.id('d1')), '23514 run_seal_kind_ck',
         'a seal of a run is not that of a redaction'),
        (jsonb_build_object('kind', 'redaction', 'redaction_id', test_support.id('d1')),
         'accepted', 'a redaction may be of a run'),
        (jsonb_build_object('kind', 'redaction', 'redaction_id', test_support.id('d1'),
                            'run_id', NULL, 'run_started_at', NULL),
         'accepted', 'or of none'),
        ('{"kind": "redaction"}', '23514 run_seal_kind_ck', 'a seal of a redaction names it'),
        ('{"kind": "month"}', '23514 run_seal_kind_ck', 'nothing else is sealed')
) AS seal (difference, fate, promise);

SELECT is(
    test_support.answer_to(
        format('UPDATE agents.seal_chain SET %s WHERE chain_no = 2', change)
    ),
    answer,
    promise
)
FROM (
    VALUES
        ($$ last_seal_no = 1, last_sha256 = sha256('') $$, 'accepted', 'a chain grows'),
        ('last_seal_no = 1',
         '23514 new row for relation "seal_chain" violates check constraint '
         '"seal_chain_last_seal_no_ck"', 'a head holds its last seal'),
        ($$ last_sha256 = sha256('') $$,
         '23514 new row for relation "seal_chain" violates check constraint '
         '"seal_chain_last_seal_no_ck"', 'and none before the first'),
        ($$ last_seal_no = 1, last_sha256 = '\x00' $$,
         '23514 new row for relation "seal_chain" violates check constraint '
         '"seal_chain_last_sha256_ck"', 'a hash has 32 bytes'),
        ('chain_no = 0',
         '23514 new row for relation "seal_chain" violates check constraint '
         '"seal_chain_chain_no_ck"', 'chains are counted from 1')
) AS head (change, answer, promise);

SELECT throws_ok(statement, 'MU001', NULL, promise)
FROM (
    VALUES
        ('UPDATE agents.run_seal SET row_count = 1', 'not even a superuser changes a seal'),
        ('DELETE FROM agents.run_seal', 'or deletes it'),
        ('TRUNCATE agents.run_seal', 'or empties the table'),
        ('DELETE FROM agents.seal_chain', 'or deletes a chain'),
        ('TRUNCATE agents.seal_chain CASCADE', 'or empties the table of chains')
) AS attempt (statement, promise);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agents', 'seal_chain', ARRAY[
        'seal_chain_tenant', 'seal_chain_tenant_guard', 'seal_chain_service'
    ],
    'no other policy widens access to seal_chain'
);
SELECT policies_are(
    'agents', 'run_seal', ARRAY[
        'run_seal_tenant', 'run_seal_tenant_guard', 'run_seal_service'
    ],
    'no other policy widens access to run_seal'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('seal_chain'::name, 'muniment_app', 'INSERT'),
        ('seal_chain', 'muniment_app', 'SELECT'),
        ('seal_chain', 'muniment_reader', 'SELECT'),
        ('seal_chain', 'muniment_service', 'INSERT'),
        ('seal_chain', 'muniment_service', 'SELECT'),
        ('run_seal', 'muniment_app', 'INSERT'),
        ('run_seal', 'muniment_app', 'SELECT'),
        ('run_seal', 'muniment_reader', 'SELECT'),
        ('run_seal', 'muniment_service', 'INSERT'),
        ('run_seal', 'muniment_service', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('seal_chain'::name, 'muniment_app', 'UPDATE',
         'last_seal_no, last_sha256'),
        ('seal_chain', 'muniment_service', 'UPDATE',
         'last_seal_no, last_sha256') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
