-- Subject: agentcore.accessible_departments()
-- Docs: docs/schema/agentcore.md#accessible-departments
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'accessible_departments', ARRAY['uuid', 'uuid'], 'setof record',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'accessible_departments', ARRAY['uuid', 'uuid'], 'stable',
    'it changes nothing'
);
SELECT isnt_definer(
    'agentcore', 'accessible_departments', ARRAY['uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'accessible_departments', ARRAY['uuid', 'uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.department (name, slug, is_archived) VALUES ('Gone', 'gone', true);
UPDATE agentcore.department SET name = '0' WHERE id = '00000000-0000-4000-8000-00000000000b';
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
UPDATE agentcore.users SET role_id = '0193a5b0-7000-7000-8000-000000000011'
WHERE id = '5e000000-0000-4000-8000-0000000000a1';

SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT department_id, name
       FROM agentcore.accessible_departments(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1'
       ) $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, '0'),
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'A') $$,
    'who may enter all is offered all that are in use, by name'
);
SELECT results_eq(
    $$ SELECT department_id
       FROM agentcore.accessible_departments(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2'
       ) $$,
    ARRAY['00000000-0000-4000-8000-00000000000a']::uuid[],
    'who has no role is offered home'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.accessible_departments(
           '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ff'
       ) $$,
    'who is not there is offered nothing'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.accessible_departments(uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
