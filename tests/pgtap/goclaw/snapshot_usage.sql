-- Subject: goclaw.snapshot_usage()    Docs: docs/schema/goclaw.md#snapshot-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(27);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'snapshot_usage', ARRAY['timestamp with time zone'],
    'integer', 'it returns how many rows are new'
);
SELECT volatility_is(
    'goclaw', 'snapshot_usage', ARRAY['timestamp with time zone'], 'volatile', 'it writes'
);
SELECT isnt_definer(
    'goclaw', 'snapshot_usage', ARRAY['timestamp with time zone'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'snapshot_usage', ARRAY['timestamp with time zone'],
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
INSERT INTO goclaw.traces (
    tenant_id, id, agent_id, parent_trace_id, user_id, channel, status, start_time, duration_ms
)
VALUES
    -- Two requests of one user, one of another, in the hour; one that failed.
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3',
     '00000000-0000-4000-8000-0000000000a1', NULL, 'u', 'web', 'ok', '2026-11-21 10:00+00', 100),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a4',
     '00000000-0000-4000-8000-0000000000a1', NULL, 'u', 'web', 'error', '2026-11-21 10:59:59+00',
     201),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a5',
     '00000000-0000-4000-8000-0000000000a1', NULL, 'v', 'web', 'running', '2026-11-21 10:30+00',
     NULL),
    -- What it delegated, what belongs to no agent, and what is of the hours around.
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a6',
     '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000a3', 'u', 'web',
     'ok', '2026-11-21 10:10+00', 50),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a7', NULL, NULL,
     'u', NULL, 'ok', '2026-11-21 10:20+00', 10),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a8',
     '00000000-0000-4000-8000-0000000000a1', NULL, 'u', 'web', 'ok', '2026-11-21 11:00+00', 10),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a9',
     '00000000-0000-4000-8000-0000000000a1', NULL, 'u', 'web', 'ok', '2026-11-21 09:59:59+00', 10),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', NULL, NULL,
     'u', NULL, 'ok', '2026-11-21 10:20+00', 10);
INSERT INTO goclaw.spans (
    tenant_id, trace_id, agent_id, span_type, provider, model, input_tokens, output_tokens,
    total_cost, metadata, start_time
)
SELECT
    '00000000-0000-4000-8000-00000000000a', trace_id::uuid, agent_id::uuid, span_type, provider,
    model, input_tokens, output_tokens, total_cost, metadata::jsonb, start_time::timestamptz
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000a3', NULL, 'llm_call', 'p', 'm', 10, 1, 0.1,
         '{"cache_read_tokens": 3, "cache_create_tokens": 4, "thinking_tokens": 5}',
         '2026-11-21 10:00+00'),
        ('00000000-0000-4000-8000-0000000000a3', NULL, 'llm', 'p', 'm', 20, 2, 0.2,
         '{"cache_read_tokens": "many", "cache_create_tokens": -7, "thinking_tokens": 1e300}',
         '2026-11-21 10:59+00'),
        -- An agent repeats what is inside, a tool has no tokens of its own.
        ('00000000-0000-4000-8000-0000000000a3', NULL, 'agent', 'p', 'm', 30, 3, 0.3, '{}',
         '2026-11-21 10:00+00'),
        ('00000000-0000-4000-8000-0000000000a3', NULL, 'tool_call', NULL, NULL, 7, 7, 0.5, '{}',
         '2026-11-21 10:00+00'),
        ('00000000-0000-4000-8000-0000000000a3', NULL, 'tool', NULL, NULL, 0, 0, 0, '{}',
         '2026-11-21 10:00+00'),
        -- By its own time, not by that of its trace; by its own agent, if it says so.
        ('00000000-0000-4000-8000-0000000000a3', NULL, 'llm', 'p', 'm', 1000, 0, 0, '{}',
         '2026-11-21 11:00+00'),
        ('00000000-0000-4000-8000-0000000000a9', NULL, 'llm', 'p', 'm', 100, 0, 0, '{}',
         '2026-11-21 10:00+00'),
        ('00000000-0000-4000-8000-0000000000a3', '00000000-0000-4000-8000-0000000000a2', 'llm',
         'p', 'n', 5, 5, 0, '{}', '2026-11-21 10:00+00')
) AS sample (
    trace_id, agent_id, span_type, provider, model, input_tokens, output_tokens, total_cost,
    metadata, start_time
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.snapshot_usage('2026-11-21 10:00+00') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is nothing to add up'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format($$ SELECT goclaw.snapshot_usage(%L) $$, hour),
    '22023',
    'p_hour: must be a point in time',
    'an hour is asked for'
)
FROM unnest(ARRAY[NULL, 'infinity', '-infinity']::timestamptz[]) AS hour;
SELECT is(
    goclaw.snapshot_usage('2026-11-21 10:34:56+00'), 4, 'any time within the hour names it'
);
PREPARE snapshots AS
    SELECT
        agent_id::text, provider, model, channel, input_tokens, output_tokens, cache_read_tokens,
        cache_create_tokens, thinking_tokens, total_cost, request_count, llm_call_count,
        tool_call_count, error_count, unique_users, avg_duration_ms
    FROM goclaw.usage_snapshots
    WHERE bucket_hour = '2026-11-21 10:00+00'
    ORDER BY 1, 2, 3, 4;
