-- Subject: astra.teams    Docs: docs/schema/astra.md#teams
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.teams', 'astra.team_memberships']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('teams'::text, 'org_id'::text, 'uuid', true, NULL),
        ('teams', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('teams', 'name', 'text', true, NULL),
        ('teams', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('team_memberships', 'org_id', 'uuid', true, NULL),
        ('team_memberships', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('team_memberships', 'team_id', 'uuid', true, NULL),
        ('team_memberships', 'user_id', 'uuid', true, NULL),
        ('team_memberships', 'role', 'text', true, '''member''::text') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('teams_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('teams_name_uq', 'UNIQUE (org_id, name)'),
        ('teams_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('teams_name_ck', 'CHECK ((name <> ''''::text))'),
        ('team_memberships_pk', 'PRIMARY KEY (org_id, id)'),
        ('team_memberships_user_id_uq', 'UNIQUE (org_id, team_id, user_id)'),
        ('team_memberships_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('team_memberships_team_fk',
         'FOREIGN KEY (org_id, team_id) REFERENCES astra.teams(org_id, id) ON DELETE '
         'CASCADE'),
        ('team_memberships_member_fk',
         'FOREIGN KEY (org_id, user_id) REFERENCES astra.org_memberships(org_id, user_id) '
         'ON DELETE CASCADE'),
        ('team_memberships_role_ck',
         'CHECK ((role = ANY (ARRAY[''lead''::text, ''member''::text])))') $$,
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
        ('team_memberships_user_id_ix'::name, false, 'btree (org_id, user_id)') $$,
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

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
     'bob@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011');
INSERT INTO astra.teams (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000021', 'red');
INSERT INTO astra.team_memberships (org_id, team_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000021',
    '00000000-0000-4000-8000-000000000011');

SELECT throws_ok(
    $$ INSERT INTO astra.teams (org_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'red') $$,
    '23505',
    'duplicate key value violates unique constraint "teams_name_uq"',
    'a team has a name of its own'
);
SELECT throws_ok(
    $$ INSERT INTO astra.teams (org_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', '') $$,
    '23514',
    'new row for relation "teams" violates check constraint "teams_name_ck"',
    'and it is not empty'
);
SELECT throws_ok(
    $$ INSERT INTO astra.team_memberships (org_id, team_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000021',
           '00000000-0000-4000-8000-000000000011') $$,
    '23505',
    'duplicate key value violates unique constraint "team_memberships_user_id_uq"',
    'a member is in a team once'
);
SELECT throws_ok(
    $$ INSERT INTO astra.team_memberships (org_id, team_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000021',
           '00000000-0000-4000-8000-000000000012') $$,
    '23503',
    NULL,
    'who is no member of the organisation is in no team'
);
SELECT throws_ok(
    $$ UPDATE astra.team_memberships SET role = 'king' $$,
    '23514',
    'new row for relation "team_memberships" violates check constraint "team_memberships_role_ck"',
    'a role is one of two'
);
SAVEPOINT here;
DELETE FROM astra.org_memberships;
SELECT is_empty(
    $$ SELECT FROM astra.team_memberships $$, 'whoever leaves the organisation leaves its teams'
);
ROLLBACK TO here;
DELETE FROM astra.teams;
SELECT is_empty($$ SELECT FROM astra.team_memberships $$, 'a team takes its places along');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'teams', ARRAY['teams_tenant', 'teams_tenant_guard'],
    'no other policy widens access to teams'
);
SELECT policies_are(
    'astra', 'team_memberships', ARRAY[
        'team_memberships_tenant', 'team_memberships_tenant_guard'
    ],
    'no other policy widens access to team_memberships'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('teams'::name, 'muniment_app', 'DELETE'),
        ('teams', 'muniment_app', 'INSERT'),
        ('teams', 'muniment_app', 'SELECT'),
        ('teams', 'muniment_reader', 'SELECT'),
        ('team_memberships', 'muniment_app', 'DELETE'),
        ('team_memberships', 'muniment_app', 'INSERT'),
        ('team_memberships', 'muniment_app', 'SELECT'),
        ('team_memberships', 'muniment_reader', 'SELECT') $$,
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
        ('teams'::name, 'muniment_app', 'UPDATE',
         'name'),
        ('team_memberships', 'muniment_app', 'UPDATE',
         'team_id, user_id, role') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
