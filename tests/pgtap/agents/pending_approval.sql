-- Subject: agents.pending_approval    Docs: docs/schema/agents.md#pending-approval
--
-- What waits, and what there is to decide about.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'pending_approval',
    ARRAY[
        'firm_id', 'tool_call_id', 'requested_at', 'run_id', 'run_started_at', 'session_id',
        'agent_name', 'subject_type', 'subject_id', 'actor_type', 'actor_id', 'tool_name',
        'tool_version', 'side_effect', 'args_storage', 'args_inline', 'args_s3_key',
        'args_sha256', 'args_bytes', 'args_preview', 'waiting', 'approval_expires_at',
        'is_expired'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'pending_approval', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'pending_approval', 'muniment_app', ARRAY['SELECT'],
    'muniment_app reads it'
);
SELECT table_privs_are(
    'agents', 'pending_approval', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'pending_approval', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT tool_call_id FROM agents.pending_approval $$, 'no calls, no rows');

SELECT test_support.record_tool('pay', 'irreversible', 'never');
SELECT test_support.record_run(
    'a', 'a1', '2026-05-31 23:59:59Z',
    '{"status": "waiting_approval", "ended_at": null, "subject_type": "matter", "subject_id": "7",
      "actor_type": "user", "actor_id": "u"}'
);
SELECT test_support.record_run('b', 'b1', '2026-06-10 12:00:00Z');
-- One that waits for ever, one whose time comes now, one whose time comes, and others.
SELECT test_support.record_call(
    'a', ending, 'a1', 'pay', '2026-06-01 00:00:00Z',
    jsonb_build_object(
        'call_no', call_no, 'status', status, 'approval_status', approval,
        'approval_expires_at', expires_at, 'started_at', NULL, 'ended_at', ended_at,
        'args_storage', 'inline', 'args_inline', '{"usd": 5}',
        'args_sha256', sha256('{"usd": 5}'), 'args_bytes', 10, 'args_preview', '{"usd'
    )
)
FROM (
    VALUES
        ('c1', 1, 'waiting_approval', 'pending', NULL, NULL),
        ('c2', 2, 'waiting_approval', 'pending', now(), NULL),
        ('c3', 3, 'waiting_approval', 'pending', now() + interval '1 microsecond', NULL),
        ('c4', 4, 'requested', 'not_required', NULL, NULL),
        ('c5', 5, 'cancelled', 'expired', now(), '2026-06-02 00:00:00Z')
) AS call (ending, call_no, status, approval, expires_at, ended_at);
SELECT test_support.record_call(
    'b', 'd1', 'b1', 'pay', '2026-06-10 12:00:00Z',
    '{"status": "waiting_approval", "approval_status": "pending", "started_at": null,
      "ended_at": null}'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT tool_call_id, is_expired, approval_expires_at = now()
       FROM agents.pending_approval
       ORDER BY tool_call_id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000c1'::uuid, false, NULL),
        ('00000000-0000-4000-8000-0000000000c2', true, true),
        ('00000000-0000-4000-8000-0000000000c3', false, false) $$,
    'what waits is there; it is expired when its time has come'
);
SELECT results_eq(
    $$ SELECT run_id, run_started_at, requested_at, agent_name, subject_type, subject_id,
           actor_type, actor_id, tool_name, tool_version, side_effect, args_storage, args_inline,
           args_sha256, args_bytes, args_preview, waiting = now() - requested_at
       FROM agents.pending_approval
       WHERE tool_call_id = '00000000-0000-4000-8000-0000000000c1' $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000a1'::uuid, '2026-05-31 23:59:59Z'::timestamptz,
         '2026-06-01 00:00:00Z'::timestamptz, 'clerk', 'matter', '7', 'user', 'u', 'pay', '1',
         'irreversible', 'inline', '{"usd": 5}', sha256('{"usd": 5}'),
         10::bigint, '{"usd', true) $$,
    'it has all that there is to decide about, from the run of the month before too'
);

RESET ROLE;
UPDATE agents.agent_run_key SET archived_at = now() WHERE started_at < '2026-06-01Z';
ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605;
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT count(*), count(agent_name) FROM agents.pending_approval $$,
    $$ VALUES (3::bigint, 0::bigint) $$,
    'a call waits on when the month of its run has left'
);

SELECT * FROM finish(true);
ROLLBACK;
