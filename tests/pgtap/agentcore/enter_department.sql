-- Subject: agentcore.enter_department()    Docs: docs/schema/agentcore.md#enter-department
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(25);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'enter_department', ARRAY['uuid', 'uuid', 'integer', 'uuid'], 'text[]',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'enter_department', ARRAY['uuid', 'uuid', 'integer', 'uuid'], 'volatile',
    'it may change rows'
);
SELECT is_definer(
    'agentcore', 'enter_department', ARRAY['uuid', 'uuid', 'integer', 'uuid'],
    'it acts with the rights of the owner, who is held to the department'
);
SELECT function_owner_is(
    'agentcore', 'enter_department', ARRAY['uuid', 'uuid', 'integer', 'uuid'], 'muniment_owner',
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
UPDATE agentcore.users
SET role_id = '0193a5b0-7000-7000-8000-000000000012',
    extra_department_ids = ARRAY['00000000-0000-4000-8000-00000000000b']::uuid[]
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
-- Somebody else of the same name is somebody else.
UPDATE agentcore.department_member SET name = 'Ann'
WHERE user_id = '5e000000-0000-4000-8000-0000000000b1';
CREATE FUNCTION pg_temp.enter(p_home uuid, p_user uuid, p_version integer, p_department uuid)
RETURNS text
LANGUAGE plpgsql
AS $function$
BEGIN
    PERFORM agentcore.enter_department(p_home, p_user, p_version, p_department);
    RETURN 'entered';
EXCEPTION
    WHEN OTHERS THEN
        RETURN concat_ws(' ', SQLSTATE, current_setting('app.tenant_id', true));
END;
$function$;

SET LOCAL ROLE muniment_app;
SELECT is(pg_temp.enter(home, person, version, department), answer, promise)
FROM (
    VALUES
        (
            '00000000-0000-4000-8000-00000000000a'::uuid,
            '00000000-0000-4000-8000-0000000000ff'::uuid, 0,
            '00000000-0000-4000-8000-00000000000a'::uuid, 'MU431 ', 'nobody is not let in'
        ),
        (
            '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1', 0,
            '00000000-0000-4000-8000-00000000000b', 'MU431 ',
            'who is named by another home is nobody'
        ),
        (
            '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 1,
            '00000000-0000-4000-8000-00000000000a', 'MU431 ',
            'a session of another version is void'
        ),
        (
            '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
            NULL, '00000000-0000-4000-8000-00000000000a', 'MU431 ', 'and one of no version too'
        ),
        (
            NULL, '5e000000-0000-4000-8000-0000000000a1', 0,
            '00000000-0000-4000-8000-00000000000a', '22004 ',
            'without a home nobody is looked for'
        ),
        (
            '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 0,
            '00000000-0000-4000-8000-00000000000b', 'MU432 ',
            'a department that is not open is not entered'
        ),
        (
            '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
            '00000000-0000-4000-8000-0000000000ff', 'MU432 ',
            'one that is not there gets the same answer'
        ),
        (
            '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
            NULL, 'MU432 ', 'and so does none'
        )
) AS attempt (home, person, version, department, answer, promise);

SELECT is(
    agentcore.enter_department(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
        '00000000-0000-4000-8000-00000000000b'
    ),
    '{approval.decide}',
    'whoever enters is told what is allowed'
);
SELECT is(
    platform.current_tenant_id(), '00000000-0000-4000-8000-00000000000b'::uuid,
    'the department is the one that was entered'
);
SELECT results_eq(
    $$ SELECT user_id, name FROM agentcore.department_member ORDER BY user_id $$,
    $$ VALUES
        ('5e000000-0000-4000-8000-0000000000a1'::uuid, 'Ann'),
        ('5e000000-0000-4000-8000-0000000000b1'::uuid, 'Ann') $$,
    'who enters is known there from then on'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.users WHERE id = '5e000000-0000-4000-8000-0000000000a1' $$,
    'the account stays out of sight'
);
SELECT is(
    pg_temp.enter(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 0,
        '00000000-0000-4000-8000-00000000000b'
    ),
    'MU432 ' || '00000000-0000-4000-8000-00000000000b',
    'who is refused changes nothing of what was set'
);

RESET ROLE;
UPDATE agentcore.users SET name = 'Anna' WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.enter(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
        '00000000-0000-4000-8000-00000000000b'
    ),
    'entered', 'a department may be entered again'
);
SELECT results_eq(
    $$ SELECT name FROM agentcore.department_member
       WHERE user_id = '5e000000-0000-4000-8000-0000000000a1' $$,
    ARRAY['Anna'],
    'under a new name, if there is one'
);

RESET ROLE;
UPDATE agentcore.department SET is_archived = true
WHERE id = '00000000-0000-4000-8000-00000000000b';
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.enter(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
        '00000000-0000-4000-8000-00000000000b'
    ),
    'MU432 ' || '00000000-0000-4000-8000-00000000000b', 'an archived department is not entered'
);
RESET ROLE;
UPDATE agentcore.users
SET revoked_department_ids = ARRAY['00000000-0000-4000-8000-00000000000a']::uuid[]
WHERE id = '5e000000-0000-4000-8000-0000000000a1';
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.enter(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
        '00000000-0000-4000-8000-00000000000a'
    ),
    'MU432 ' || '00000000-0000-4000-8000-00000000000b',
    'home is not entered either, when revoked'
);
RESET ROLE;
UPDATE agentcore.users SET is_active = false WHERE id = '5e000000-0000-4000-8000-0000000000a2';
SET LOCAL ROLE muniment_app;
SELECT is(
    pg_temp.enter(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2', 1,
        '00000000-0000-4000-8000-00000000000a'
    ),
    'MU431 ' || '00000000-0000-4000-8000-00000000000b', 'who is not active enters nothing'
);
SELECT throws_ok(
    $$ SELECT agentcore.enter_department(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 7,
           '00000000-0000-4000-8000-00000000000a'
       ) $$,
    'MU431',
    'session is void: no active user has this home, id and token version',
    'the error does not say what was wrong'
);
SELECT throws_ok(
    $$ SELECT agentcore.enter_department(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1', 0,
           '00000000-0000-4000-8000-00000000000a'
       ) $$,
    'MU432',
    'department is not open to the user',
    'nor whether the department is there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'enter_department' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
