-- Subject: agents.hold_run()    Docs: docs/schema/agents.md#hold-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.hold_run' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_worker_id text, p_attempt_no integer',
        'agents.agent_run',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'for whoever writes below an open run: it locks, with the rights of the agent'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a1'));
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a2'), p_worker_id => 'w1'
);
SELECT agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a3'));
SELECT agents.request_cancel(test_support.id('a'), test_support.id('a3'));

SELECT results_eq(
    $$ SELECT h.run_id, h.status, h.worker_id, h.attempt_no
       FROM agents.hold_run(test_support.id('a'), test_support.id('a2'), 'w1', 1) AS h $$,
    $$ VALUES (test_support.id('a2'), 'running', 'w1', 1) $$,
    'it returns the run'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.hold_run(:a, :a1, NULL, 1) $$, 'accepted',
         'a queued run is held by nobody, at its first attempt'),
        ($$ SELECT agents.hold_run(:a, :a1, 'w1', 1) $$,
         'MU102 p_attempt_no: run a1 is at attempt 1 of another worker',
         'a queued run is held by no worker'),
        ($$ SELECT agents.hold_run(:a, :a2, 'w2', 1) $$,
         'MU102 p_attempt_no: run a2 is at attempt 1 of another worker',
         'another worker does not hold it'),
        ($$ SELECT agents.hold_run(:a, :a2, 'w1', 2) $$,
         'MU102 p_attempt_no: run a2 is at attempt 1 of another worker',
         'another attempt does not hold it'),
        ($$ SELECT agents.hold_run(:a, :a2, NULL, 1) $$,
         'MU102 p_attempt_no: run a2 is at attempt 1 of another worker',
         'nobody does not hold it'),
        ($$ SELECT agents.hold_run(:a, :a2, 'w1', NULL) $$,
         'MU102 p_attempt_no: run a2 is at attempt 1 of another worker',
         'no attempt does not hold it'),
        ($$ SELECT agents.hold_run(:a, :a3, NULL, 1) $$,
         'MU101 p_run_id: run a3 has ended as cancelled', 'nobody holds what has ended'),
        ($$ SELECT agents.hold_run(:a, :a9, 'w1', 1) $$,
         'P0002 p_run_id: run a9 is not there', 'nobody holds what is not there'),
        ($$ SELECT agents.hold_run(:b, :a2, 'w1', 1) $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.hold_run(:b, :a2, 'w1', 1) $$,
         'P0002 p_run_id: run a2 is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.hold_run(NULL, :a2, 'w1', 1) $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
