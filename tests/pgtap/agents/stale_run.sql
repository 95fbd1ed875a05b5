-- Subject: agents.stale_run    Docs: docs/schema/agents.md#stale-run
--
-- Times are told from now(), which stands still in a transaction.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'stale_run',
    ARRAY[
        'firm_id', 'run_id', 'started_at', 'session_id', 'agent_name', 'attempt_no',
        'worker_id', 'heartbeat_at', 'lease_expires_at', 'overdue', 'cancel_requested_at'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'stale_run', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'stale_run', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'stale_run', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'stale_run', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT run_id FROM agents.stale_run $$, 'no runs, no rows');

-- now() may be of a month that is yet to be made, so these started when there was one.
SELECT test_support.record_run(
    'a', ending, '2026-06-10 12:00:00Z',
    jsonb_build_object(
        'status', status, 'worker_id', 'w', 'heartbeat_at', '2026-06-10 12:00:00Z',
        'lease_expires_at', lease, 'ended_at', ended_at, 'error_type', 'boom', 'attempt_no', 2
    )
)
FROM (
    VALUES
        ('a1', 'running', now() - interval '1 microsecond', NULL),
        ('a2', 'running', now(), NULL),
        ('a3', 'running', now() + interval '1 minute', NULL),
        ('a4', 'waiting_approval', now() - interval '1 day', NULL),
        ('a5', 'queued', NULL, NULL),
        ('a6', 'failed', now() - interval '1 day', '2026-06-10 12:00:00Z'),
        ('a7', 'running', now() - interval '2 days', NULL)
) AS run (ending, status, lease, ended_at);
SELECT test_support.record_run(
    'b', 'b1', '2026-06-10 12:00:00Z',
    '{"status": "running", "ended_at": null, "worker_id": "w",
      "heartbeat_at": "2026-06-10 12:00:00Z", "lease_expires_at": "2026-06-10 12:00:00Z"}'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT run_id, agent_name, attempt_no, worker_id, heartbeat_at,
           lease_expires_at = now() - overdue, overdue
       FROM agents.stale_run
       ORDER BY overdue $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000a1'::uuid, 'clerk', 2, 'w',
         '2026-06-10 12:00:00Z'::timestamptz, true, interval '1 microsecond'),
        ('00000000-0000-4000-8000-0000000000a7', 'clerk', 2, 'w',
         '2026-06-10 12:00:00Z', true, interval '2 days') $$,
    'a run is stale when it is running and its lease is over, from the next microsecond on'
);

SELECT * FROM finish(true);
ROLLBACK;
