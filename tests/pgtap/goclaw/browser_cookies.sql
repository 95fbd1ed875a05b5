-- Subject: goclaw.browser_cookies    Docs: docs/schema/goclaw.md#browser-cookies
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.browser_cookies']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('browser_cookies'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('browser_cookies', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('browser_cookies', 'user_id', 'character varying(255)', true, NULL),
        ('browser_cookies', 'agent_id', 'character varying(255)', true, NULL),
        ('browser_cookies', 'domain', 'text', true, NULL),
        ('browser_cookies', 'name', 'text', true, NULL),
        ('browser_cookies', 'path', 'text', true, '''/''::text'),
        ('browser_cookies', 'encrypted_value', 'text', true, NULL),
        ('browser_cookies', 'secure', 'boolean', true, 'false'),
        ('browser_cookies', 'http_only', 'boolean', true, 'false'),
        ('browser_cookies', 'same_site', 'character varying(32)', true,
         '''''::character varying'),
        ('browser_cookies', 'expires_at', 'timestamp with time zone', false, NULL),
        ('browser_cookies', 'source', 'character varying(64)', true, '''''::character varying'),
        ('browser_cookies', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('browser_cookies', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('browser_cookies_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('browser_cookies_cookie_uq',
         'UNIQUE (tenant_id, user_id, agent_id, domain, path, name)'),
        ('browser_cookies_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('browser_cookies_domain_ck', 'CHECK ((domain <> ''''::text))'),
        ('browser_cookies_name_ck', 'CHECK ((name <> ''''::text))'),
        ('browser_cookies_path_ck', 'CHECK ((path <> ''''::text))'),
        ('browser_cookies_length_ck',
         'CHECK ((((((octet_length((user_id)::text) + octet_length((agent_id)::text)) + '
         'octet_length(domain)) + octet_length(path)) + octet_length(name)) <= 2500))') $$,
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
        ('browser_cookies_expires_at_ix'::name, false, 'btree (expires_at)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('browser_cookies_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.browser_cookies FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.browser_cookies (tenant_id, user_id, agent_id, domain, name, encrypted_value)
SELECT '00000000-0000-4000-8000-00000000000a', user_id, agent_id, 'example.org', 'sid', 'x'
FROM (VALUES ('u', 'drafter'), ('u', 'planner'), ('v', 'drafter')) AS lent (user_id, agent_id);

SELECT throws_ok(
    $$ UPDATE goclaw.browser_cookies
       SET name = (SELECT string_agg(md5(n::text), '') FROM generate_series(1, 120) AS n) $$,
    '23514',
    NULL,
    'a name that the key cannot hold is refused by a rule of the table'
);
SELECT lives_ok(
    $$ UPDATE goclaw.browser_cookies
       SET name = left((SELECT string_agg(md5(n::text), '') FROM generate_series(1, 120) AS n), 2400)
       WHERE id = (SELECT id FROM goclaw.browser_cookies LIMIT 1) $$,
    'what is shorter, the key holds'
);
SELECT throws_ok(
    format('UPDATE goclaw.browser_cookies SET %I = %L', name, ''),
    '23514',
    NULL,
    format('%s is not empty', name)
)
FROM unnest(ARRAY['domain', 'name', 'path']) AS name;
SELECT throws_ok(
    $$ INSERT INTO goclaw.browser_cookies (
           tenant_id, user_id, agent_id, domain, name, encrypted_value
       ) SELECT tenant_id, user_id, agent_id, domain, name, 'y' FROM goclaw.browser_cookies $$,
    '23505',
    NULL,
    'a user lends an agent a cookie once'
);
DELETE FROM goclaw.tenants WHERE slug = 'a';
SELECT is_empty($$ SELECT FROM goclaw.browser_cookies $$, 'a tenant that leaves takes its cookies');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'browser_cookies', ARRAY[
        'browser_cookies_tenant', 'browser_cookies_tenant_guard', 'browser_cookies_service'
    ],
    'no other policy widens access to browser_cookies'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('browser_cookies'::name, 'muniment_app', 'DELETE'),
        ('browser_cookies', 'muniment_app', 'INSERT'),
        ('browser_cookies', 'muniment_app', 'SELECT'),
        ('browser_cookies', 'muniment_service', 'DELETE') $$,
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
        ('browser_cookies'::name, 'muniment_app', 'UPDATE',
         'user_id, agent_id, domain, name, path, encrypted_value, secure, http_only, '
         'same_site, expires_at, source, updated_at'),
        ('browser_cookies', 'muniment_reader', 'SELECT',
         'tenant_id, id, user_id, agent_id, domain, name, path, secure, http_only, '
         'same_site, expires_at, source, created_at, updated_at'),
        ('browser_cookies', 'muniment_service', 'SELECT',
         'tenant_id, id, expires_at'),
        ('browser_cookies', 'muniment_service', 'UPDATE',
         'updated_at') $$,
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
        ('browser_cookies', 'encrypted_value')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
