-- Subject: agentcore.acting_user_id()    Docs: docs/schema/agentcore.md#acting-user-id
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'acting_user_id', '{}'::name[], 'uuid',
    'it returns what callers were told'
);
SELECT volatility_is('agentcore', 'acting_user_id', '{}'::name[], 'stable', 'it changes nothing');
SELECT isnt_definer(
    'agentcore', 'acting_user_id', '{}'::name[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'acting_user_id', '{}'::name[], 'muniment_owner',
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
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agentcore.acting_user_id() $$,
    '42501',
    'tenant is not set',
    'without a department nobody acts'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    $$ SELECT agentcore.acting_user_id() $$,
    '42501',
    'no user has entered the department',
    'a department that was only set has nobody acting in it'
);
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT is(
    agentcore.acting_user_id(), '5e000000-0000-4000-8000-0000000000a1'::uuid,
    'who has entered acts'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT agentcore.acting_user_id() $$,
    '42501',
    'no user has entered the department',
    'in another department than the one that was entered nobody acts'
);
SET LOCAL app.acting_user = '{"department_id": "00000000-0000-4000-8000-00000000000b"}';
SELECT throws_ok(
    $$ SELECT agentcore.acting_user_id() $$,
    '42501',
    'no user has entered the department',
    'a department without a user in it is not somebody'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.acting_user_id()'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
