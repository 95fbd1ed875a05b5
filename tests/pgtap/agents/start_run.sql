-- Subject: agents.start_run()    Docs: docs/schema/agents.md#start-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(31);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.start_run' $$,
    $$ VALUES (
        'p_firm_id uuid, p_agent_name text, p_idempotency_key text DEFAULT NULL::text, p_run_id'
        ' uuid DEFAULT NULL::uuid, p_started_at timestamp with time zone DEFAULT '
        'NULL::timestamp with time zone, p_session_id uuid DEFAULT NULL::uuid, p_parent_run_id '
        'uuid DEFAULT NULL::uuid, p_worker_id text DEFAULT NULL::text, p_lease interval DEFAULT'
        ' ''00:01:00''::interval, p_operation text DEFAULT ''invoke_agent''::text, '
        'p_agent_version text DEFAULT NULL::text, p_prompt_name text DEFAULT NULL::text, '
        'p_prompt_version text DEFAULT NULL::text, p_subject_type text DEFAULT NULL::text, '
        'p_subject_id text DEFAULT NULL::text, p_actor_type text DEFAULT NULL::text, p_actor_id'
        ' text DEFAULT NULL::text, p_provider_name text DEFAULT NULL::text, p_request_model '
        'text DEFAULT NULL::text, p_trace_id text DEFAULT NULL::text, p_span_id text DEFAULT '
        'NULL::text, p_metadata jsonb DEFAULT ''{}''::jsonb',
        'TABLE(run_id uuid, started_at timestamp with time zone, status text, attempt_no '
        'integer, is_new boolean)',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app'
    ) $$,
    'agents start runs, with their own rights'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT results_eq(
    $$ SELECT run_id, status, attempt_no, is_new
       FROM agents.start_run(
           test_support.id('a'), 'clerk', 'key', test_support.id('a1'), now(),
           p_session_id => test_support.id('a5'), p_worker_id => 'w1', p_lease => '90 seconds',
           p_operation => 'chat', p_agent_version => '2', p_prompt_name => 'p',
           p_prompt_version => '3', p_subject_type => 'matter', p_subject_id => 'M-1',
           p_actor_type => 'user', p_actor_id => 'U-1', p_provider_name => 'acme',
           p_request_model => 'm-1', p_trace_id => repeat('0f', 16), p_span_id => repeat('0f', 8),
           p_metadata => '{"a": 1}'
       ) $$,
    $$ VALUES (test_support.id('a1'), 'running', 1, true) $$,
    'with a worker a run is under way'
);
SELECT results_eq(
    $$ SELECT
           session_id, parent_run_id, root_run_id, depth, operation, agent_name, agent_version,
           prompt_name, prompt_version, subject_type, subject_id, actor_type, actor_id,
           provider_name, request_model, worker_id, lease_expires_at - heartbeat_at,
           started_at = now(), heartbeat_at >= now(), trace_id, span_id, metadata
       FROM agents.agent_run $$,
    $$ VALUES (
           test_support.id('a5'), NULL::uuid, test_support.id('a1'), 0::smallint, 'chat', 'clerk',
           '2', 'p', '3', 'matter', 'M-1', 'user', 'U-1', 'acme', 'm-1', 'w1',
           interval '90 seconds', true, true, repeat('0f', 16), repeat('0f', 8), '{"a": 1}'::jsonb
       ) $$,
    'and holds what was said of it, with a lease from now on'
);
SELECT results_eq(
    $$ SELECT r.run_id, r.status, r.attempt_no, r.is_new, k.started_at = r.started_at
       FROM agents.start_run(
           test_support.id('a'), 'clerk', 'key', p_started_at => now() - interval '1 hour',
           p_session_id => test_support.id('a5'), p_worker_id => 'w2', p_lease => '5 seconds',
           p_operation => 'chat', p_agent_version => '2', p_prompt_name => 'p',
           p_prompt_version => '3', p_subject_type => 'matter', p_subject_id => 'M-1',
           p_actor_type => 'user', p_actor_id => 'U-1', p_provider_name => 'acme',
           p_request_model => 'm-1', p_metadata => '{"a": 1}'
       ) AS r
       INNER JOIN agents.agent_run_key AS k ON k.run_id = r.run_id $$,
    $$ VALUES (test_support.id('a1'), 'running', 1, false, true) $$,
    'the same request, by whomever, whenever and in whatever trace, is the same run'
);
SELECT is(
    (SELECT worker_id FROM agents.agent_run), 'w1', 'whose worker stays the one that has it'
);
SELECT results_eq(
    $$ SELECT status, attempt_no, is_new
       FROM agents.start_run(
           test_support.id('a'), 'clerk', p_run_id => test_support.id('a2'), p_started_at => now()
       ) $$,
    $$ VALUES ('queued', 1, true) $$,
    'without a worker a run is queued'
);
SELECT results_eq(
    $$ SELECT num_nulls(worker_id, heartbeat_at, lease_expires_at)
       FROM agents.agent_run
       WHERE run_id = test_support.id('a2') $$,
    $$ VALUES (3) $$,
    'and has no lease'
);
-- The other one began in the same moment.
SELECT results_eq(
    $$ SELECT run_id, status, is_new
       FROM agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a2')) $$,
    $$ VALUES (test_support.id('a2'), 'queued', false) $$,
    'a run without a key is found again by its id'
);
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a3'), p_started_at => now(),
    p_parent_run_id => test_support.id('a2')
);
SELECT agents.start_run(
    test_support.id('a'), 'clerk', p_run_id => test_support.id('a4'),
    p_parent_run_id => test_support.id('a3')
);
SELECT results_eq(
    $$ SELECT parent_run_id, root_run_id, depth
       FROM agents.agent_run
       WHERE run_id = test_support.id('a4') $$,
    $$ VALUES (test_support.id('a3'), test_support.id('a2'), 2::smallint) $$,
    'a run below another knows parent, root and depth'
);
SELECT matches(
    (agents.start_run(test_support.id('a'), 'clerk')).run_id::text,
    '^.{14}7',
    'without an id it gets one in the order of time'
);
SELECT is(
    (
        SELECT started_at
        FROM agents.start_run(
            test_support.id('a'), 'clerk', p_started_at => now() - interval '3 days'
        )
    ),
    now() - interval '3 days',
    'a run may have been started before'
);

SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.start_run(:a, 'another', 'key') $$,
         'MU100 p_idempotency_key: run a1 was started by another request',
         'a key is that of one request'),
        ($$ SELECT agents.start_run(:a, 'another', p_run_id => :a2) $$,
         'MU100 p_run_id: run a2 was started by another request', 'an id is that of one request'),
        ($$ SELECT agents.start_run(:a, 'clerk', 'new', :a2) $$,
         'MU100 p_run_id: run a2 was started by another request', 'an id does not get a key later'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_run_id => :a2, p_metadata => '{"a": 2}') $$,
         'MU100 p_run_id: run a2 was started by another request',
         'what the caller adds is part of the request'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_parent_run_id => :a9) $$,
         'P0002 p_parent_run_id: run a9 is not there', 'a parent is there'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_started_at => now() + interval '1 hour') $$,
         format('MU112 p_started_at: %s lies in the future', now() + interval '1 hour'),
         'no run starts in the future'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_started_at => now() + interval '4 minutes') $$,
         'accepted', 'but by a clock that is a little ahead'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_lease => '0') $$,
         '22023 p_lease: 00:00:00 is not between a second and a day', 'a lease is not nothing'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_lease => '25 hours') $$,
         '22023 p_lease: 25:00:00 is not between a second and a day', 'a lease is not for ever'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_lease => NULL) $$,
         '22023 p_lease: NULL is not between a second and a day', 'a lease has a length'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_session_id => :a9) $$,
         'P0002 p_session_id: session a9 is not there', 'the session of a run is there'),
        ($$ SELECT agents.start_run(:a, '') $$,
         '23514 new row for relation "agent_run_p' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
         || '" violates check constraint "agent_run_agent_name_ck"',
         'what the table refuses is refused by name'),
        ($$ SELECT agents.start_run(:a, 'clerk', p_started_at => '2020-01-01Z') $$,
         '23514 no partition of relation "agent_run" found for row',
         'no run starts in a month that is not there'),
        ($$ SELECT agents.start_run(:b, 'clerk') $$,
         '42501 the transaction acts for another tenant', 'nobody acts for two firms'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.start_run(:b, 'clerk', 'key') $$,
         'accepted', 'keys are those of one firm'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.start_run(:b, 'clerk', p_parent_run_id => :a2) $$,
         'P0002 p_parent_run_id: run a2 is not there', 'what another firm has is no parent'),
        ($$ SET LOCAL app.tenant_id = ''; SELECT agents.start_run(NULL, 'clerk') $$,
         '22004 tenant is null', 'somebody has to act')
) AS attempt (statement, answer, promise);

-- A run whose month has left is known by its key alone.
RESET ROLE;
ALTER TABLE agents.agent_run DISABLE TRIGGER agent_run_forbid_delete_tg;
UPDATE agents.agent_run_key SET archived_at = now() WHERE run_id = test_support.id('a2');
DELETE FROM agents.agent_run WHERE run_id = test_support.id('a2');
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT run_id, status, attempt_no, is_new
       FROM agents.start_run(test_support.id('a'), 'clerk', p_run_id => test_support.id('a2')) $$,
    $$ VALUES (test_support.id('a2'), NULL::text, NULL::integer, false) $$,
    'the same request after the month has left is known, and no second run'
);
SELECT results_eq(
    $$ SELECT run_id, is_new
       FROM agents.start_run(
           test_support.id('a'), 'clerk', p_run_id => test_support.id('a3'),
           p_parent_run_id => test_support.id('a2')
       ) $$,
    $$ VALUES (test_support.id('a3'), false) $$,
    'and so is a run below it'
);

SELECT throws_ok(
    $$ SELECT agents.start_run(
           test_support.id('a'), 'clerk', p_parent_run_id => test_support.id('a1'),
           p_started_at => now() - interval '1 day'
       ) $$,
    'MU112',
    NULL,
    'no run starts before its parent'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
