-- Subject: goclaw.usage_snapshots    Docs: docs/schema/goclaw.md#usage-snapshots
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(29);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.usage_snapshots']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('usage_snapshots'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('usage_snapshots', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('usage_snapshots', 'bucket_hour', 'timestamp with time zone', true, NULL),
        ('usage_snapshots', 'agent_id', 'uuid', false, NULL),
        ('usage_snapshots', 'provider', 'character varying(50)', true, '''''::character varying'),
        ('usage_snapshots', 'model', 'character varying(200)', true, '''''::character varying'),
        ('usage_snapshots', 'channel', 'character varying(50)', true, '''''::character varying'),
        ('usage_snapshots', 'input_tokens', 'bigint', true, '0'),
        ('usage_snapshots', 'output_tokens', 'bigint', true, '0'),
        ('usage_snapshots', 'cache_read_tokens', 'bigint', true, '0'),
        ('usage_snapshots', 'cache_create_tokens', 'bigint', true, '0'),
        ('usage_snapshots', 'thinking_tokens', 'bigint', true, '0'),
        ('usage_snapshots', 'total_cost', 'numeric(12,6)', true, '0'),
        ('usage_snapshots', 'request_count', 'integer', true, '0'),
        ('usage_snapshots', 'llm_call_count', 'integer', true, '0'),
        ('usage_snapshots', 'tool_call_count', 'integer', true, '0'),
        ('usage_snapshots', 'error_count', 'integer', true, '0'),
        ('usage_snapshots', 'unique_users', 'integer', true, '0'),
        ('usage_snapshots', 'avg_duration_ms', 'integer', true, '0'),
        ('usage_snapshots', 'memory_docs', 'integer', true, '0'),
        ('usage_snapshots', 'memory_chunks', 'integer', true, '0'),
        ('usage_snapshots', 'kg_entities', 'integer', true, '0'),
        ('usage_snapshots', 'kg_relations', 'integer', true, '0'),
        ('usage_snapshots', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('usage_snapshots_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('usage_snapshots_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('usage_snapshots_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('usage_snapshots_bucket_hour_ck',
         'CHECK ((date_trunc(''hour''::text, (bucket_hour AT TIME ZONE ''UTC''::text)) = '
         '(bucket_hour AT TIME ZONE ''UTC''::text)))'),
        ('usage_snapshots_tokens_ck',
         'CHECK (((input_tokens >= 0) AND (output_tokens >= 0) AND (cache_read_tokens >= 0)'
         ' AND (cache_create_tokens >= 0) AND (thinking_tokens >= 0)))'),
        ('usage_snapshots_total_cost_ck',
         'CHECK (((total_cost >= (0)::numeric) AND '
         '(total_cost < ''NaN''::numeric)))'),
        ('usage_snapshots_counts_ck',
         'CHECK (((request_count >= 0) AND (llm_call_count >= 0) AND (tool_call_count >= 0)'
         ' AND (error_count >= 0) AND (unique_users >= 0) AND (avg_duration_ms >= 0) AND '
         '(memory_docs >= 0) AND (memory_chunks >= 0) AND (kg_entities >= 0) AND '
         '(kg_relations >= 0)))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('usage_snapshots_bucket_uq'::name, true,
         'btree (tenant_id, bucket_hour, COALESCE(agent_id, '
         '''00000000-0000-0000-0000-000000000000''::uuid), provider, model, channel)'),
        ('usage_snapshots_bucket_hour_ix', false, 'btree (tenant_id, bucket_hour DESC)'),
        ('usage_snapshots_agent_id_ix', false, 'btree (tenant_id, agent_id, bucket_hour DESC)'),
        ('usage_snapshots_provider_ix', false,
         'btree (tenant_id, provider, bucket_hour DESC) WHERE ((provider)::text <> '
         '''''::text)'),
        ('usage_snapshots_channel_ix', false,
         'btree (tenant_id, channel, bucket_hour DESC) WHERE ((channel)::text <> '
         '''''::text)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'one', 'u',
     'm');
INSERT INTO goclaw.usage_snapshots (tenant_id, bucket_hour, agent_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+00', NULL),
    ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+00',
     '00000000-0000-4000-8000-0000000000a1');

SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_snapshots (tenant_id, bucket_hour)
       VALUES ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+00') $$,
    '23505',
    NULL,
    'there is one row for a combination, also without an agent'
);
SELECT lives_ok(
    $$ INSERT INTO goclaw.usage_snapshots (tenant_id, bucket_hour, provider, model, channel) VALUES
           ('00000000-0000-4000-8000-00000000000a', '2026-11-01 11:00+00', '', '', ''),
           ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+00', 'p', '', ''),
           ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+00', '', 'm', ''),
           ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+00', '', '', 'c') $$,
    'hour, provider, model and channel make another combination'
);
SET LOCAL TIME ZONE 'Asia/Kolkata';
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_snapshots (tenant_id, bucket_hour)
       VALUES ('00000000-0000-4000-8000-00000000000a', '2026-11-01 10:00+05:30') $$,
    '23514',
    NULL,
    'an hour begins with an hour of UTC, whatever the time zone of the session'
);
SET LOCAL TIME ZONE 'UTC';
SELECT throws_ok(
    format($$ UPDATE goclaw.usage_snapshots SET %I = -1 $$, name),
    '23514',
    NULL,
    name || ' is not negative'
)
FROM unnest(ARRAY[
    'input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_create_tokens', 'thinking_tokens',
    'total_cost', 'request_count', 'llm_call_count', 'tool_call_count', 'error_count',
    'unique_users', 'avg_duration_ms', 'memory_docs', 'memory_chunks', 'kg_entities', 'kg_relations'
]) AS name;
SELECT throws_ok(
    $$ UPDATE goclaw.usage_snapshots SET total_cost = 'NaN' $$,
    '23514',
    NULL,
    'what was used costs a number'
);
SELECT throws_ok(
    $$ DELETE FROM goclaw.tenants WHERE slug = 'a' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a tenant is not deleted while it has snapshots'
);
DELETE FROM goclaw.agents;
SELECT is(
    (SELECT count(*) FROM goclaw.usage_snapshots), 5::bigint,
    'an agent that is removed for good takes its snapshots along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'usage_snapshots', ARRAY[
        'usage_snapshots_tenant', 'usage_snapshots_tenant_guard'
    ],
    'no other policy widens access to usage_snapshots'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('usage_snapshots'::name, 'muniment_app', 'DELETE'),
        ('usage_snapshots', 'muniment_app', 'INSERT'),
        ('usage_snapshots', 'muniment_app', 'SELECT'),
        ('usage_snapshots', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('usage_snapshots'::name, 'muniment_app', 'UPDATE',
         'input_tokens, output_tokens, cache_read_tokens, cache_create_tokens, '
         'thinking_tokens, total_cost, request_count, llm_call_count, tool_call_count, '
         'error_count, unique_users, avg_duration_ms, memory_docs, memory_chunks, '
         'kg_entities, kg_relations') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
