-- Subject: agentcore.user_permissions()    Docs: docs/schema/agentcore.md#user-permissions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'user_permissions', ARRAY['uuid', 'uuid'], 'text[]',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'user_permissions', ARRAY['uuid', 'uuid'], 'stable',
    'it changes nothing'
);
SELECT isnt_definer(
    'agentcore', 'user_permissions', ARRAY['uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'user_permissions', ARRAY['uuid', 'uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.users (department_id, id, email, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
        'ben@example.org', 'Ben'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
        'cleo@example.org', 'Cleo'
    );
INSERT INTO agentcore.system_role (id, name, slug, permissions) VALUES
    ('40000000-0000-4000-8000-0000000000a1', 'Editor', 'editor', '{read,write,approval.decide}');
UPDATE agentcore.users
SET role_id = '40000000-0000-4000-8000-0000000000a1',
    extra_permissions = '{write,export,audit}',
    revoked_permissions = '{audit,approval.decide,unknown}'
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
UPDATE agentcore.users SET extra_permissions = '{export}'
WHERE id = '5e000000-0000-4000-8000-0000000000a2';

SET LOCAL ROLE muniment_service;
SELECT is(
    agentcore.user_permissions(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1'
    ),
    '{export,read,write}',
    'what the role allows and what is extra, each once, without what was revoked'
);
SELECT is(
    agentcore.user_permissions(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2'
    ),
    '{export}', 'without a role, what is extra'
);
SELECT is(
    agentcore.user_permissions(
        '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1'
    ),
    '{}', 'nothing under another home'
);
UPDATE agentcore.users SET is_active = false WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT is(
    agentcore.user_permissions(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1'
    ),
    '{}', 'nothing for who is not active'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.user_permissions(uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
