-- Subject: agents.claim_run()    Docs: docs/schema/agents.md#claim-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(27);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.claim_run' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_worker_id text, p_lease interval DEFAULT '
        '''00:01:00''::interval',
        'TABLE(run_id uuid, started_at timestamp with time zone, status text, attempt_no integer)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents claim runs, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
-- A tool of each kind, named after what it does.
SELECT test_support.record_tool(kind, kind, replay)
FROM (
    VALUES
        ('none', 'safe'), ('read', 'safe'), ('write_idempotent', 'with_key'), ('write', 'never'),
        ('irreversible', 'never'), ('unknown', 'never')
) AS tool (kind, replay);

-- a1, a3, a4 and a5 are under way, a2 is queued.
SET LOCAL ROLE muniment_app;
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id(ending),
    p_started_at => now() - interval '1 hour', p_worker_id => worker
)
FROM (
    VALUES ('a1', 'w1'), ('a2', NULL), ('a3', 'w1'), ('a4', 'w1'), ('a5', 'w1')
) AS run (ending, worker);
SELECT agents.finish_run(test_support.id('a'), test_support.id('a5'), 'w1', 1, 'succeeded');

-- Who gets a run, and as what.
CREATE FUNCTION pg_temp.claim(p_ending text, p_worker_id text)
RETURNS text
LANGUAGE sql
AS $$
    SELECT concat_ws(
        ' ', right(c.run_id::text, 2), c.status, c.attempt_no,
        CASE c.started_at WHEN now() - interval '1 hour' THEN 'started when it did' END
    )
    FROM agents.claim_run(test_support.id('a'), test_support.id(p_ending), p_worker_id) AS c
$$;
CREATE FUNCTION pg_temp.lapse(p_ending text)
RETURNS void
LANGUAGE sql
AS $$
    UPDATE agents.agent_run
    SET heartbeat_at = now() - interval '2 minutes', lease_expires_at = now() - interval '1 minute'
    WHERE run_id = test_support.id(p_ending)
$$;

SELECT is(
    pg_temp.claim('a2', 'w1'),
    'a2 running 1 started when it did',
    'the first attempt at a queued run begins, and its start stays'
);
SELECT results_eq(
    $$ SELECT worker_id, lease_expires_at - heartbeat_at, heartbeat_at >= now()
       FROM agents.agent_run
       WHERE run_id = test_support.id('a2') $$,
    $$ VALUES ('w1', interval '60 seconds', true) $$,
    'with a lease of a minute'
);
SELECT is(
    pg_temp.claim('a2', 'w1'),
    'a2 running 2 started when it did',
    'a worker takes its own run again, as the next attempt'
);
SELECT agents.claim_run(test_support.id('a'), test_support.id('a2'), 'w1', '90 seconds');
SELECT results_eq(
    $$ SELECT attempt_no, lease_expires_at - heartbeat_at
       FROM agents.agent_run
       WHERE run_id = test_support.id('a2') $$,
    $$ VALUES (3, interval '90 seconds') $$,
    'for as long as it wants'
);

-- What the worker before it left: a call of each kind that was begun, and some that were not.
RESET ROLE;
SELECT test_support.record_call(
    'a', 'c' || no, 'a1', tool, now() - interval '30 minutes',
    facts || jsonb_build_object('call_no', no)
)
FROM (
    VALUES
        (1, 'none', '{"status": "running", "ended_at": null}'::jsonb),
        (2, 'read', '{"status": "running", "ended_at": null}'),
        (3, 'write_idempotent', '{"status": "running", "ended_at": null}'),
        (4, 'write', '{"status": "running", "ended_at": null}'),
        (5, 'irreversible', '{"status": "running", "ended_at": null}'),
        (6, 'unknown', '{"status": "running", "ended_at": null}'),
        (7, 'write', '{"status": "requested", "started_at": null, "ended_at": null}'),
        (8, 'write', '{}')
) AS call (no, tool, facts);
SELECT test_support.record_call(
    'a', 'd' || ending, 'a' || ending, 'write', now() - interval '30 minutes', facts
)
FROM (
    VALUES
        ('2', '{"status": "running", "ended_at": null}'::jsonb),
        ('3', '{"status": "waiting_approval", "approval_status": "pending", "started_at": null,
                "ended_at": null}')
) AS call (ending, facts);
SET LOCAL ROLE muniment_app;
SELECT pg_temp.lapse('a1');
SELECT is(
    pg_temp.claim('a1', 'w2'),
    'a1 running 2 started when it did',
    'another worker takes over when the lease has lapsed'
);
SELECT results_eq(
    $$ SELECT call_no, status, error_type, is_error_retryable,
           error_message IS NOT NULL, ended_at >= now()
       FROM agents.tool_call
       WHERE run_id = test_support.id('a1')
       ORDER BY call_no $$,
    $$ VALUES
        (1, 'failed', 'lease_lost', true, true, true),
        (2, 'failed', 'lease_lost', true, true, true),
        (3, 'unknown', 'lease_lost', false, true, true),
        (4, 'unknown', 'lease_lost', false, true, true),
        (5, 'unknown', 'lease_lost', false, true, true),
        (6, 'unknown', 'lease_lost', false, true, true),
        (7, 'requested', NULL, NULL, false, NULL),
        (8, 'succeeded', NULL, NULL, false, false) $$,
    'what was begun failed where tools change nothing, and may have had its effect elsewhere'
);
SELECT is(
    (SELECT status FROM agents.tool_call WHERE run_id = test_support.id('a2')),
    'running',
    'calls of other runs go on'
);
SELECT is(
    test_support.answer_to($$ SELECT agents.heartbeat(:a, :a1, 'w1', 1) $$),
    'MU102 p_attempt_no: run a1 is at attempt 2 of another worker',
    'the worker before it has lost the run'
);

-- A run that waits for a person goes on waiting.
UPDATE agents.agent_run
SET status = 'waiting_approval'
WHERE run_id IN (test_support.id('a3'), test_support.id('a4'));
SELECT is(
    test_support.answer_to($$ SELECT agents.claim_run(:a, :a3, 'w2') $$),
    'MU102 p_run_id: run a3 is held by another worker',
    'a worker may wait with its run'
);
SELECT pg_temp.lapse('a3'), pg_temp.lapse('a4');
SELECT is(
    pg_temp.claim('a3', 'w2'),
    'a3 waiting_approval 2 started when it did',
    'a run waits as long as a person has to decide'
);
SELECT is(
    pg_temp.claim('a4', 'w2'),
    'a4 running 2 started when it did',
    'and goes on when nobody has to'
);

SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.claim_run(:a, :a1, 'w3') $$,
         'MU102 p_run_id: run a1 is held by another worker',
         'a run with a lease is not taken over'),
        ($$ SELECT agents.claim_run(:a, :a5, 'w1') $$,
         'MU101 p_run_id: run a5 has ended as succeeded', 'what has ended is not claimed'),
        ($$ SELECT agents.claim_run(:a, :a9, 'w1') $$, 'P0002 p_run_id: run a9 is not there',
         'nor what is not there'),
        ($$ SELECT agents.claim_run(:a, NULL, 'w1') $$, 'P0002 p_run_id: run <NULL> is not there',
         'a run has to be named'),
        ($$ SELECT agents.claim_run(:a, :a1, NULL) $$, '22004 p_worker_id: is null',
         'nobody claims nothing'),
        ($$ SELECT agents.claim_run(:a, :a2, 'w1', '1 second') $$, 'accepted',
         'a lease may be a second'),
        ($$ SELECT agents.claim_run(:a, :a2, 'w1', '0.999 seconds') $$,
         '22023 p_lease: 00:00:00.999 is not between a second and a day', 'but not less'),
        ($$ SELECT agents.claim_run(:a, :a2, 'w1', '1 day') $$, 'accepted', 'or a day'),
        ($$ SELECT agents.claim_run(:a, :a2, 'w1', '1 day 1 second') $$,
         '22023 p_lease: 1 day 00:00:01 is not between a second and a day', 'but not more'),
        ($$ SELECT agents.claim_run(:a, :a2, 'w1', NULL) $$,
         '22023 p_lease: NULL is not between a second and a day', 'a lease has a length'),
        ($$ SELECT agents.claim_run(:b, :a2, 'w1') $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.claim_run(:b, :a2, 'w1') $$,
         'P0002 p_run_id: run a2 is not there', 'what another firm has is not there'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.claim_run(NULL, :a2, 'w1') $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);
SELECT is(
    (SELECT worker_id || ' ' || attempt_no
     FROM agents.agent_run
     WHERE run_id = test_support.id('a1')),
    'w2 2',
    'who is refused changes nothing'
);
SELECT is(
    (SELECT count(*) FROM agents.run_seal), 1::bigint, 'a claim seals nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
