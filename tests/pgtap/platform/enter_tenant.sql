-- Subject: platform.enter_tenant()    Docs: docs/schema/platform.md#enter-tenant
BEGIN;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('platform', 'enter_tenant', ARRAY['uuid'], 'void', 'it returns nothing');
SELECT volatility_is(
    'platform', 'enter_tenant', ARRAY['uuid'], 'volatile', 'it is not planned away'
);
SELECT isnt_definer(
    'platform', 'enter_tenant', ARRAY['uuid'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'platform', 'enter_tenant', ARRAY['uuid'], 'muniment_owner', 'the migrations own it'
);
SELECT set_eq(
    $$ SELECT array_to_string(proconfig, '; '), proparallel::text
       FROM pg_proc
       WHERE oid = 'platform.enter_tenant(uuid)'::regprocedure $$,
    $$ VALUES ('search_path=pg_catalog, pg_temp', 'u') $$,
    'its search_path is pinned, and no parallel worker may call it'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_app;

SELECT throws_ok(
    $$ SELECT platform.enter_tenant(NULL) $$, '22004', 'tenant is null', 'nobody is not a tenant'
);
SELECT platform.enter_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'the first who names a tenant sets it'
);
SELECT lives_ok(
    $$ SELECT platform.enter_tenant('00000000-0000-4000-8000-00000000000a') $$,
    'who names the same goes on'
);
SELECT throws_ok(
    format('SELECT platform.enter_tenant(%L)', other),
    '42501',
    'the transaction acts for another tenant',
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'who names another is refused'),
        (NULL, 'and so is who names none')
) AS attempt (other, promise);
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'and changes nothing'
);
-- What an earlier transaction of a pooled connection leaves behind.
SELECT set_config('app.tenant_id', '', true);
SELECT platform.enter_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000b'::uuid,
    'an empty setting is none'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'platform.enter_tenant(uuid)'::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'only the roles that act for one tenant may name it'
);

SELECT * FROM finish(true);
ROLLBACK;
