-- Subject: goclaw.reserve_usage()    Docs: docs/schema/goclaw.md#reserve-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(59);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'reserve_usage', ARRAY[
        'text', 'uuid', 'uuid', 'text', 'text', 'bigint', 'bigint'
    ],
    'goclaw.usage_cap_events', 'it returns the decision'
);
SELECT volatility_is(
    'goclaw', 'reserve_usage', ARRAY[
        'text', 'uuid', 'uuid', 'text', 'text', 'bigint', 'bigint'
    ],
    'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'reserve_usage', ARRAY[
        'text', 'uuid', 'uuid', 'text', 'text', 'bigint', 'bigint'
    ],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'reserve_usage', ARRAY[
        'text', 'uuid', 'uuid', 'text', 'text', 'bigint', 'bigint'
    ],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'one', 'u',
     'm'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', 'two', 'u',
     'm');
INSERT INTO goclaw.llm_providers (tenant_id, id, name, provider_type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'one',
     'anthropic'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a4', 'two',
     'openai_compat');
INSERT INTO goclaw.usage_cap_policies (
    tenant_id, id, agent_id, provider_id, provider_type, model_id, window_key, max_tokens, enabled
)
VALUES
    -- One for each scope and one for all of them, and what holds for nobody here.
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c1', NULL, NULL,
     NULL, NULL, 'month', 1000, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c2',
     '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, 'month', 1000, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c3', NULL,
     '00000000-0000-4000-8000-0000000000a3', NULL, NULL, 'month', 1000, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c4', NULL, NULL,
     'anthropic', NULL, 'month', 1000, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c5', NULL, NULL,
     NULL, 'm', 'month', 1000, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c6',
     '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000a3', 'anthropic',
     'm', 'month', 1000, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c7', NULL, NULL,
     NULL, NULL, 'month', 0, false),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000d1', NULL, NULL,
     NULL, NULL, 'month', 0, true);
CREATE TEMPORARY VIEW held AS
SELECT
    r.reservation_key,
    string_agg(right(r.policy_id::text, 2), ' ' ORDER BY r.policy_id) AS policies
FROM goclaw.usage_cap_reservations AS r
GROUP BY 1;
CREATE TEMPORARY TABLE answer (which text, event goclaw.usage_cap_events);
GRANT ALL ON held, answer TO muniment_app;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 1, 1) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is decided'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format($$ SELECT goclaw.reserve_usage(%s) $$, arguments), '22023', message, reason
)
FROM (
    VALUES
        ($$ '', NULL, NULL, NULL, NULL, 1, 1 $$,
         'p_reservation_key: must not be empty', 'a request has a name'),
        ($$ NULL, NULL, NULL, NULL, NULL, 1, 1 $$,
         'p_reservation_key: must not be empty', 'a request has a name, and not NULL'),
        ($$ 'k', NULL, NULL, NULL, NULL, -1, 1 $$,
         'p_tokens, p_cost_micros: must be from 0 to 10^15', 'nobody asks for less than no tokens'),
        ($$ 'k', NULL, NULL, NULL, NULL, 1, -1 $$,
         'p_tokens, p_cost_micros: must be from 0 to 10^15', 'nor for less than no cost'),
        ($$ 'k', NULL, NULL, NULL, NULL, NULL, 1 $$,
         'p_tokens, p_cost_micros: must be from 0 to 10^15', 'nobody asks for an unknown number'),
        ($$ 'k', NULL, NULL, NULL, NULL, 1, NULL $$,
         'p_tokens, p_cost_micros: must be from 0 to 10^15', 'nor for an unknown cost'),
        ($$ 'k', NULL, NULL, NULL, NULL, 1000000000000001, 1 $$,
         'p_tokens, p_cost_micros: must be from 0 to 10^15', 'nor for more tokens than there are'),
        ($$ 'k', NULL, NULL, NULL, NULL, 1, 1000000000000001 $$,
         'p_tokens, p_cost_micros: must be from 0 to 10^15', 'nor for more money than there is'),
        ($$ 'k', NULL, '00000000-0000-4000-8000-0000000000a3', 'own', NULL, 1, 1 $$,
         'p_provider_type: the provider is of another type',
         'a provider is of its own type, so that nobody goes around a policy for that')
) AS broken (arguments, message, reason);

