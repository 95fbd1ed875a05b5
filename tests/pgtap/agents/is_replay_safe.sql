-- Subject: agents.is_replay_safe    Docs: docs/schema/agents.md#is-replay-safe
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(37);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('agents', 'is_replay_safe', ARRAY['uuid', 'uuid'], 'boolean');
SELECT isnt_definer('agents', 'is_replay_safe', ARRAY['uuid', 'uuid']);
SELECT function_privs_are(
    'agents', 'is_replay_safe', ARRAY['uuid', 'uuid'], 'muniment_app',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'is_replay_safe', ARRAY['uuid', 'uuid'], 'muniment_reader',
    ARRAY['EXECUTE']::text[]
);
SELECT function_privs_are(
    'agents', 'is_replay_safe', ARRAY['uuid', 'uuid'], 'muniment_service',
    ARRAY[]::text[]
);
SELECT function_privs_are(
    'agents', 'is_replay_safe', ARRAY['uuid', 'uuid'], 'muniment_maintainer',
    ARRAY[]::text[]
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.record_tool('look', 'read', 'safe');
SELECT test_support.record_tool('upsert', 'write_idempotent', 'with_key');
SELECT test_support.record_tool('store', 'write', 'safe');
SELECT test_support.record_tool('peek', 'read', 'never');
SELECT test_support.record_tool('pay', 'irreversible', 'never');
SELECT test_support.record_tool('seen', 'unknown', 'never');

-- One call a run, and what is said of the run then.
CREATE TEMPORARY TABLE one_call AS
SELECT
    row_number() OVER () AS n,
    told.*
FROM (
    VALUES
        ('look', 'succeeded', NULL, true, 'safe to replay'),
        ('look', 'unknown', NULL, true, 'safe to replay, whatever came of it'),
        ('store', 'failed', NULL, true, 'registered as safe, whatever it does'),
        ('upsert', 'succeeded', 'k', true, 'asks for a key and has one'),
        ('upsert', 'succeeded', NULL, false, 'asks for a key and has none'),
        ('upsert', 'requested', NULL, true, 'asks for a key, but was not made'),
        ('peek', 'succeeded', NULL, false, 'never to be made again, though it only reads'),
        ('pay', 'succeeded', 'k', false, 'irreversible'),
        ('pay', 'failed', NULL, false, 'irreversible, and may have had its effect'),
        ('pay', 'timed_out', NULL, false, 'irreversible, and cut off'),
        ('pay', 'unknown', NULL, false, 'irreversible, and nobody saw the end'),
        ('pay', 'cancelled', NULL, false, 'irreversible, and cancelled while it ran'),
        ('pay', 'requested', NULL, true, 'irreversible, but not made'),
        ('pay', 'waiting_approval', NULL, true, 'irreversible, but not approved yet'),
        ('pay', 'denied', NULL, true, 'irreversible, but denied'),
        ('seen', 'succeeded', NULL, NULL, 'known from an import only'),
        ('seen', 'denied', NULL, true, 'known from an import, but denied')
) AS told (tool, status, key, verdict, reason);
GRANT SELECT ON one_call TO PUBLIC;

SELECT test_support.record_run('a', '10' || n, '2026-05-31 23:59:59Z') FROM one_call;
-- The call is of the next month.
SELECT test_support.record_call(
    'a', '20' || n, '10' || n, tool, '2026-06-01 00:00:00Z',
    jsonb_build_object('status', status, 'idempotency_key', key)
    || CASE status
        WHEN 'failed' THEN '{"error_type": "boom"}'::jsonb
        WHEN 'requested' THEN '{"started_at": null, "ended_at": null}'
        WHEN 'waiting_approval' THEN
            '{"started_at": null, "ended_at": null, "approval_status": "pending"}'
        WHEN 'denied' THEN
            '{"started_at": null, "approval_status": "denied", "approval_decided_by": "u",
              "approval_decided_at": "2026-06-01 00:00:00Z"}'
        ELSE '{}'
    END
)
FROM one_call;

-- 31 has started 32, which calls 33 (by child_run_id alone), which pays.
SELECT test_support.record_run('a', '31', '2026-06-10 12:00:00Z');
SELECT test_support.record_run(
    'a', '32', '2026-06-10 12:00:00Z',
    jsonb_build_object(
        'parent_run_id', test_support.id('31'), 'root_run_id', test_support.id('31'), 'depth', 1
    )
);
SELECT test_support.record_run('a', '33', '2026-06-10 12:00:00Z');
SELECT test_support.record_call(
    'a', '41', '32', 'look', '2026-06-10 12:00:00Z',
    jsonb_build_object('child_run_id', test_support.id('33'))
);
SELECT test_support.record_call('a', '42', '33', 'pay', '2026-06-10 12:00:00Z');
-- 51 and 52 call a run that had begun before them, in another month: 53, which has started 54, which
-- pays, and 55, which only looks.
SELECT test_support.record_run('a', '53', '2026-05-31 12:00:00Z');
SELECT test_support.record_run(
    'a', '54', '2026-05-31 12:00:00Z',
    jsonb_build_object(
        'parent_run_id', test_support.id('53'), 'root_run_id', test_support.id('53'), 'depth', 1
    )
);
SELECT test_support.record_call('a', '64', '54', 'pay', '2026-05-31 12:00:00Z');
SELECT test_support.record_run('a', '55', '2026-05-31 12:00:00Z');
SELECT test_support.record_call('a', '65', '55', 'look', '2026-05-31 12:00:00Z');
SELECT test_support.record_run('a', run, '2026-06-10 12:00:00Z'),
    test_support.record_call(
        'a', call, run, 'look', '2026-06-10 12:00:00Z',
        jsonb_build_object('child_run_id', test_support.id(child))
    )
