-- Subject: agentcore.time_out_agent_tasks()    Docs: docs/schema/agentcore.md#time-out-agent-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'time_out_agent_tasks', ARRAY['interval'], 'bigint',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'time_out_agent_tasks', ARRAY['interval'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'time_out_agent_tasks', ARRAY['interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'time_out_agent_tasks', ARRAY['interval'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.namespace (department_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk'),
    ('00000000-0000-4000-8000-00000000000b', '4a000000-0000-4000-8000-0000000000b1', 'Desk');
INSERT INTO agentcore.agent_task
    (department_id, id, namespace_id, adapter_type, metadata, created_at)
VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a1',
        '4a000000-0000-4000-8000-0000000000a1', 'browser', '{"url": "x"}', '2026-06-02Z'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '9e000000-0000-4000-8000-0000000000b1',
        '4a000000-0000-4000-8000-0000000000b1',
        'browser', '{}', '2026-06-01Z'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a2',
        '4a000000-0000-4000-8000-0000000000a1', 'mail', '{}', '2026-05-01Z'
    );
UPDATE agentcore.agent_task
SET status = 'running',
    started_at = now() - CASE adapter_type WHEN 'mail' THEN interval '10 years' ELSE '9 min' END
WHERE id <> '9e000000-0000-4000-8000-0000000000a1';

SET LOCAL ROLE muniment_service;
SELECT is(agentcore.time_out_agent_tasks('10 min'), 1::bigint, 'it says how many it gave up');
SELECT results_eq(
    $$ SELECT id, status, duration_ms, completed_at IS NOT NULL
       FROM agentcore.agent_task
       ORDER BY created_at $$,
    $$ VALUES
        ('9e000000-0000-4000-8000-0000000000a2'::uuid, 'timeout', 2147483647, true),
        ('9e000000-0000-4000-8000-0000000000b1', 'running', NULL, false),
        ('9e000000-0000-4000-8000-0000000000a1', 'queued', NULL, false) $$,
    'what has run for too long, and neither what still may nor what has not begun'
);
SELECT is(agentcore.time_out_agent_tasks('10 min'), 0::bigint, 'and each once');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.time_out_agent_tasks(interval)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
