-- Subject: agentcore.remember_member()    Docs: docs/schema/agentcore.md#remember-member
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(6);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'remember_member', '{}'::name[], 'trigger',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'remember_member', '{}'::name[], 'volatile',
    'it changes the row that is written'
);
SELECT isnt_definer(
    'agentcore', 'remember_member', '{}'::name[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'remember_member', '{}'::name[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
SET LOCAL ROLE muniment_service;
INSERT INTO agentcore.users (department_id, id, email, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann'
    );
UPDATE agentcore.users SET department_id = '00000000-0000-4000-8000-00000000000b';
UPDATE agentcore.users SET department_id = '00000000-0000-4000-8000-00000000000a', name = 'Anna';
RESET ROLE;
SELECT set_eq(
    $$ SELECT department_id, user_id, name FROM agentcore.department_member $$,
    $$ VALUES
        (
            '00000000-0000-4000-8000-00000000000a'::uuid,
            '5e000000-0000-4000-8000-0000000000a1'::uuid, 'Ann'
        ),
        (
            '00000000-0000-4000-8000-00000000000b'::uuid,
            '5e000000-0000-4000-8000-0000000000a1'::uuid, 'Ann'
        ) $$,
    'each home knows the user, and one who comes back is known already'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.remember_member()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
