-- Subject: goclaw.create_team_task()    Docs: docs/schema/goclaw.md#create-team-task
BEGIN;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'create_team_task',
    ARRAY['uuid', 'text', 'text', 'uuid', 'uuid[]', 'uuid', 'integer', 'text'],
    'setof record', 'it returns id, number and identifier'
);
SELECT volatility_is(
    'goclaw', 'create_team_task',
    ARRAY['uuid', 'text', 'text', 'uuid', 'uuid[]', 'uuid', 'integer', 'text'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'create_team_task',
    ARRAY['uuid', 'text', 'text', 'uuid', 'uuid[]', 'uuid', 'integer', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'create_team_task',
    ARRAY['uuid', 'text', 'text', 'uuid', 'uuid[]', 'uuid', 'integer', 'text'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT id, ('a9e00000-0000-4000-8000-0000000000' || slug || '1')::uuid, 'planner', 'u', 'm'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)
SELECT tenant_id, replace(id::text, 'a9e', '7ea')::uuid, 'T', id
FROM goclaw.agents;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.create_team_task('7ea00000-0000-4000-8000-0000000000a1', 'x') $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is made'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT task_number, identifier
       FROM generate_series(1, 3) AS n
       CROSS JOIN LATERAL goclaw.create_team_task(
           '7ea00000-0000-4000-8000-0000000000a1', 'task ' || n
       ) $$,
    $$ VALUES (1, 'TSK-1'), (2, 'TSK-2'), (3, 'TSK-3') $$,
    'the tasks of a team are numbered from 1'
);
SAVEPOINT before_four;
SELECT is(
    (SELECT task_number FROM goclaw.create_team_task('7ea00000-0000-4000-8000-0000000000a1', 'x')),
    4,
    'the next one follows'
);
ROLLBACK TO SAVEPOINT before_four;
SELECT is(
    (
        SELECT task_number
        FROM goclaw.create_team_task(
            '7ea00000-0000-4000-8000-0000000000a1', 'four', 'in full',
            'a9e00000-0000-4000-8000-0000000000a1',
            ARRAY(SELECT id FROM goclaw.team_tasks WHERE subject = 'task 1'),
            (SELECT id FROM goclaw.team_tasks WHERE subject = 'task 2'), 5, 'research'
        )
    ),
    4,
    'a number that was taken back is given again'
);
SELECT results_eq(
    $$ SELECT t.identifier, t.description, t.created_by_agent_id, b.subject, p.subject, t.priority,
           t.task_type, t.status
       FROM goclaw.team_tasks AS t
       INNER JOIN goclaw.team_tasks AS b ON t.blocked_by = ARRAY[b.id]
       INNER JOIN goclaw.team_tasks AS p ON t.parent_id = p.id
       WHERE t.subject = 'four' $$,
    $$ VALUES (
        'TSK-4'::varchar, 'in full', 'a9e00000-0000-4000-8000-0000000000a1'::uuid,
        'task 1'::varchar, 'task 2'::varchar, 5, 'research'::varchar, 'pending'::varchar
    ) $$,
    'all that is given is kept'
);
SELECT throws_ok(
    'SELECT goclaw.create_team_task(' || arguments || ')', state, NULL, promise
)
FROM (
    VALUES
        ($$'7ea00000-0000-4000-8000-0000000000a1', NULL$$, '23502', 'no task without a subject'),
        ($$NULL, 'x'$$, '23502', 'none without a team'),
        (
            $$'7ea00000-0000-4000-8000-0000000000a1', 'x', p_blocker_ids => NULL$$, '23502',
            'none with NULL for its blockers'
        ),
        (
            $$'7ea00000-0000-4000-8000-0000000000a1', 'x', p_priority => NULL$$, '23502',
            'none with NULL for its priority'
        ),
        (
            $$'7ea00000-0000-4000-8000-0000000000a1', 'x', p_task_type => NULL$$, '23502',
            'none of kind NULL'
        ),
        (
            $$'7ea00000-0000-4000-8000-0000000000a1', repeat('x', 501)$$, '22001',
            'no subject of 501 characters'
        ),
        (
            $$'7ea00000-0000-4000-8000-0000000000a1', 'x', p_task_type => repeat('x', 31)$$,
            '22001', 'no kind of 31 characters'
        )
) AS attempt (arguments, state, promise);
SELECT throws_ok(
    format('SELECT goclaw.create_team_task(%L, %L, %s)', team, 'x', more),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        (
            '7ea00000-0000-4000-8000-0000000000b1', 'NULL', '23503',
            'a team of another tenant is not there'
        ),
        (
            '7ea00000-0000-4000-8000-0000000000a1',
            $$p_created_by_agent_id => 'a9e00000-0000-4000-8000-0000000000b1'$$, '23503',
            'an agent of another tenant is not there'
        ),
        (
            '7ea00000-0000-4000-8000-0000000000a1',
            $$p_parent_id => 'a9e00000-0000-4000-8000-0000000000a1'$$, '23503',
            'what is no task has no parts'
        ),
        (
            '7ea00000-0000-4000-8000-0000000000a1',
            $$p_blocker_ids => ARRAY['a9e00000-0000-4000-8000-0000000000a1']::uuid[]$$, 'MU323',
            'nothing waits for what is no task'
        )
) AS attempt (team, more, state, promise);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'create_team_task'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
