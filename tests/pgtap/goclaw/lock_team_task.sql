-- Subject: goclaw.lock_team_task()    Docs: docs/schema/goclaw.md#lock-team-task
BEGIN;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'lock_team_task', ARRAY['uuid', 'uuid', 'integer', 'timestamp with time zone'],
    'timestamp with time zone', 'it returns when the lock was taken'
);
SELECT volatility_is(
    'goclaw', 'lock_team_task', ARRAY['uuid', 'uuid', 'integer', 'timestamp with time zone'],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'lock_team_task', ARRAY['uuid', 'uuid', 'integer', 'timestamp with time zone'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'lock_team_task', ARRAY['uuid', 'uuid', 'integer', 'timestamp with time zone'],
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
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject)
SELECT tenant_id, replace(id::text, '7ea', '7a5')::uuid, id, 'first'
FROM goclaw.agent_teams;
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject)
SELECT
    '00000000-0000-4000-8000-00000000000a', ('7a500000-0000-4000-8000-0000000000a' || n)::uuid,
    '7ea00000-0000-4000-8000-0000000000a1', subject
FROM (VALUES (2, 'second')) AS made (n, subject);
UPDATE goclaw.team_tasks SET blocked_by = ARRAY['7a500000-0000-4000-8000-0000000000a1']::uuid[]
WHERE id = '7a500000-0000-4000-8000-0000000000a2';

-- What the lock of the first task was at some point.
CREATE TEMPORARY TABLE held AS SELECT NULL::timestamptz AS locked_at;
GRANT SELECT, UPDATE ON held TO muniment_app;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.lock_team_task(
           '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
       ) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is locked'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format(
        'SELECT goclaw.lock_team_task(%L, %L, %s)', task,
        'a9e00000-0000-4000-8000-0000000000' || agent, seconds
    ),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        ('7a500000-0000-4000-8000-0000000000a1', 'a1', '0', '22023', 'no lock lasts no time'),
        ('7a500000-0000-4000-8000-0000000000a1', 'a1', 'NULL', '22023', 'no lock lasts NULL'),
        ('7a500000-0000-4000-8000-0000000000a1', NULL, '60', '22023', 'nobody gets no lock'),
        (
            '7a500000-0000-4000-8000-0000000000b1', 'a1', '60', 'P0002',
            'a task of another tenant is not there'
        ),
        (
            '7a500000-0000-4000-8000-0000000000a1', 'b1', '60', '23503',
            'an agent of another tenant gets no lock'
        )
) AS attempt (task, agent, seconds, state, promise);
SELECT is(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a2', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'what waits is not to be had'
);
UPDATE held SET locked_at = goclaw.lock_team_task(
    '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1', 60
);
SELECT results_eq(
    $$ SELECT t.status, t.owner_agent_id, t.locked_at = h.locked_at,
           t.lock_expires_at - t.locked_at BETWEEN '60 s' AND '70 s'
       FROM goclaw.team_tasks AS t
       CROSS JOIN held AS h
       WHERE t.id = '7a500000-0000-4000-8000-0000000000a1' $$,
    $$ VALUES ('in_progress'::varchar, 'a9e00000-0000-4000-8000-0000000000a1'::uuid, true, true) $$,
    'a lock says who, since when and how long'
);
SELECT is(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'a lock that lives is not given twice, not even to the same agent'
);
SELECT is(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1', 600,
        (SELECT locked_at FROM held)
    ),
    (SELECT locked_at FROM held),
    'whoever holds it goes on holding it'
);
SELECT ok(
    lock_expires_at - locked_at >= '600 s', 'for as long as is asked'
)
FROM goclaw.team_tasks
WHERE id = '7a500000-0000-4000-8000-0000000000a1';

-- As if time had gone by.
UPDATE goclaw.team_tasks
SET locked_at = locked_at - interval '2 hours', lock_expires_at = locked_at - interval '1 hour'
WHERE id = '7a500000-0000-4000-8000-0000000000a1';
UPDATE held SET locked_at = locked_at - interval '2 hours';
SELECT isnt(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'a lock that lapsed is taken over'
);
SELECT is(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1', 60,
        (SELECT locked_at FROM held)
    ),
    NULL,
    'and whoever had it has lost it'
);
UPDATE goclaw.team_tasks SET locked_at = NULL, lock_expires_at = NULL
WHERE id = '7a500000-0000-4000-8000-0000000000a1';
SELECT isnt(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'what is in progress without a lock is to be had'
);

UPDATE goclaw.team_tasks
SET status = 'completed', locked_at = NULL, lock_expires_at = NULL
WHERE id = '7a500000-0000-4000-8000-0000000000a1';
SELECT is(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a1', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'what has ended is not to be had'
);
SELECT isnt(
    goclaw.lock_team_task(
        '7a500000-0000-4000-8000-0000000000a2', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    NULL,
    'and nobody waits for it any more'
);
SELECT throws_ok(
    $$ SELECT goclaw.lock_team_task(
           '7a500000-0000-4000-8000-0000000000a2', NULL, 60,
           (SELECT locked_at FROM goclaw.team_tasks WHERE subject = 'second')
       ) $$,
    '22023',
    NULL,
    'nor does nobody go on holding it'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'lock_team_task'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
