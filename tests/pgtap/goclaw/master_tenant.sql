-- Subject: the master tenant    Docs: docs/schema/goclaw.md#master-tenant
BEGIN;
SELECT plan(8);

-- Behaviour -----------------------------------------------------------------

SELECT results_eq(
    $$ SELECT id, slug::text
       FROM goclaw.tenants
       WHERE id = '0193a5b0-7000-7000-8000-000000000001' $$,
    $$ VALUES ('0193a5b0-7000-7000-8000-000000000001'::uuid, 'master') $$,
    'the master tenant is there, under the id that clients know'
);
SELECT is(
    substring(pg_get_triggerdef(oid) FROM 'BEFORE.*'),
    'BEFORE DELETE OR UPDATE OF id ON goclaw.tenants FOR EACH ROW WHEN ((old.id = '
    '''0193a5b0-7000-7000-8000-000000000001''::uuid)) EXECUTE FUNCTION '
    'goclaw.protect_master_tenant()',
    'a trigger keeps it'
)
FROM pg_trigger
WHERE tgname = 'tenants_protect_master_tg';
INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ DELETE FROM goclaw.tenants $$,
    'MU312',
    'the master tenant stays: delete refused',
    'not even the backend deletes it'
);
SELECT lives_ok(
    $$ DELETE FROM goclaw.tenants WHERE slug = 'a' $$, 'another one may leave'
);
SELECT lives_ok(
    $$ UPDATE goclaw.tenants SET name = 'Everybody' WHERE slug = 'master' $$,
    'its name may change'
);
RESET ROLE;
SELECT throws_ok(
    $$ UPDATE goclaw.tenants SET id = gen_random_uuid() WHERE slug = 'master' $$,
    'MU312',
    'the master tenant stays: update refused',
    'its id may not, whoever asks'
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
