-- Subject: schema astra    Docs: docs/schema/astra.md#schema
BEGIN;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT has_schema('astra', 'the planner has a schema of its own');
SELECT schema_owner_is('astra', 'muniment_owner', 'the migrations own it');
SELECT is(
    obj_description('astra'::regnamespace, 'pg_namespace'),
    'The goal planner: organisations, agents, goals, graphs of tasks, workers, approvals, '
    'memories, chats and the tokens that all that uses.',
    'it says what it is for'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_namespace, aclexplode(nspacl)
       WHERE nspname = 'astra' AND grantee <> nspowner $$,
    $$ VALUES
        ('muniment_app', 'USAGE', false),
        ('muniment_reader', 'USAGE', false),
        ('muniment_service', 'USAGE', false),
        ('muniment_maintainer', 'USAGE', false) $$,
    'the group roles may use it, nobody may create in it, PUBLIC may not even look'
);
SELECT is_empty(
    $$ SELECT oid::regclass, relowner::regrole
       FROM pg_class
       WHERE relnamespace = 'astra'::regnamespace AND relowner <> 'muniment_owner'::regrole $$,
    'all that is in it belongs to the migrations'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_owner;
CREATE TABLE astra.forgotten (id integer);
CREATE FUNCTION astra.forgotten_revoke()
RETURNS integer
LANGUAGE sql
AS 'SELECT 1';
RESET ROLE;

SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
       WHERE pg_class.oid = 'astra.forgotten'::regclass AND grantee <> relowner $$,
    'a new table is nobody''s until it is granted'
);
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
       WHERE pg_proc.oid = 'astra.forgotten_revoke()'::regprocedure AND grantee <> proowner $$,
    'a new function is nobody''s until it is granted'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ CREATE TABLE astra.mine (id integer) $$,
    '42501',
    'permission denied for schema astra',
    'an agent cannot create a table'
);
SELECT throws_ok(
    $$ DROP SCHEMA astra CASCADE $$,
    '42501',
    'must be owner of schema astra',
    'an agent cannot drop the planner'
);

RESET ROLE;
CREATE ROLE muniment_test_stranger;
SET LOCAL ROLE muniment_test_stranger;
SELECT throws_ok(
    $$ SELECT FROM astra.organizations $$,
    '42501',
    'permission denied for schema astra',
    'a stranger cannot use the schema'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
