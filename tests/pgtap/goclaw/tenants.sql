-- Subject: goclaw.tenants    Docs: docs/schema/goclaw.md#tenants
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.tenants', 'goclaw.tenant_users']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('tenants'::text, 'id'::text, 'uuid', true, 'platform.uuid_generate_v7()'),
        ('tenants', 'name', 'character varying(255)', true, NULL),
        ('tenants', 'slug', 'character varying(100)', true, NULL),
        ('tenants', 'status', 'character varying(20)', true, '''active''::character varying'),
        ('tenants', 'settings', 'jsonb', true, '''{}''::jsonb'),
        ('tenants', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('tenants', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('tenant_users', 'tenant_id', 'uuid', true, NULL),
        ('tenant_users', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('tenant_users', 'user_id', 'character varying(255)', true, NULL),
        ('tenant_users', 'display_name', 'character varying(255)', false, NULL),
        ('tenant_users', 'role', 'character varying(20)', true, '''member''::character varying'),
        ('tenant_users', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('tenant_users', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('tenant_users', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('tenants_pk'::name, 'PRIMARY KEY (id)'),
        ('tenants_slug_uq', 'UNIQUE (slug)'),
        ('tenants_slug_ck', 'CHECK (((slug)::text <> ''''::text))'),
        ('tenants_status_ck', 'CHECK (((status)::text ~ ''^[a-z][a-z_]*$''::text))'),
        ('tenant_users_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('tenant_users_user_id_uq', 'UNIQUE (tenant_id, user_id)'),
        ('tenant_users_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('tenant_users_user_id_ck', 'CHECK (((user_id)::text <> ''''::text))'),
        ('tenant_users_role_ck', 'CHECK (((role)::text ~ ''^[a-z][a-z_]*$''::text))') $$,
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
        ('tenant_users_user_id_ix'::name, false, 'btree (user_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('tenants_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.tenants FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('tenants_protect_master_tg',
         'BEFORE DELETE OR UPDATE OF id ON goclaw.tenants FOR EACH ROW WHEN ((old.id = '
         '''0193a5b0-7000-7000-8000-000000000001''::uuid)) EXECUTE FUNCTION '
         'goclaw.protect_master_tenant()'),
        ('tenant_users_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.tenant_users FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.tenant_users (tenant_id, user_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'u');
SELECT throws_ok(
    format('UPDATE goclaw.%I SET %s', table_name, change),
    '23514',
    NULL,
    format('in %s, this is refused: %s', table_name, change)
)
FROM (
    VALUES
        ('tenants', 'slug = '''''),
        ('tenants', 'status = ''Active'''),
        ('tenants', 'status = '' active'''),
        ('tenants', 'status = '''''),
        ('tenant_users', 'user_id = '''''),
        ('tenant_users', 'role = ''Member'''),
        ('tenant_users', 'role = ''''')
) AS attempt (table_name, change);
SELECT lives_ok(
    $$ UPDATE goclaw.tenants SET status = 'suspended' WHERE slug = 'a' $$,
    'a status may be any word'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'tenants', ARRAY['tenants_tenant', 'tenants_tenant_guard', 'tenants_service'],
    'no other policy widens access to tenants'
);
SELECT policies_are(
    'goclaw', 'tenant_users', ARRAY[
        'tenant_users_tenant', 'tenant_users_tenant_guard', 'tenant_users_service'
    ],
    'no other policy widens access to tenant_users'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('tenants'::name, 'muniment_app', 'SELECT'),
        ('tenants', 'muniment_reader', 'SELECT'),
        ('tenants', 'muniment_service', 'DELETE'),
        ('tenants', 'muniment_service', 'INSERT'),
        ('tenants', 'muniment_service', 'SELECT'),
        ('tenant_users', 'muniment_app', 'DELETE'),
        ('tenant_users', 'muniment_app', 'INSERT'),
        ('tenant_users', 'muniment_app', 'SELECT'),
        ('tenant_users', 'muniment_reader', 'SELECT'),
        ('tenant_users', 'muniment_service', 'INSERT'),
        ('tenant_users', 'muniment_service', 'SELECT') $$,
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
        ('tenants'::name, 'muniment_service', 'UPDATE',
         'name, slug, status, settings, updated_at'),
        ('tenant_users', 'muniment_app', 'UPDATE',
         'user_id, display_name, role, metadata, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
