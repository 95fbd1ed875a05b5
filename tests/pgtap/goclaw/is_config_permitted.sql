-- Subject: goclaw.is_config_permitted()    Docs: docs/schema/goclaw.md#is-config-permitted
BEGIN;
SELECT plan(34);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'is_config_permitted',
    ARRAY['uuid', 'text', 'text', 'text'],
    'boolean', 'it returns yes or no'
);
SELECT volatility_is(
    'goclaw', 'is_config_permitted',
    ARRAY['uuid', 'text', 'text', 'text'],
    'stable', 'it changes nothing'
);
SELECT isnt_definer(
    'goclaw', 'is_config_permitted',
    ARRAY['uuid', 'text', 'text', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'is_config_permitted',
    ARRAY['uuid', 'text', 'text', 'text'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT t.id, ('a9e00000-0000-4000-8000-0000000000' || t.slug || number)::uuid, number, 'u', 'm'
FROM goclaw.tenants AS t
CROSS JOIN generate_series(1, 2) AS number
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.agent_config_permissions (
    tenant_id, agent_id, scope, config_type, user_id, permission
)
SELECT
    '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1', scope, type,
    user_id, permission
FROM (
    VALUES
        ('group:1', 'cron', 'ada', 'allow'),
        ('group:2', 'cron', 'ada', 'deny'),
        ('group:*', 'heartbeat', 'ada', 'allow'),
        ('group:3', 'heartbeat', 'ada', 'deny'),
        ('*', 'file_writer', 'ada', 'deny'),
        ('group:1', 'file_writer', 'ada', 'allow'),
        ('*', 'cron', 'bob', 'allow'),
        ('a%c_e\', 'cron', 'eve', 'allow'),
        ('a%*_\*', 'heartbeat', 'eve', 'allow'),
        ('group:1', 'cron', '*', 'allow')
) AS permission (scope, type, user_id, permission);
INSERT INTO goclaw.agent_config_permissions (
    tenant_id, agent_id, scope, config_type, user_id, permission
)
VALUES (
    '00000000-0000-4000-8000-00000000000b', 'a9e00000-0000-4000-8000-0000000000b1', '*', 'cron',
    'ada', 'allow'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(
        'SELECT goclaw.is_config_permitted(%L, %L, %L, %L)', agent_id, scope, 'cron', user_id
    ),
    '42501',
    'tenant is not set',
    promise
)
FROM (
    VALUES
        (
            'a9e00000-0000-4000-8000-0000000000a1', 'group:1', 'ada',
            'without a tenant there is no answer'
        ),
        ('a9e00000-0000-4000-8000-0000000000a1', 'group:1', NULL, 'not even about nobody'),
        ('a9e00000-0000-4000-8000-0000000000a1', NULL, 'ada', 'nor about nowhere'),
        (NULL, 'group:1', 'ada', 'nor about no agent')
) AS question (agent_id, scope, user_id, promise);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    goclaw.is_config_permitted('a9e00000-0000-4000-8000-0000000000a1', scope, type, user_id),
    answer,
    promise
)
FROM (
    VALUES
        ('group:1', 'cron', 'ada', true, 'who is allowed may'),
        ('group:2', 'cron', 'ada', false, 'who is denied may not'),
        ('group:9', 'cron', 'ada', false, 'what nobody allowed is not allowed'),
        ('group:1', 'cron', 'cy', false, 'nor to a user of whom nothing is said'),
        ('group:1', 'skills', 'ada', false, 'nor another part of the agent'),
        ('group:9', 'heartbeat', 'ada', true, '* stands for any characters'),
        ('group:', 'heartbeat', 'ada', true, 'also for none'),
        ('chat:9', 'heartbeat', 'ada', false, 'the others stand for themselves'),
        ('my group:9', 'heartbeat', 'ada', false, 'from the first one on'),
        ('group:3', 'heartbeat', 'ada', false, 'a narrow denial goes before a wide permission'),
        ('group:1', 'file_writer', 'ada', false, 'a wide denial before a narrow permission'),
        ('anywhere', 'cron', 'bob', true, '* alone is everywhere'),
        ('a%c_e\', 'cron', 'eve', true, 'a scope without * is met as it is'),
        ('abcde\', 'cron', 'eve', false, 'where % and _ are characters like others'),
        ('a%b_\c', 'heartbeat', 'eve', true, 'beside * too'),
        ('axb_\c', 'heartbeat', 'eve', false, 'where % is not any characters'),
        ('a%bx\c', 'heartbeat', 'eve', false, 'and _ not any one'),
        (NULL, 'cron', 'bob', false, 'nowhere is not everywhere'),
        ('group:1', 'cron', NULL, false, 'nobody is not somebody'),
        ('*', 'cron', 'ada', false, 'a * that is asked for is a character')
) AS question (scope, type, user_id, answer, promise);
SELECT is(
    goclaw.is_config_permitted('a9e00000-0000-4000-8000-0000000000a2', 'group:1', 'cron', 'ada'),
    false,
    'what is said of one agent is said of no other'
);
SELECT is(
    goclaw.is_config_permitted('a9e00000-0000-4000-8000-0000000000b1', 'group:1', 'cron', 'ada'),
    false,
    'what another tenant allowed is nobody else''s'
);
RESET ROLE;
SELECT is(
    goclaw.is_config_permitted('a9e00000-0000-4000-8000-0000000000b1', 'group:1', 'cron', 'ada'),
    false,
    'not even for a superuser, whom no policy binds'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.is_config_permitted(uuid, text, text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may ask'
);
SET LOCAL ROLE muniment_reader;
SELECT is(
    goclaw.is_config_permitted('a9e00000-0000-4000-8000-0000000000a1', 'group:1', 'cron', 'ada'),
    true,
    'a reader gets the same answer'
);

RESET ROLE;
UPDATE goclaw.agents SET deleted_at = now() WHERE id = 'a9e00000-0000-4000-8000-0000000000a1';
SET LOCAL ROLE muniment_reader;
SELECT is(
    goclaw.is_config_permitted('a9e00000-0000-4000-8000-0000000000a1', 'group:1', 'cron', 'ada'),
    false,
    'an agent that is deleted permits nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
