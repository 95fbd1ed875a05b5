-- Subject: astra.organizations    Docs: docs/schema/astra.md#organizations
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.organizations']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('organizations'::text, 'id'::text, 'uuid', true, 'platform.uuid_generate_v7()'),
        ('organizations', 'name', 'text', true, NULL),
        ('organizations', 'slug', 'text', true, NULL),
        ('organizations', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('organizations_pk'::name, 'PRIMARY KEY (id)'),
        ('organizations_slug_uq', 'UNIQUE (slug)'),
        ('organizations_slug_ck', 'CHECK ((slug <> ''''::text))') $$,
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
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');

SELECT throws_ok(
    $$ INSERT INTO astra.organizations (name, slug) VALUES ('A', 'a') $$,
    '23505',
    'duplicate key value violates unique constraint "organizations_slug_uq"',
    'an address leads to one organisation'
);
SELECT throws_ok(
    $$ INSERT INTO astra.organizations (name, slug) VALUES ('A', '') $$,
    '23514',
    'new row for relation "organizations" violates check constraint "organizations_slug_ck"',
    'and is not empty'
);
INSERT INTO astra.users (org_id, email)
VALUES ('00000000-0000-4000-8000-00000000000a', 'ann@example.org');
SELECT throws_ok(
    $$ DELETE FROM astra.organizations $$,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'an organisation that has rows is not deleted with one statement'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'organizations', ARRAY[
        'organizations_tenant', 'organizations_tenant_guard', 'organizations_service'
    ],
    'no other policy widens access to organizations'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('organizations'::name, 'muniment_app', 'SELECT'),
        ('organizations', 'muniment_reader', 'SELECT'),
        ('organizations', 'muniment_service', 'DELETE'),
        ('organizations', 'muniment_service', 'INSERT'),
        ('organizations', 'muniment_service', 'SELECT') $$,
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
        ('organizations'::name, 'muniment_service', 'UPDATE',
         'name, slug') $$,
    'the rights to columns are these'
);
SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    $$ INSERT INTO astra.organizations (name, slug) VALUES ('mine', 'mine') $$,
    '42501',
    NULL,
    'a runtime makes no organisation'
);
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ INSERT INTO astra.organizations (name, slug) VALUES ('new', 'new') $$,
    'the backend does, without a tenant'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
