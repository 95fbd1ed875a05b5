-- Subject: agentcore.raise_profile_version()
-- Docs: docs/schema/agentcore.md#raise-profile-version
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'raise_profile_version', '{}'::name[], 'trigger',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'raise_profile_version', '{}'::name[], 'volatile',
    'it changes the row that is written'
);
SELECT isnt_definer(
    'agentcore', 'raise_profile_version', '{}'::name[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'raise_profile_version', '{}'::name[], 'muniment_owner',
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
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.employee_profile (user_id) VALUES ('5e000000-0000-4000-8000-0000000000a1');
UPDATE agentcore.employee_profile SET profile_version = 1, summary = 'S';
SELECT results_eq(
    $$ SELECT profile_version FROM agentcore.employee_profile $$,
    ARRAY[2],
    'a version rises by one, whatever is written'
);
UPDATE agentcore.employee_profile SET summary = 'T' WHERE profile_version = 1;
SELECT results_eq(
    $$ SELECT summary FROM agentcore.employee_profile $$,
    ARRAY['S'],
    'who read an older version changes nothing'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.raise_profile_version()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
