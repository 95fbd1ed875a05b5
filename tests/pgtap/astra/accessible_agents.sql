-- Subject: astra.accessible_agents()    Docs: docs/schema/astra.md#accessible-agents
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'accessible_agents', ARRAY['uuid'], 'setof record',
    'it returns a table'
);
SELECT volatility_is('astra', 'accessible_agents', ARRAY['uuid'], 'stable', 'it only looks');
SELECT isnt_definer(
    'astra', 'accessible_agents', ARRAY['uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'accessible_agents', ARRAY['uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.users (org_id, id, email)
SELECT '00000000-0000-4000-8000-00000000000a', id::uuid, name || '@example.org'
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000011', 'owner'),
        ('00000000-0000-4000-8000-000000000012', 'member'),
        ('00000000-0000-4000-8000-000000000013', 'viewer'),
        ('00000000-0000-4000-8000-000000000014', 'visitor'),
        ('00000000-0000-4000-8000-000000000015', 'collaborator'),
        ('00000000-0000-4000-8000-000000000016', 'teammate'),
        ('00000000-0000-4000-8000-000000000017', 'keeper')
) AS person (id, name);
INSERT INTO astra.org_memberships (org_id, user_id, role) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011', 'owner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012', 'member'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000013', 'viewer'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000015', 'member'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000016', 'member'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000017', 'member');
INSERT INTO astra.teams (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000021', 'red');
INSERT INTO astra.team_memberships (org_id, team_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000021',
    '00000000-0000-4000-8000-000000000016');
INSERT INTO astra.agents (org_id, id, name, visibility) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'private',
     'private'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'org', 'org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000033', 'public',
     'public'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000034', 'public',
     'public');
INSERT INTO astra.agent_collaborators (org_id, agent_id, user_id, team_id, permission) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
     '00000000-0000-4000-8000-000000000015', NULL, 'view'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032',
     '00000000-0000-4000-8000-000000000015', NULL, 'edit'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', NULL,
     '00000000-0000-4000-8000-000000000021', 'run');
INSERT INTO astra.agent_admins (org_id, agent_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
    '00000000-0000-4000-8000-000000000017');

CREATE FUNCTION pg_temp.asked(p_user_id uuid)
RETURNS text
LANGUAGE sql
AS $$
    SELECT string_agg(a.name || ' ' || x.permission, ', ' ORDER BY a.name)
    FROM astra.accessible_agents(p_user_id) AS x
    INNER JOIN astra.agents AS a ON a.id = x.agent_id
$$;
GRANT EXECUTE ON FUNCTION pg_temp.asked(uuid) TO PUBLIC;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM astra.accessible_agents('00000000-0000-4000-8000-000000000011') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no answer'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(pg_temp.asked(id::uuid), expected, promise)
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000011', 'org admin, private admin, public admin',
         'an owner is admin of all agents'),
        ('00000000-0000-4000-8000-000000000012', 'org run, public run',
         'a member runs what is not private'),
        ('00000000-0000-4000-8000-000000000013', 'org view, public run',
         'a viewer looks at what members run'),
        ('00000000-0000-4000-8000-000000000014', 'public run',
         'who is no member has what is public'),
        (
            '00000000-0000-4000-8000-000000000015', 'org edit, private view, public run',
            'what is shared adds to that, the most counts'
        ),
        ('00000000-0000-4000-8000-000000000016', 'org run, private run, public run',
         'also by team'),
        ('00000000-0000-4000-8000-000000000017', 'org run, private admin, public run',
         'an admin of an agent is admin of that one'),
        ('00000000-0000-4000-8000-0000000000ee', 'public run',
         'public is for everybody whom the organisation lets in')
) AS want (id, expected, promise);
SELECT is_empty(
    $$ SELECT FROM astra.accessible_agents('00000000-0000-4000-8000-000000000011')
       WHERE agent_id = '00000000-0000-4000-8000-000000000034' $$,
    'and for nobody beyond it'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.accessible_agents(uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
