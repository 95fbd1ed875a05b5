-- Subject: agentcore.request_password_reset()
-- Docs: docs/schema/agentcore.md#request-password-reset
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'request_password_reset',
    ARRAY['uuid', 'uuid', 'bytea', 'interval'], 'timestamp with time zone',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'request_password_reset', ARRAY['uuid', 'uuid', 'bytea', 'interval'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'request_password_reset', ARRAY['uuid', 'uuid', 'bytea', 'interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'request_password_reset',
    ARRAY['uuid', 'uuid', 'bytea', 'interval'], 'muniment_owner',
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
INSERT INTO agentcore.password_reset_token
    (department_id, user_id, token, created_at, expires_at, used_at)
VALUES (
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    sha256('used'), '2026-01-01Z', '2026-01-02Z', '2026-01-01 12:00Z'
);

SET LOCAL ROLE muniment_service;
SELECT is(
    agentcore.request_password_reset(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        sha256('one')
    ),
    now() + '1 hour',
    'a link works for an hour, unless said otherwise'
);
SELECT is(
    agentcore.request_password_reset(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        sha256('two'), '5 min'
    ),
    now() + '5 min',
    'and for as long as is said'
);
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
    sha256('three')
);
SELECT results_eq(
    $$ SELECT user_id, token, used_at IS NULL
       FROM agentcore.password_reset_token
       WHERE token <> sha256('used')
       ORDER BY user_id, expires_at DESC $$,
    $$ VALUES
        ('5e000000-0000-4000-8000-0000000000a1'::uuid, sha256('one'), false),
        ('5e000000-0000-4000-8000-0000000000a1', sha256('two'), true),
        ('5e000000-0000-4000-8000-0000000000a2', sha256('three'), true) $$,
    'a newer link of a user makes the older one void, and nobody else''s'
);
SELECT results_eq(
    $$ SELECT used_at FROM agentcore.password_reset_token WHERE token = sha256('used') $$,
    $$ VALUES ('2026-01-01 12:00Z'::timestamptz) $$,
    'when a link was used is not forgotten'
);
SELECT throws_ok(
    $$ SELECT agentcore.request_password_reset(
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1',
           sha256('four')
       ) $$,
    'MU439',
    format(
        'user %s has no active account in department %s',
        '5e000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-00000000000b'
    ),
    'a user is named by home and id'
);
UPDATE agentcore.users SET is_active = false WHERE id = '5e000000-0000-4000-8000-0000000000a2';
SELECT throws_ok(
    $$ SELECT agentcore.request_password_reset(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
           sha256('four')
       ) $$,
    'MU439',
    format(
        'user %s has no active account in department %s',
        '5e000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-00000000000a'
    ),
    'who is not active gets no link'
);
SELECT throws_ok(
    $$ SELECT agentcore.request_password_reset(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
           'four'
       ) $$,
    '23514',
    NULL,
    'the link itself is not kept'
);
SELECT throws_ok(
    $$ SELECT agentcore.request_password_reset(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
           sha256('four'), '0'
       ) $$,
    '23514',
    NULL,
    'a link works for some time'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'request_password_reset' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
