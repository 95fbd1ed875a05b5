-- Subject: agentcore.can_access_department()
-- Docs: docs/schema/agentcore.md#can-access-department
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'can_access_department', ARRAY['uuid', 'uuid', 'uuid'], 'boolean',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'can_access_department', ARRAY['uuid', 'uuid', 'uuid'], 'stable',
    'it changes nothing'
);
SELECT isnt_definer(
    'agentcore', 'can_access_department', ARRAY['uuid', 'uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'can_access_department', ARRAY['uuid', 'uuid', 'uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.system_role (id, name, slug, all_departments, department_ids) VALUES
    (
        '40000000-0000-4000-8000-0000000000a1', 'Listed', 'listed', false,
        ARRAY['00000000-0000-4000-8000-00000000000b']::uuid[]
    );
CREATE TEMPORARY TABLE attempt (
    promise text, is_open boolean, role_id uuid, extra text, revoked text, is_active boolean,
    target uuid
);
INSERT INTO attempt VALUES
    ('home is open', true, NULL, '{}', '{}', true, '00000000-0000-4000-8000-00000000000a'),
    ('another one is not', false, NULL, '{}', '{}', true, '00000000-0000-4000-8000-00000000000b'),
    ('a role that opens all opens it', true, '0193a5b0-7000-7000-8000-000000000011', '{}', '{}',
     true, '00000000-0000-4000-8000-00000000000b'),
    (
        'a role that lists it opens it', true, '40000000-0000-4000-8000-0000000000a1', '{}',
        '{}', true, '00000000-0000-4000-8000-00000000000b'
    ),
    (
        'and no other one', false, '40000000-0000-4000-8000-0000000000a1', '{}', '{}', true,
        '00000000-0000-4000-8000-0000000000ff'
    ),
    (
        'an extra one is open', true, NULL, '{00000000-0000-4000-8000-00000000000b}', '{}',
        true, '00000000-0000-4000-8000-00000000000b'
    ),
    ('a revoked one is closed, whatever the role says', false,
     '0193a5b0-7000-7000-8000-000000000011', '{00000000-0000-4000-8000-00000000000b}',
     '{00000000-0000-4000-8000-00000000000b}', true, '00000000-0000-4000-8000-00000000000b'),
    ('even home can be revoked', false, '0193a5b0-7000-7000-8000-000000000011', '{}',
     '{00000000-0000-4000-8000-00000000000a}', true, '00000000-0000-4000-8000-00000000000a'),
    ('revoking one closes no other', true, '0193a5b0-7000-7000-8000-000000000011', '{}',
     '{00000000-0000-4000-8000-00000000000a}', true, '00000000-0000-4000-8000-00000000000b'),
    ('nothing is open to who is not active', false, '0193a5b0-7000-7000-8000-000000000011',
     '{00000000-0000-4000-8000-00000000000a}', '{}', false, '00000000-0000-4000-8000-00000000000a'),
    ('no department is not a department', false, '0193a5b0-7000-7000-8000-000000000011', '{}',
     '{}', true, NULL);
INSERT INTO agentcore.users
    (department_id, email, name, role_id, extra_department_ids, revoked_department_ids, is_active)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    replace(lower(a.promise), ' ', '.'),
    'Ann',
    a.role_id,
    a.extra::uuid[],
    a.revoked::uuid[],
    a.is_active
FROM attempt AS a;
GRANT SELECT ON attempt TO muniment_service;

SET LOCAL ROLE muniment_service;
SELECT is(
    agentcore.can_access_department('00000000-0000-4000-8000-00000000000a', u.id, a.target),
    a.is_open, a.promise
)
FROM attempt AS a
INNER JOIN agentcore.users AS u ON u.email = replace(lower(a.promise), ' ', '.');
SELECT is(
    agentcore.can_access_department(
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ff',
        '00000000-0000-4000-8000-00000000000a'
    ),
    false, 'nothing is open to who is not there'
);
SELECT is(
    agentcore.can_access_department(
        '00000000-0000-4000-8000-00000000000b', u.id, '00000000-0000-4000-8000-00000000000a'
    ),
    false, 'nor to who is named by another home'
)
FROM agentcore.users AS u
WHERE u.email = 'home.is.open';

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.can_access_department(uuid, uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
