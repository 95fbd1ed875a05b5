-- Subject: agents.verify_unsealed()    Docs: docs/schema/agents.md#verify-unsealed
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(24);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agents', 'verify_unsealed', ARRAY['uuid', 'timestamptz', 'timestamptz'], 'setof record'
);
SELECT isnt_definer('agents', 'verify_unsealed', ARRAY['uuid', 'timestamptz', 'timestamptz']);
SELECT volatility_is('agents', 'verify_unsealed', ARRAY['uuid', 'timestamptz', 'timestamptz'], 'stable');
SELECT function_privs_are(
    'agents', 'verify_unsealed', ARRAY['uuid', 'timestamptz', 'timestamptz'], role, rights,
    format('%s: %s', role, rights)
)
FROM (
    VALUES
        ('muniment_app', ARRAY['EXECUTE']),
        ('muniment_reader', ARRAY['EXECUTE']),
        ('muniment_service', ARRAY[]::text[]),
        ('muniment_maintainer', ARRAY[]::text[])
) AS expected (role, rights);

-- Behaviour -----------------------------------------------------------------

SELECT agents.ensure_partitions(date_trunc('month', now() - interval '1 day')::date);
SET LOCAL ROLE muniment_app;
CREATE TEMPORARY TABLE recorded AS
SELECT r.*
FROM agents.open_session(test_support.id('a'), test_support.id('a5')) AS s
CROSS JOIN generate_series(1, 2) AS exchange
CROSS JOIN LATERAL agents.record_turn(
    test_support.id('a'), s.session_id,
    jsonb_build_object('agent_name', 'clerk', 'run_id', test_support.id('a' || exchange)),
    '[{"role": "user", "content": "secret"}]'
) AS r;
RESET ROLE;
GRANT SELECT ON recorded TO muniment_reader;
SET LOCAL ROLE muniment_service;
SELECT agents.redact_turn(t.firm_id, t.turn_id, t.created_at, 'dpo', 'art. 17')
FROM agents.chat_turn AS t
WHERE t.run_id = test_support.id('a1');
RESET ROLE;

CREATE FUNCTION pg_temp.findings()
RETURNS TABLE (table_name text, run text, reason text)
LANGUAGE sql
AS $function$
    SELECT u.table_name, right(u.run_id::text, 2), u.reason
    FROM agents.verify_unsealed(test_support.id('a')) AS u;
$function$;

SELECT is_empty('SELECT * FROM pg_temp.findings()', 'nothing is found where all is sealed');

-- A role for whom nothing is forbidden, so that something can be wrong.
SET LOCAL session_replication_role = replica;
SAVEPOINT sealed;

DELETE FROM agents.run_seal WHERE run_id = test_support.id('a1') AND kind = 'run';
SELECT results_eq(
    'SELECT * FROM pg_temp.findings()',
    $$ VALUES ('agent_run', 'a1', 'the run has ended without a seal') $$,
    'a run that ended has a seal'
);
SELECT is_empty(
    $$ SELECT * FROM agents.verify_unsealed(test_support.id('a'), 'infinity') $$,
    'if it ended in the time that is asked for'
);
SELECT is_empty(
    $$ SELECT * FROM agents.verify_unsealed(
           test_support.id('a'), p_to => now() - interval '1 day'
       ) $$,
    'not after it'
);
ALTER TABLE agents.agent_run DROP CONSTRAINT agent_run_times_are_finite_ck;
UPDATE agents.agent_run SET ended_at = 'infinity' WHERE run_id = test_support.id('a1');
SELECT results_eq(
    'SELECT * FROM pg_temp.findings()',
    $$ VALUES ('agent_run', 'a1', 'the run has ended without a seal') $$,
    'nor at a time that never comes'
);
DELETE FROM agents.agent_run WHERE run_id = test_support.id('a1');
SELECT results_eq(
    'SELECT * FROM pg_temp.findings()',
    $$ VALUES ('agent_run_key', 'a1', 'the key has neither run nor seal') $$,
    'a key has a run'
);
UPDATE agents.agent_run_key SET archived_at = now() WHERE run_id = test_support.id('a1');
SELECT is_empty(
    'SELECT * FROM pg_temp.findings()', 'unless the run has left, which may have been open'
);
ROLLBACK TO sealed;

