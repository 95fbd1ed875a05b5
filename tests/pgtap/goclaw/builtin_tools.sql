-- Subject: goclaw.builtin_tools    Docs: docs/schema/goclaw.md#builtin-tools
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.builtin_tools', 'goclaw.builtin_tool_tenant_configs']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('builtin_tools'::text, 'name'::text, 'character varying(100)', true, NULL),
        ('builtin_tools', 'display_name', 'character varying(255)', false, NULL),
        ('builtin_tools', 'description', 'text', false, NULL),
        ('builtin_tools', 'category', 'character varying(50)', true,
         '''general''::character varying'),
        ('builtin_tools', 'enabled', 'boolean', true, 'true'),
        ('builtin_tools', 'settings', 'jsonb', false, NULL),
        ('builtin_tools', 'requires', 'text[]', false, NULL),
        ('builtin_tools', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('builtin_tools', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('builtin_tools', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('builtin_tool_tenant_configs', 'tenant_id', 'uuid', true, NULL),
        ('builtin_tool_tenant_configs', 'tool_name', 'character varying(100)', true, NULL),
        ('builtin_tool_tenant_configs', 'enabled', 'boolean', false, NULL),
        ('builtin_tool_tenant_configs', 'settings', 'jsonb', false, NULL),
        ('builtin_tool_tenant_configs', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('builtin_tools_pk'::name, 'PRIMARY KEY (name)'),
        ('builtin_tools_name_ck', 'CHECK (((name)::text <> ''''::text))'),
        ('builtin_tool_tenant_configs_pk', 'PRIMARY KEY (tenant_id, tool_name)'),
        ('builtin_tool_tenant_configs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('builtin_tool_tenant_configs_tool_fk',
         'FOREIGN KEY (tool_name) REFERENCES goclaw.builtin_tools(name) ON DELETE CASCADE') $$,
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
        ('builtin_tool_tenant_configs_tool_name_ix'::name, false, 'btree (tool_name)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('builtin_tools_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.builtin_tools FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('builtin_tool_tenant_configs_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.builtin_tool_tenant_configs FOR EACH ROW EXECUTE FUNCTION'
         ' platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'builtin_tool_tenant_configs', ARRAY[
        'builtin_tool_tenant_configs_tenant', 'builtin_tool_tenant_configs_tenant_guard'
    ],
    'no other policy widens access to builtin_tool_tenant_configs'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('builtin_tools'::name, 'muniment_app', 'SELECT'),
        ('builtin_tools', 'muniment_reader', 'SELECT'),
        ('builtin_tools', 'muniment_service', 'DELETE'),
        ('builtin_tools', 'muniment_service', 'INSERT'),
        ('builtin_tools', 'muniment_service', 'SELECT'),
        ('builtin_tool_tenant_configs', 'muniment_app', 'DELETE'),
        ('builtin_tool_tenant_configs', 'muniment_app', 'INSERT'),
        ('builtin_tool_tenant_configs', 'muniment_app', 'SELECT'),
        ('builtin_tool_tenant_configs', 'muniment_reader', 'SELECT') $$,
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
        ('builtin_tools'::name, 'muniment_service', 'UPDATE',
         'display_name, description, category, enabled, settings, requires, metadata, '
         'updated_at'),
        ('builtin_tool_tenant_configs', 'muniment_app', 'UPDATE',
         'enabled, settings, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
