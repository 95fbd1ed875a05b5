-- Subject: goclaw.recover_team_tasks()    Docs: docs/schema/goclaw.md#recover-team-tasks
BEGIN;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'recover_team_tasks', ARRAY['integer'],
    'setof record', 'it returns the tasks and whose they were'
);
SELECT volatility_is('goclaw', 'recover_team_tasks', ARRAY['integer'], 'volatile', 'it writes');
SELECT isnt_definer(
    'goclaw', 'recover_team_tasks', ARRAY['integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'recover_team_tasks', ARRAY['integer'],
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
UPDATE goclaw.team_tasks AS t
SET status = 'in_progress', owner_agent_id = a.id, locked_at = now() - interval '1 day',
    lock_expires_at = now() - t.task_number * interval '1 hour'
        + CASE subject WHEN 'fourth' THEN interval '1 day' ELSE interval '0' END
FROM goclaw.agents AS a
WHERE a.tenant_id = t.tenant_id
    AND t.subject <> 'third';

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.recover_team_tasks(%s)', wanted), '22023', NULL,
    'no number of tasks: ' || wanted
)
FROM unnest(ARRAY['0', '-1', 'NULL']) AS wanted;
SELECT results_eq(
    $$ SELECT * FROM goclaw.recover_team_tasks(1) $$,
    $$ VALUES (
        '00000000-0000-4000-8000-00000000000a'::uuid,
        '7a500000-0000-4000-8000-0000000000a2'::uuid,
        'a9e00000-0000-4000-8000-0000000000a1'::uuid
    ) $$,
    'no more than asked for, and the longest lapsed first'
);
SELECT set_eq(
    $$ SELECT tenant_id, task_id FROM goclaw.recover_team_tasks() $$,
    $$ VALUES
        (
            '00000000-0000-4000-8000-00000000000a'::uuid,
            '7a500000-0000-4000-8000-0000000000a1'::uuid
        ),
        ('00000000-0000-4000-8000-00000000000b', '7a500000-0000-4000-8000-0000000000b1') $$,
    'of all tenants'
);
SELECT is_empty(
    $$ SELECT * FROM goclaw.recover_team_tasks() $$, 'a lock that lives is left alone'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT subject, status, owner_agent_id IS NULL, locked_at IS NULL
       FROM goclaw.team_tasks
       WHERE tenant_id = '00000000-0000-4000-8000-00000000000a'
       ORDER BY task_number $$,
    $$ VALUES
        ('first'::varchar, 'pending'::varchar, true, true),
        ('second', 'pending', true, true),
        ('third', 'pending', true, true),
        ('fourth', 'in_progress', false, false) $$,
    'what was recovered is pending, and nobody''s'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'recover_team_tasks'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_service'],
    'who may call it: muniment_service'
);

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    statement, '42501', NULL, 'muniment_service sees locks, and no more: ' || statement
)
FROM unnest(ARRAY[
    'SELECT subject FROM goclaw.team_tasks', 'UPDATE goclaw.team_tasks SET blocked_by = NULL'
]) AS statement;
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
