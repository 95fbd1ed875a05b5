-- Subject: agents.offload_health    Docs: docs/schema/agents.md#offload-health
--
-- Bodies by month, place and length.
-- That no firm sees the rows of another is in ../_behaviour/every_view.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

SELECT columns_are(
    'agents', 'offload_health',
    ARRAY[
        'firm_id', 'month', 'table_name', 'body', 'storage', 'body_count', 'total_bytes',
        'max_bytes', 'near_limit_count'
    ],
    'the columns are these'
);
SELECT table_privs_are(
    'agents', 'offload_health', 'muniment_reader', ARRAY['SELECT'],
    'muniment_reader reads it'
);
SELECT table_privs_are(
    'agents', 'offload_health', 'muniment_app', ARRAY[]::text[],
    'muniment_app has no right to it'
);
SELECT table_privs_are(
    'agents', 'offload_health', 'muniment_service', ARRAY[]::text[],
    'muniment_service has no right to it'
);
SELECT table_privs_are(
    'agents', 'offload_health', 'muniment_maintainer', ARRAY[]::text[],
    'muniment_maintainer has no right to it'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty($$ SELECT month FROM agents.offload_health $$, 'no bodies, no rows');

SELECT test_support.record_tool('fetch', 'read', 'safe');
SELECT test_support.record_run('a', 'a1', '2026-05-31 23:59:59Z');
SELECT test_support.record_turn(
    'a', '7' || n, '51', n, at, repeat('x', bytes)
)
FROM (
    VALUES
        (1, '2026-06-30 23:59:59.999999Z'::timestamptz, 24576),
        (2, '2026-06-01 00:00:00Z', 24577),
        (3, '2026-05-31 23:59:59.999999Z', 32768),
        (4, '2026-07-01 00:00:00Z', 0)
) AS turn (n, at, bytes);
-- Without a body, with one on the shelf, with one that was of another firm.
SELECT test_support.record_turn(
    'a', '75', '51', 5, '2026-06-10 12:00:00Z', '',
    '{"content_storage": null, "content_inline": null, "content_sha256": null,
      "content_bytes": null}'
);
SELECT test_support.record_call(
    'a', 'c1', 'a1', 'fetch', '2026-06-10 12:00:00Z',
    jsonb_build_object(
        'args_storage', 'inline', 'args_inline', '{}', 'args_sha256', sha256('{}'),
        'args_bytes', 2, 'result_storage', 's3', 'result_sha256', sha256('r'),
        'result_bytes', 70000, 'result_s3_key',
        'agents/00000000-0000-4000-8000-00000000000a/202605/00000000-0000-4000-8000-0000000000a1'
        || '/result/' || encode(sha256('r'), 'hex') || '.json'
    )
);
SELECT test_support.record_turn('b', '76', '51', 1, '2026-06-10 12:00:00Z', 'of b');

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT month, table_name, body, storage, body_count, total_bytes, max_bytes, near_limit_count
       FROM agents.offload_health
       ORDER BY month, body $$,
    $$ VALUES
        ('2026-05-01'::date, 'chat_turn', 'content', 'inline', 1::bigint, 32768::bigint,
         32768::bigint, 1::bigint),
        ('2026-06-01', 'tool_call', 'args', 'inline', 1, 2, 2, 0),
        ('2026-06-01', 'chat_turn', 'content', 'inline', 2, 49153, 24577, 1),
        ('2026-06-01', 'tool_call', 'result', 's3', 1, 70000, 70000, 0),
        ('2026-07-01', 'chat_turn', 'content', 'inline', 1, 0, 0, 0) $$,
    'each body counts in the month of its row, and is near the limit beyond three quarters'
);

SELECT * FROM finish(true);
ROLLBACK;
