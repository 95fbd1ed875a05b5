-- Subject: goclaw.claim_task_followups()    Docs: docs/schema/goclaw.md#claim-task-followups
BEGIN;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'claim_task_followups', ARRAY['integer', 'integer'],
    'setof record', 'it returns what to send'
);
SELECT volatility_is(
    'goclaw', 'claim_task_followups', ARRAY['integer', 'integer'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'claim_task_followups', ARRAY['integer', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'claim_task_followups', ARRAY['integer', 'integer'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b'),
    ('00000000-0000-4000-8000-00000000000c', 'C', 'c');
UPDATE goclaw.tenants SET status = 'suspended' WHERE slug = 'c';
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT id, ('a9e00000-0000-4000-8000-0000000000' || slug || '1')::uuid, 'planner', 'u', 'm'
FROM goclaw.tenants
WHERE slug IN ('a', 'b', 'c');
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)
SELECT tenant_id, replace(id::text, 'a9e', '7ea')::uuid, 'T', id
FROM goclaw.agents;
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject)
SELECT tenant_id, replace(id::text, '7ea', '7a5')::uuid, id, 'first'
FROM goclaw.agent_teams;
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject)
SELECT
    '00000000-0000-4000-8000-00000000000a', ('7a500000-0000-4000-8000-0000000000a' || n)::uuid,
    '7ea00000-0000-4000-8000-0000000000a1', subject
FROM (VALUES (2, 'second'), (3, 'third'), (4, 'fourth'), (5, 'fifth')) AS made (n, subject);
UPDATE goclaw.team_tasks
SET status = 'in_progress', followup_at = now() - task_number * interval '1 hour', followup_max = 2,
    followup_message = 'about ' || subject, followup_channel = 'telegram', followup_chat_id = '7';
UPDATE goclaw.team_tasks SET status = 'pending' WHERE subject = 'third';
UPDATE goclaw.team_tasks SET followup_max = 0 WHERE subject = 'fourth';
UPDATE goclaw.team_tasks SET followup_at = now() + interval '1 hour' WHERE subject = 'fifth';

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.claim_task_followups(%s)', seconds),
    '22023',
    NULL,
    'reminders are not apart by: ' || seconds
)
FROM unnest(ARRAY['0', 'NULL']) AS seconds;
SELECT throws_ok(
    format('SELECT goclaw.claim_task_followups(60, %s)', wanted), '22023', NULL,
    'no number of reminders: ' || wanted
)
FROM unnest(ARRAY['0', '-1', 'NULL']) AS wanted;
SELECT results_eq(
    $$ SELECT * FROM goclaw.claim_task_followups(60, 1) $$,
    $$ VALUES (
        '00000000-0000-4000-8000-00000000000a'::uuid,
        '7a500000-0000-4000-8000-0000000000a2'::uuid, 1, 'about second', 'telegram', '7'
    ) $$,
    'no more than asked for, and the longest due first'
);
SELECT set_eq(
    $$ SELECT tenant_id, task_id, followup_no FROM goclaw.claim_task_followups(60) $$,
    $$ VALUES
        (
            '00000000-0000-4000-8000-00000000000a'::uuid,
            '7a500000-0000-4000-8000-0000000000a1'::uuid, 1
        ),
        ('00000000-0000-4000-8000-00000000000b', '7a500000-0000-4000-8000-0000000000b1', 1) $$,
    'of all active tenants; for tasks in progress that want reminders and are due'
);
SELECT is_empty(
    $$ SELECT * FROM goclaw.claim_task_followups(60) $$, 'nobody is reminded twice at once'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT followup_count, followup_at - now()
       FROM goclaw.team_tasks
       WHERE subject = 'second' $$,
    $$ VALUES (1, interval '60 s') $$,
    'the next one is due after the time that was given'
);
UPDATE goclaw.team_tasks SET followup_at = now() WHERE subject = 'second';
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT task_id, followup_no FROM goclaw.claim_task_followups(60) $$,
    $$ VALUES ('7a500000-0000-4000-8000-0000000000a2'::uuid, 2) $$,
    'then it is given'
);
RESET ROLE;
SELECT is(followup_at, NULL, 'and after the last there is none')
FROM goclaw.team_tasks
WHERE subject = 'second';

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'claim_task_followups'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_service'],
    'who may call it: muniment_service'
);

SELECT * FROM finish(true);
ROLLBACK;