-- Which policies hold.
SELECT is(
    (goclaw.reserve_usage(
        key, agent_id::uuid, provider_id::uuid, provider_type, model_id, 0, 0
    )).decision,
    'allow',
    'a request for nothing is allowed: ' || key
)
FROM (
    VALUES
        ('none', NULL, NULL, NULL, NULL),
        ('agent', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL),
        ('provider', NULL, '00000000-0000-4000-8000-0000000000a3', NULL, NULL),
        ('other provider', NULL, '00000000-0000-4000-8000-0000000000a4', NULL, NULL),
        ('said again', NULL, '00000000-0000-4000-8000-0000000000a3', 'anthropic', NULL),
        ('unknown', NULL, '00000000-0000-4000-8000-0000000000ff', 'anthropic', NULL),
        ('type', NULL, NULL, 'anthropic', NULL),
        ('model', NULL, NULL, NULL, 'm'),
        ('all', '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000a3',
         NULL, 'm'),
        ('others', '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000a4',
         NULL, 'n')
) AS sample (key, agent_id, provider_id, provider_type, model_id);
SELECT results_eq(
    $$ SELECT * FROM held ORDER BY reservation_key COLLATE "C" $$,
    $$ VALUES
        ('agent', 'c1 c2'),
        ('all', 'c1 c2 c3 c4 c5 c6'),
        ('model', 'c1 c5'),
        ('none', 'c1'),
        ('other provider', 'c1'),
        ('others', 'c1'),
        ('provider', 'c1 c3 c4'),
        ('said again', 'c1 c3 c4'),
        ('type', 'c1 c4'),
        ('unknown', 'c1 c4') $$,
    'a policy holds where all that it names is the same; the type is that of the provider'
);

-- The answer, and the same question again.
INSERT INTO answer
SELECT 'first', e
FROM goclaw.reserve_usage('k', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 600, 7)
    AS e;
