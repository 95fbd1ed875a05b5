-- Subject: open_agents.admit_step()    Docs: docs/schema/open_agents.md#admit-step
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'admit_step', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'open_agents', 'admit_step', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'admit_step', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.admit_step()'::regprocedure
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
    ('00000000-0000-4000-8000-00000000000b', 'b1', 's1');
INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'r1', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 'r2', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000b', 'rb', 'b1', '2026-06-10 12:00+00');
UPDATE open_agents.workflow_runs
SET status = 'failed', finished_at = '2026-06-10 12:01+00', total_duration_ms = 60000
WHERE id = 'r2';

SELECT is(current_setting('is_superuser'), 'on', 'what follows is refused to a superuser');
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number)
       VALUES ('00000000-0000-4000-8000-00000000000a', 't2', 'r2', 1) $$,
    'MU402',
    'workflow run r2 has ended: failed',
    'no step begins in a run that has ended'
);
SELECT lives_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (
           tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms
       ) VALUES (
           '00000000-0000-4000-8000-00000000000a', 't2', 'r2', 1, '2026-06-10 12:00+00',
           '2026-06-10 12:01+00', 60000
       ) $$,
    'but one that is over may be added'
);
SELECT lives_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number)
       VALUES ('00000000-0000-4000-8000-00000000000a', 't1', 'r1', 1) $$,
    'a step begins in a run that runs'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number)
       VALUES ('00000000-0000-4000-8000-00000000000a', 't9', 'r9', 1) $$,
    '23503',
    NULL,
    'without the run the reference answers'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.admit_step()'::regprocedure AND grantee <> proowner $$,
    'nobody but the owner has a right to the function'
);
-- The trigger binds those who have no right to its function.
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (id, workflow_run_id, step_number)
       VALUES ('t3', 'r2', 1) $$,
    'MU402',
    NULL,
    'a runtime begins no step in a run that has ended'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number)
       VALUES ('00000000-0000-4000-8000-00000000000b', 't3', 'rb', 1) $$,
    '42501',
    NULL,
    'nor in one of another account'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (id, workflow_run_id, step_number)
       VALUES ('t3', 'rb', 1) $$,
    '23503',
    NULL,
    'which answers like one that is not there'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
