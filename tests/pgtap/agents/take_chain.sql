-- Subject: agents.take_chain()    Docs: docs/schema/agents.md#take-chain
--
-- That nobody waits for it is shown with several connections: tests/integration/test_seals.py.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(6);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.take_chain' $$,
    $$ VALUES (
        'p_firm_id uuid', 'agents.seal_chain',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_service'
    ) $$,
    'for what seals: it locks, with the rights of agents and of the backend'
);

-- Behaviour -----------------------------------------------------------------

SELECT platform.set_tenant(test_support.id('a'));
SET LOCAL ROLE muniment_app;
SET LOCAL lock_timeout = '17s';
SELECT results_eq(
    $$ SELECT * FROM agents.take_chain(test_support.id('a')) $$,
    $$ VALUES (test_support.id('a'), 1::smallint, 0::bigint, NULL::bytea) $$,
    'where there is no chain it begins one'
);
SELECT results_eq(
    $$ SELECT chain_no FROM agents.take_chain(test_support.id('a')) $$,
    $$ VALUES (1::smallint) $$,
    'who holds a chain gets it again'
);
SELECT is(
    (SELECT count(*) FROM agents.seal_chain), 1::bigint, 'and no other one is begun'
);
SELECT is(current_setting('lock_timeout'), '17s', 'how long the caller waits for locks stays');
SELECT is(
    test_support.answer_to($$ SELECT agents.take_chain(:b) $$),
    '42501 new row violates row-level security policy for table "seal_chain"',
    'nobody begins a chain of another firm'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
