-- Subject: agentcore.finish_agent_task()    Docs: docs/schema/agentcore.md#finish-agent-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'finish_agent_task',
    ARRAY['uuid', 'uuid', 'text', 'integer', 'integer', 'numeric', 'text'], 'integer',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'finish_agent_task',
    ARRAY['uuid', 'uuid', 'text', 'integer', 'integer', 'numeric', 'text'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'finish_agent_task',
    ARRAY['uuid', 'uuid', 'text', 'integer', 'integer', 'numeric', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'finish_agent_task',
    ARRAY['uuid', 'uuid', 'text', 'integer', 'integer', 'numeric', 'text'], 'muniment_owner',
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

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT agentcore.finish_agent_task(
           '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a1',
           'done'
       ) $$,
    'MU437',
    format('task %s is not there or not running', '9e000000-0000-4000-8000-0000000000a1'),
    'what was not begun does not end'
);
UPDATE agentcore.agent_task SET status = 'running', started_at = clock_timestamp() - interval '2s';
SELECT cmp_ok(
    agentcore.finish_agent_task(
        '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a1', 'done',
        10, 20, 0.000000001
    ),
    '>=', 2000,
    'it returns how long it took'
);
SELECT results_eq(
    $$ SELECT status, input_tokens, output_tokens, cost, duration_ms >= 2000,
           completed_at IS NOT NULL, metadata
       FROM agentcore.agent_task
       WHERE id = '9e000000-0000-4000-8000-0000000000a1' $$,
    $$ VALUES ('done', 10, 20, 0.000000001, true, true, '{"url": "x"}'::jsonb) $$,
    'and keeps what it took'
);
SELECT throws_ok(
    $$ SELECT agentcore.finish_agent_task(
           '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a1',
           'failed'
       ) $$,
    'MU437',
    format('task %s is not there or not running', '9e000000-0000-4000-8000-0000000000a1'),
    'a task ends once'
);
SELECT throws_ok(
    $$ SELECT agentcore.finish_agent_task(
           '00000000-0000-4000-8000-00000000000b', '9e000000-0000-4000-8000-0000000000a2',
           'done'
       ) $$,
    'MU437',
    format('task %s is not there or not running', '9e000000-0000-4000-8000-0000000000a2'),
    'a task is named with its department'
);
SELECT throws_ok(
    format(
        'SELECT agentcore.finish_agent_task(%L, ''9e000000-0000-4000-8000-0000000000a2'', '
        '''done'', %s)',
        '00000000-0000-4000-8000-00000000000a', took
    ),
    sqlstate,
    NULL,
    format('it does not take %s', took)
)
FROM (
    VALUES ('-1', '23514'), ('1, 1, ''NaN''', '23514'), ('NULL', '23502')
) AS attempt (took, sqlstate);
SELECT lives_ok(
    $$ SELECT agentcore.finish_agent_task(
           '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a2',
           'failed', p_error => 'no page'
       ) $$,
    'it can fail'
);
SELECT results_eq(
    $$ SELECT status, metadata FROM agentcore.agent_task
       WHERE id = '9e000000-0000-4000-8000-0000000000a2' $$,
    $$ VALUES ('failed', '{"error": "no page"}'::jsonb) $$,
    'and say why'
);
SELECT throws_ok(
    format(
        'SELECT agentcore.finish_agent_task(%L, ''9e000000-0000-4000-8000-0000000000b1'', %L)',
        '00000000-0000-4000-8000-00000000000b', status
    ),
    '22023',
    format('status is out of range: %s', coalesce(status, 'null')),
    format('%s is no end that a worker brings', coalesce(status, 'null'))
)
FROM unnest(ARRAY['running', 'queued', 'timeout', NULL]) AS status;
UPDATE agentcore.agent_task SET started_at = '2020-01-01Z' WHERE status = 'running';
SELECT is(
    agentcore.finish_agent_task(
        '00000000-0000-4000-8000-00000000000b', '9e000000-0000-4000-8000-0000000000b1', 'done'
    ),
    2147483647,
    'one that took years ends too'
);
RESET ROLE;
INSERT INTO agentcore.agent_task
    (department_id, id, namespace_id, adapter_type, status, started_at)
VALUES (
    '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a3',
    '4a000000-0000-4000-8000-0000000000a1', 'mail', 'running', now() + interval '1 hour'
);
SET LOCAL ROLE muniment_service;
SELECT is(
    agentcore.finish_agent_task(
        '00000000-0000-4000-8000-00000000000a', '9e000000-0000-4000-8000-0000000000a3', 'done'
    ),
    0,
    'and one that began, as a clock said that was set back since, in an hour'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'finish_agent_task' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
