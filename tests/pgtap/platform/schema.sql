-- Subject: schema platform    Docs: docs/schema/platform.md#schema
BEGIN;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

SELECT has_schema('platform', 'what the projects share has a schema of its own');
SELECT schema_owner_is('platform', 'muniment_owner', 'the migrations own it');
SELECT is(
    obj_description('platform'::regnamespace, 'pg_namespace'),
    'What every project shares: the tenant of a transaction, ids, trigger functions.',
    'it says what it is for'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_namespace, aclexplode(nspacl)
       WHERE nspname = 'platform' AND grantee <> nspowner $$,
    $$ VALUES
        ('muniment_app', 'USAGE', false),
        ('muniment_reader', 'USAGE', false),
        ('muniment_service', 'USAGE', false),
        ('muniment_maintainer', 'USAGE', false) $$,
    'the group roles may use it, nobody may create in it, PUBLIC may not even look'
);
SELECT set_eq(
    $$ SELECT defaclnamespace, defaclobjtype::text, grantee::regrole::text, privilege_type
       FROM pg_default_acl, aclexplode(defaclacl)
       WHERE defaclrole = 'muniment_owner'::regrole $$,
    $$ VALUES (0::oid, 'f', 'muniment_owner', 'EXECUTE') $$,
    'no function that muniment_owner will make, in any schema, is executable by PUBLIC'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_owner;
CREATE FUNCTION platform.forgotten_revoke()
RETURNS integer
LANGUAGE sql
AS 'SELECT 1';
RESET ROLE;

SELECT function_privs_are(
    'platform', 'forgotten_revoke', ARRAY[]::text[], 'public', ARRAY[]::text[],
    'a forgotten REVOKE opens no door'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT platform.forgotten_revoke() $$,
    '42501',
    'permission denied for function forgotten_revoke',
    'a role without a grant cannot call it'
);
SELECT throws_ok(
    $$ CREATE FUNCTION platform.current_tenant_id(text) RETURNS uuid LANGUAGE sql AS 'SELECT $1' $$,
    '42501',
    'permission denied for schema platform',
    'an agent cannot put a function beside the shared ones'
);
SELECT throws_ok(
    $$ CREATE TABLE platform.mine (id integer) $$,
    '42501',
    'permission denied for schema platform',
    'an agent cannot create a table'
);

RESET ROLE;
CREATE ROLE muniment_test_stranger;
SET LOCAL ROLE muniment_test_stranger;
SELECT throws_ok(
    $$ SELECT platform.current_tenant_id() $$,
    '42501',
    'permission denied for schema platform',
    'a stranger cannot use the schema'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
