-- Subject: goclaw.finish_team_task()    Docs: docs/schema/goclaw.md#finish-team-task
BEGIN;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'finish_team_task', ARRAY['uuid', 'text', 'text', 'timestamp with time zone'],
    'uuid[]', 'it returns the tasks that are free now'
);
SELECT volatility_is(
    'goclaw', 'finish_team_task', ARRAY['uuid', 'text', 'text', 'timestamp with time zone'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'finish_team_task', ARRAY['uuid', 'text', 'text', 'timestamp with time zone'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'finish_team_task', ARRAY['uuid', 'text', 'text', 'timestamp with time zone'],
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
FROM (VALUES (2, 'second'), (3, 'third'), (4, 'fourth')) AS made (n, subject);
-- The second waits for the first, the third and the fourth for both.
UPDATE goclaw.team_tasks AS t
SET blocked_by = ARRAY(
        SELECT b.id
        FROM goclaw.team_tasks AS b
        WHERE b.tenant_id = t.tenant_id
            AND b.subject IN ('first', 'second')
            AND b.task_number < t.task_number
    ),
    priority = task_number
WHERE tenant_id = '00000000-0000-4000-8000-00000000000a';

CREATE TEMPORARY TABLE held AS SELECT NULL::timestamptz AS locked_at;
GRANT SELECT, UPDATE ON held TO muniment_app;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a1', 'completed') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing ends'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
UPDATE held SET locked_at = goclaw.lock_team_task(
    '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
);
SELECT throws_ok(
    format('SELECT goclaw.finish_team_task(%L, %L, p_locked_at => %L)', task, status, locked_at),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        (
            '7a500000-0000-4000-8000-0000000000a1', 'pending', NULL, '22023',
            'a task does not end as pending'
        ),
        ('7a500000-0000-4000-8000-0000000000a1', NULL, NULL, '22023', 'nor as NULL'),
        (
            '7a500000-0000-4000-8000-0000000000b1', 'completed', NULL, 'P0002',
            'a task of another tenant is not there'
        ),
        (
            '7a500000-0000-4000-8000-0000000000a1', 'completed', NULL, 'MU321',
            'nobody completes what somebody works on'
        ),
        (
            '7a500000-0000-4000-8000-0000000000a1', 'failed', '2026-01-01', 'MU321',
            'nobody fails it with a lock that was lost'
        ),
        (
            '7a500000-0000-4000-8000-0000000000a2', 'completed', NULL, 'MU325',
            'what waits for another one is not completed'
        )
) AS attempt (task, status, locked_at, state, promise);
SELECT is(
    goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a1', 'completed', 'done', locked_at),
    ARRAY['7a500000-0000-4000-8000-0000000000a2']::uuid[],
    'told: what waited for this task alone'
)
FROM held;
SELECT results_eq(
    $$ SELECT status, result, progress_percent, locked_at, lock_expires_at, owner_agent_id
       FROM goclaw.team_tasks
       WHERE subject = 'first' $$,
    $$ VALUES (
        'completed'::varchar, 'done', 100, NULL::timestamptz, NULL::timestamptz,
        'a9e00000-0000-4000-8000-0000000000a1'::uuid
    ) $$,
    'the task has its result and no lock, and whose it was'
);
SELECT throws_ok(
    format(
        'SELECT goclaw.finish_team_task(%L, %L)', '7a500000-0000-4000-8000-0000000000a1', status
    ),
    'MU320',
    NULL,
    'what is completed cannot be ' || status
)
FROM unnest(ARRAY['completed', 'failed', 'cancelled']) AS status;
SELECT is(
    goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a2', 'failed', 'no access'),
    '{}',
    'a failure frees nobody'
);
SELECT throws_ok(
    $$ SELECT goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a2', 'completed') $$,
    'MU320',
    NULL,
    'what failed is not completed'
);
SELECT is(
    goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a2', 'cancelled'),
    ARRAY[
        '7a500000-0000-4000-8000-0000000000a4', '7a500000-0000-4000-8000-0000000000a3'
    ]::uuid[],
    'but may be cancelled, which frees the others, the most urgent first'
);
SELECT results_eq(
    $$ SELECT result, progress_percent FROM goclaw.team_tasks WHERE subject = 'second' $$,
    $$ VALUES ('no access', 0) $$,
    'the result stays, and what is not done is not 100 percent'
);
SELECT isnt(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a3', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'somebody works on it'
);
SELECT is(
    goclaw.finish_team_task('7a500000-0000-4000-8000-0000000000a3', 'cancelled'),
    '{}',
    'and anybody may cancel that'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'finish_team_task'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
