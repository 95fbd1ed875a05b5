-- Subject: goclaw.unlock_team_task()    Docs: docs/schema/goclaw.md#unlock-team-task
BEGIN;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'unlock_team_task', ARRAY['uuid', 'timestamp with time zone'],
    'boolean', 'it returns whether the lock was held'
);
SELECT volatility_is(
    'goclaw', 'unlock_team_task', ARRAY['uuid', 'timestamp with time zone'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'unlock_team_task', ARRAY['uuid', 'timestamp with time zone'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'unlock_team_task', ARRAY['uuid', 'timestamp with time zone'],
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
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)
SELECT tenant_id, replace(id::text, 'a9e', '7ea')::uuid, 'T', id
FROM goclaw.agents;
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject)
SELECT tenant_id, replace(id::text, '7ea', '7a5')::uuid, id, 'first'
FROM goclaw.agent_teams;

CREATE TEMPORARY TABLE held AS SELECT NULL::timestamptz AS locked_at;
GRANT SELECT, UPDATE ON held TO muniment_app;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.unlock_team_task('7a500000-0000-4000-8000-0000000000a1', now()) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is given back'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
UPDATE held SET locked_at = goclaw.lock_team_task(
    '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
);
SELECT is(
    goclaw.unlock_team_task('7a500000-0000-4000-8000-0000000000a1', locked_at - interval '1 s'),
    false,
    'nobody gives back the lock of somebody else'
)
FROM held;
SELECT is(
    goclaw.unlock_team_task('7a500000-0000-4000-8000-0000000000a1', NULL),
    false,
    'nor what is not named'
);
SELECT is(
    goclaw.unlock_team_task('7a500000-0000-4000-8000-0000000000a1', locked_at),
    true,
    'whoever holds a lock gives it back'
)
FROM held;
SELECT results_eq(
    $$ SELECT status, owner_agent_id, locked_at, lock_expires_at FROM goclaw.team_tasks $$,
    $$ VALUES ('pending'::varchar, NULL::uuid, NULL::timestamptz, NULL::timestamptz) $$,
    'the task is pending again, and nobody''s'
);
SELECT is(
    goclaw.unlock_team_task('7a500000-0000-4000-8000-0000000000a1', locked_at),
    false,
    'once'
)
FROM held;
SELECT is(
    goclaw.unlock_team_task('7a500000-0000-4000-8000-0000000000b1', locked_at),
    false,
    'a task of another tenant is not there'
)
FROM held;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'unlock_team_task'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
