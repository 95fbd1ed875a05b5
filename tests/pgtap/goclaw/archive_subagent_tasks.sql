-- Subject: goclaw.archive_subagent_tasks()    Docs: docs/schema/goclaw.md#archive-subagent-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'archive_subagent_tasks', ARRAY['timestamp with time zone', 'integer'],
    'bigint', 'it tells how many tasks were archived'
);
SELECT volatility_is(
    'goclaw', 'archive_subagent_tasks', ARRAY['timestamp with time zone', 'integer'],
    'volatile', 'it changes rows'
);
SELECT isnt_definer(
    'goclaw', 'archive_subagent_tasks', ARRAY['timestamp with time zone', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'archive_subagent_tasks', ARRAY['timestamp with time zone', 'integer'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
-- Tenants may have the same ids.
INSERT INTO goclaw.subagent_tasks (
    tenant_id, id, parent_agent_key, subject, description, status, completed_at, archived_at,
    updated_at
)
SELECT
    t.id, ('0a500000-0000-4000-8000-00000000000' || task.number)::uuid, 'drafter', task.number, '',
    task.status, now() - make_interval(days => task.days),
    CASE WHEN task.number = 7 THEN timestamptz '2000-01-01' END, '2000-01-01'
FROM goclaw.tenants AS t
CROSS JOIN (
    VALUES
        (1, 'completed', 2), (2, 'completed', 3), (3, 'failed', 4), (4, 'cancelled', 2),
        (5, 'completed', 1), (6, 'running', 9), (7, 'completed', 9), (8, 'failed', NULL)
) AS task (number, status, days)
WHERE t.slug IN ('a', 'b');
CREATE TEMPORARY TABLE before AS TABLE goclaw.subagent_tasks;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.archive_subagent_tasks(%s)', arguments),
    '22023',
    message,
    format('%s: %s', arguments, message)
)
FROM (
    VALUES
        ('NULL, 1', 'p_before is not a time that has passed'),
        ('now() + interval ''1 second'', 1', 'p_before is not a time that has passed'),
        ('now(), 0', 'p_limit is not a number of rows'),
        ('now(), NULL', 'p_limit is not a number of rows')
) AS attempt (arguments, message);
SELECT is(
    goclaw.archive_subagent_tasks(now() - interval '1 day', 3), 3::bigint,
    'no more tasks than the limit are archived'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT subject::integer, count(*)
       FROM goclaw.subagent_tasks
       WHERE archived_at = now()
       GROUP BY 1
       ORDER BY 1 $$,
    $$ VALUES (1, 1::bigint), (2, 2) $$,
    'of all tenants, of a status those first that ended first'
);
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT goclaw.archive_subagent_tasks(now() - interval '1 day')
       UNION ALL
       SELECT goclaw.archive_subagent_tasks(now() - interval '1 day') $$,
    $$ VALUES (5::bigint), (0) $$,
    'the next call takes the rest, and the one after it tells that nothing is left'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT subject::integer, count(*), max(updated_at)
       FROM goclaw.subagent_tasks
       WHERE archived_at = now()
       GROUP BY 1
       ORDER BY 1 $$,
    $$ VALUES (1, 2::bigint, now()), (2, 2, now()), (3, 2, now()), (4, 2, now()) $$,
    'whatever came of a task, it is put away when it has ended for long enough'
);
SELECT set_eq(
    $$ SELECT * FROM goclaw.subagent_tasks WHERE subject IN ('5', '6', '7', '8') $$,
    $$ SELECT * FROM before WHERE subject IN ('5', '6', '7', '8') $$,
    'what ended later, runs, is archived or does not say when it ended stays as it was'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('%s goclaw.subagent_tasks', statement),
    '42501',
    NULL,
    format('the backend does not %s tasks', lower(split_part(statement, ' ', 1)))
)
FROM unnest(ARRAY['DELETE FROM', 'SELECT result FROM']) AS statement;
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.archive_subagent_tasks(timestamptz, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend archives'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.archive_subagent_tasks(now()) $$,
    '42501',
    'permission denied for function archive_subagent_tasks',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
