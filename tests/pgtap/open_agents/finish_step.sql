-- Subject: open_agents.finish_step()    Docs: docs/schema/open_agents.md#finish-step
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'open_agents', 'finish_step', ARRAY['text', 'text'],
    'boolean', 'it returns whether the step ended now'
);
SELECT volatility_is('open_agents', 'finish_step', ARRAY['text', 'text'], 'volatile', 'it writes');
SELECT isnt_definer(
    'open_agents', 'finish_step', ARRAY['text', 'text'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'open_agents', 'finish_step', ARRAY['text', 'text'], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'open_agents.finish_step(text, text)'::regprocedure
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
INSERT INTO open_agents.workflow_run_steps (
    tenant_id, id, workflow_run_id, step_number, started_at
) VALUES
    ('00000000-0000-4000-8000-00000000000a', 't1', 'r1', 1, '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 't2', 'r2', 1, '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 't3', 'r3', 1, clock_timestamp() + '1 hour'),
    ('00000000-0000-4000-8000-00000000000b', 'tb', 'rb', 1, '2026-06-10 12:00+00');

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT open_agents.finish_step('t1') $$,
    '42501',
    'tenant is not set',
    'without a tenant it does nothing'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(open_agents.finish_step('t1', 'stop'), true, 'a step ends');
SELECT results_eq(
    $$ SELECT finished_at > now(), finish_reason,
           duration_ms = floor(extract(epoch FROM finished_at - started_at) * 1000)
       FROM open_agents.workflow_run_steps
       WHERE id = 't1' $$,
    $$ VALUES (true, 'stop', true) $$,
    'now, for its reason, and how long it took is noted'
);
SELECT is(open_agents.finish_step('t1', 'stop'), false, 'it does not end again');
SELECT throws_ok(
    $$ SELECT open_agents.finish_step('t1', 'length') $$,
    'MU404',
    'step t1 has ended: stop',
    'nor otherwise'
);
SELECT throws_ok(
    $$ SELECT open_agents.finish_step('t1') $$, 'MU404', NULL, 'nor for no reason'
);
SELECT is(open_agents.finish_step('t2'), true, 'a step may end without a reason');
SELECT is(open_agents.finish_step('t3'), true, 'if the clock was set back');
SELECT results_eq(
    $$ SELECT finished_at = started_at, duration_ms
       FROM open_agents.workflow_run_steps
       WHERE id = 't3' $$,
    $$ VALUES (true, 0::bigint) $$,
    'a step does not end before it began'
);
SELECT throws_ok(
    format('SELECT open_agents.finish_step(%L)', step),
    'P0002',
    format('step %s is not there', step),
    promise
)
FROM (
    VALUES
        ('t9', 'a step that is not there does not end'),
        ('tb', 'nor does one of another account, with the same answer')
) AS attempt (step, promise);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'open_agents.finish_step(text, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES
        ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may call it'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT open_agents.finish_step('t1', 'stop') $$,
    '42501',
    'permission denied for function finish_step',
    'a reader ends nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