FROM (VALUES ('51', '61', '53'), ('52', '62', '55')) AS made (run, call, child);
-- An open run, one that is open and has paid, one of two calls of which one is not known.
SELECT test_support.record_run(
    'a', '34', '2026-06-10 12:00:00Z', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_run(
    'a', '35', '2026-06-10 12:00:00Z', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_call('a', '43', '35', 'pay', '2026-06-10 12:00:00Z');
SELECT test_support.record_run('a', '36', '2026-06-10 12:00:00Z');
SELECT test_support.record_call('a', '44', '36', 'look', '2026-06-10 12:00:00Z');
SELECT test_support.record_call('a', '45', '36', 'seen', '2026-06-10 12:00:00Z', '{"call_no": 2}');
SELECT test_support.record_run('a', '37', '2026-06-10 12:00:00Z');
SELECT test_support.record_call(
    'a', '46', '37', 'pay', '2026-06-10 12:00:00Z', '{"status": "cancelled", "started_at": null}'
);
-- Each other's parent.
INSERT INTO agents.agent_run_key (firm_id, run_id, started_at)
SELECT test_support.id('a'), test_support.id(id), '2026-06-10 12:00:00Z'
FROM unnest(ARRAY['c1', 'c2']) AS id;
INSERT INTO agents.agent_run (
    firm_id, run_id, started_at, parent_run_id, root_run_id, depth, agent_name, status, ended_at
)
SELECT
    test_support.id('a'), test_support.id(own), '2026-06-10 12:00:00Z', test_support.id(other),
    test_support.id('31'), 1, 'clerk', 'succeeded', '2026-06-10 12:00:00Z'
FROM (VALUES ('c1', 'c2'), ('c2', 'c1')) AS pair (own, other);
SELECT test_support.record_run('b', '31', '2026-06-10 12:00:00Z');
SET CONSTRAINTS ALL IMMEDIATE;

SET LOCAL ROLE muniment_reader;
SELECT is(
    agents.is_replay_safe(test_support.id('a'), test_support.id('10' || n)), verdict,
    format('%s: %s', reason, coalesce(verdict::text, 'not known'))
)
FROM one_call
ORDER BY n;
SELECT is(
    agents.is_replay_safe(test_support.id('a'), test_support.id(run)), verdict, reason
)
FROM (
    VALUES
        ('31', false, 'a run that has started what is not to be made again'),
        ('32', false, 'also by a call alone'),
        ('51', false, 'also by one that had begun before it'),
        ('52', true, 'which may be safe as well'),
        ('53', false, 'as it is by itself'),
        ('34', NULL, 'an open run may yet do anything'),
        ('35', false, 'but what it has done is done'),
        ('36', NULL, 'one call that is not known is enough'),
        ('37', true, 'what was cancelled before it began was not done'),
        ('c1', true, 'runs that are each other''s parents are asked once')
) AS tree (run, verdict, reason);
SELECT throws_ok(
    $$ SELECT agents.is_replay_safe(test_support.id('a'), test_support.id('99')) $$,
    'P0002', NULL, 'a run that is not there'
);
SELECT throws_ok(
    $$ SELECT agents.is_replay_safe(test_support.id('b'), test_support.id('31')) $$,
    '42501', NULL, 'a transaction asks for one firm'
);

RESET ROLE;
UPDATE agents.agent_run_key SET archived_at = now() WHERE started_at < '2026-06-01Z';
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE agents.agent_run DETACH PARTITION agents.agent_run_p202605;
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT
           agents.is_replay_safe(test_support.id('a'), test_support.id('101')),
           agents.is_replay_safe(test_support.id('a'), test_support.id('108')) $$,
    $$ VALUES (NULL::boolean, false) $$,
    'of a run whose month has left it is only known what a call that is here forbids'
);
RESET ROLE;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
SET LOCAL ROLE muniment_reader;
SELECT is(
    agents.is_replay_safe(test_support.id('b'), test_support.id('31')), true,
    'the run of another firm with the same id is another run'
);

SELECT * FROM finish(true);
ROLLBACK;
