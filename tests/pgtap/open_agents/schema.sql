-- Subject: schema open_agents    Docs: docs/schema/open_agents.md#schema
BEGIN;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT has_schema('open_agents', 'the sandbox service has a schema of its own');
SELECT schema_owner_is('open_agents', 'muniment_owner', 'the migrations own it');
SELECT is(
    obj_description('open_agents'::regnamespace, 'pg_namespace'),
    'Agents at work in sandboxes: accounts, sessions, chats with their messages and how far they '
    'were read, runs of workflows and their steps.',
    'it says what it is for'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_namespace, aclexplode(nspacl)
       WHERE nspname = 'open_agents' AND grantee <> nspowner $$,
    $$ VALUES
        ('muniment_app', 'USAGE', false),
        ('muniment_reader', 'USAGE', false),
        ('muniment_service', 'USAGE', false) $$,
    'the group roles may use it, nobody may create in it, PUBLIC may not even look'
);
SELECT is_empty(
    $$ SELECT oid::regclass, relowner::regrole
       FROM pg_class
       WHERE relnamespace = 'open_agents'::regnamespace
           AND relowner <> 'muniment_owner'::regrole $$,
    'all that is in it belongs to the migrations'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_owner;
CREATE TABLE open_agents.forgotten (id integer);
CREATE FUNCTION open_agents.forgotten_revoke()
RETURNS integer
LANGUAGE sql
AS 'SELECT 1';
RESET ROLE;

SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_class, aclexplode(coalesce(relacl, acldefault('r', relowner)))
       WHERE pg_class.oid = 'open_agents.forgotten'::regclass AND grantee <> relowner $$,
    'a new table is nobody''s until it is granted'
);
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
       WHERE pg_proc.oid = 'open_agents.forgotten_revoke()'::regprocedure
           AND grantee <> proowner $$,
    'a new function is nobody''s until it is granted'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ CREATE TABLE open_agents.mine (id integer) $$,
    '42501',
    'permission denied for schema open_agents',
    'an agent cannot create a table'
);
SELECT throws_ok(
    $$ DROP SCHEMA open_agents CASCADE $$,
    '42501',
    'must be owner of schema open_agents',
    'an agent cannot drop the schema'
);

RESET ROLE;
CREATE ROLE muniment_test_stranger;
SET LOCAL ROLE muniment_test_stranger;
SELECT throws_ok(
    $$ SELECT FROM open_agents.accounts $$,
    '42501',
    'permission denied for schema open_agents',
    'a stranger cannot use the schema'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
