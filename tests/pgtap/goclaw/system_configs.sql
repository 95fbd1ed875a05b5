-- Subject: goclaw.system_configs    Docs: docs/schema/goclaw.md#system-configs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.system_configs', 'goclaw.config_secrets']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('system_configs'::text, 'key'::text, 'character varying(100)', true, NULL),
        ('system_configs', 'tenant_id', 'uuid', true, NULL),
        ('system_configs', 'value', 'text', true, NULL),
        ('system_configs', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('config_secrets', 'tenant_id', 'uuid', true, NULL),
        ('config_secrets', 'key', 'character varying(100)', true, NULL),
        ('config_secrets', 'value', 'bytea', true, NULL),
        ('config_secrets', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('config_secrets', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('system_configs_pk'::name, 'PRIMARY KEY (key, tenant_id)'),
        ('system_configs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('system_configs_key_ck', 'CHECK (((key)::text <> ''''::text))'),
        ('config_secrets_pk', 'PRIMARY KEY (tenant_id, key)'),
        ('config_secrets_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('config_secrets_key_ck', 'CHECK (((key)::text <> ''''::text))') $$,
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
        ('system_configs_tenant_id_ix'::name, false, 'btree (tenant_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('system_configs_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.system_configs FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('config_secrets_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.config_secrets FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'system_configs', ARRAY[
        'system_configs_tenant', 'system_configs_tenant_guard'
    ],
    'no other policy widens access to system_configs'
);
SELECT policies_are(
    'goclaw', 'config_secrets', ARRAY[
        'config_secrets_tenant', 'config_secrets_tenant_guard'
    ],
    'no other policy widens access to config_secrets'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('system_configs'::name, 'muniment_app', 'DELETE'),
        ('system_configs', 'muniment_app', 'INSERT'),
        ('system_configs', 'muniment_app', 'SELECT'),
        ('system_configs', 'muniment_reader', 'SELECT'),
        ('config_secrets', 'muniment_app', 'DELETE'),
        ('config_secrets', 'muniment_app', 'INSERT'),
        ('config_secrets', 'muniment_app', 'SELECT') $$,
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
        ('system_configs'::name, 'muniment_app', 'UPDATE',
         'value, updated_at'),
        ('config_secrets', 'muniment_app', 'UPDATE',
         'value, updated_at'),
        ('config_secrets', 'muniment_reader', 'SELECT',
         'tenant_id, key, created_at, updated_at') $$,
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
        ('config_secrets', 'value')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
