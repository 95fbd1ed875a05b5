-- Subject: agentcore.raise_token_version()    Docs: docs/schema/agentcore.md#raise-token-version
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'raise_token_version', '{}'::name[], 'trigger',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'raise_token_version', '{}'::name[], 'volatile',
    'it changes the row that is written'
);
SELECT isnt_definer(
    'agentcore', 'raise_token_version', '{}'::name[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'raise_token_version', '{}'::name[], 'muniment_owner',
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
PREPARE version AS SELECT token_version FROM agentcore.users
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
UPDATE agentcore.users SET name = 'Anna', is_active = true
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[0], 'a new name ends no session');
UPDATE agentcore.users SET password_hash = 'h' WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[1], 'a new password does');
UPDATE agentcore.users SET password_hash = 'h' WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[1], 'the same one again does not');
UPDATE agentcore.users SET department_id = '00000000-0000-4000-8000-00000000000b'
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[2], 'a transfer does');
UPDATE agentcore.users SET is_active = false WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[3], 'a deactivation does');
UPDATE agentcore.users SET is_active = true WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[3], 'who comes back has no session yet');
UPDATE agentcore.users SET token_version = 0 WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[4], 'a version rises by one, whatever is written');
UPDATE agentcore.users SET token_version = 99, password_hash = 'i'
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SELECT results_eq('version', ARRAY[5], 'and by one for several reasons at once');
SELECT results_eq(
    $$ SELECT token_version FROM agentcore.users
       WHERE id <> '5e000000-0000-4000-8000-0000000000a1' $$,
    ARRAY[0, 0],
    'nobody else is logged out'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.raise_token_version()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