SELECT results_eq(
    'snapshots',
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000a1', ''::varchar, ''::varchar, 'web'::varchar,
         0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0.5::numeric, 3, 0, 2, 1, 2, 151),
        ('00000000-0000-4000-8000-0000000000a1', 'p', 'm', 'web', 130, 3, 3, 4, 5, 0.3, 0, 3, 0, 0,
         0, 0),
        ('00000000-0000-4000-8000-0000000000a2', 'p', 'n', 'web', 5, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0,
         0),
        (NULL, '', '', '', 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 10) $$,
    'requests and tools are in the row without a model, calls in that of their model'
);
CREATE TEMPORARY TABLE before AS SELECT ctid AS place, * FROM goclaw.usage_snapshots;
SELECT is(goclaw.snapshot_usage('2026-11-21 10:00+00'), 0, 'a second time, there is nothing new');
SELECT set_eq(
    $$ SELECT ctid AS place, id FROM goclaw.usage_snapshots $$,
    $$ SELECT place, id FROM before $$,
    'and no row is written'
);

INSERT INTO goclaw.spans (tenant_id, trace_id, span_type, provider, model, input_tokens, start_time)
VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a7', 'llm', 'p',
     'm', 8, '2026-11-21 10:30+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'llm', 'p',
     'm', 9, '2026-11-21 10:30+00');
UPDATE goclaw.usage_snapshots SET memory_docs = 7 WHERE model = 'm';
SELECT is(goclaw.snapshot_usage('2026-11-21 10:00+00'), 2, 'spans that come late correct it');
SELECT set_eq(
    $$ SELECT agent_id, input_tokens, llm_call_count, memory_docs
       FROM goclaw.usage_snapshots
       WHERE model = 'm' $$,
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000a1'::uuid, 139::bigint, 4, 7),
        (NULL, 8, 1, 0) $$,
    'where there was a row and where there was none, and leave what they do not know'
);
UPDATE goclaw.traces
SET status = 'error', duration_ms = 300, user_id = 'w' || right(id::text, 1)
WHERE channel = 'web';
UPDATE goclaw.spans
SET input_tokens = input_tokens + 1,
    output_tokens = output_tokens + 1,
    total_cost = total_cost + 1,
    metadata = '{"cache_read_tokens": 1.0, "cache_create_tokens": 1, "thinking_tokens": 1}'
WHERE model = 'm';
INSERT INTO goclaw.spans (tenant_id, trace_id, span_type, start_time) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'tool',
     '2026-11-21 10:30+00');
INSERT INTO goclaw.traces (tenant_id, agent_id, channel, start_time) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'web',
     '2026-11-21 10:30+00');
SELECT is(goclaw.snapshot_usage('2026-11-21 10:00+00'), 3, 'and so does whatever is corrected');
SELECT results_eq(
    'snapshots',
    $$ VALUES
        ('00000000-0000-4000-8000-0000000000a1', ''::varchar, ''::varchar, 'web'::varchar,
         0::bigint, 0::bigint, 0::bigint, 0::bigint, 0::bigint, 0.5::numeric, 4, 0, 3, 3, 3, 300),
        ('00000000-0000-4000-8000-0000000000a1', 'p', 'm', 'web', 143, 7, 4, 4, 4, 4.3, 0, 4, 0, 0,
         0, 0),
        ('00000000-0000-4000-8000-0000000000a2', 'p', 'n', 'web', 5, 5, 0, 0, 0, 0, 0, 1, 0, 0, 0,
         0),
        (NULL, '', '', '', 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 10),
        (NULL, 'p', 'm', '', 9, 1, 1, 1, 1, 1, 0, 1, 0, 0, 0, 0) $$,
    'in each figure'
);
UPDATE goclaw.usage_snapshots SET memory_docs = 9 WHERE model = 'n';
UPDATE goclaw.spans SET provider = 'q' WHERE model = 'n';
SELECT is(
    goclaw.snapshot_usage('2026-11-21 10:00+00'), 2, 'a call that was of another provider moves'
);
PREPARE calls AS
    SELECT provider, llm_call_count, input_tokens, memory_docs
    FROM goclaw.usage_snapshots
    WHERE model = 'n'
    ORDER BY 1;
SELECT results_eq(
    'calls',
    $$ VALUES ('p'::varchar, 0, 0::bigint, 9), ('q', 1, 5, 0) $$,
    'and is not counted twice; what others have counted stays'
);
SELECT is(goclaw.snapshot_usage('2026-11-21 10:00+00'), 0, 'once');
DELETE FROM goclaw.traces WHERE id <> '00000000-0000-4000-8000-0000000000a7';
SELECT is(
    goclaw.snapshot_usage('2026-11-21 10:00+00'), 3,
    'an hour of which a part is gone is added up anew'
);
SELECT results_eq(
    $$ SELECT sum(request_count), sum(llm_call_count), sum(tool_call_count), sum(total_cost)
       FROM goclaw.usage_snapshots $$,
    $$ VALUES (1::bigint, 1::bigint, 0::bigint, 1::numeric) $$,
    'and tells of what is left'
);
DELETE FROM goclaw.traces;
SELECT is(
    goclaw.snapshot_usage('2026-11-21 10:00+00'), 0, 'what was pruned is not added up again'
);
SELECT is(
    (SELECT sum(request_count) FROM goclaw.usage_snapshots), 1::bigint,
    'but what was added up stays when all of it is gone'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(goclaw.snapshot_usage('2026-11-21 10:00+00'), 1, 'each tenant is added up by itself');
SELECT is(
    (SELECT sum(request_count) FROM goclaw.usage_snapshots), 1::bigint, 'and of its own alone'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid =
               'goclaw.snapshot_usage(timestamp with time zone)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'a runtime adds up'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT goclaw.snapshot_usage(now()) $$,
    '42501',
    'permission denied for function snapshot_usage',
    'a reader does not'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
