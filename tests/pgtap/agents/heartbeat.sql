-- Subject: agents.heartbeat()    Docs: docs/schema/agents.md#heartbeat
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.heartbeat' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_worker_id text, p_attempt_no integer, p_lease '
        'interval DEFAULT ''00:01:00''::interval',
        'timestamp with time zone',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents beat, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a1'), p_worker_id => 'w1'
);
SELECT agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a3'));
SELECT is(
    agents.heartbeat(test_support.id('a'), test_support.id('a1'), 'w1', 1, '90 seconds'),
    NULL,
    'nobody has asked to cancel: go on'
);
SELECT results_eq(
    $$ SELECT lease_expires_at - heartbeat_at, heartbeat_at > started_at
       FROM agents.agent_run
       WHERE run_id = test_support.id('a1') $$,
    $$ VALUES (interval '90 seconds', true) $$,
    'the lease begins anew with each beat'
);

-- Nobody took the run, so the worker was only slow.
UPDATE agents.agent_run
SET heartbeat_at = now() - interval '2 hours', lease_expires_at = now() - interval '1 hour'
WHERE run_id = test_support.id('a1');
SELECT agents.heartbeat(test_support.id('a'), test_support.id('a1'), 'w1', 1);
SELECT ok(
    (SELECT lease_expires_at > now() FROM agents.agent_run WHERE run_id = test_support.id('a1')),
    'a lease that lapsed is renewed as long as nobody took the run'
);

SELECT agents.request_cancel(test_support.id('a'), test_support.id('a1'));
SELECT is(
    agents.heartbeat(test_support.id('a'), test_support.id('a1'), 'w1', 1),
    (SELECT cancel_requested_at FROM agents.agent_run WHERE run_id = test_support.id('a1')),
    'the worker hears when somebody asked to cancel'
);
SELECT agents.finish_run(test_support.id('a'), test_support.id('a3'), NULL, 1, 'cancelled');
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.heartbeat(:a, :a1, 'w2', 1) $$,
         'MU102 p_attempt_no: run a1 is at attempt 1 of another worker',
         'another worker does not beat'),
        ($$ SELECT agents.heartbeat(:a, :a1, 'w1', 2) $$,
         'MU102 p_attempt_no: run a1 is at attempt 1 of another worker',
         'another attempt does not beat'),
        ($$ SELECT agents.heartbeat(:a, :a3, 'w1', 1) $$,
         'MU101 p_run_id: run a3 has ended as cancelled', 'what has ended does not beat'),
        ($$ SELECT agents.heartbeat(:a, :a9, 'w1', 1) $$,
         'P0002 p_run_id: run a9 is not there', 'what is not there does not beat'),
        ($$ SELECT agents.heartbeat(:a, :a1, NULL, 1) $$, '22004 p_worker_id: is null',
         'nobody does not beat'),
        ($$ SELECT agents.heartbeat(:a, :a1, 'w1', 1, '0.5 seconds') $$,
         '22023 p_lease: 00:00:00.5 is not between a second and a day',
         'a lease outlasts a moment'),
        ($$ SELECT agents.heartbeat(:a, :a1, 'w1', 1, '2 days') $$,
         '22023 p_lease: 2 days is not between a second and a day', 'a lease ends in a day'),
        ($$ SELECT agents.heartbeat(:a, :a1, 'w1', 1, NULL) $$,
         '22023 p_lease: NULL is not between a second and a day', 'a lease has a length'),
        ($$ SELECT agents.heartbeat(:b, :a1, 'w1', 1) $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.heartbeat(NULL, :a1, 'w1', 1) $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);
SELECT is_empty(
    $$ SELECT indexrelid::regclass
       FROM pg_index
       WHERE indrelid = 'agents.agent_run'::regclass
           AND pg_get_indexdef(indexrelid) ~ 'heartbeat_at|lease_expires_at' $$,
    'a beat changes no index'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
