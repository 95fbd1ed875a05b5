-- Subject: open_agents.start_run()    Docs: docs/schema/open_agents.md#start-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'start_run', ARRAY['text', 'text', 'text'],
    'boolean', 'it returns whether the run began now'
);
SELECT volatility_is(
    'open_agents', 'start_run', ARRAY['text', 'text', 'text'], 'volatile', 'it writes'
);
SELECT isnt_definer(
    'open_agents', 'start_run', ARRAY['text', 'text', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'start_run', ARRAY['text', 'text', 'text'],
    'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.start_run(text, text, text)'::regprocedure
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

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT open_agents.start_run('c1', 'r1') $$,
    '42501',
    'tenant is not set',
    'without a tenant it does nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(open_agents.start_run('c1', 'r1', 'some/model'), true, 'a run begins');
SELECT results_eq(
    $$ SELECT tenant_id, chat_id, status, model_id, started_at > now(), finished_at
       FROM open_agents.workflow_runs
       WHERE id = 'r1' $$,
    $$ VALUES (
           '00000000-0000-4000-8000-00000000000a'::uuid, 'c1', 'running', 'some/model', true,
           NULL::timestamptz
       ) $$,
    'it runs from now on'
);
SELECT is(open_agents.start_run('c1', 'r1'), false, 'the same run again does not');
SELECT is(open_agents.finish_run('r1', 'failed'), true, 'when it has ended');
SELECT is(open_agents.start_run('c1', 'r1'), false, 'it does not begin again either');
SELECT throws_ok(
    $$ SELECT open_agents.start_run('c2', 'r1') $$,
    'MU400',
    'workflow run r1 is there with another chat',
    'an id is not taken for a run of another chat'
);
SELECT throws_ok(
    format('SELECT open_agents.start_run(%L, %L)', chat, run), state, NULL, promise
)
FROM (
    VALUES
        ('c1', '', '23514', 'a run has an id'),
        ('c1', NULL, '23502', 'whatever it is'),
        (NULL, 'r2', '23502', 'and a chat')
) AS attempt (chat, run, state, promise);
SELECT throws_ok(
    format('SELECT open_agents.start_run(%L, %L)', chat, 'r2'), '23503', NULL, promise
)
FROM (
    VALUES
        ('c9', 'a chat that is not there has no runs'),
        ('b1', 'nor has one of another account, with the same answer')
) AS attempt (chat, promise);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(open_agents.start_run('b1', 'r1'), true, 'another account has ids of its own');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.start_run(text, text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT open_agents.start_run('b1', 'r2') $$,
    '42501',
    'permission denied for function start_run',
    'a reader begins nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
