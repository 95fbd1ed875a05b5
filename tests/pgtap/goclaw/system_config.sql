-- Subject: goclaw.system_config()    Docs: docs/schema/goclaw.md#system-config
BEGIN;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('goclaw', 'system_config', ARRAY['text'], 'text', 'it returns a setting');
SELECT volatility_is(
    'goclaw', 'system_config', ARRAY['text'], 'volatile', 'it changes the tenant for a moment'
);
SELECT isnt_definer(
    'goclaw', 'system_config', ARRAY['text'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'system_config', ARRAY['text'], 'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.system_configs (tenant_id, key, value) VALUES
    ('0193a5b0-7000-7000-8000-000000000001', 'locale', 'en'),
    ('0193a5b0-7000-7000-8000-000000000001', 'theme', 'light'),
    ('00000000-0000-4000-8000-00000000000a', 'locale', 'fr'),
    ('00000000-0000-4000-8000-00000000000a', 'note', ''),
    ('00000000-0000-4000-8000-00000000000b', 'private', 'of b');

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.system_config('theme') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no default either'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(goclaw.system_config('locale'), 'fr', 'a setting of the tenant comes first');
SELECT is(goclaw.system_config('theme'), 'light', 'one that it has not is that of the master');
SELECT is(goclaw.system_config('note'), '', 'an empty setting is a setting');
SELECT is(goclaw.system_config('private'), NULL, 'a setting of another tenant is nobody else''s');
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'afterwards the tenant is the one that it was'
);
SELECT results_eq(
    $$ SELECT goclaw.system_config('theme'), c.key::text
       FROM goclaw.system_configs AS c
       ORDER BY c.key $$,
    $$ VALUES ('light', 'locale'), ('light', 'note') $$,
    'in the middle of a query it opens no row of the master to the rest of it'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.system_config(text)'::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may ask'
);
SET LOCAL ROLE muniment_reader;
SELECT is(goclaw.system_config('theme'), 'light', 'a reader gets the same answer');
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT goclaw.system_config('theme') $$,
    '42501',
    'permission denied for function system_config',
    'who works across tenants has no tenant to ask for'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
