-- Subject: astra.allowed_tools()    Docs: docs/schema/astra.md#allowed-tools
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'allowed_tools', ARRAY['uuid'], 'setof record',
    'it returns a table'
);
SELECT volatility_is('astra', 'allowed_tools', ARRAY['uuid'], 'stable', 'it only looks');
SELECT isnt_definer(
    'astra', 'allowed_tools', ARRAY['uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'allowed_tools', ARRAY['uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name, allowed_tools) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'some',
     '{write,fly}'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'all', NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000033', 'none', '{}'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000034', 'theirs',
     NULL);
INSERT INTO astra.tool_definitions (org_id, agent_id, name, requires_approval)
SELECT org_id, id, tool, tool = 'write'
FROM astra.agents
CROSS JOIN unnest(ARRAY['write', 'read']) AS tool;

-- So that the order is not that of an index by chance.
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_indexonlyscan = off;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM astra.allowed_tools('00000000-0000-4000-8000-000000000031') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no answer'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT name, requires_approval
       FROM astra.allowed_tools('00000000-0000-4000-8000-000000000031') $$,
    $$ VALUES ('write', true) $$,
    'what is defined and allowed is in use; a name that nothing defines opens nothing'
);
SELECT results_eq(
    $$ SELECT name FROM astra.allowed_tools('00000000-0000-4000-8000-000000000032') $$,
    ARRAY['read', 'write'],
    'without a list, all are, by name'
);
SELECT is_empty(
    $$ SELECT FROM astra.allowed_tools('00000000-0000-4000-8000-000000000033') $$,
    'an empty list allows none'
);
SELECT is_empty(
    $$ SELECT FROM astra.allowed_tools('00000000-0000-4000-8000-000000000034') $$,
    'an agent of another organisation has none'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.allowed_tools(uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
