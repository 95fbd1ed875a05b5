-- Subject: open_agents.start_step()    Docs: docs/schema/open_agents.md#start-step
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(27);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'start_step', ARRAY['text', 'text'],
    'integer', 'it returns the number of the step'
);
SELECT volatility_is('open_agents', 'start_step', ARRAY['text', 'text'], 'volatile', 'it writes');
SELECT isnt_definer(
    'open_agents', 'start_step', ARRAY['text', 'text'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'start_step', ARRAY['text', 'text'], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.start_step(text, text)'::regprocedure
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

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT open_agents.start_step('r1', 't1') $$,
    '42501',
    'tenant is not set',
    'without a tenant it does nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(open_agents.start_step('r1', 't1'), 1, 'the first step is number 1');
SELECT ok(
    (SELECT started_at > now() FROM open_agents.workflow_run_steps WHERE id = 't1'),
    'it begins by the clock, though all here is one transaction'
);
SELECT is(open_agents.start_step('r1', 't1'), 1, 'the same step again has the number that it had');
SELECT throws_ok(
    $$ SELECT open_agents.start_step('r1', 't2') $$,
    'MU403',
    'workflow run r1 has an open step: t1',
    'no step begins while another is open'
);
SELECT throws_ok(
    $$ SELECT open_agents.start_step('r2', 't1') $$,
    'MU400',
    'step t1 is there with another run',
    'an id is not taken for a step of another run'
);
SELECT is(open_agents.finish_step('t1'), true, 'when it has ended');
SELECT is(open_agents.start_step('r1', 't2'), 2, 'the next one begins');
SELECT ok(
    (SELECT started_at FROM open_agents.workflow_run_steps WHERE id = 't2')
        >= (SELECT finished_at FROM open_agents.workflow_run_steps WHERE id = 't1'),
    'not before that'
);
SELECT is(open_agents.start_step('r3', 't3'), 1, 'if the clock was set back');
SELECT is(
    (SELECT started_at FROM open_agents.workflow_run_steps WHERE id = 't3'),
    (SELECT started_at FROM open_agents.workflow_runs WHERE id = 'r3'),
    'a step does not begin before its run'
);
INSERT INTO open_agents.workflow_run_steps (
    id, workflow_run_id, step_number, started_at, finished_at, duration_ms
) VALUES (
    't4', 'r2', 7, clock_timestamp() + '1 hour', clock_timestamp() + '1 hour', 0
);
SELECT is(open_agents.start_step('r2', 't5'), 8, 'a step comes after those that there are');
SELECT is(
    (SELECT started_at FROM open_agents.workflow_run_steps WHERE id = 't5'),
    (SELECT finished_at FROM open_agents.workflow_run_steps WHERE id = 't4'),
    'and does not begin before the one ahead has ended'
);
SELECT is(open_agents.finish_step('t2'), true, 'a step without an id');
SELECT throws_ok(
    format('SELECT open_agents.start_step(%L, %L)', 'r1', step), state, NULL, promise
)
FROM (
    VALUES ('', '23514', 'does not begin'), (NULL, '23502', 'not even without an empty one')
) AS attempt (step, state, promise);
SELECT is(open_agents.finish_run('r1', 'aborted'), true, 'of a run that has ended');
SELECT throws_ok(
    $$ SELECT open_agents.start_step('r1', 't6') $$,
    'MU402',
    'workflow run r1 has ended: aborted',
    'no step begins'
);
SELECT throws_ok(
    format('SELECT open_agents.start_step(%L, %L)', run, 't7'),
    'P0002',
    format('workflow run %s is not there', run),
    promise
)
FROM (
    VALUES
        ('r9', 'a run that is not there has no steps'),
        ('rb', 'nor has one of another account, with the same answer')
) AS attempt (run, promise);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.start_step(text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT open_agents.start_step('r2', 't8') $$,
    '42501',
    'permission denied for function start_step',
    'a reader begins nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
