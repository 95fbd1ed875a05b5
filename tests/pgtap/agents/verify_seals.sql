-- Subject: agents.verify_seals()    Docs: docs/schema/agents.md#verify-seals
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agents', 'verify_seals', ARRAY['uuid', 'timestamptz', 'timestamptz', 'smallint', 'bigint', 'integer'],
    'setof record'
);
SELECT isnt_definer(
    'agents', 'verify_seals', ARRAY['uuid', 'timestamptz', 'timestamptz', 'smallint', 'bigint', 'integer']
);
SELECT volatility_is(
    'agents', 'verify_seals', ARRAY['uuid', 'timestamptz', 'timestamptz', 'smallint', 'bigint', 'integer'], 'stable'
);
SELECT function_privs_are(
    'agents', 'verify_seals', ARRAY['uuid', 'timestamptz', 'timestamptz', 'smallint', 'bigint', 'integer'], role,
    rights,
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

SET LOCAL ROLE muniment_reader;
SELECT platform.set_tenant(test_support.id('a'));
SELECT results_eq(
    $$ SELECT verdict, seal_no, right(run_id::text, 2), reason
       FROM agents.verify_seals(test_support.id('a')) $$,
    $$ VALUES
        ('holds', 1::bigint, 'a1', NULL::text), ('holds', 2, 'a2', NULL), ('holds', 3, 'a1', NULL) $$,
    'every seal is verified, in its order, that of a redaction too'
);
SELECT results_eq(
    $$ SELECT seal_no
       FROM agents.verify_seals(
           test_support.id('a'), p_after_chain_no => 1::smallint, p_after_seal_no => 1,
           p_limit => 1
       ) $$,
    ARRAY[2::bigint],
    'a page begins after the seal that is named'
);
SELECT is_empty(
    $$ SELECT seal_no
       FROM agents.verify_seals(test_support.id('a'), p_after_chain_no => 2::smallint) $$,
    'and after the last there is none'
);
SELECT results_eq(
    $$ SELECT v.seal_no
       FROM agents.run_seal AS s
       CROSS JOIN LATERAL agents.verify_seals(
           test_support.id('a'), s.sealed_at, s.sealed_at + interval '1 microsecond'
       ) AS v
       WHERE s.seal_no = 2 AND v.seal_no = 2 $$,
    ARRAY[2::bigint],
    'p_from is in'
);
SELECT is_empty(
    $$ SELECT v.seal_no
       FROM agents.run_seal AS s
       CROSS JOIN LATERAL agents.verify_seals(test_support.id('a'), '-infinity', s.sealed_at) AS v
       WHERE s.seal_no = 1 $$,
    'p_to is not'
);
SELECT results_eq(
    $$ SELECT seal_no
       FROM agents.verify_seals(test_support.id('a'), NULL, NULL, NULL, NULL, NULL) $$,
    ARRAY[1::bigint, 2, 3],
    'nothing is no bound: an empty answer would say that all is well'
);
SELECT throws_ok(
    $$ SELECT agents.verify_seals(test_support.id('a'), p_limit => -1) $$,
    '2201W',
    NULL,
    'no page is smaller than none'
);

-- Access --------------------------------------------------------------------

SELECT platform.set_tenant(test_support.id('b'));
SELECT throws_ok(
    $$ SELECT v.seal_no FROM agents.verify_seals(test_support.id('a')) AS v $$,
    '42501',
    'the transaction acts for another tenant',
    'another firm sees none of it, and is told so'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
