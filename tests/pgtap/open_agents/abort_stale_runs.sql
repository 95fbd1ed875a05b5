-- Subject: open_agents.abort_stale_runs()    Docs: docs/schema/open_agents.md#abort-stale-runs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'abort_stale_runs', ARRAY['timestamptz', 'integer'],
    'setof record', 'it returns runs'
);
SELECT volatility_is(
    'open_agents', 'abort_stale_runs', ARRAY['timestamptz', 'integer'], 'volatile', 'it writes'
);
SELECT isnt_definer(
    'open_agents', 'abort_stale_runs', ARRAY['timestamptz', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'abort_stale_runs', ARRAY['timestamptz', 'integer'],
    'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.abort_stale_runs(timestamptz, integer)'::regprocedure
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
    ('00000000-0000-4000-8000-00000000000a', 'r1', 'c1', '2026-06-10 12:02+00'),
    ('00000000-0000-4000-8000-00000000000a', 'r2', 'c1', '2026-06-10 12:01+00'),
    ('00000000-0000-4000-8000-00000000000a', 'r3', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 'r4', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000b', 'r1', 'b1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000b', 'r5', 'b1', '2026-06-10 14:00+00');
INSERT INTO open_agents.workflow_run_steps (
    tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms
) VALUES
    ('00000000-0000-4000-8000-00000000000a', 't1', 'r1', 1, '2026-06-10 12:03+00', NULL, NULL),
    ('00000000-0000-4000-8000-00000000000a', 't3', 'r3', 1, '2026-06-10 13:00+00', NULL, NULL),
    (
        '00000000-0000-4000-8000-00000000000a', 't4', 'r4', 1, '2026-06-10 12:00+00',
        '2026-06-10 13:00+00', 3600000
    );

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT * FROM open_agents.abort_stale_runs('2026-06-10 13:00+00', -1) $$,
    '2201W',
    NULL,
    'a limit is not negative'
);
SELECT is_empty(
    $$ SELECT * FROM open_agents.abort_stale_runs('2026-06-10 13:00+00', 0) $$,
    'with a limit of nothing nothing ends'
);
SELECT is_empty(
    $$ SELECT * FROM open_agents.abort_stale_runs('2026-06-10 12:00+00') $$,
    'a run that began then did not begin before'
);
SELECT is_empty(
    $$ SELECT * FROM open_agents.abort_stale_runs(NULL) $$,
    'before no time neither'
);
SELECT set_eq(
    $$ SELECT * FROM open_agents.abort_stale_runs('2026-06-10 13:00+00', 2) $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'r1'),
        ('00000000-0000-4000-8000-00000000000a', 'r2') $$,
    'runs of all accounts that began before end, the oldest first, up to the limit'
);
SELECT set_eq(
    $$ SELECT * FROM open_agents.abort_stale_runs('2026-06-10 13:00+00', NULL) $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, 'r1') $$,
    'and the others with a call without one'
);
SELECT is_empty(
    $$ SELECT * FROM open_agents.abort_stale_runs('2026-06-10 13:00+00') $$,
    'until there is no more; a run of which a step began or ended since goes on'
);
SELECT results_eq(
    $$ SELECT tenant_id, id, status FROM open_agents.workflow_runs ORDER BY id, tenant_id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'r1', 'aborted'),
        ('00000000-0000-4000-8000-00000000000b', 'r1', 'aborted'),
        ('00000000-0000-4000-8000-00000000000a', 'r2', 'aborted'),
        ('00000000-0000-4000-8000-00000000000a', 'r3', 'running'),
        ('00000000-0000-4000-8000-00000000000a', 'r4', 'running'),
        ('00000000-0000-4000-8000-00000000000b', 'r5', 'running') $$,
    'they are aborted'
);
SELECT results_eq(
    $$ SELECT s.finish_reason, s.finished_at = r.finished_at
       FROM open_agents.workflow_run_steps AS s
       INNER JOIN open_agents.workflow_runs AS r
           ON r.tenant_id = s.tenant_id
           AND r.id = s.workflow_run_id
       WHERE s.id = 't1' $$,
    $$ VALUES ('aborted', true) $$,
    'with their open steps'
);

-- As if the clock of the server had been set back by an hour since.
INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'r6', 'c1', now() + '1 hour'),
    ('00000000-0000-4000-8000-00000000000a', 'r7', 'c1', now());
INSERT INTO open_agents.workflow_run_steps (
    tenant_id, id, workflow_run_id, step_number, started_at
) VALUES
    ('00000000-0000-4000-8000-00000000000a', 't7', 'r7', 1, now() + '1 hour');
SELECT is(
    (
        SELECT count(*)
        FROM open_agents.abort_stale_runs(now() + '2 hours')
        WHERE workflow_run_id IN ('r6', 'r7')
    ),
    2::bigint,
    'if the clock was set back'
);
SELECT results_eq(
    $$ SELECT id, finished_at FROM open_agents.workflow_runs WHERE id IN ('r6', 'r7') ORDER BY id $$,
    $$ VALUES ('r6', now() + '1 hour'), ('r7', now() + '1 hour') $$,
    'no run ends before it began, nor before its last step'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.abort_stale_runs(timestamptz, integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_service', 'EXECUTE', false) $$,
    'only the backend, which serves all accounts, may call it'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM open_agents.abort_stale_runs(now()) $$,
    '42501',
    'permission denied for function abort_stale_runs',
    'a runtime ends its own runs, by finish_run()'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
