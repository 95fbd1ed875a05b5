-- Subject: astra.agent_collaborators    Docs: docs/schema/astra.md#agent-collaborators
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.agent_collaborators']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_collaborators'::text, 'org_id'::text, 'uuid', true, NULL),
        ('agent_collaborators', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_collaborators', 'agent_id', 'uuid', true, NULL),
        ('agent_collaborators', 'user_id', 'uuid', false, NULL),
        ('agent_collaborators', 'team_id', 'uuid', false, NULL),
        ('agent_collaborators', 'collaborator_id', 'uuid', false, 'COALESCE(user_id, team_id)'),
        ('agent_collaborators', 'permission', 'text', true, '''run''::text'),
        ('agent_collaborators', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_collaborators_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('agent_collaborators_collaborator_id_uq',
         'UNIQUE (org_id, agent_id, collaborator_id)'),
        ('agent_collaborators_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('agent_collaborators_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_collaborators_member_fk',
         'FOREIGN KEY (org_id, user_id) REFERENCES astra.org_memberships(org_id, user_id) '
         'ON DELETE CASCADE'),
        ('agent_collaborators_team_fk',
         'FOREIGN KEY (org_id, team_id) REFERENCES astra.teams(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_collaborators_collaborator_ck', 'CHECK ((num_nonnulls(user_id, team_id) = 1))'),
        ('agent_collaborators_permission_ck',
         'CHECK ((permission = ANY (ARRAY[''view''::text, ''run''::text, ''edit''::text])))') $$,
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
        ('agent_collaborators_user_id_ix'::name, false,
         'btree (org_id, user_id) WHERE (user_id IS NOT NULL)'),
        ('agent_collaborators_team_id_ix', false,
         'btree (org_id, team_id) WHERE (team_id IS NOT NULL)') $$,
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
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.agent_collaborators (org_id, agent_id, user_id, team_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
     '00000000-0000-4000-8000-000000000011', NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', NULL,
     '00000000-0000-4000-8000-000000000021');

SELECT results_eq(
    $$ SELECT collaborator_id FROM astra.agent_collaborators ORDER BY collaborator_id $$,
    ARRAY['00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000021']::uuid[],
    'the collaborator is the member or the team'
);
SELECT throws_ok(
    $$ INSERT INTO astra.agent_collaborators (org_id, agent_id, team_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '00000000-0000-4000-8000-000000000021') $$,
    '23505',
    'duplicate key value violates unique constraint "agent_collaborators_collaborator_id_uq"',
    'an agent is shared with somebody once'
);
SELECT throws_ok(
    format(
        'INSERT INTO astra.agent_collaborators (org_id, agent_id, user_id, team_id) '
        'VALUES (%L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', user_id,
        team_id
    ),
    '23514',
    'new row for relation "agent_collaborators" violates check constraint '
    '"agent_collaborators_collaborator_ck"',
    'a share is with one of the two, not with both or none'
)
FROM (VALUES ('00000000-0000-4000-8000-000000000011', '00000000-0000-4000-8000-000000000021'),
    (NULL, NULL)) AS attempt (user_id, team_id);
SELECT throws_ok(
    $$ INSERT INTO astra.agent_collaborators (org_id, agent_id, user_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           '00000000-0000-4000-8000-000000000012') $$,
    '23503',
    NULL,
    'an agent is shared with members only'
);
SELECT throws_ok(
    $$ UPDATE astra.agent_collaborators SET permission = 'own' $$,
    '23514',
    'new row for relation "agent_collaborators" violates check constraint '
    '"agent_collaborators_permission_ck"',
    'a permission is one of three'
);
DELETE FROM astra.org_memberships;
SELECT results_eq(
    $$ SELECT collaborator_id FROM astra.agent_collaborators $$,
    ARRAY['00000000-0000-4000-8000-000000000021']::uuid[],
    'what was shared with a member ends with the membership'
);
SAVEPOINT here;
DELETE FROM astra.teams;
SELECT is_empty($$ SELECT FROM astra.agent_collaborators $$, 'and with a team, with the team');
ROLLBACK TO here;
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.agent_collaborators $$, 'or with the agent');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'agent_collaborators', ARRAY[
        'agent_collaborators_tenant', 'agent_collaborators_tenant_guard'
    ],
    'no other policy widens access to agent_collaborators'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_collaborators'::name, 'muniment_app', 'DELETE'),
        ('agent_collaborators', 'muniment_app', 'INSERT'),
        ('agent_collaborators', 'muniment_app', 'SELECT'),
        ('agent_collaborators', 'muniment_reader', 'SELECT') $$,
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
        ('agent_collaborators'::name, 'muniment_app', 'UPDATE',
         'agent_id, user_id, team_id, permission') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