SELECT is(
    (SELECT (e.policy_id, e.reservation_key, e.decision, e.reason, e.estimated_tokens,
             e.estimated_cost_micros, e.actual_tokens, e.actual_cost_micros, e.metadata)::text
     FROM answer AS a, LATERAL (SELECT (a.event).*) AS e WHERE a.which = 'first'),
    ROW(NULL::uuid, 'k', 'allow', NULL::text, 600, 7, 0, 0,
        jsonb_build_object(
            'request', jsonb_build_object('agent_id', '00000000-0000-4000-8000-0000000000a2')
        ))::text,
    'what fits is allowed, and the event says for what'
);
SELECT results_eq(
    $$ SELECT used_tokens, reserved_tokens, used_cost_micros, reserved_cost_micros
       FROM goclaw.usage_cap_counters
       WHERE policy_id = '00000000-0000-4000-8000-0000000000c1' $$,
    $$ VALUES (0::bigint, 600::bigint, 0::bigint, 7::bigint) $$,
    'it is counted as reserved'
);
SELECT is(
    goclaw.reserve_usage('k', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 600, 7),
    (SELECT event FROM answer WHERE which = 'first'),
    'the same request again gets the same answer'
);
SELECT is(
    (SELECT reserved_tokens FROM goclaw.usage_cap_counters
     WHERE policy_id = '00000000-0000-4000-8000-0000000000c1'),
    600::bigint,
    'and is not counted again'
);
SELECT throws_ok(
    format($$ SELECT goclaw.reserve_usage('k', %s) $$, arguments),
    'MU330',
    'p_reservation_key: was used for another request',
    reason
)
FROM (
    VALUES
        ($$ '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, 600, 7 $$,
         'another agent is another request'),
        ($$ '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000a3', NULL,
         NULL, 600, 7 $$, 'another provider too'),
        ($$ '00000000-0000-4000-8000-0000000000a2', NULL, 't', NULL, 600, 7 $$,
         'another type of provider too'),
        ($$ '00000000-0000-4000-8000-0000000000a2', NULL, NULL, 'm', 600, 7 $$,
         'another model too'),
        ($$ '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 601, 7 $$,
         'other tokens too'),
        ($$ '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 600, 8 $$, 'another cost too')
) AS broken (arguments, reason);

-- Refusals.
SELECT is(
    (goclaw.reserve_usage(
        'full', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 400, 0
    )).decision,
    'allow',
    'a cap can be reached'
);
SELECT is(
    (SELECT (e.decision, e.reason)::text
     FROM goclaw.reserve_usage('nothing', NULL, NULL, NULL, NULL, 0, 0) AS e),
    ROW('deny', 'tokens: 0 used and 1000 reserved of 1000, 0 asked for')::text,
    'one that is full refuses also who asks for nothing'
);
INSERT INTO answer
SELECT 'refused', e
FROM goclaw.reserve_usage('over', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 1, 0)
    AS e;
SELECT is(
    (SELECT (e.policy_id, e.decision, e.reason, e.metadata ->> 'retry_at')::text
     FROM answer AS a, LATERAL (SELECT (a.event).*) AS e WHERE a.which = 'refused'),
    ROW('00000000-0000-4000-8000-0000000000c1', 'deny',
        'tokens: 0 used and 1000 reserved of 1000, 1 asked for',
        to_jsonb(upper(goclaw.usage_window('month', now()))) #>> '{}')::text,
    'but not passed: the event says by which policy, why, and when to come back'
);
SELECT results_eq(
    $$ SELECT reserved_tokens, (SELECT count(*) FROM held WHERE reservation_key = 'over')
       FROM goclaw.usage_cap_counters
       WHERE policy_id = '00000000-0000-4000-8000-0000000000c1' $$,
    $$ VALUES (1000::bigint, 0::bigint) $$,
    'what is refused holds nothing'
);
UPDATE goclaw.usage_cap_policies SET max_tokens = 2000
WHERE id = '00000000-0000-4000-8000-0000000000c1';
SELECT is(
    goclaw.reserve_usage('over', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 1, 0),
    (SELECT event FROM answer WHERE which = 'refused'),
    'what was refused stays refused, though there is room now'
);
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('over', '00000000-0000-4000-8000-0000000000a2', NULL, NULL,
        NULL, 2, 0) $$,
    'MU330',
    NULL,
    'and its key is used too'
);
SELECT is(
    (goclaw.reserve_usage(
        'none again', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 0, 0
    )).decision,
    'allow',
    'who asks for nothing gets it while there is room'
);
SELECT is(
    (goclaw.reserve_usage(
        'vast', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 1000000000000000,
        1000000000000000
    )).decision,
    'deny',
    'as much as can be asked for is too much here'
);

-- Several that refuse: for all, for the agent, for all four scopes.
UPDATE goclaw.usage_cap_policies
SET max_tokens = 0
WHERE id IN (
    '00000000-0000-4000-8000-0000000000c1', '00000000-0000-4000-8000-0000000000c2',
    '00000000-0000-4000-8000-0000000000c6'
);
SELECT is(
    (goclaw.reserve_usage(
        'specific', '00000000-0000-4000-8000-0000000000a1',
        '00000000-0000-4000-8000-0000000000a3', NULL, 'm', 1, 0
    )).policy_id,
    '00000000-0000-4000-8000-0000000000c6'::uuid,
    'of those that refuse, the most specific one is named'
);
SELECT is(
    (SELECT (e.decision, e.reason)::text
     FROM goclaw.reserve_usage(
         'zero', '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, 0, 0
     ) AS e),
    ROW('deny', 'tokens: 0 used and 0 reserved of 0, 0 asked for')::text,
    'a cap of nothing is full'
);
UPDATE goclaw.usage_cap_policies SET priority = 50
WHERE id = '00000000-0000-4000-8000-0000000000c2';
SELECT is(
    (goclaw.reserve_usage(
        'priority', '00000000-0000-4000-8000-0000000000a1',
        '00000000-0000-4000-8000-0000000000a3', NULL, 'm', 1, 0
    )).policy_id,
    '00000000-0000-4000-8000-0000000000c2'::uuid,
    'before that, the one with the lowest priority'
);
SELECT is(
    (SELECT sum(reserved_tokens) FROM goclaw.usage_cap_counters
     WHERE policy_id <> '00000000-0000-4000-8000-0000000000c1'),
    0::numeric,
    'those that would have allowed it hold nothing either'
);

-- Cost, windows, and policies that there are not.
INSERT INTO goclaw.usage_cap_policies (tenant_id, id, agent_id, window_key, max_cost_micros) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000c8',
     '00000000-0000-4000-8000-0000000000a2', 'week', 10);
