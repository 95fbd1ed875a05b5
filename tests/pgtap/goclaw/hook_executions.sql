-- Subject: goclaw.hook_executions    Docs: docs/schema/goclaw.md#hook-executions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.hook_executions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('hook_executions'::text, 'tenant_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('hook_executions', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('hook_executions', 'hook_id', 'uuid', false, NULL),
        ('hook_executions', 'session_id', 'character varying(500)', false, NULL),
        ('hook_executions', 'event', 'character varying(32)', true, NULL),
        ('hook_executions', 'input_hash', 'character(64)', false, NULL),
        ('hook_executions', 'decision', 'character varying(16)', true, NULL),
        ('hook_executions', 'duration_ms', 'integer', true, '0'),
        ('hook_executions', 'retry', 'integer', true, '0'),
        ('hook_executions', 'dedup_key', 'character varying(128)', false, NULL),
        ('hook_executions', 'error', 'character varying(256)', false, NULL),
        ('hook_executions', 'error_detail', 'bytea', false, NULL),
        ('hook_executions', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('hook_executions', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('hook_executions_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('hook_executions_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('hook_executions_hook_fk',
         'FOREIGN KEY (tenant_id, hook_id) REFERENCES goclaw.hooks(tenant_id, id) ON DELETE'
         ' SET NULL (hook_id)'),
        ('hook_executions_input_hash_ck', 'CHECK ((input_hash ~ ''^[0-9a-f]{64}$''::text))'),
        ('hook_executions_decision_ck',
         'CHECK (((decision)::text = ANY ((ARRAY[''allow''::character varying, '
         '''block''::character varying, ''error''::character varying, '
         '''timeout''::character varying])::text[])))'),
        ('hook_executions_counts_ck', 'CHECK (((duration_ms >= 0) AND (retry >= 0)))') $$,
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
        ('hook_executions_session_ix'::name, false, 'btree (tenant_id, session_id, created_at)'),
        ('hook_executions_hook_id_ix', false,
         'btree (tenant_id, hook_id) WHERE (hook_id IS NOT NULL)'),
        ('hook_executions_dedup_key_uq', true,
         'btree (tenant_id, dedup_key) WHERE (dedup_key IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('hook_executions_forbid_update_tg'::name,
         'BEFORE UPDATE ON goclaw.hook_executions FOR EACH ROW WHEN ((((to_jsonb(old.*) - '
         'ARRAY[''hook_id''::text, ''error_detail''::text]) IS DISTINCT FROM '
         '(to_jsonb(new.*) - ARRAY[''hook_id''::text, ''error_detail''::text])) OR '
         '((new.hook_id IS NOT NULL) AND (new.hook_id IS DISTINCT FROM old.hook_id)) OR '
         '((new.error_detail IS NOT NULL) AND (new.error_detail IS DISTINCT FROM '
         'old.error_detail)))) EXECUTE FUNCTION platform.forbid_change()'),
        ('hook_executions_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.hook_executions FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.hooks (tenant_id, id, scope, event, handler_type) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '400c0000-0000-4000-8000-0000000000a1',
        'tenant', 'before_tool', 'http'
    ),
    (
        '0193a5b0-7000-7000-8000-000000000001', '400c0000-0000-4000-8000-000000000001',
        'global', 'before_tool', 'http'
    );
INSERT INTO goclaw.hook_executions (
    tenant_id, hook_id, event, decision, dedup_key, error_detail
) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '400c0000-0000-4000-8000-0000000000a1',
        'before_tool', 'error', 'k', '\x01'
    );

SELECT throws_ok(
    format(
        'INSERT INTO goclaw.hook_executions (tenant_id, event, decision, duration_ms, retry, '
        'input_hash) VALUES (%L, %L, %L, %s, %s, %L)',
        '00000000-0000-4000-8000-00000000000a', 'e', decision, duration, retry, hash
    ),
    '23514',
    NULL,
    format('not so: %s, %s ms, %s tries before, %s', decision, duration, retry, left(hash, 4))
)
FROM (
    VALUES
        ('perhaps', 0, 0, repeat('0', 64)),
        ('allow', -1, 0, repeat('0', 64)),
        ('allow', 0, -1, repeat('0', 64)),
        ('allow', 0, 0, 'a command')
) AS attempt (decision, duration, retry, hash);
SELECT throws_ok(
    $$ INSERT INTO goclaw.hook_executions (tenant_id, event, decision, dedup_key)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'before_tool', 'allow', 'k') $$,
    '23505',
    'duplicate key value violates unique constraint "hook_executions_dedup_key_uq"',
    'an execution is recorded once'
);
SELECT lives_ok(
    $$ INSERT INTO goclaw.hook_executions (tenant_id, event, decision, dedup_key)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'before_tool', 'allow', 'k') $$,
    'which another tenant does not notice'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.hook_executions (tenant_id, hook_id, event, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', '400c0000-0000-4000-8000-000000000001',
               'before_tool', 'allow') $$,
    '23503',
    NULL,
    'a row cannot refer to a hook of the master: metadata names that'
);
SELECT throws_ok(
    format('UPDATE goclaw.hook_executions SET %s', change), 'MU001', NULL, change || ' is refused'
)
FROM unnest(ARRAY[
    $$ decision = 'block' $$, $$ metadata = '{"http_status": 500}' $$, $$ error_detail = '\x02' $$,
    $$ hook_id = '400c0000-0000-4000-8000-000000000001' $$
]) AS change;
SELECT throws_ok(
    $$ TRUNCATE goclaw.hook_executions $$, 'MU001', NULL, 'nobody empties the trail'
);
DELETE FROM goclaw.hooks WHERE scope = 'tenant';
SELECT results_eq(
    $$ SELECT tenant_id, hook_id FROM goclaw.hook_executions WHERE decision = 'error' $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid) $$,
    'a row outlives its hook, and stays with its tenant'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
UPDATE goclaw.hook_executions SET error_detail = NULL;
SELECT results_eq(
    $$ SELECT error_detail FROM goclaw.hook_executions $$,
    $$ VALUES (NULL::bytea) $$,
    'a runtime takes the encrypted error out of a row of its tenant'
);
INSERT INTO goclaw.hook_executions (event, decision) VALUES ('after_tool', 'allow');
SELECT is(
    (SELECT e.tenant_id FROM goclaw.hook_executions AS e WHERE e.event = 'after_tool'),
    '00000000-0000-4000-8000-00000000000a',
    'who names no tenant writes for its own'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'hook_executions', ARRAY[
        'hook_executions_tenant', 'hook_executions_tenant_guard'
    ],
    'no other policy widens access to hook_executions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('hook_executions'::name, 'muniment_app', 'INSERT'),
        ('hook_executions', 'muniment_app', 'SELECT') $$,
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
        ('hook_executions'::name, 'muniment_app', 'UPDATE',
         'error_detail'),
        ('hook_executions', 'muniment_reader', 'SELECT',
         'tenant_id, id, hook_id, session_id, event, input_hash, decision, duration_ms, '
         'retry, dedup_key, error, metadata, created_at') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM goclaw.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('hook_executions', 'error_detail')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
