-- Subject: agents.redaction    Docs: docs/schema/agents.md#redaction
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

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
        ('redaction_body_uq', 'UNIQUE (firm_id, row_id, body)'),
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

SELECT * FROM finish(true);
ROLLBACK;
