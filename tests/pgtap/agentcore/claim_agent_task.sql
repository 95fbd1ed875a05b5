-- Subject: agentcore.claim_agent_task()    Docs: docs/schema/agentcore.md#claim-agent-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'claim_agent_task', ARRAY['text'], 'setof agentcore.agent_task',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'claim_agent_task', ARRAY['text'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'claim_agent_task', ARRAY['text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'claim_agent_task', ARRAY['text'], 'muniment_owner',
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

-- The order is the function's, not that of an index.
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT department_id, id, status, started_at IS NOT NULL
       FROM agentcore.claim_agent_task('browser') $$,
    $$ VALUES
        (
            '00000000-0000-4000-8000-00000000000b'::uuid,
            '9e000000-0000-4000-8000-0000000000b1'::uuid, 'running', true
        ) $$,
    'the oldest task comes first, of whatever department'
);
SELECT results_eq(
    $$ SELECT id FROM agentcore.claim_agent_task('browser') $$,
    ARRAY['9e000000-0000-4000-8000-0000000000a1']::uuid[],
    'then the next'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.claim_agent_task('browser') $$,
    'and then none: a task is taken once'
);
SELECT results_eq(
    $$ SELECT id, status FROM agentcore.agent_task WHERE adapter_type = 'mail' $$,
    $$ VALUES ('9e000000-0000-4000-8000-0000000000a2'::uuid, 'queued') $$,
    'what is for another adapter is left'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.claim_agent_task(text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
