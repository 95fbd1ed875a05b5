-- Subject: astra.org_memberships    Docs: docs/schema/astra.md#org-memberships
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.org_memberships']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('org_memberships'::text, 'org_id'::text, 'uuid', true, NULL),
        ('org_memberships', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('org_memberships', 'user_id', 'uuid', true, NULL),
        ('org_memberships', 'role', 'text', true, '''member''::text'),
        ('org_memberships', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('org_memberships_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('org_memberships_user_id_uq', 'UNIQUE (org_id, user_id)'),
        ('org_memberships_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('org_memberships_user_fk',
         'FOREIGN KEY (org_id, user_id) REFERENCES astra.users(org_id, id) ON DELETE '
         'CASCADE'),
        ('org_memberships_role_ck',
         'CHECK ((role = ANY (ARRAY[''owner''::text, ''admin''::text, ''member''::text, '
         '''viewer''::text])))') $$,
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
        ('org_memberships_user_id_ix'::name, false, 'btree (user_id)') $$,
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
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000012',
     'bob@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011');

SELECT throws_ok(
    $$ INSERT INTO astra.org_memberships (org_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011') $$,
    '23505',
    'duplicate key value violates unique constraint "org_memberships_user_id_uq"',
    'a person is a member once'
);
SELECT throws_ok(
    $$ INSERT INTO astra.org_memberships (org_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012') $$,
    '23503',
    NULL,
    'somebody whom only another organisation knows cannot be a member'
);
SELECT throws_ok(
    $$ UPDATE astra.org_memberships SET role = 'king' $$,
    '23514',
    'new row for relation "org_memberships" violates check constraint "org_memberships_role_ck"',
    'a role is one of four'
);
DELETE FROM astra.users WHERE org_id = '00000000-0000-4000-8000-00000000000a';
SELECT is_empty(
    $$ SELECT FROM astra.org_memberships $$, 'who is no longer known is no longer a member'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'org_memberships', ARRAY[
        'org_memberships_tenant', 'org_memberships_tenant_guard', 'org_memberships_service'
    ],
    'no other policy widens access to org_memberships'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('org_memberships'::name, 'muniment_app', 'DELETE'),
        ('org_memberships', 'muniment_app', 'INSERT'),
        ('org_memberships', 'muniment_app', 'SELECT'),
        ('org_memberships', 'muniment_reader', 'SELECT'),
        ('org_memberships', 'muniment_service', 'INSERT'),
        ('org_memberships', 'muniment_service', 'SELECT') $$,
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
        ('org_memberships'::name, 'muniment_app', 'UPDATE',
         'role') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
