-- Subject: agents.redaction    Docs: docs/schema/agents.md#redaction
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(38);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agents.redaction']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('redaction'::text, 'firm_id'::text, 'uuid', true, NULL),
        ('redaction', 'redaction_id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('redaction', 'run_id', 'uuid', false, NULL),
        ('redaction', 'run_started_at', 'timestamp with time zone', false, NULL),
        ('redaction', 'table_name', 'text', true, NULL),
        ('redaction', 'row_id', 'uuid', true, NULL),
        ('redaction', 'row_at', 'timestamp with time zone', true, NULL),
        ('redaction', 'body', 'text', true, NULL),
        ('redaction', 'storage', 'text', true, NULL),
        ('redaction', 's3_key', 'text', false, NULL),
        ('redaction', 'sha256', 'bytea', true, NULL),
        ('redaction', 'bytes', 'bigint', true, NULL),
        ('redaction', 'preview_sha256', 'bytea', false, NULL),
        ('redaction', 'redacted_by', 'text', true, NULL),
        ('redaction', 'reason', 'text', true, NULL),
        ('redaction', 'redacted_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, regexp_replace(pg_get_constraintdef(oid), '\s+', ' ', 'g')
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('redaction_pk'::name, 'PRIMARY KEY (firm_id, redaction_id)'),
        ('redaction_body_uq', 'UNIQUE (firm_id, row_id, row_at, body)'),
        ('redaction_run_fk',
         'FOREIGN KEY (firm_id, run_id, run_started_at) REFERENCES '
         'agents.agent_run_key(firm_id, run_id, started_at) ON DELETE RESTRICT'),
        ('redaction_run_is_whole_ck', 'CHECK (((run_id IS NULL) = (run_started_at IS NULL)))'),
        ('redaction_body_ck',
         'CHECK (((((table_name = ''chat_turn''::text) AND (body = ''content''::text)) OR '
         '((table_name = ''tool_call''::text) AND (body = ''args''::text))) OR ((table_name'
         ' = ''tool_call''::text) AND (body = ''result''::text))))'),
        ('redaction_storage_ck',
         'CHECK ( CASE storage WHEN ''inline''::text THEN (s3_key IS NULL) '
         'WHEN ''s3''::text THEN (s3_key IS NOT NULL) ELSE false END)'),
        ('redaction_sha256_ck',
         'CHECK (((octet_length(sha256) = 32) AND (octet_length(preview_sha256) = 32)))'),
        ('redaction_bytes_ck', 'CHECK ((bytes >= 0))'),
        ('redaction_redacted_by_ck',
         'CHECK (((char_length(redacted_by) >= 1) AND (char_length(redacted_by) <= 200)))'),
        ('redaction_reason_ck',
         'CHECK (((char_length(reason) >= 1) AND (char_length(reason) <= 1000)))'),
        ('redaction_times_are_finite_ck',
         'CHECK ((isfinite(row_at) AND isfinite(redacted_at)))') $$,
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
        ('redaction_run_ix'::name, false, 'btree (firm_id, run_id) WHERE (run_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('redaction_forbid_update_tg'::name,
         'BEFORE UPDATE ON agents.redaction FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('redaction_forbid_delete_tg',
         'BEFORE DELETE ON agents.redaction FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('redaction_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agents.redaction FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a redaction with these differences from a good one: accepted, or the SQLSTATE and
-- the name of the rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.redaction
    SELECT redaction.*
    FROM jsonb_populate_record(
        NULL::agents.redaction,
        jsonb_build_object(
            'firm_id', test_support.id('a'), 'redaction_id', test_support.id('d1'),
            'table_name', 'chat_turn', 'row_id', test_support.id('b1'),
            'row_at', '2026-06-15T12:00:00Z', 'body', 'content', 'storage', 'inline',
            'sha256', sha256('')::text, 'bytes', 0, 'redacted_by', 'U-1', 'reason', 'asked for',
            'redacted_at', '2026-06-16T12:00:00Z'
        ) || p_difference
    ) AS redaction;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

SELECT test_support.record_run('a', 'a1', '2026-06-15 11:00:00+00');
INSERT INTO agents.redaction (
    firm_id, table_name, row_id, row_at, body, storage, sha256, bytes, redacted_by, reason
)
VALUES (
    test_support.id('a'), 'tool_call', test_support.id('c1'), '2026-06-15 12:00:00+00', 'args',
    'inline', sha256(''), 0, 'U-1', 'asked for'
);

SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a redaction is accepted, of a turn before any run'),
        (jsonb_build_object('row_id', test_support.id('c1'), 'table_name', 'tool_call',
                            'body', 'result'),
         'accepted', 'both bodies of a call may go'),
        (jsonb_build_object('row_id', test_support.id('c1'), 'table_name', 'tool_call',
                            'body', 'args'),
         '23505 redaction_body_uq', 'but each goes once'),
        ('{"table_name": "tool_call"}', '23514 redaction_body_ck', 'a call has no content'),
        ('{"body": "args"}', '23514 redaction_body_ck', 'a turn has no arguments'),
        ('{"body": "result"}', '23514 redaction_body_ck', 'nor a result'),
        ('{"table_name": "agent_run"}', '23514 redaction_body_ck', 'a run has no body'),

        (jsonb_build_object('run_id', test_support.id('a1'),
                            'run_started_at', '2026-06-15T11:00:00Z'),
         'accepted', 'a redaction may be of a run'),
        (jsonb_build_object('run_id', test_support.id('a1'),
                            'run_started_at', '2026-06-15T11:00:01Z'),
         '23503 redaction_run_fk', 'which started then'),
        (jsonb_build_object('run_id', test_support.id('a1')), '23514 redaction_run_is_whole_ck',
         'half a reference, which would not be checked, is refused'),
        ('{"run_started_at": "2026-06-15T11:00:00Z"}', '23514 redaction_run_is_whole_ck',
         'the other half too'),

        ('{"storage": "s3", "s3_key": "k"}', 'accepted', 'a body may have been on the shelf'),
        ('{"storage": "s3"}', '23514 redaction_storage_ck', 'where it had a key'),
        ('{"s3_key": "k"}', '23514 redaction_storage_ck', 'which it has nowhere else'),
        ('{"storage": "redacted"}', '23514 redaction_storage_ck',
         'what was redacted is not redacted'),

        ('{"sha256": "\\x00"}', '23514 redaction_sha256_ck', 'a hash has 32 bytes'),
        (jsonb_build_object('preview_sha256', sha256('')::text), 'accepted',
         'a preview may have gone too'),
        ('{"preview_sha256": "\\x00"}', '23514 redaction_sha256_ck', 'its hash has 32 bytes too'),
        ('{"bytes": -1}', '23514 redaction_bytes_ck', 'no body is shorter than nothing'),

        (jsonb_build_object('redacted_by', repeat('ü', 200)), 'accepted',
         'who redacts has a name of up to 200 characters'),
        (jsonb_build_object('redacted_by', repeat('ü', 201)), '23514 redaction_redacted_by_ck',
         'and not a longer one'),
        ('{"redacted_by": ""}', '23514 redaction_redacted_by_ck', 'nor none'),
        (jsonb_build_object('reason', repeat('ü', 1000)), 'accepted',
         'a reason has up to 1,000 characters'),
        (jsonb_build_object('reason', repeat('ü', 1001)), '23514 redaction_reason_ck',
         'and not more'),
        ('{"reason": ""}', '23514 redaction_reason_ck', 'nor none'),

        ('{"row_at": "infinity"}', '23514 redaction_times_are_finite_ck',
         'nothing was said at the end of time'),
        ('{"redacted_at": "-infinity"}', '23514 redaction_times_are_finite_ck',
         'nothing was redacted before time began')
) AS redaction (difference, fate, promise);

SELECT throws_ok(statement, 'MU001', NULL, promise)
FROM (
    VALUES
        ('UPDATE agents.redaction SET bytes = 1', 'not even a superuser changes a redaction'),
        ('DELETE FROM agents.redaction', 'or deletes it'),
        ('TRUNCATE agents.redaction', 'or empties the table')
) AS attempt (statement, promise);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agents', 'redaction', ARRAY[
        'redaction_tenant', 'redaction_tenant_guard', 'redaction_service'
    ],
    'no other policy widens access to redaction'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('redaction'::name, 'muniment_app', 'SELECT'),
        ('redaction', 'muniment_reader', 'SELECT'),
        ('redaction', 'muniment_service', 'SELECT') $$,
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
        ('redaction'::name, 'muniment_service', 'INSERT',
         'firm_id, run_id, run_started_at, table_name, row_id, row_at, body, storage, '
         's3_key, sha256, bytes, preview_sha256, redacted_by, reason') $$,
    'the rights to columns are these'
);

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant(test_support.id('a'));
SELECT throws_ok(
    $$ INSERT INTO agents.redaction DEFAULT VALUES $$,
    '42501',
    'permission denied for table redaction',
    'an agent takes no body away'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
