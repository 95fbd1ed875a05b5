-- Subject: schema goclaw    Docs: docs/schema/goclaw.md#schema
BEGIN;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT has_schema('goclaw', 'the gateway has a schema of its own');
SELECT schema_owner_is('goclaw', 'muniment_owner', 'the migrations own it');
SELECT is(
    obj_description('goclaw'::regnamespace, 'pg_namespace'),
    'The agent gateway: tenants, agents, sessions, memory, skills, schedules, channels, traces, '
    'tools, teams, knowledge, hooks, workstations and what all that costs.',
    'it says what it is for'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_namespace, aclexplode(nspacl)
       WHERE nspname = 'goclaw' AND grantee <> nspowner $$,
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
       WHERE relnamespace = 'goclaw'::regnamespace AND relowner <> 'muniment_owner'::regrole $$,
    'all that is in it belongs to the migrations'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_owner;
CREATE TABLE goclaw.forgotten (id integer);
CREATE FUNCTION goclaw.forgotten_revoke()
RETURNS integer
LANGUAGE sql
AS 'SELECT 1';
RESET ROLE;

SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
       WHERE pg_class.oid = 'goclaw.forgotten'::regclass AND grantee <> relowner $$,
    'a new table is nobody''s until it is granted'
);
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
       WHERE pg_proc.oid = 'goclaw.forgotten_revoke()'::regprocedure AND grantee <> proowner $$,
    'a new function is nobody''s until it is granted'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ CREATE TABLE goclaw.mine (id integer) $$,
    '42501',
    'permission denied for schema goclaw',
    'an agent cannot create a table'
);
SELECT throws_ok(
    $$ DROP SCHEMA goclaw CASCADE $$,
    '42501',
    'must be owner of schema goclaw',
    'an agent cannot drop the gateway'
);

RESET ROLE;
CREATE ROLE muniment_test_stranger;
SET LOCAL ROLE muniment_test_stranger;
SELECT throws_ok(
    $$ SELECT FROM goclaw.tenants $$,
    '42501',
    'permission denied for schema goclaw',
    'a stranger cannot use the schema'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
