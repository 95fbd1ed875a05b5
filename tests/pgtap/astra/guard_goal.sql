-- Subject: astra.guard_goal()    Docs: docs/schema/astra.md#guard-goal
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(26);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'guard_goal', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'guard_goal', '{}'::text[], 'volatile', 'it writes or locks');
SELECT isnt_definer('astra', 'guard_goal', '{}'::text[], 'it acts with the rights of its caller');
SELECT function_owner_is(
    'astra', 'guard_goal', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000033', 'theirs');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'First.'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000049',
     '00000000-0000-4000-8000-000000000033', 'Theirs.');

SELECT throws_ok(
    $$ INSERT INTO astra.goals (org_id, agent_id, goal_text, status)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           'Now.', 'active') $$,
    'MU412',
    NULL,
    'a goal begins as pending, or it would pass by admission'
);
SELECT throws_ok(
    format(
        'INSERT INTO astra.goals (org_id, agent_id, goal_text, depends_on_goal_ids) '
        'VALUES (%L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'Later.',
        depends_on
    ),
    '23503',
    NULL,
    promise
)
FROM (
    VALUES
        ('{00000000-0000-4000-8000-0000000000ee}', 'a goal depends on goals that are there'),
        ('{00000000-0000-4000-8000-000000000041,00000000-0000-4000-8000-0000000000ee}',
         'on all of them'),
        ('{00000000-0000-4000-8000-000000000049}', 'one of another organisation is not there')
) AS attempt (depends_on, promise);
SELECT lives_ok(
    $$ INSERT INTO astra.goals (org_id, id, agent_id, goal_text, depends_on_goal_ids)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
           '00000000-0000-4000-8000-000000000031', 'Second.',
           '{00000000-0000-4000-8000-000000000041,00000000-0000-4000-8000-000000000041}') $$,
    'naming one twice does no harm'
);
SELECT throws_ok(
    format('UPDATE astra.goals SET %s WHERE id = %L', change,
        '00000000-0000-4000-8000-000000000041'),
    'MU412',
    'goal 00000000-0000-4000-8000-000000000041: agent_id and depends_on_goal_ids never change',
    'what a goal depends on never changes, so no circle can be made, nor its agent'
)
FROM unnest(ARRAY['depends_on_goal_ids = ''{00000000-0000-4000-8000-000000000042}''',
    'agent_id = ''00000000-0000-4000-8000-000000000032''']) AS change;

-- Every pair of states, on a goal that is brought into the first by hand.
CREATE TEMPORARY TABLE outcome AS
SELECT
    old.status AS old,
    new.status AS new,
    NULL::text AS answer
FROM unnest(ARRAY['pending', 'active', 'completed', 'failed', 'cancelled']) AS old (status)
CROSS JOIN unnest(ARRAY['pending', 'active', 'completed', 'failed', 'cancelled']) AS new (status)
WHERE old.status <> new.status;
DO $$
DECLARE
    v_pair outcome;
BEGIN
    FOR v_pair IN SELECT * FROM outcome LOOP
        ALTER TABLE astra.goals DISABLE TRIGGER USER;
        UPDATE astra.goals
        SET status = v_pair.old, completed_at = CASE v_pair.old WHEN 'completed' THEN now() END
        WHERE id = '00000000-0000-4000-8000-000000000041';
        ALTER TABLE astra.goals ENABLE TRIGGER USER;
        BEGIN
            UPDATE astra.goals SET status = v_pair.new
            WHERE id = '00000000-0000-4000-8000-000000000041';
            UPDATE outcome SET answer = 'yes' WHERE old = v_pair.old AND new = v_pair.new;
        EXCEPTION
            WHEN OTHERS THEN
                UPDATE outcome SET answer = SQLSTATE WHERE old = v_pair.old AND new = v_pair.new;
        END;
    END LOOP;