UPDATE goclaw.usage_cap_policies SET enabled = false
WHERE id = '00000000-0000-4000-8000-0000000000c1';
SELECT is(
    (SELECT (e.policy_id, e.decision, e.reason)::text
     FROM goclaw.reserve_usage('dear', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL,
         999999, 11) AS e),
    ROW('00000000-0000-4000-8000-0000000000c8', 'deny',
        'cost_micros: 0 used and 0 reserved of 10, 11 asked for')::text,
    'a cap on cost leaves tokens free'
);
SELECT is(
    (goclaw.reserve_usage(
        'cheap', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 999999, 10
    )).decision,
    'allow',
    'and what does not cost too much too'
);
SELECT results_eq(
    $$ SELECT tstzrange(window_start, window_end)
       FROM goclaw.usage_cap_counters
       WHERE policy_id = '00000000-0000-4000-8000-0000000000c8' $$,
    $$ SELECT goclaw.usage_window('week', now()) $$,
    'it counts in the window that is'
);
SELECT is(
    (SELECT (e.decision, e.reason)::text
     FROM goclaw.reserve_usage(
         'no cost', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 1, 0
     ) AS e),
    ROW('deny', 'cost_micros: 0 used and 10 reserved of 10, 0 asked for')::text,
    'a cap on cost that is full refuses also what costs nothing'
);

-- A counter that somebody has made as large as it gets.
UPDATE goclaw.usage_cap_counters SET reserved_tokens = 9223372036854775807
WHERE policy_id = '00000000-0000-4000-8000-0000000000c8';
UPDATE goclaw.usage_cap_policies SET max_cost_micros = 20
WHERE id = '00000000-0000-4000-8000-0000000000c8';
SELECT is(
    (goclaw.reserve_usage(
        'on top', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 1, 1
    )).decision,
    'allow',
    'what is counted and not capped stops nobody'
);
SELECT results_eq(
    $$ SELECT reserved_tokens, reserved_cost_micros
       FROM goclaw.usage_cap_counters
       WHERE policy_id = '00000000-0000-4000-8000-0000000000c8' $$,
    $$ VALUES (9223372036854775807, 11::bigint) $$,
    'a counter stays at the largest number'
);
UPDATE goclaw.usage_cap_policies
SET max_tokens = 9223372036854775807
WHERE id = '00000000-0000-4000-8000-0000000000c8';
SELECT is(
    (goclaw.reserve_usage(
        'over the top', '00000000-0000-4000-8000-0000000000a2', NULL, NULL, NULL, 1, 1
    )).decision,
    'deny',
    'and does not wrap around where it is capped'
);
UPDATE goclaw.usage_cap_policies SET enabled = false;
SELECT is(
    (goclaw.reserve_usage('free', NULL, NULL, NULL, NULL, 999999, 999999)).decision,
    'allow',
    'where no policy holds, all is allowed'
);
SELECT is(
    (SELECT count(*) FROM goclaw.usage_cap_events),
    (SELECT count(DISTINCT reservation_key) FROM goclaw.usage_cap_events),
    'there is one event for each request'
);

-- Where row security does not bind, the function does.
RESET ROLE;
UPDATE goclaw.usage_cap_policies SET enabled = true;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    (SELECT (e.tenant_id, e.decision, e.policy_id)::text
     FROM goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 1, 0) AS e),
    ROW('00000000-0000-4000-8000-00000000000b', 'deny',
        '00000000-0000-4000-8000-0000000000d1')::text,
    'the key of another tenant is free, and its policies hold for nobody else'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = to_regprocedure(
               'goclaw.reserve_usage(text, uuid, uuid, text, text, bigint, bigint)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'a runtime reserves'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT goclaw.reserve_usage('k', NULL, NULL, NULL, NULL, 1, 1) $$,
    '42501',
    'permission denied for function reserve_usage',
    'a reader does not'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
