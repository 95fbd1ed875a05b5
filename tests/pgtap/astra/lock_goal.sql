-- Subject: astra.lock_goal()    Docs: docs/schema/astra.md#lock-goal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'lock_goal', ARRAY['uuid', 'uuid'], 'text', 'it returns text');
SELECT volatility_is('astra', 'lock_goal', ARRAY['uuid', 'uuid'], 'volatile', 'it writes or locks');
SELECT isnt_definer(
    'astra', 'lock_goal', ARRAY['uuid', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'lock_goal', ARRAY['uuid', 'uuid'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000032', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Ship.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000032', 'Hide.');

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT is(
    astra.lock_goal('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041'),
    'pending', 'it says how the goal is'
);
SELECT is(
    astra.lock_goal('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ee'),
    NULL, 'no goal, no answer'
);
SELECT is(
    astra.lock_goal('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000042'),
    NULL, 'a goal of another organisation is none either'
);
RESET ROLE;
SELECT is(
    (SELECT xmax::text::bigint > 0 FROM astra.goals
     WHERE id = '00000000-0000-4000-8000-000000000041'), true, 'the row is locked'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.lock_goal(uuid, uuid)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
