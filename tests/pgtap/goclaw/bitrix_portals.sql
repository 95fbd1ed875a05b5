-- Subject: goclaw.bitrix_portals    Docs: docs/schema/goclaw.md#bitrix-portals
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.bitrix_portals']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('bitrix_portals'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('bitrix_portals', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('bitrix_portals', 'name', 'character varying(100)', true, NULL),
        ('bitrix_portals', 'domain', 'character varying(255)', true, NULL),
        ('bitrix_portals', 'credentials', 'bytea', false, NULL),
        ('bitrix_portals', 'state', 'bytea', false, NULL),
        ('bitrix_portals', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('bitrix_portals', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('bitrix_portals_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('bitrix_portals_name_uq', 'UNIQUE (tenant_id, name)'),
        ('bitrix_portals_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('bitrix_portals_domain_ck', 'CHECK ((TRIM(BOTH FROM domain) <> ''''::text))') $$,
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
        ('bitrix_portals_domain_uq'::name, true, 'btree (lower(TRIM(BOTH FROM domain)))') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('bitrix_portals_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.bitrix_portals FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.bitrix_portals (tenant_id, name, domain, credentials) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'main', 'a.bitrix24.com', '\x01');

SELECT throws_ok(
    $$ INSERT INTO goclaw.bitrix_portals (tenant_id, name, domain)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'main', ' A.Bitrix24.com ') $$,
    '23505',
    NULL,
    'a portal is of one tenant, however its domain is written'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.bitrix_portals (tenant_id, name, domain)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'main', 'c.bitrix24.com') $$,
    '23505',
    NULL,
    'a name is that of one portal of a tenant'
);
SELECT throws_ok(
    $$ UPDATE goclaw.bitrix_portals SET domain = ' ' $$,
    '23514',
    NULL,
    'a portal has a domain'
);

SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT tenant_id FROM goclaw.bitrix_portals WHERE LOWER(TRIM(domain)) = 'a.bitrix24.com' $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid) $$,
    'the backend learns the tenant of a domain'
);
SELECT throws_ok(
    format('SELECT %I FROM goclaw.bitrix_portals', secret),
    '42501',
    'permission denied for table bitrix_portals',
    format('but not its %s', secret)
)
FROM unnest(ARRAY['credentials', 'state']) AS secret;
RESET ROLE;
DELETE FROM goclaw.tenants WHERE slug = 'a';
SELECT is_empty($$ SELECT FROM goclaw.bitrix_portals $$, 'a tenant that leaves takes its portals');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'bitrix_portals', ARRAY[
        'bitrix_portals_tenant', 'bitrix_portals_tenant_guard', 'bitrix_portals_service'
    ],
    'no other policy widens access to bitrix_portals'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('bitrix_portals'::name, 'muniment_app', 'DELETE'),
        ('bitrix_portals', 'muniment_app', 'INSERT'),
        ('bitrix_portals', 'muniment_app', 'SELECT') $$,
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
        ('bitrix_portals'::name, 'muniment_app', 'UPDATE',
         'name, domain, credentials, state, updated_at'),
        ('bitrix_portals', 'muniment_reader', 'SELECT',
         'tenant_id, id, name, domain, created_at, updated_at'),
        ('bitrix_portals', 'muniment_service', 'SELECT',
         'tenant_id, id, name, domain') $$,
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
        ('bitrix_portals', 'credentials'),
        ('bitrix_portals', 'state')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
