-- Subject: astra.users    Docs: docs/schema/astra.md#users
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.users']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('users'::text, 'org_id'::text, 'uuid', true, NULL),
        ('users', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('users', 'email', 'text', true, NULL),
        ('users', 'name', 'text', false, NULL),
        ('users', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('users_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('users_email_uq', 'UNIQUE (org_id, email)'),
        ('users_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('users_email_ck', 'CHECK (((email <> ''''::text) AND (email = lower(email))))') $$,
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
        ('users_email_ix'::name, false, 'btree (email)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.users (org_id, id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
    'ann@example.org');

SELECT throws_ok(
    $$ INSERT INTO astra.users (org_id, email)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'ann@example.org') $$,
    '23505',
    'duplicate key value violates unique constraint "users_email_uq"',
    'an organisation knows an address once'
);
SELECT lives_ok(
    $$ INSERT INTO astra.users (org_id, id, email)
       VALUES ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000011',
           'ann@example.org') $$,
    'another organisation may know the same person, and nobody finds out'
);
SELECT throws_ok(
    format('INSERT INTO astra.users (org_id, email) VALUES (%L, %L)',
        '00000000-0000-4000-8000-00000000000a', email),
    '23514',
    'new row for relation "users" violates check constraint "users_email_ck"',
    format('the address is in small letters and not empty: "%s" is refused', email)
)
FROM unnest(ARRAY['Ann@example.org', '']) AS email;
SELECT throws_ok(
    $$ INSERT INTO astra.users (org_id, email)
       VALUES ('00000000-0000-4000-8000-0000000000ee', 'x@example.org') $$,
    '23503',
    NULL,
    'nobody is known to an organisation that is not there'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'users', ARRAY['users_tenant', 'users_tenant_guard', 'users_service'],
    'no other policy widens access to users'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('users'::name, 'muniment_app', 'DELETE'),
        ('users', 'muniment_app', 'INSERT'),
        ('users', 'muniment_app', 'SELECT'),
        ('users', 'muniment_reader', 'SELECT'),
        ('users', 'muniment_service', 'INSERT'),
        ('users', 'muniment_service', 'SELECT') $$,
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
        ('users'::name, 'muniment_app', 'UPDATE',
         'email, name') $$,
    'the rights to columns are these'
);
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT org_id FROM astra.users WHERE email = 'ann@example.org' ORDER BY org_id $$,
    ARRAY['00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b']::uuid[],
    'a login finds the organisations that know an address'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
