-- Subject: agentcore.acting_user_may()    Docs: docs/schema/agentcore.md#acting-user-may
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'acting_user_may', ARRAY['text'], 'boolean',
    'it returns what callers were told'
);
SELECT volatility_is('agentcore', 'acting_user_may', ARRAY['text'], 'stable', 'it changes nothing');
SELECT isnt_definer(
    'agentcore', 'acting_user_may', ARRAY['text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'acting_user_may', ARRAY['text'], 'muniment_owner',
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
UPDATE agentcore.users SET extra_permissions = '{approval.decide}'
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SET LOCAL ROLE muniment_app;
SELECT agentcore.enter_department(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
    '00000000-0000-4000-8000-00000000000a'
);
SELECT is(agentcore.acting_user_may('approval.decide'), true, 'what is allowed is allowed');
SELECT is(agentcore.acting_user_may('audit.read'), false, 'what is not is not');
SELECT is(agentcore.acting_user_may(NULL), false, 'and nothing in particular is not either');
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT agentcore.acting_user_may('approval.decide') $$,
    '42501',
    'no user has entered the department',
    'what was allowed in one department is not allowed in another'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.acting_user_may(text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
