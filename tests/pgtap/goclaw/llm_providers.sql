-- Subject: goclaw.llm_providers    Docs: docs/schema/goclaw.md#llm-providers
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.llm_providers']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('llm_providers'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('llm_providers', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('llm_providers', 'name', 'character varying(50)', true, NULL),
        ('llm_providers', 'display_name', 'character varying(255)', false, NULL),
        ('llm_providers', 'provider_type', 'character varying(30)', true,
         '''openai_compat''::character varying'),
        ('llm_providers', 'api_base', 'text', false, NULL),
        ('llm_providers', 'api_key', 'text', false, NULL),
        ('llm_providers', 'enabled', 'boolean', true, 'true'),
        ('llm_providers', 'settings', 'jsonb', true, '''{}''::jsonb'),
        ('llm_providers', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('llm_providers', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('llm_providers_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('llm_providers_name_uq', 'UNIQUE (tenant_id, name)'),
        ('llm_providers_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('llm_providers_name_ck', 'CHECK (((name)::text <> ''''::text))') $$,
    'the keys, references and rules are these'
);
SELECT is_empty(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    'there are no indexes besides those of keys'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('llm_providers_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.llm_providers FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'llm_providers', ARRAY['llm_providers_tenant', 'llm_providers_tenant_guard'],
    'no other policy widens access to llm_providers'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('llm_providers'::name, 'muniment_app', 'DELETE'),
        ('llm_providers', 'muniment_app', 'INSERT'),
        ('llm_providers', 'muniment_app', 'SELECT') $$,
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
        ('llm_providers'::name, 'muniment_app', 'UPDATE',
         'name, display_name, provider_type, api_base, api_key, enabled, settings, updated_at'),
        ('llm_providers', 'muniment_reader', 'SELECT',
         'tenant_id, id, name, display_name, provider_type, api_base, enabled, settings, '
         'created_at, updated_at') $$,
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
        ('llm_providers', 'api_key')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
