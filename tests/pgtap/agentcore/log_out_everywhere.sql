-- Subject: agentcore.log_out_everywhere()    Docs: docs/schema/agentcore.md#log-out-everywhere
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'log_out_everywhere', ARRAY['uuid', 'uuid'], 'integer',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'log_out_everywhere', ARRAY['uuid', 'uuid'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'log_out_everywhere', ARRAY['uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'log_out_everywhere', ARRAY['uuid', 'uuid'], 'muniment_owner',
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
SELECT is(
    agentcore.log_out_everywhere(
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1'
    ),
    1, 'the version rises, and is told'
);
SELECT results_eq(
    $$ SELECT id, token_version FROM agentcore.users ORDER BY email $$,
    $$ VALUES
        ('5e000000-0000-4000-8000-0000000000a1'::uuid, 1),
        ('5e000000-0000-4000-8000-0000000000a2'::uuid, 0),
        ('5e000000-0000-4000-8000-0000000000b1'::uuid, 0) $$,
    'nobody else is logged out'
);
SELECT throws_ok(
    $$ SELECT agentcore.log_out_everywhere(
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000a1'
       ) $$,
    'MU439',
    format(
        'user %s has no account in department %s', '5e000000-0000-4000-8000-0000000000a1',
        '00000000-0000-4000-8000-00000000000b'
    ),
    'a user is named by home and id'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.log_out_everywhere(uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
