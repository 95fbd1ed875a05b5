-- Subject: goclaw.hooks_for_event()    Docs: docs/schema/goclaw.md#hooks-for-event
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'hooks_for_event', ARRAY['text', 'uuid'],
    'setof record', 'it returns hooks'
);
SELECT volatility_is(
    'goclaw', 'hooks_for_event', ARRAY['text', 'uuid'],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'hooks_for_event', ARRAY['text', 'uuid'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'hooks_for_event', ARRAY['text', 'uuid'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.hooks (
    tenant_id, id, scope, event, handler_type, name, priority, enabled, created_at
)
SELECT
    tenant_id::uuid,
    ('400c0000-0000-4000-8000-0000000000' || id)::uuid,
    scope,
    event,
    'http',
    name,
    priority,
    enabled,
    '2026-06-10 12:00+00'::timestamptz - age
FROM (
    VALUES
        ('0193a5b0-7000-7000-8000-000000000001', '01', 'global', 'before_tool', 'global', 5, true,
         interval '0'),
        ('0193a5b0-7000-7000-8000-000000000001', '02', 'global', 'after_tool', 'later', 5, true,
         interval '0'),
        ('0193a5b0-7000-7000-8000-000000000001', '03', 'global', 'before_tool', 'off', 5, false,
         interval '0'),
        ('0193a5b0-7000-7000-8000-000000000001', '04', 'tenant', 'before_tool', 'the master''s', 5,
         true, interval '0'),
        ('00000000-0000-4000-8000-00000000000a', 'a1', 'tenant', 'before_tool',
         'of a', 5, true, interval '1 day'),
        ('00000000-0000-4000-8000-00000000000a', 'a2', 'tenant', 'before_tool',
         'of a, older', 5, true, interval '2 days'),
        ('00000000-0000-4000-8000-00000000000a', 'a3', 'tenant', 'before_tool',
         'of a, first', 9, true, interval '0'),
        ('00000000-0000-4000-8000-00000000000a', 'a4', 'agent', 'before_tool',
         'of the planner', 5, true, interval '9 days'),
        ('00000000-0000-4000-8000-00000000000a', 'a5', 'agent', 'before_tool',
         'of the drafter', 5, true, interval '0'),
        ('00000000-0000-4000-8000-00000000000a', 'a6', 'agent', 'before_tool',
         'of no agent', 5, true, interval '0'),
        ('00000000-0000-4000-8000-00000000000a', 'a7', 'tenant', 'before_tool',
         'of a, off', 5, false, interval '0'),
        ('00000000-0000-4000-8000-00000000000b', 'b1', 'tenant', 'before_tool',
         'of b', 5, true, interval '0')
) AS hook (tenant_id, id, scope, event, name, priority, enabled, age);
INSERT INTO goclaw.hook_agents (tenant_id, hook_id, agent_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '400c0000-0000-4000-8000-0000000000a4', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    (
        '00000000-0000-4000-8000-00000000000a',
        '400c0000-0000-4000-8000-0000000000a5', 'a9e00000-0000-4000-8000-0000000000a2'
    );

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM goclaw.hooks_for_event('before_tool') $$,
    '42501',
    'tenant is not set',
    'without a tenant not even global hooks are told'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT name FROM goclaw.hooks_for_event(
           'before_tool', 'a9e00000-0000-4000-8000-0000000000a1'
       ) $$,
    $$ VALUES ('of a, first'), ('global'), ('of a, older'), ('of a'), ('of the planner') $$,
    'the highest priority first, then global before tenant before agent, then the oldest'
);
SELECT results_eq(
    $$ SELECT name FROM goclaw.hooks_for_event('before_tool') $$,
    $$ VALUES ('of a, first'), ('global'), ('of a, older'), ('of a') $$,
    'without an agent, none of an agent'
);
SELECT results_eq(
    $$ SELECT name FROM goclaw.hooks_for_event('after_tool') $$,
    $$ VALUES ('later') $$,
    'another event has other hooks'
);
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'afterwards the tenant is the one that it was'
);
SELECT is_empty(
    $$ SELECT h.id
       FROM goclaw.hooks_for_event('before_tool') AS f
       CROSS JOIN goclaw.hooks AS h
       WHERE h.tenant_id <> '00000000-0000-4000-8000-00000000000a' $$,
    'in the middle of a query it opens no row of the master to the rest of it'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT results_eq(
    $$ SELECT name FROM goclaw.hooks_for_event(
           'before_tool', 'a9e00000-0000-4000-8000-0000000000a1'
       ) $$,
    $$ VALUES ('global'), ('of b') $$,
    'a tenant gets nothing of another one, whichever agent it names'
);
SELECT platform.set_tenant('0193a5b0-7000-7000-8000-000000000001');
SELECT results_eq(
    $$ SELECT name FROM goclaw.hooks_for_event('before_tool') $$,
    $$ VALUES ('global'), ('the master''s') $$,
    'the master gets each of its own once'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'hooks_for_event' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes ask, who may see what a handler is told'
);

SELECT * FROM finish(true);
ROLLBACK;
