-- Subject: agents.reap_stale_runs()    Docs: docs/schema/agents.md#reap-stale-runs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(24);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.reap_stale_runs' $$,
    $$ VALUES (
        'p_limit integer DEFAULT 100, p_grace interval DEFAULT ''00:00:00''::interval',
        'TABLE(firm_id uuid, run_id uuid)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_service'
    ) $$,
    'the backend reaps, with its own rights, and no agent does'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_tool('read', 'read', 'safe');
SELECT test_support.record_tool('write', 'write', 'never');
-- p_overdue says for how long the worker has been silent beyond its lease.
CREATE FUNCTION pg_temp.run(
    p_firm text, p_run text, p_age interval, p_status text, p_overdue interval
)
RETURNS void
LANGUAGE sql
AS $$
    SELECT test_support.record_run(
        p_firm, p_run, now() - p_age,
        jsonb_build_object(
            'status', p_status,
            'worker_id', 'w1',
            'attempt_no', 2,
            'heartbeat_at', now() - p_overdue - interval '1 minute',
            'lease_expires_at', now() - p_overdue,
            'ended_at', CASE p_status WHEN 'succeeded' THEN now() END
        )
    )
$$;
SELECT pg_temp.run(firm, run, age, status, overdue)
FROM (
    VALUES
        ('a', 'a1', interval '5 hours', 'running', interval '1 hour'),
        ('a', 'a2', '6 hours', 'running', '10 minutes'),
        ('a', 'a3', '7 hours', 'running', '-1 minute'),
        ('a', 'a4', '7 hours', 'waiting_approval', '1 hour'),
        ('a', 'a5', '7 hours', 'succeeded', '1 hour'),
        ('b', 'b1', '4 hours', 'running', '1 hour'),
        ('b', 'b2', '3 hours', 'running', '1 hour')
) AS run (firm, run, age, status, overdue);
SELECT test_support.record_run(
    'a', 'a6', now() - interval '7 hours', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_call(
    'b', 'c' || no, 'b1', tool, now() - interval '2 hours',
    facts || jsonb_build_object('call_no', no)
)
FROM (
    VALUES
        (1, 'read', '{"status": "running", "ended_at": null}'::jsonb),
        (2, 'write', '{"status": "running", "ended_at": null}'),
        (3, 'write', '{"status": "requested", "started_at": null, "ended_at": null}'),
        (4, 'write', '{"status": "waiting_approval", "approval_status": "pending",
                       "started_at": null, "ended_at": null}'),
        (5, 'write', '{}')
) AS call (no, tool, facts);

-- Which runs were reaped, in order.
CREATE FUNCTION pg_temp.reaped(p_limit integer, p_grace interval)
RETURNS text
LANGUAGE sql
AS $$
    SELECT string_agg(
        right(r.firm_id::text, 1) || ' ' || right(r.run_id::text, 2), ', ' ORDER BY r.place
    )
    FROM agents.reap_stale_runs(p_limit, p_grace) WITH ORDINALITY AS r (firm_id, run_id, place)
$$;

SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_service;
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ('SELECT agents.reap_stale_runs(0)', '22023 p_limit: 0 is not between 1 and 10000',
         'it reaps some'),
        ('SELECT agents.reap_stale_runs(1)', 'accepted', 'one'),
        ('SELECT agents.reap_stale_runs(10000)', 'accepted', 'or many'),
        ('SELECT agents.reap_stale_runs(10001)',
         '22023 p_limit: 10001 is not between 1 and 10000', 'but no more than a transaction bears'),
        ('SELECT agents.reap_stale_runs(NULL)',
         '22023 p_limit: NULL is not between 1 and 10000', 'and it is said how many'),
        ('SELECT agents.reap_stale_runs(1, ''-1 second'')',
         '22023 p_grace: -00:00:01 is less than nothing', 'no lease is reaped before it lapses'),
        ('SELECT agents.reap_stale_runs(1, NULL)',
         '22023 p_grace: NULL is less than nothing', 'and it is said when')
) AS attempt (statement, answer, promise);
SELECT is(pg_temp.reaped(100, '2 hours'), NULL, 'nobody is overdue for so long');
SELECT is(
    pg_temp.reaped(100, '30 minutes'),
    'a a1, b b1, b b2',
    'with grace, those who are overdue for longer than it, of all firms, the eldest first'
);
SELECT is(pg_temp.reaped(100, '30 minutes'), NULL, 'once');
SELECT results_eq(
    $$ SELECT
           status, error_type, error_message, is_error_retryable, ended_at >= now(), worker_id,
           attempt_no
       FROM agents.agent_run
       WHERE run_id = test_support.id('b1') $$,
    $$ VALUES (
           'abandoned', 'lease_expired', 'The worker did not renew its lease.', true, true, 'w1', 2
       ) $$,
    'they are abandoned, and it stays who had them'
);
SELECT results_eq(
    $$ SELECT call_no, status, approval_status, error_type, ended_at >= now()
       FROM agents.tool_call
       WHERE run_id = test_support.id('b1')
       ORDER BY call_no $$,
    $$ VALUES
        (1, 'cancelled', 'not_required', 'run_ended', true),
        (2, 'unknown', 'not_required', 'run_ended', true),
        (3, 'cancelled', 'not_required', 'run_ended', true),
        (4, 'cancelled', 'expired', 'run_ended', true),
        (5, 'succeeded', 'not_required', NULL, false) $$,
    'their calls end with them'
);
SELECT is(pg_temp.reaped(1, '0'), 'a a2', 'without grace, those whose lease has lapsed');
SELECT is(pg_temp.reaped(100, '0'), NULL, 'and nobody else');
SELECT results_eq(
    $$ SELECT right(run_id::text, 2), status
       FROM agents.agent_run
       WHERE status <> 'abandoned'
       ORDER BY 1 $$,
    $$ VALUES
        ('a3', 'running'), ('a4', 'waiting_approval'), ('a5', 'succeeded'), ('a6', 'queued') $$,
    'not those who live, wait for a person or a worker, or have ended'
);

