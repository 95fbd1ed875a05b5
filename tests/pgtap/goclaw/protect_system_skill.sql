-- Subject: goclaw.protect_system_skill()    Docs: docs/schema/goclaw.md#protect-system-skill
BEGIN;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'protect_system_skill', '{}'::name[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'goclaw', 'protect_system_skill', '{}'::name[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'protect_system_skill', '{}'::name[], 'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
CREATE TEMPORARY TABLE shelf (tenant_id uuid, slug text);
CREATE TRIGGER shelf_protect_tg
    BEFORE DELETE ON shelf
    FOR EACH ROW EXECUTE FUNCTION goclaw.protect_system_skill();
INSERT INTO shelf VALUES ('00000000-0000-4000-8000-00000000000a', 'search');

SELECT throws_ok(
    $$ DELETE FROM shelf $$,
    'MU311',
    'skill search came with the gateway: delete refused',
    'it refuses, and names the skill'
);
SELECT isnt_empty($$ SELECT FROM shelf $$, 'the row stays');
UPDATE goclaw.tenants SET status = 'suspended' WHERE slug = 'a';
DELETE FROM shelf;
SELECT is_empty($$ SELECT FROM shelf $$, 'a tenant that is not active may take it along');

-- Access --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT grantee::regrole::text
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.protect_system_skill()'::regprocedure
           AND grantee <> proowner $$,
    'nobody calls it but a trigger'
);

SELECT * FROM finish(true);
ROLLBACK;
