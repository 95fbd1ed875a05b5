-- Subject: goclaw.api_keys    Docs: docs/schema/goclaw.md#api-keys
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.api_keys']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('api_keys'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('api_keys', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('api_keys', 'name', 'character varying(100)', true, NULL),
        ('api_keys', 'prefix', 'character varying(8)', true, NULL),
        ('api_keys', 'key_hash', 'character varying(64)', true, NULL),
        ('api_keys', 'scopes', 'text[]', true, '''{}''::text[]'),
        ('api_keys', 'expires_at', 'timestamp with time zone', false, NULL),
        ('api_keys', 'last_used_at', 'timestamp with time zone', false, NULL),
        ('api_keys', 'revoked', 'boolean', true, 'false'),
        ('api_keys', 'created_by', 'character varying(255)', false, NULL),
        ('api_keys', 'owner_id', 'character varying(255)', false, NULL),
        ('api_keys', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('api_keys', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('api_keys_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('api_keys_key_hash_uq', 'UNIQUE (key_hash)'),
        ('api_keys_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('api_keys_key_hash_ck', 'CHECK (((key_hash)::text ~ ''^[0-9a-f]{64}$''::text))') $$,
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
        ('api_keys_prefix_ix'::name, false, 'btree (tenant_id, prefix)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('api_keys_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.api_keys FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');

SELECT throws_ok(
    $$ INSERT INTO goclaw.api_keys (tenant_id, name, prefix, key_hash)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'k', 'mk_live_', 'mk_live_secret') $$,
    '23514',
    NULL,
    'what is stored is a hash, never the key'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'api_keys', ARRAY[
        'api_keys_tenant', 'api_keys_tenant_guard', 'api_keys_service'
    ],
    'no other policy widens access to api_keys'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('api_keys'::name, 'muniment_app', 'DELETE'),
        ('api_keys', 'muniment_app', 'INSERT'),
        ('api_keys', 'muniment_app', 'SELECT'),
        ('api_keys', 'muniment_service', 'SELECT') $$,
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
        ('api_keys'::name, 'muniment_app', 'UPDATE',
         'name, prefix, key_hash, scopes, expires_at, last_used_at, revoked, created_by, '
         'owner_id, updated_at'),
        ('api_keys', 'muniment_reader', 'SELECT',
         'tenant_id, id, name, prefix, scopes, expires_at, last_used_at, revoked, '
         'created_by, owner_id, created_at, updated_at'),
        ('api_keys', 'muniment_service', 'UPDATE',
         'last_used_at') $$,
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
        ('api_keys', 'key_hash')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
