-- Subject: agents.unknown_effect    Docs: docs/schema/agents.md#unknown-effect
--
-- Calls of which nobody saw the outcome.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'unknown_effect',
    ARRAY[
        'firm_id', 'tool_call_id', 'requested_at', 'run_id', 'run_started_at', 'agent_name',
        'run_status', 'call_no', 'attempt_no', 'tool_name', 'tool_version', 'side_effect',
        'replay', 'idempotency_key', 'external_ref', 'started_at', 'ended_at',
        'args_sha256', 'args_preview'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'unknown_effect', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'unknown_effect', 'muniment_app', ARRAY['SELECT'],
    'muniment_app reads it'
);
SELECT table_privs_are(
    'agents', 'unknown_effect', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'unknown_effect', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT tool_call_id FROM agents.unknown_effect $$, 'no calls, no rows');

SELECT test_support.record_tool('pay', 'irreversible', 'never');
SELECT test_support.record_run(
    'a', 'a1', '2026-05-31 23:59:59Z', '{"status": "failed", "error_type": "boom"}'
);
SELECT test_support.record_run('b', 'b1', '2026-06-10 12:00:00Z');
SELECT test_support.record_call(
    'a', 'c1', 'a1', 'pay', '2026-06-01 00:00:00Z',
    jsonb_build_object(
        'status', 'unknown', 'ended_at', NULL, 'call_no', 3, 'attempt_no', 2,
        'idempotency_key', 'k', 'external_ref', 'x-1', 'args_storage', 'inline',
        'args_inline', '{}', 'args_sha256', sha256('{}'), 'args_bytes', 2, 'args_preview', '{'
    )
);
SELECT test_support.record_call('a', 'c2', 'a1', 'pay', '2026-06-01 00:00:00Z');
SELECT test_support.record_call(
    'a', 'c3', 'a1', 'pay', '2026-06-01 00:00:00Z',
    '{"status": "failed", "error_type": "boom", "call_no": 2}'
);
SELECT test_support.record_call(
    'b', 'd1', 'b1', 'pay', '2026-06-10 12:00:00Z', '{"status": "unknown", "ended_at": null}'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT tool_call_id, requested_at, run_id, run_started_at, agent_name, run_status, call_no,
           attempt_no, tool_name, tool_version, side_effect, replay, idempotency_key,
           external_ref, started_at, ended_at, args_sha256, args_preview
       FROM agents.unknown_effect $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000c1'::uuid, '2026-06-01 00:00:00Z'::timestamptz,
         '00000000-0000-4000-8000-0000000000a1'::uuid, '2026-05-31 23:59:59Z'::timestamptz,
         'clerk', 'failed', 3, 2, 'pay', '1', 'irreversible', 'never', 'k', 'x-1',
         '2026-06-01 00:00:00Z'::timestamptz, NULL::timestamptz, sha256('{}'), '{') $$,
    'a call that may have had an effect is there, with what it can be looked up by'
);

RESET ROLE;
UPDATE agents.agent_run_key SET archived_at = now() WHERE started_at < '2026-06-01Z';
ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605;
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT tool_call_id, run_status FROM agents.unknown_effect $$,
    $$ VALUES ('00000000-0000-4000-8000-0000000000c1'::uuid, NULL) $$,
    'and stays when the month of its run has left'
);

SELECT * FROM finish(true);
ROLLBACK;