END;
$$;
SELECT set_eq(
    $$ SELECT old, new FROM outcome WHERE answer = 'yes' $$,
    $$ VALUES
        ('pending', 'active'), ('pending', 'failed'), ('pending', 'cancelled'),
        ('active', 'completed'), ('active', 'failed'), ('active', 'cancelled') $$,
    'a goal starts once and ends once'
);
SELECT is_empty(
    $$ SELECT * FROM outcome WHERE answer NOT IN ('yes', 'MU412') $$,
    'every other change is refused by name'
);

INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000043',
    '00000000-0000-4000-8000-000000000031', 'Third.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
    '00000000-0000-4000-8000-000000000043', 'write');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000043';
SELECT throws_ok(
    $$ UPDATE astra.goals SET status = 'completed'
       WHERE id = '00000000-0000-4000-8000-000000000043' $$,
    'MU412',
    'status of goal 00000000-0000-4000-8000-000000000043: it has tasks that have not ended',
    'a goal with tasks left is not completed'
);
UPDATE astra.tasks SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000051';
INSERT INTO astra.tasks (org_id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
    'of another goal');
UPDATE astra.goals SET status = 'completed' WHERE id = '00000000-0000-4000-8000-000000000043';
SELECT ok(
    completed_at BETWEEN now() AND clock_timestamp(), 'one without is, and it is said when'
)
FROM astra.goals
WHERE id = '00000000-0000-4000-8000-000000000043';
SELECT lives_ok($$ UPDATE astra.goals SET status = status $$, 'what stays as it is is no change');
SELECT throws_ok(
    format('UPDATE astra.goals SET %s WHERE id = %L', change,
        '00000000-0000-4000-8000-000000000043'),
    'MU412',
    'goal 00000000-0000-4000-8000-000000000043: it is completed and stays as it is',
    'of what has ended ' || change || ' is refused'
)
FROM unnest(ARRAY['goal_text = ''Another.''', 'priority = 9', 'completed_at = now()']) AS change;
SELECT lives_ok(
    $$ UPDATE astra.goals SET goal_text = 'Second, better.', priority = 2
       WHERE id = '00000000-0000-4000-8000-000000000042' $$,
    'what is asked for can be said better before anybody was asked about it'
);
INSERT INTO astra.approval_requests (org_id, request_type, goal_id)
VALUES ('00000000-0000-4000-8000-00000000000a', 'plan', '00000000-0000-4000-8000-000000000042');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000045',
    '00000000-0000-4000-8000-000000000031', 'Fifth.');
UPDATE astra.goals SET status = 'active' WHERE id = '00000000-0000-4000-8000-000000000045';
SELECT throws_ok(
    format('UPDATE astra.goals SET goal_text = %L WHERE id = %L', 'Another.', id),
    'MU412',
    format('goal %s: goal_text does not change any more', id),
    promise
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-000000000042', 'when people are asked for its plan it stays'),
        ('00000000-0000-4000-8000-000000000045', 'and when it has started')
) AS attempt (id, promise);
SELECT lives_ok(
    $$ UPDATE astra.goals SET priority = 3
       WHERE status IN ('pending', 'active') $$,
    'how urgent it is is another matter'
);
UPDATE astra.goals SET status = 'cancelled' WHERE id = '00000000-0000-4000-8000-000000000045';
SELECT throws_ok(
    $$ INSERT INTO astra.goals (org_id, id, agent_id, goal_text, depends_on_goal_ids)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000046',
           '00000000-0000-4000-8000-000000000031', 'Sixth.',
           '{00000000-0000-4000-8000-000000000043,00000000-0000-4000-8000-000000000045}') $$,
    'MU412',
    'depends_on_goal_ids of goal 00000000-0000-4000-8000-000000000046: one of them is failed or '
    'cancelled',
    'no goal begins to wait for what will never be reached'
);
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000044',
    '00000000-0000-4000-8000-000000000032', 'Fourth.');
UPDATE astra.agents SET drain_mode = true WHERE id = '00000000-0000-4000-8000-000000000032';
SELECT throws_ok(
    $$ UPDATE astra.goals SET status = 'active'
       WHERE id = '00000000-0000-4000-8000-000000000044' $$,
    'MU413',
    NULL,
    'an update by hand does not pass by admission either'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.guard_goal()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
