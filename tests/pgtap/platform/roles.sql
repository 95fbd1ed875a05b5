-- Subject: the group roles    Docs: docs/schema/platform.md#roles
BEGIN;
SELECT plan(14);

CREATE TEMP VIEW group_role AS
SELECT *
FROM pg_authid
WHERE rolname IN (
    'muniment_owner', 'muniment_app', 'muniment_reader', 'muniment_service', 'muniment_maintainer'
);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT rolname::text, shobj_description(oid, 'pg_authid') FROM group_role $$,
    $$ VALUES
        ('muniment_owner', 'Owns every object of muniment. Only migrations act as it.'),
        ('muniment_app', 'Writes and reads the rows of the tenant it has set.'),
        ('muniment_reader', 'Reads the rows of the tenant it has set.'),
        ('muniment_service', 'Trusted backend across tenants, only where a table says so.'),
        ('muniment_maintainer', 'Makes partitions. Sees no tenant data.') $$,
    'there are five group roles, and each says what it is for'
);
SELECT is_empty(
    $$ SELECT rolname FROM group_role WHERE rolcanlogin OR rolpassword IS NOT NULL $$,
    'nobody can log in as a group role'
);
SELECT is_empty(
    $$ SELECT rolname FROM group_role WHERE rolsuper OR rolbypassrls OR rolreplication $$,
    'no group role stands above row security'
);
SELECT is_empty(
    $$ SELECT rolname FROM group_role WHERE rolcreaterole OR rolcreatedb $$,
    'no group role can make roles or databases'
);
SELECT is_empty(
    $$ SELECT member::regrole, roleid::regrole
       FROM pg_auth_members
       WHERE member IN (SELECT oid FROM group_role) $$,
    'no group role is a member of another role, not of a predefined one either'
);
SELECT is_empty(
    $$ SELECT setrole::regrole, setconfig
       FROM pg_db_role_setting
       WHERE setrole IN (SELECT oid FROM group_role) $$,
    'no group role brings settings with it, so none brings a tenant'
);

-- Behaviour -----------------------------------------------------------------

-- The operator's login, as the deploy script wants it: a member that inherits nothing.
CREATE ROLE muniment_test_login LOGIN NOINHERIT IN ROLE muniment_app;
SET LOCAL SESSION AUTHORIZATION muniment_test_login;

SELECT throws_ok(
    $$ SELECT platform.uuid_generate_v7() $$,
    '42501',
    'permission denied for schema platform',
    'a login has no rights before it says in which role it acts'
);
SELECT lives_ok(
    $$ SET LOCAL ROLE muniment_app $$,
    'a login may act as the role that it is a member of'
);
SELECT lives_ok(
    $$ SELECT platform.uuid_generate_v7() $$,
    'a login in its role has the rights of that role'
);

-- Access --------------------------------------------------------------------

SELECT throws_ok(
    format('SET LOCAL ROLE %I', name),
    '42501',
    format('permission denied to set role "%s"', name),
    format('from muniment_app there is no way to %s', name)
)
FROM unnest(ARRAY[
    'muniment_owner', 'muniment_maintainer', 'muniment_service', 'muniment_reader'
]) AS other (name);
RESET ROLE;
SELECT throws_ok(
    $$ SELECT platform.uuid_generate_v7() $$,
    '42501',
    'permission denied for schema platform',
    'leaving the role leaves its rights'
);

RESET SESSION AUTHORIZATION;
SELECT * FROM finish(true);
ROLLBACK;