-- The limit takes the eldest.
RESET ROLE;
SELECT pg_temp.run('a', 'a7', '2 hours', 'running', '1 hour');
SELECT pg_temp.run('b', 'b7', '3 hours', 'running', '1 hour');
SET LOCAL ROLE muniment_service;
SELECT is(pg_temp.reaped(1, '0'), 'b b7', 'the limit leaves the others');
SELECT is(pg_temp.reaped(1, '0'), 'a a7', 'to the next time');

-- A runtime that seals a run before it ends, or breaks its chains, harms its own firm alone.
RESET ROLE;
SELECT pg_temp.run('a', 'a8', '4 hours', 'running', '1 hour');
SELECT pg_temp.run('c', 'c8', '3 hours', 'running', '1 hour');
SELECT pg_temp.run('b', 'b8', '2 hours', 'running', '1 hour');
SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_app;
SELECT agents.append_seal(
    test_support.id('a'), 'run', test_support.id('a8'), now() - interval '4 hours', NULL,
    ARRAY[sha256('')]
);
SELECT platform.set_tenant(test_support.id('c'));
INSERT INTO agents.seal_chain (firm_id, chain_no) VALUES (test_support.id('c'), 1);
UPDATE agents.seal_chain
SET last_seal_no = 9223372036854775807, last_sha256 = sha256('')
WHERE firm_id = test_support.id('c');
SET LOCAL app.tenant_id = '';
RESET ROLE;
SET LOCAL ROLE muniment_service;
SET LOCAL client_min_messages = error;
SELECT is(pg_temp.reaped(1, '0'), 'b b8', 'a run that cannot be ended keeps nobody else''s');
SET LOCAL client_min_messages = warning;
SELECT is(
    (SELECT string_agg(status, ' ') FROM agents.agent_run
     WHERE run_id IN (test_support.id('a8'), test_support.id('c8'))),
    'running running',
    'and stays as it is'
);

SELECT results_eq(
    $$ SELECT right(run_id::text, 2), kind FROM agents.run_seal ORDER BY 1 $$,
    $$ VALUES
        ('a1', 'run'), ('a2', 'run'), ('a7', 'run'), ('a8', 'run'), ('b1', 'run'), ('b2', 'run'),
        ('b7', 'run'), ('b8', 'run') $$,
    'each is sealed'
);
RESET ROLE;
SELECT platform.set_tenant(test_support.id('b'));
SET LOCAL ROLE muniment_reader;
SELECT is(
    (SELECT verdict FROM agents.verify_seal(test_support.id('b'), test_support.id('b1'))),
    'holds',
    'with its calls'
);
RESET ROLE;
SET LOCAL ROLE muniment_app;
SELECT is(
    test_support.answer_to('SELECT agents.reap_stale_runs()'),
    '42501 permission denied for function reap_stale_runs',
    'no agent ends the runs of others'
);
SELECT is(
    test_support.answer_to($$ SELECT agents.finish_run(:b, :b1, 'w1', 2, 'succeeded') $$),
    'MU101 p_run_id: run b1 has ended as abandoned',
    'a worker that comes back hears of it'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
