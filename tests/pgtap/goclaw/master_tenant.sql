-- Subject: the master tenant    Docs: docs/schema/goclaw.md#master-tenant
BEGIN;
SELECT plan(3);

-- Behaviour -----------------------------------------------------------------

SELECT results_eq(
    $$ SELECT id, slug::text
       FROM goclaw.tenants
       WHERE id = '0193a5b0-7000-7000-8000-000000000001' $$,
    $$ VALUES ('0193a5b0-7000-7000-8000-000000000001'::uuid, 'master') $$,
    'the master tenant is there, under the id that clients know'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is_empty($$ SELECT FROM goclaw.tenants $$, 'a tenant does not see the master');
SELECT throws_ok(
    $$ UPDATE goclaw.tenants SET name = 'mine' $$,
    '42501',
    'permission denied for table tenants',
    'an agent does not rename a tenant'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
