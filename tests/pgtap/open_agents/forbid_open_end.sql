-- Subject: open_agents.forbid_open_end()    Docs: docs/schema/open_agents.md#forbid-open-end
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'forbid_open_end', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'open_agents', 'forbid_open_end', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'forbid_open_end', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.forbid_open_end()'::regprocedure
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
INSERT INTO open_agents.workflow_run_steps (
    tenant_id, id, workflow_run_id, step_number, started_at
) VALUES
    ('00000000-0000-4000-8000-00000000000a', 't1', 'r1', 1, '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000b', 't1', 'rb', 1, '2026-06-10 12:00+00');

SELECT is(current_setting('is_superuser'), 'on', 'what follows is refused to a superuser');
SELECT throws_ok(
    format($$ UPDATE open_agents.workflow_runs
       SET status = '%s', finished_at = '2026-06-10 12:01+00', total_duration_ms = 60000
       WHERE id = 'r1' $$, status),
    'MU403',
    'workflow run r1 has an open step: t1',
    format('no run is %s over an open step', status)
)
FROM (VALUES ('completed'), ('aborted')) AS attempt (status);
SELECT lives_ok(
    $$ UPDATE open_agents.workflow_runs
       SET status = 'completed', finished_at = '2026-06-10 12:01+00', total_duration_ms = 60000
       WHERE id = 'r2' $$,
    'one without may end'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.forbid_open_end()'::regprocedure AND grantee <> proowner $$,
    'nobody but the owner has a right to the function'
);
-- The trigger binds those who have no right to its function.
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE open_agents.workflow_runs
       SET status = 'completed', finished_at = '2026-06-10 12:01+00', total_duration_ms = 60000
       WHERE id = 'r1' $$,
    'MU403',
    NULL,
    'a runtime completes no run over an open step by hand'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