-- Without the CHECKs a row can be from before its run, too.
ALTER TABLE agents.chat_turn DROP CONSTRAINT chat_turn_not_before_run_ck;
ALTER TABLE agents.tool_call DROP CONSTRAINT tool_call_times_in_order_ck;
INSERT INTO agents.tool_call (
    firm_id, requested_at, run_id, run_started_at, call_no, tool_name, tool_version,
    definition_sha256
)
SELECT r.firm_id, r.started_at, r.run_id, r.started_at, 1, 'look', '1', sha256('look')
FROM agents.agent_run AS r
WHERE r.run_id = test_support.id('a2');

-- What is found after a copy of the rows of a2 in p_table, changed so, which is undone.
CREATE FUNCTION pg_temp.found_with(p_table text, p_changes jsonb)
RETURNS text
LANGUAGE plpgsql
AS $function$
DECLARE
    v_found text;
BEGIN
    EXECUTE format(
        'INSERT INTO agents.%1$I SELECT (jsonb_populate_record(t, $1)).* FROM agents.%1$I AS t '
        'WHERE t.run_id = test_support.id(''a2'')',
        p_table
    )
    USING p_changes || jsonb_build_object(
        'turn_id', gen_random_uuid(), 'turn_no', 9, 'tool_call_id', gen_random_uuid(), 'call_no', 9
    );
    SELECT string_agg(concat_ws(' ', f.table_name, f.run, f.reason), '; ')
    INTO v_found
    FROM pg_temp.findings() AS f;
    RAISE EXCEPTION '%', v_found USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
END;
$function$;
SELECT is_empty('SELECT * FROM pg_temp.findings()', 'rows of a run that began are its own');
SELECT is(pg_temp.found_with(name, changes), name || ' ' || finding, promise)
FROM (
    VALUES
        ('agent_run', jsonb_build_object('started_at', '2026-06-15 12:00:00+00'),
         'a2 no run began as the row says', 'a run began once'),
        ('agent_run',
         '{"started_at": "2026-06-15 12:00:00+00", "status": "queued", "ended_at": null}',
         'a2 no run began as the row says', 'and is not under way besides'),
        ('chat_turn', jsonb_build_object('run_id', test_support.id('a9')),
         'a9 no run began as the row says', 'a turn is of a run that there is'),
        ('chat_turn', '{"created_at": "2026-06-15 12:00:00+00"}',
         'a2 no run began as the row says', 'and not older'),
        ('tool_call', jsonb_build_object('run_id', test_support.id('a9')),
         'a9 no run began as the row says', 'so is a call'),
        ('tool_call', '{"requested_at": "2026-06-15 12:00:00+00"}',
         'a2 no run began as the row says', 'and not older')
) AS attempt (name, changes, finding, promise);
ROLLBACK TO sealed;

DELETE FROM agents.run_seal WHERE kind = 'redaction';
SELECT results_eq(
    'SELECT table_name FROM agents.verify_unsealed(test_support.id(''a''), NULL, NULL)',
    ARRAY['seal_chain', 'redaction'],
    'no time is all times'
);
SELECT results_eq(
    'SELECT * FROM pg_temp.findings()',
    $$ VALUES
        ('seal_chain', NULL, 'the head of the chain is not its last seal'),
        ('redaction', 'a1', 'the redaction has no seal') $$,
    'a redaction has a seal, and the head is that of the last'
);
ROLLBACK TO sealed;
SET LOCAL session_replication_role = origin;

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_reader;
SELECT platform.set_tenant(test_support.id('b'));
SELECT throws_ok(
    'SELECT * FROM pg_temp.findings()',
    '42501',
    'the transaction acts for another tenant',
    'another firm sees none of it, and is told so'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
