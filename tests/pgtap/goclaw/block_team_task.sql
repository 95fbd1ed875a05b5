-- Subject: goclaw.block_team_task()    Docs: docs/schema/goclaw.md#block-team-task
BEGIN;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'block_team_task', ARRAY['uuid', 'uuid'],
    'boolean', 'it returns whether the task waits'
);
SELECT volatility_is('goclaw', 'block_team_task', ARRAY['uuid', 'uuid'], 'volatile', 'it writes');
SELECT isnt_definer(
    'goclaw', 'block_team_task', ARRAY['uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'block_team_task', ARRAY['uuid', 'uuid'],
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
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject)
SELECT
    '00000000-0000-4000-8000-00000000000a', ('7a500000-0000-4000-8000-0000000000a' || n)::uuid,
    '7ea00000-0000-4000-8000-0000000000a1', subject
FROM (VALUES (2, 'second'), (3, 'third')) AS made (n, subject);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.block_team_task(
           '7a500000-0000-4000-8000-0000000000a1', '7a500000-0000-4000-8000-0000000000a2'
       ) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing waits'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    goclaw.block_team_task(
        '7a500000-0000-4000-8000-0000000000a2', '7a500000-0000-4000-8000-0000000000a1'
    ),
    true,
    'a task waits for another: ' || attempt
)
FROM unnest(ARRAY['at first', 'again']) AS attempt;
SELECT is(
    goclaw.block_team_task(
        '7a500000-0000-4000-8000-0000000000a3', '7a500000-0000-4000-8000-0000000000a2'
    ),
    true,
    'and a third one for that'
);
SELECT results_eq(
    $$ SELECT subject, blocked_by FROM goclaw.team_tasks ORDER BY task_number $$,
    $$ VALUES
        ('first'::varchar, '{}'::uuid[]),
        ('second', ARRAY['7a500000-0000-4000-8000-0000000000a1']::uuid[]),
        ('third', ARRAY['7a500000-0000-4000-8000-0000000000a2']::uuid[]) $$,
    'each blocker is noted once'
);
SELECT is(
    goclaw.block_team_task(
        '7a500000-0000-4000-8000-0000000000a3', '7a500000-0000-4000-8000-0000000000a1'
    ),
    true,
    'a task may wait for more than one'
);
SELECT is(cardinality(blocked_by), 2, 'and then does')
FROM goclaw.team_tasks
WHERE subject = 'third';
SELECT throws_ok(
    format(
        'SELECT goclaw.block_team_task(%L, %L)',
        '7a500000-0000-4000-8000-0000000000' || task,
        '7a500000-0000-4000-8000-0000000000' || blocker
    ),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        ('a1', 'a1', 'MU322', 'no task waits for itself'),
        ('a1', 'a3', 'MU322', 'no tasks wait for each other'),
        ('a1', 'b1', 'MU323', 'nor for a task of another tenant'),
        ('a1', 'ff', 'MU323', 'nor for what is not there, and the answer is the same'),
        ('a1', NULL, 'MU323', 'nor for nobody'),
        ('b1', 'a1', 'P0002', 'a task of another tenant is not there')
) AS attempt (task, blocker, state, promise);
SELECT isnt(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'somebody works on the first'
);
SELECT throws_ok(
    $$ SELECT goclaw.block_team_task(
           '7a500000-0000-4000-8000-0000000000a1', '7a500000-0000-4000-8000-0000000000a2'
       ) $$,
    'MU324',
    NULL,
    'what somebody works on cannot wait'
);
SELECT is(
    goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a1', 'cancelled'),
    ARRAY['7a500000-0000-4000-8000-0000000000a2']::uuid[],
    'the first ends'
);
SELECT throws_ok(
    $$ SELECT goclaw.block_team_task(
           '7a500000-0000-4000-8000-0000000000a1', '7a500000-0000-4000-8000-0000000000a2'
       ) $$,
    'MU320',
    NULL,
    'what has ended does not wait'
);
SELECT is(
    goclaw.block_team_task(
        '7a500000-0000-4000-8000-0000000000a3', '7a500000-0000-4000-8000-0000000000a1'
    ),
    false,
    'and nobody waits for it'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'block_team_task'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
