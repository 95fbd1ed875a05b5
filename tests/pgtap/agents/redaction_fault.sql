-- Subject: agents.redaction_fault()    Docs: docs/schema/agents.md#redaction-fault
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('agents', 'redaction_fault', ARRAY['agents.redaction'], 'text');
SELECT isnt_definer('agents', 'redaction_fault', ARRAY['agents.redaction']);
SELECT volatility_is('agents', 'redaction_fault', ARRAY['agents.redaction'], 'stable');
SELECT function_privs_are(
    'agents', 'redaction_fault', ARRAY['agents.redaction'], role, rights,
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

CREATE FUNCTION pg_temp.faults()
RETURNS SETOF text
LANGUAGE sql
AS $function$
    SELECT agents.redaction_fault(d) FROM agents.redaction AS d;
$function$;

-- A role for whom nothing is forbidden, so that something can be wrong.
SET LOCAL session_replication_role = replica;

SELECT results_eq(
    'SELECT pg_temp.faults()', ARRAY[NULL::text], 'nothing is wrong with what the ledger redacted'
);

SAVEPOINT sealed;
UPDATE agents.redaction SET reason = 'another';
SELECT results_eq(
    'SELECT pg_temp.faults()', ARRAY['the redaction is not as it was sealed'],
    'what was changed is not what was sealed'
);
ROLLBACK TO sealed;

DELETE FROM agents.run_seal WHERE kind = 'redaction';
SELECT results_eq(
    'SELECT pg_temp.faults()', ARRAY['the redaction has no seal'], 'it has a seal of its own'
);
ROLLBACK TO sealed;

UPDATE agents.chat_turn
SET content_storage = 'inline', content_inline = 'secret'
WHERE content_storage = 'redacted';
SELECT results_eq(
    'SELECT pg_temp.faults()', ARRAY['the body that was redacted is there again'],
    'the body has to be gone'
);
ROLLBACK TO sealed;

DELETE FROM agents.chat_turn;
SELECT results_eq(
    'SELECT pg_temp.faults()', ARRAY[NULL::text], 'with its month the turn may be gone too'
);
ROLLBACK TO sealed;
SET LOCAL session_replication_role = origin;

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
