-- Subject: agents.guard_agent_run()    Docs: docs/schema/agents.md#guard-agent-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(83);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.guard_agent_run' $$,
    $$ VALUES (
        '',
        'trigger',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        NULL::text
    ) $$,
    'a trigger function: it acts with the rights of whoever changes a row, and nobody calls it'
);

-- Behaviour -----------------------------------------------------------------

SELECT set_eq(
    $$ SELECT tgrelid::regclass::text, tgenabled::text,
           substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER) \w+')
       FROM pg_trigger
       WHERE tgname = 'agent_run_guard_tg' $$,
    $$ SELECT relid::text, 'O' AS enabled, 'BEFORE UPDATE' AS event
       FROM pg_partition_tree('agents.agent_run') $$,
    'it looks at every row that changes, in every month'
);

-- What is in the columns of a run in a state, beside those that are the same in all.
CREATE TEMPORARY TABLE state (status text, is_over boolean, columns jsonb);
INSERT INTO state (status, is_over, columns) VALUES
    ('queued', false, '{}'),
    (
        'running', false,
        '{
            "worker_id": "w1", "heartbeat_at": "2026-06-15T12:00:01Z",
            "lease_expires_at": "2026-06-15T12:01:00Z"
        }'
    ),
    (
        'waiting_approval', false,
        '{
            "worker_id": "w1", "heartbeat_at": "2026-06-15T12:00:01Z",
            "lease_expires_at": "2026-06-15T12:01:00Z"
        }'
    ),
    ('succeeded', true, '{"ended_at": "2026-06-15T12:01:00Z"}'),
    ('failed', true, '{"ended_at": "2026-06-15T12:01:00Z", "error_type": "refused"}'),
    ('cancelled', true, '{"ended_at": "2026-06-15T12:01:00Z"}'),
    ('timed_out', true, '{"ended_at": "2026-06-15T12:01:00Z"}'),
    ('abandoned', true, '{"ended_at": "2026-06-15T12:01:00Z"}');

-- The ways that a run can go.
CREATE TEMPORARY TABLE way (old text, new text);
INSERT INTO way (old, new) VALUES
    ('queued', 'running'),
    ('queued', 'cancelled'),
    ('queued', 'abandoned'),
    ('running', 'waiting_approval'),
    ('running', 'succeeded'),
    ('running', 'failed'),
    ('running', 'cancelled'),
    ('running', 'timed_out'),
    ('running', 'abandoned'),
    ('waiting_approval', 'running'),
    ('waiting_approval', 'failed'),
    ('waiting_approval', 'cancelled'),
    ('waiting_approval', 'timed_out'),
    ('waiting_approval', 'abandoned');

-- What becomes of a run in this state, and with these columns besides, when columns change so:
-- accepted, or the SQLSTATE. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_status text, p_change jsonb, p_columns jsonb DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM test_support.record_run(
        'a', 'a1', '2026-06-15 12:00:00+00',
        jsonb_build_object('status', p_status, 'ended_at', NULL)
        || (SELECT s.columns FROM state AS s WHERE s.status = p_status)
        || p_columns
    );
    EXECUTE format(
        'UPDATE agents.agent_run AS run SET (%1$s) = ROW(%2$s)
         FROM jsonb_populate_record(NULL::agents.agent_run, $1) AS want
         WHERE run.run_id = test_support.id(''a1'')',
        (SELECT string_agg(key, ', ') FROM jsonb_object_keys(p_change) AS key),
        (SELECT string_agg('want.' || key, ', ') FROM jsonb_object_keys(p_change) AS key)
    )
    USING p_change;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        RETURN SQLSTATE;
END;
$$;

SELECT is(
    pg_temp.fate_of(old.status, new.columns || jsonb_build_object('status', new.status)),
    CASE
        WHEN old.is_over THEN 'MU101'
        WHEN old.status = new.status THEN 'accepted'
        WHEN (old.status, new.status) IN (SELECT w.old, w.new FROM way AS w) THEN 'accepted'
        ELSE 'MU103'
    END,
    format('from %s to %s', old.status, new.status)
)
FROM state AS old
CROSS JOIN state AS new
ORDER BY old.status, new.status;

SELECT is(pg_temp.fate_of(status, change, columns), fate, promise)
FROM (
    VALUES
        -- Who has it, and in which attempt.
        ('queued', '{"worker_id": "w1"}'::jsonb, '{}'::jsonb, 'accepted',
         'the first worker has the first attempt'),
        ('running', '{"worker_id": "w2"}', '{}', 'MU103',
         'another worker does not take a run in the same attempt'),
        ('running', '{"worker_id": "w2", "attempt_no": 2}', '{}', 'accepted',
         'another worker takes a run by the next attempt'),
        ('running', '{"attempt_no": 2}', '{}', 'accepted',
         'the same worker begins the next attempt'),
        ('running', '{"attempt_no": 3}', '{}', 'MU103', 'no attempt is left out'),
        ('running', '{"attempt_no": 1}', '{"attempt_no": 2}', 'MU103', 'no attempt comes again'),
        ('waiting_approval', '{"worker_id": null}', '{}', 'MU103',
         'a run that waits keeps its worker'),
        ('running', '{"lease_expires_at": "2026-06-15T12:02:00Z"}', '{}', 'accepted',
         'the worker renews its lease'),

        -- That somebody wants it to stop.
        ('running', '{"cancel_requested_at": "2026-06-15T12:00:02Z"}', '{}', 'accepted',
         'somebody asks to cancel a run'),
        ('running', '{"cancel_requested_at": "2026-06-15T12:00:03Z"}',
         '{"cancel_requested_at": "2026-06-15T12:00:02Z"}', 'MU103',
         'when they asked does not change'),
        ('running', '{"cancel_requested_at": null}',
         '{"cancel_requested_at": "2026-06-15T12:00:02Z"}', 'MU103',
         'nobody takes back that they asked'),
        ('running', '{"heartbeat_at": "2026-06-15T12:00:03Z"}',
         '{"cancel_requested_at": "2026-06-15T12:00:02Z"}', 'accepted',
         'a run that is to stop beats on'),

        -- What has ended.
        ('succeeded', '{"cost_usd": 1}', '{}', 'MU101', 'what has ended is not priced later'),
        ('abandoned', '{"worker_id": "w2", "attempt_no": 2}', '{}', 'MU101',
         'nobody takes a run that was given up')
) AS attempt (status, change, columns, fate, promise);

-- Whoever writes past the functions is told what to do.
SELECT test_support.record_run('a', 'a1', '2026-06-15 12:00:00+00');
SELECT test_support.record_run(
    'a', 'a2', '2026-06-15 12:00:00+00', '{"status": "queued", "ended_at": null}'
);
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ UPDATE agents.agent_run SET status = 'failed' WHERE run_id = :a1 $$,
         'MU101 run a1 has ended as succeeded', 'that a run has ended, and how'),
        ($$ UPDATE agents.agent_run SET status = 'succeeded' WHERE run_id = :a2 $$,
         'MU103 run a2 does not go from queued to succeeded', 'from where it does not go where'),
        ($$ UPDATE agents.agent_run SET attempt_no = 3 WHERE run_id = :a2 $$,
         'MU103 run a2 does not go from attempt 1 to 3', 'which attempt is not the next')
) AS attempt (statement, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
