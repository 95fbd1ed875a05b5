-- Subject: agentcore.transfer_user()    Docs: docs/schema/agentcore.md#transfer-user
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'transfer_user', ARRAY['uuid', 'uuid', 'uuid'], 'integer',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'transfer_user', ARRAY['uuid', 'uuid', 'uuid'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'transfer_user', ARRAY['uuid', 'uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'transfer_user', ARRAY['uuid', 'uuid', 'uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.department (id, name, slug, is_archived)
VALUES ('00000000-0000-4000-8000-0000000000ff', 'Gone', 'gone', true);
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
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
INSERT INTO agentcore.password_reset_token
    (department_id, user_id, token, created_at, expires_at, used_at)
VALUES (
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    sha256('used'), '2026-01-01Z', '2026-01-02Z', '2026-01-01 12:00Z'
);

SET LOCAL ROLE muniment_service;
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
    sha256('one')
);
SELECT agentcore.request_password_reset(
    '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
    sha256('two')
);
SELECT is(
    agentcore.transfer_user(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        '00000000-0000-4000-8000-00000000000b'
    ),
    1, 'the sessions end'
);
SELECT results_eq(
    $$ SELECT department_id FROM agentcore.users
       WHERE id = '5e000000-0000-4000-8000-0000000000a1' $$,
    ARRAY['00000000-0000-4000-8000-00000000000b']::uuid[],
    'the account has another home'
);
SELECT results_eq(
    $$ SELECT token FROM agentcore.password_reset_token WHERE used_at IS NULL $$,
    $$ VALUES (sha256('two')) $$,
    'the open links of that user are void'
);
SELECT results_eq(
    $$ SELECT used_at FROM agentcore.password_reset_token WHERE token = sha256('used') $$,
    $$ VALUES ('2026-01-01 12:00Z'::timestamptz) $$,
    'when a link was used is not forgotten'
);
SELECT throws_ok(
    $$ SELECT agentcore.transfer_user(
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
           '00000000-0000-4000-8000-00000000000b'
       ) $$,
    'MU439',
    format(
        'user %s has no account in department %s', '5e000000-0000-4000-8000-0000000000a1',
        '00000000-0000-4000-8000-00000000000a'
    ),
    'a user is named by home and id'
);
SELECT throws_ok(
    $$ SELECT agentcore.transfer_user(
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1',
           '00000000-0000-4000-8000-0000000000ff'
       ) $$,
    'MU432',
    format('department %s is archived', '00000000-0000-4000-8000-0000000000ff'),
    'an archived department is no home'
);
SELECT throws_ok(
    $$ SELECT agentcore.transfer_user(
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1',
           '00000000-0000-4000-8000-00000000000b'
       ) $$,
    '22023',
    format('department %s is the home already', '00000000-0000-4000-8000-00000000000b'),
    'nor is a transfer to where the user is at home'
);
SELECT throws_ok(
    $$ SELECT agentcore.transfer_user(
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1',
           '4a000000-0000-4000-8000-0000000000a1'
       ) $$,
    '23503',
    NULL,
    'nor is one that is not there'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT department_id, user_id FROM agentcore.conversation $$,
    $$ VALUES (
           '00000000-0000-4000-8000-00000000000a'::uuid,
           '5e000000-0000-4000-8000-0000000000a1'::uuid
       ) $$,
    'what was said stays in the department where it was said'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.transfer_user(uuid, uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
