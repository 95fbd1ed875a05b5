-- Subject: astra.record_agent_revision()    Docs: docs/schema/astra.md#record-agent-revision
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'record_agent_revision', '{}'::text[], 'trigger',
    'it is for triggers'
);
SELECT volatility_is(
    'astra', 'record_agent_revision', '{}'::text[], 'volatile',
    'it writes or locks'
);
SELECT isnt_definer(
    'astra', 'record_agent_revision', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'record_agent_revision', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000031', 'planner');

SELECT results_eq(
    $$ SELECT revision, payload ->> 'name', payload ? 'id'
       FROM astra.agent_config_revisions
       WHERE org_id = '00000000-0000-4000-8000-00000000000a'
       AND agent_id = '00000000-0000-4000-8000-000000000031' $$,
    $$ VALUES (1, 'planner', false) $$,
    'an agent begins with revision 1, which is its configuration and not its key'
);
UPDATE astra.agents SET system_prompt = 'Plan.'
WHERE org_id = '00000000-0000-4000-8000-00000000000a'
AND id = '00000000-0000-4000-8000-000000000031';
UPDATE astra.agents SET allowed_tools = '{read}', trust_score = 0.5
WHERE org_id = '00000000-0000-4000-8000-00000000000a'
AND id = '00000000-0000-4000-8000-000000000031';
SELECT results_eq(
    $$ SELECT revision, payload ->> 'system_prompt', payload ->> 'trust_score'
       FROM astra.agent_config_revisions
       WHERE org_id = '00000000-0000-4000-8000-00000000000a'
       AND agent_id = '00000000-0000-4000-8000-000000000031'
       ORDER BY revision $$,
    $$ VALUES (1, NULL, NULL), (2, 'Plan.', NULL), (3, 'Plan.', '0.5') $$,
    'each change is the next revision'
);
UPDATE astra.agents SET system_prompt = 'Plan.'
WHERE org_id = '00000000-0000-4000-8000-00000000000a'
AND id = '00000000-0000-4000-8000-000000000031';
SELECT is(
    (SELECT max(revision) FROM astra.agent_config_revisions
     WHERE agent_id = '00000000-0000-4000-8000-000000000031'),
    3,
    'what changes nothing is none'
);
SELECT results_eq(
    $$ SELECT org_id, agent_id, max(revision)
       FROM astra.agent_config_revisions
       WHERE (org_id, agent_id) <> ('00000000-0000-4000-8000-00000000000a',
           '00000000-0000-4000-8000-000000000031')
       GROUP BY 1, 2
       ORDER BY 1, 2 $$,
    $$
       VALUES ('00000000-0000-4000-8000-00000000000a'::uuid,
           '00000000-0000-4000-8000-000000000032'::uuid, 1),
           ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000031', 1) $$,
    'each agent has numbers of its own'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.record_agent_revision()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
