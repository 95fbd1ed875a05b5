-- Subject: goclaw.secure_cli_settings()    Docs: docs/schema/goclaw.md#secure-cli-settings
BEGIN;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'secure_cli_settings', ARRAY['text', 'uuid', 'text'],
    'setof record', 'it returns settings'
);
SELECT volatility_is(
    'goclaw', 'secure_cli_settings', ARRAY['text', 'uuid', 'text'],
    'stable', 'it only reads'
);
SELECT isnt_definer(
    'goclaw', 'secure_cli_settings', ARRAY['text', 'uuid', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'secure_cli_settings', ARRAY['text', 'uuid', 'text'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT id, ('a9e00000-0000-4000-8000-0000000000' || slug || '1')::uuid, 'planner', 'u', 'm'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a3',
        'clerk', 'u', 'm'
    );
INSERT INTO goclaw.secure_cli_binaries (
    tenant_id, binary_name, binary_path, encrypted_env, deny_args, deny_verbose, timeout_seconds,
    tips, is_global, enabled, adapter_name
) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'gh', '/usr/bin/gh', '\xb0', '["auth"]', '["-v"]',
        30, 'be brief', true, true, 'github'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'gcloud', NULL, '\xb1', '[]', '[]', 40, '', false,
        true, NULL
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'aws', NULL, '\xb2', '[]', '[]', 40, '', true,
        false, NULL
    ),
    (
        '00000000-0000-4000-8000-00000000000b', 'of b', NULL, '\xb3', '[]', '[]', 40, '', true,
        true, NULL
    );
-- The planner has grants; what they set differs from what the binary has. The drafter's do not
-- hold. The clerk has none.
INSERT INTO goclaw.secure_cli_agent_grants (
    tenant_id, binary_id, agent_id, deny_args, deny_verbose, timeout_seconds, tips, encrypted_env
)
SELECT b.tenant_id, b.id, a.id, '[]', '["-q"]', 60, 'as you like', '\xa0'
FROM goclaw.secure_cli_binaries AS b
INNER JOIN goclaw.agents AS a ON a.tenant_id = b.tenant_id AND a.agent_key = 'planner'
WHERE b.binary_name IN ('gh', 'aws');
INSERT INTO goclaw.secure_cli_agent_grants (tenant_id, binary_id, agent_id, enabled)
SELECT b.tenant_id, b.id, a.id, a.agent_key = 'planner'
FROM goclaw.secure_cli_binaries AS b
INNER JOIN goclaw.agents AS a ON a.tenant_id = b.tenant_id
WHERE (b.binary_name, a.agent_key)
    IN (('gcloud', 'planner'), ('gcloud', 'drafter'), ('gh', 'drafter'));
INSERT INTO goclaw.secure_cli_user_credentials (
    tenant_id, binary_id, user_id, encrypted_env, credential_type, host_scope
)
SELECT tenant_id, id, 'ann', '\xc0', 'pat', 'github.com'
FROM goclaw.secure_cli_binaries
WHERE binary_name = 'gh';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.secure_cli_settings('gh', 'a9e00000-0000-4000-8000-0000000000a1') $$,
    '42501',
    'tenant is not set',
    'without a tenant there are no settings'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT binary_path, deny_args, deny_verbose, timeout_seconds, tips, adapter_name,
           encrypted_env, env_source, credential_type, host_scope
       FROM goclaw.secure_cli_settings('gh', 'a9e00000-0000-4000-8000-0000000000a3', 'bob') $$,
    $$ VALUES (
        '/usr/bin/gh', '["auth"]'::jsonb, '["-v"]'::jsonb, 30, 'be brief', 'github',
        '\xb0'::bytea, 'binary', NULL, NULL
    ) $$,
    'without a grant, a global binary runs with its own settings'
);
SELECT results_eq(
    $$ SELECT binary_path, deny_args, deny_verbose, timeout_seconds, tips, adapter_name,
           encrypted_env, env_source, credential_type, host_scope
       FROM goclaw.secure_cli_settings('gh', 'a9e00000-0000-4000-8000-0000000000a1') $$,
    $$ VALUES (
        '/usr/bin/gh', '[]'::jsonb, '["-q"]'::jsonb, 60, 'as you like', 'github', '\xa0'::bytea,
        'grant', NULL, NULL
    ) $$,
    'what a grant sets goes before the binary'
);
SELECT results_eq(
    $$ SELECT timeout_seconds, encrypted_env, env_source, credential_type, host_scope
       FROM goclaw.secure_cli_settings('gh', 'a9e00000-0000-4000-8000-0000000000a1', 'ann') $$,
    $$ VALUES (60, '\xc0'::bytea, 'user', 'pat', 'github.com') $$,
    'credentials of the user go before those of grant and binary'
);
SELECT results_eq(
    $$ SELECT timeout_seconds, encrypted_env, env_source
       FROM goclaw.secure_cli_settings('gcloud', 'a9e00000-0000-4000-8000-0000000000a1', 'ann') $$,
    $$ VALUES (40, '\xb1'::bytea, 'binary') $$,
    'what a grant leaves empty comes from the binary'
);
SELECT is_empty(
    format(
        'SELECT goclaw.secure_cli_settings(%L, %L, %L)', name,
        'a9e00000-0000-4000-8000-0000000000' || agent, 'ann'
    ),
    promise
)
FROM (
    VALUES
        ('gcloud', 'a3', 'a binary that is not global needs a grant'),
        ('gcloud', 'a2', 'a grant that is disabled is none'),
        ('gh', 'a2', 'a grant that is disabled keeps its agent from a global binary too'),
        ('aws', 'a1', 'a binary that is disabled is none, grant or not'),
        ('aws', 'a3', 'a global binary that is disabled is none'),
        ('gh', 'ff', 'a global binary is for agents that there are'),
        ('gh', 'b1', 'an agent of another tenant is not there'),
        ('of b', 'a1', 'a binary of another tenant is not there'),
        ('GH', 'a1', 'a name is written as it is')
) AS attempt (name, agent, promise);
RESET ROLE;
UPDATE goclaw.agents SET deleted_at = now() WHERE agent_key = 'planner';
SET LOCAL ROLE muniment_app;
SELECT is_empty(
    $$ SELECT goclaw.secure_cli_settings('gh', 'a9e00000-0000-4000-8000-0000000000a1') $$,
    'an agent that was deleted runs nothing'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'secure_cli_settings'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
