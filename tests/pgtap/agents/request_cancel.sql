-- Subject: agents.request_cancel()    Docs: docs/schema/agents.md#request-cancel
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.request_cancel' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid',
        'text',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents ask, with their own rights and without a lease'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a1'), p_worker_id => 'w1'
);
SELECT agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a2'));
SELECT is(
    agents.request_cancel(test_support.id('a'), test_support.id('a1')),
    'running',
    'a run that is under way goes on'
);
CREATE TEMPORARY TABLE asked AS
SELECT cancel_requested_at FROM agents.agent_run WHERE run_id = test_support.id('a1');
SELECT ok((SELECT cancel_requested_at >= now() FROM asked), 'until its worker hears of it');
SELECT agents.request_cancel(test_support.id('a'), test_support.id('a1'));
SELECT is(
    (SELECT cancel_requested_at FROM agents.agent_run WHERE run_id = test_support.id('a1')),
    (SELECT cancel_requested_at FROM asked),
    'who asks again does not ask later'
);
UPDATE agents.agent_run SET status = 'waiting_approval' WHERE run_id = test_support.id('a1');
SELECT is(
    agents.request_cancel(test_support.id('a'), test_support.id('a1')),
    'waiting_approval',
    'a run that waits for a person is asked too'
);

SELECT is(
    agents.request_cancel(test_support.id('a'), test_support.id('a2')),
    'cancelled',
    'a run that no worker has is cancelled at once'
);
SELECT results_eq(
    $$ SELECT r.status, r.ended_at >= r.started_at, r.cancel_requested_at IS NULL, v.verdict
       FROM agents.agent_run AS r
       CROSS JOIN LATERAL agents.verify_seal(r.firm_id, r.run_id) AS v
       WHERE r.run_id = test_support.id('a2') $$,
    $$ VALUES ('cancelled', true, false, 'holds') $$,
    'and sealed'
);
SELECT is(
    agents.request_cancel(test_support.id('a'), test_support.id('a2')),
    'cancelled',
    'what has ended stays as it is'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.request_cancel(:a, :a9) $$, 'P0002 p_run_id: run a9 is not there',
         'what is not there is not cancelled'),
        ($$ SELECT agents.request_cancel(:b, :a1) $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.request_cancel(:b, :a1) $$,
         'P0002 p_run_id: run a1 is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.request_cancel(NULL, :a1) $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
