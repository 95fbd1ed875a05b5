-- Subject: agentcore.void_password_resets()    Docs: docs/schema/agentcore.md#void-password-resets
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'void_password_resets', '{}'::name[], 'trigger',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'void_password_resets', '{}'::name[], 'volatile',
    'it changes rows'
);
SELECT isnt_definer(
    'agentcore', 'void_password_resets', '{}'::name[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'void_password_resets', '{}'::name[], 'muniment_owner',
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
CREATE FUNCTION pg_temp.open_links(p_change text)
RETURNS SETOF uuid
LANGUAGE plpgsql
AS $function$
BEGIN
    DELETE FROM agentcore.password_reset_token;
    INSERT INTO agentcore.password_reset_token (department_id, user_id, token, expires_at)
    SELECT department_id, id, sha256(convert_to(id::text, 'UTF8')), now() + interval '1 hour'
    FROM agentcore.users;
    SET LOCAL ROLE muniment_service;
    EXECUTE format(
        'UPDATE agentcore.users SET %s WHERE id = %L',
        p_change, '5e000000-0000-4000-8000-0000000000a1'
    );
    RESET ROLE;
    RETURN QUERY
    SELECT user_id FROM agentcore.password_reset_token WHERE used_at IS NULL ORDER BY user_id;
END;
$function$;
SELECT results_eq(
    format('SELECT pg_temp.open_links(%L)', change),
    ARRAY[
        '5e000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a2',
        '5e000000-0000-4000-8000-0000000000b1'
    ]::uuid[],
    format('%s leaves the link as it is', change)
)
FROM unnest(ARRAY['name = $$Anna$$', 'is_active = true', 'role = $$admin$$']) AS change;
SELECT results_eq(
    format('SELECT pg_temp.open_links(%L)', change),
    ARRAY[
        '5e000000-0000-4000-8000-0000000000a2', '5e000000-0000-4000-8000-0000000000b1'
    ]::uuid[],
    format('%s makes the link of that user void, and nobody else''s', change)
)
FROM unnest(ARRAY[
    'password_hash = $$h$$', 'token_version = 0',
    'department_id = $$00000000-0000-4000-8000-00000000000b$$', 'is_active = false',
    'email = $$anna@example.org$$'
]) AS change;
SELECT is(used_at, now(), 'and says when')
FROM agentcore.password_reset_token
WHERE user_id = '5e000000-0000-4000-8000-0000000000a1';
UPDATE agentcore.password_reset_token SET used_at = '2026-01-01Z';
UPDATE agentcore.users SET password_hash = 'i';
SELECT results_eq(
    $$ SELECT DISTINCT used_at FROM agentcore.password_reset_token $$,
    $$ VALUES ('2026-01-01Z'::timestamptz) $$,
    'when a link was used is not forgotten'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.void_password_resets()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
