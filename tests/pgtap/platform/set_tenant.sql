-- Subject: platform.set_tenant()    Docs: docs/schema/platform.md#set-tenant
BEGIN;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('platform', 'set_tenant', ARRAY['uuid'], 'void', 'it returns nothing');
SELECT volatility_is(
    'platform', 'set_tenant', ARRAY['uuid'], 'volatile', 'it is not planned away'
);
SELECT isnt_definer(
    'platform', 'set_tenant', ARRAY['uuid'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'platform', 'set_tenant', ARRAY['uuid'], 'muniment_owner', 'the migrations own it'
);
SELECT set_eq(
    $$ SELECT array_to_string(proconfig, '; '), proparallel::text
       FROM pg_proc
       WHERE oid = 'platform.set_tenant(uuid)'::regprocedure $$,
    $$ VALUES ('search_path=pg_catalog, pg_temp', 'u') $$,
    'its search_path is pinned, and no parallel worker may call it'
);
-- Only a SET statement reaches the workers of a Citus cluster; set_config() would work just here.
SELECT matches(
    (SELECT prosrc FROM pg_proc WHERE oid = 'platform.set_tenant(uuid)'::regprocedure),
    'SET LOCAL app\.tenant_id',
    'it is a SET statement inside'
);

-- Behaviour -----------------------------------------------------------------

-- A SET LOCAL ends with the function that pins the same setting, a plain SET outlives it: so this
-- tells, without a commit, that no tenant stays on a pooled connection.
CREATE FUNCTION pg_temp.set_inside()
RETURNS void
LANGUAGE sql
SET app.tenant_id = ''
AS $$
    SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a')
$$;

SET LOCAL ROLE muniment_app;

SELECT lives_ok(
    $$ SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a') $$,
    'an agent names its tenant'
);
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'what an agent named is the tenant from then on'
);

PREPARE set_it (uuid) AS SELECT platform.set_tenant($1);
EXECUTE set_it ('00000000-0000-4000-8000-00000000000b');
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000b'::uuid,
    'the tenant can be a bound parameter, which SET itself does not allow'
);

SELECT throws_ok(
    $$ SELECT platform.set_tenant(NULL) $$,
    '22004',
    'tenant is null',
    'nobody is not a tenant'
);
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000b'::uuid,
    'a refused tenant leaves the former one'
);

SAVEPOINT other_tenant;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
ROLLBACK TO SAVEPOINT other_tenant;
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000b'::uuid,
    'rolling back to a savepoint brings the former tenant back'
);

SELECT pg_temp.set_inside();
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000b'::uuid,
    'the tenant is set locally: it ends with the transaction'
);

SAVEPOINT read_only;
SET LOCAL transaction_read_only = on;
SELECT lives_ok(
    $$ SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a') $$,
    'a read-only transaction has a tenant too'
);
RELEASE SAVEPOINT read_only;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'platform.set_tenant(uuid)'::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'only the roles that act for one tenant may name it'
);
SET LOCAL ROLE muniment_maintainer;
SELECT throws_ok(
    $$ SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a') $$,
    '42501',
    'permission denied for function set_tenant',
    'who keeps the calendar has no tenant'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
