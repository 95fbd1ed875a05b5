-- Subject: agentcore.use_password_reset()    Docs: docs/schema/agentcore.md#use-password-reset
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'use_password_reset', ARRAY['bytea', 'text'], 'setof record',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'use_password_reset', ARRAY['bytea', 'text'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'use_password_reset', ARRAY['bytea', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'use_password_reset', ARRAY['bytea', 'text'], 'muniment_owner',
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
SET LOCAL ROLE muniment_service;
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    sha256('one')
);
SELECT results_eq(
    $$ SELECT * FROM agentcore.use_password_reset(sha256('one'), 'new') $$,
    $$ VALUES (
           '00000000-0000-4000-8000-00000000000a'::uuid,
           '5e000000-0000-4000-8000-0000000000a1'::uuid
       ) $$,
    'a link says whose it is'
);
SELECT results_eq(
    $$ SELECT id, password_hash, token_version FROM agentcore.users ORDER BY email $$,
    $$ VALUES
        ('5e000000-0000-4000-8000-0000000000a1'::uuid, 'new', 1),
        ('5e000000-0000-4000-8000-0000000000a2'::uuid, NULL, 0),
        ('5e000000-0000-4000-8000-0000000000b1'::uuid, NULL, 0) $$,
    'that user has the new password and no session, and nobody else'
);

SELECT throws_ok(
    $$ SELECT agentcore.use_password_reset(sha256('one'), 'newer') $$,
    'MU430',
    'reset link does not work',
    'a link works once'
);

INSERT INTO agentcore.users (department_id, email, name)
VALUES ('00000000-0000-4000-8000-00000000000a', 'dan@example.org', 'Dan');
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    sha256('void')
);
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    sha256('moved')
);
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
    sha256('inactive')
);
SELECT agentcore.transfer_user(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    '00000000-0000-4000-8000-00000000000b'
);
UPDATE agentcore.users SET is_active = false WHERE id = '5e000000-0000-4000-8000-0000000000a2';
RESET ROLE;
INSERT INTO agentcore.password_reset_token
    (department_id, user_id, token, created_at, expires_at)
VALUES (
    '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
    sha256('expired'), now() - interval '2 hours', now() - interval '1 hour'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT agentcore.use_password_reset(sha256(%L), ''newer'')', link),
    'MU430',
    'reset link does not work',
    promise
)
FROM (
    VALUES
        ('void', 'an older link does not work'),
        ('expired', 'an expired link does not work'),
        ('moved', 'a link from before a transfer does not work'),
        ('inactive', 'a link of who is not active does not work'),
        ('unknown', 'a link that nobody has does not work')
) AS attempt (link, promise);
SELECT is_empty(
    $$ SELECT FROM agentcore.users WHERE password_hash = 'newer' $$,
    'and none of them sets a password'
);
SELECT throws_ok(
    format('SELECT agentcore.use_password_reset(sha256(''one''), %L)', password),
    '22004',
    'password_hash is missing',
    'no password is no new password'
)
FROM unnest(ARRAY[NULL, '']) AS password;
RESET ROLE;
INSERT INTO agentcore.password_reset_token (department_id, user_id, token, expires_at)
SELECT department_id, id, sha256('again'), now() + interval '1 hour'
FROM agentcore.users
WHERE email = 'ann@example.org';
CREATE TEMPORARY TABLE before AS
SELECT token_version, coalesce(password_hash, 'same') AS password_hash
FROM agentcore.users
WHERE email = 'ann@example.org';
UPDATE agentcore.users AS u SET password_hash = b.password_hash
FROM before AS b
WHERE u.email = 'ann@example.org';
UPDATE before SET token_version = u.token_version
FROM agentcore.users AS u
WHERE u.email = 'ann@example.org';
GRANT SELECT ON before TO muniment_service;
SET LOCAL ROLE muniment_service;
SELECT agentcore.use_password_reset(sha256('again'), (SELECT password_hash FROM before));
SELECT results_eq(
    $$ SELECT token_version FROM agentcore.users WHERE email = 'ann@example.org' $$,
    $$ SELECT token_version + 1 FROM before $$,
    'the sessions end also when the password is the same'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.use_password_reset(bytea, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
