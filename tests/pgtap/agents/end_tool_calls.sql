-- Subject: agents.end_tool_calls()    Docs: docs/schema/agents.md#end-tool-calls
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.end_tool_calls' $$,
    $$ VALUES (
        'p_firm_id uuid, p_run_id uuid, p_run_started_at timestamp with time zone, p_ended_at '
        'timestamp with time zone',
        'void',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_app, muniment_service'
    ) $$,
    'for what ends runs: it writes, with the rights of agents and of the backend'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_tool(kind, kind, replay)
FROM (
    VALUES
        ('none', 'safe'), ('read', 'safe'), ('write_idempotent', 'with_key'), ('write', 'never'),
        ('irreversible', 'never'), ('unknown', 'never')
) AS tool (kind, replay);
SELECT test_support.record_run(firm, run, '2026-06-15 12:00:00+00')
FROM (
    VALUES ('a', 'a1'), ('a', 'a2'), ('a', 'a3'), ('b', 'b1'), ('b', 'a3')
) AS run (firm, run);
SELECT test_support.record_call(
    'a', 'c' || to_hex(no), 'a1', tool, '2026-06-15 12:01:00+00',
    jsonb_build_object('call_no', no) || CASE status
        WHEN 'running' THEN '{"status": "running", "ended_at": null}'
        WHEN 'requested' THEN '{"status": "requested", "started_at": null, "ended_at": null}'
        WHEN 'waiting_approval' THEN
            '{"status": "waiting_approval", "approval_status": "pending", "started_at": null,
              "ended_at": null}'
        WHEN 'approved' THEN
            '{"status": "requested", "approval_status": "approved", "started_at": null,
              "ended_at": null, "approval_decided_by": "U-1",
              "approval_decided_at": "2026-06-15T12:01:00Z",
              "args_storage": "inline", "args_inline": "", "args_bytes": 0}'
            || jsonb_build_object('args_sha256', sha256(''), 'approval_args_sha256', sha256(''))
        ELSE '{}'::jsonb
    END
)
FROM (
    VALUES
        (1, 'none', 'running'), (2, 'read', 'running'), (3, 'write_idempotent', 'running'),
        (4, 'write', 'running'), (5, 'irreversible', 'running'), (6, 'unknown', 'running'),
        (7, 'write', 'requested'), (8, 'read', 'waiting_approval'), (9, 'write', 'approved'),
        (10, 'write', 'succeeded')
) AS call (no, tool, status);
SELECT test_support.record_call(
    firm, call, run, 'write', '2026-06-15 12:01:00+00',
    '{"status": "running", "ended_at": null}'
)
FROM (
    VALUES ('a', 'd2', 'a2'), ('a', 'd3', 'a3'), ('b', 'd1', 'b1'), ('b', 'd4', 'a3')
) AS other (firm, call, run);

SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_app;
SELECT agents.end_tool_calls(
    test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00', '2026-06-15 13:00:00+00'
);
SELECT results_eq(
    $$ SELECT call_no, status, approval_status, error_type, ended_at
       FROM agents.tool_call
       WHERE run_id = test_support.id('a1')
       ORDER BY call_no $$,
    $$ VALUES
        (1, 'cancelled', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'::timestamptz),
        (2, 'cancelled', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'),
        (3, 'unknown', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'),
        (4, 'unknown', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'),
        (5, 'unknown', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'),
        (6, 'unknown', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'),
        (7, 'cancelled', 'not_required', 'run_ended', '2026-06-15 13:00:00+00'),
        (8, 'cancelled', 'expired', 'run_ended', '2026-06-15 13:00:00+00'),
        (9, 'cancelled', 'approved', 'run_ended', '2026-06-15 13:00:00+00'),
        (10, 'succeeded', 'not_required', NULL, '2026-06-15 12:01:01+00') $$,
    'only what was begun and changes something may have had an effect'
);

-- By a clock that is behind that of the call.
SELECT agents.end_tool_calls(
    test_support.id('a'), test_support.id('a2'), '2026-06-15 12:00:00+00', '2026-06-15 12:00:30+00'
);
SELECT results_eq(
    $$ SELECT status, ended_at FROM agents.tool_call WHERE run_id = test_support.id('a2') $$,
    $$ VALUES ('unknown', '2026-06-15 12:01:00+00'::timestamptz) $$,
    'a call does not end before it began'
);
SELECT agents.end_tool_calls(
    test_support.id('b'), test_support.id('b1'), '2026-06-15 12:00:00+00', '2026-06-15 13:00:00+00'
);
SELECT is(
    test_support.answer_to(
        $$ SET LOCAL app.tenant_id = '';
           SELECT agents.end_tool_calls(
               :a, :a3, '2026-06-15 12:00:00+00', '2026-06-15 13:00:00+00'
           ) $$
    ),
    '42501 tenant is not set',
    'who calls it has set the tenant'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT right(run_id::text, 2), status
       FROM agents.tool_call
       WHERE tool_call_id IN (test_support.id('d1'), test_support.id('d3'))
       ORDER BY 1 $$,
    $$ VALUES ('a3', 'running'), ('b1', 'running') $$,
    'calls of other runs and of other firms go on'
);

SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_service;
SELECT agents.end_tool_calls(
    test_support.id('a'), test_support.id('a3'), '2026-06-15 12:00:00+00', '2026-06-15 13:00:00+00'
);
SELECT results_eq(
    $$ SELECT right(firm_id::text, 1), status
       FROM agents.tool_call
       WHERE run_id = test_support.id('a3')
       ORDER BY 1 $$,
    $$ VALUES ('a', 'unknown'), ('b', 'running') $$,
    'the backend ends calls of any firm, but of one'
);
SELECT is(
    test_support.answer_to(
        $$ SELECT agents.end_tool_calls(
               :a, :a9, '2026-06-15 12:00:00+00', '2026-06-15 13:00:00+00'
           ) $$
    ),
    'accepted',
    'a run without calls has none to end'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
