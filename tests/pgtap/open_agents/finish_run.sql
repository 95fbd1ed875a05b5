-- Subject: open_agents.finish_run()    Docs: docs/schema/open_agents.md#finish-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(27);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'finish_run', ARRAY['text', 'text'],
    'boolean', 'it returns whether the run ended now'
);
SELECT volatility_is('open_agents', 'finish_run', ARRAY['text', 'text'], 'volatile', 'it writes');
SELECT isnt_definer(
    'open_agents', 'finish_run', ARRAY['text', 'text'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'finish_run', ARRAY['text', 'text'], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.finish_run(text, text)'::regprocedure
    ),
    'search_path=pg_catalog, pg_temp',
    'its search_path is pinned'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000b', 's1');
INSERT INTO open_agents.chats (account_id, id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 's1'),
    ('00000000-0000-4000-8000-00000000000a', 'c2', 's1'),
    ('00000000-0000-4000-8000-00000000000b', 'b1', 's1');
INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'r1', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 'r2', 'c1', '2026-06-10 12:00+00'),
    -- As if the clock of the server had been set back by an hour since.
    ('00000000-0000-4000-8000-00000000000a', 'r3', 'c1', clock_timestamp() + '1 hour'),
    ('00000000-0000-4000-8000-00000000000b', 'rb', 'b1', '2026-06-10 12:00+00');
INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'r4', 'c1', '2026-06-10 12:00+00');
INSERT INTO open_agents.workflow_run_steps (
    tenant_id, id, workflow_run_id, step_number, started_at
) VALUES
    ('00000000-0000-4000-8000-00000000000a', 't2', 'r2', 1, '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 't4', 'r4', 1, clock_timestamp() + '1 hour');
INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'r5', 'c1', '2026-06-10 12:00+00');
INSERT INTO open_agents.workflow_run_steps (
    tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms
) VALUES (
    '00000000-0000-4000-8000-00000000000a', 't5', 'r5', 1, now(), now() + '1 hour', 3600000
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT open_agents.finish_run('r1', 'completed') $$,
    '42501',
    'tenant is not set',
    'without a tenant it does nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT open_agents.finish_run(%L, %L)', 'r1', status), state, NULL, promise
)
FROM (
    VALUES
        ('running', '23514', 'a run does not end as running'),
        ('paused', '23514', 'nor as what it cannot be'),
        (NULL, '23502', 'nor as nothing')
) AS attempt (status, state, promise);
SELECT is(open_agents.finish_run('r1', 'completed'), true, 'a run ends');
SELECT results_eq(
    $$ SELECT status, finished_at > now(),
           total_duration_ms = floor(extract(epoch FROM finished_at - started_at) * 1000)
       FROM open_agents.workflow_runs
       WHERE id = 'r1' $$,
    $$ VALUES ('completed', true, true) $$,
    'now, and how long it took is noted'
);
SELECT is(open_agents.finish_run('r1', 'completed'), false, 'it does not end again');
SELECT throws_ok(
    format('SELECT open_agents.finish_run(%L, %L)', 'r1', status),
    'MU402',
    'workflow run r1 has ended: completed',
    format('nor as %s', coalesce(status, 'nothing'))
)
FROM (VALUES ('failed'), (NULL)) AS attempt (status);
SELECT throws_ok(
    $$ SELECT open_agents.finish_run('r2', 'completed') $$,
    'MU403',
    'workflow run r2 has an open step: t2',
    'a run is not completed over an open step'
);
SELECT is(open_agents.finish_run('r2', 'failed'), true, 'but it may fail in one');
SELECT results_eq(
    $$ SELECT s.finish_reason, s.finished_at = r.finished_at, s.duration_ms = r.total_duration_ms
       FROM open_agents.workflow_run_steps AS s
       INNER JOIN open_agents.workflow_runs AS r ON r.id = s.workflow_run_id
       WHERE s.id = 't2' $$,
    $$ VALUES ('failed', true, true) $$,
    'which ends with it, for that reason'
);
SELECT is(open_agents.finish_run('r3', 'aborted'), true, 'if the clock was set back');
SELECT results_eq(
    $$ SELECT finished_at = started_at, total_duration_ms
       FROM open_agents.workflow_runs
       WHERE id = 'r3' $$,
    $$ VALUES (true, 0::bigint) $$,
    'a run does not end before it began'
);
SELECT is(open_agents.finish_run('r4', 'aborted'), true, 'however that was');
SELECT ok(
    (SELECT finished_at FROM open_agents.workflow_runs WHERE id = 'r4')
        >= (SELECT finished_at FROM open_agents.workflow_run_steps WHERE id = 't4'),
    'it does not end before its last step'
);
SELECT is(open_agents.finish_run('r5', 'completed'), true, 'nor, with a step that is over,');
SELECT is(
    (SELECT finished_at FROM open_agents.workflow_runs WHERE id = 'r5'),
    (SELECT finished_at FROM open_agents.workflow_run_steps WHERE id = 't5'),
    'before that has ended'
);
SELECT throws_ok(
    format('SELECT open_agents.finish_run(%L, %L)', run, 'failed'),
    'P0002',
    format('workflow run %s is not there', run),
    promise
)
FROM (
    VALUES
        ('r9', 'a run that is not there does not end'),
        ('rb', 'nor does one of another account, with the same answer')
) AS attempt (run, promise);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.finish_run(text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT open_agents.finish_run('r1', 'completed') $$,
    '42501',
    'permission denied for function finish_run',
    'a reader ends nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
