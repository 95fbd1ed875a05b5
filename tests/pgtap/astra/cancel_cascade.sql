-- Subject: astra.cancel_cascade()    Docs: docs/schema/astra.md#cancel-cascade
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'cancel_cascade', ARRAY['uuid'], 'integer', 'it returns integer');
SELECT volatility_is('astra', 'cancel_cascade', ARRAY['uuid'], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'cancel_cascade', ARRAY['uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'cancel_cascade', ARRAY['uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'theirs');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text, cascade_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Pending.', '00000000-0000-4000-8000-000000000090'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Active.', '00000000-0000-4000-8000-000000000090'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
     '00000000-0000-4000-8000-000000000031', 'Failed.', '00000000-0000-4000-8000-000000000090'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000044',
     '00000000-0000-4000-8000-000000000031', 'Other.', '00000000-0000-4000-8000-000000000091'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000045',
     '00000000-0000-4000-8000-000000000031', 'Alone.', NULL),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000032', 'Theirs.', '00000000-0000-4000-8000-000000000090');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000042';
UPDATE astra.goals SET status = 'failed' WHERE id = '00000000-0000-4000-8000-000000000043';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT astra.cancel_cascade('00000000-0000-4000-8000-000000000090') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is cancelled'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    astra.cancel_cascade('00000000-0000-4000-8000-000000000090'), 2,
    'it says how many it has cancelled'
);
SELECT is(astra.cancel_cascade('00000000-0000-4000-8000-000000000090'), 0, 'none are left');
RESET ROLE;
SELECT results_eq(
    $$ SELECT goal_text, status FROM astra.goals ORDER BY id $$,
    $$ VALUES
        ('Pending.', 'cancelled'), ('Active.', 'cancelled'), ('Failed.', 'failed'),
        ('Other.', 'pending'), ('Alone.', 'pending'), ('Theirs.', 'pending') $$,
    'those of the cascade that had not ended, of this organisation'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.cancel_cascade(uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
