-- Subject: goclaw.traces    Docs: docs/schema/goclaw.md#traces
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(34);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.traces', 'goclaw.spans']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('traces'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('traces', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('traces', 'agent_id', 'uuid', false, NULL),
        ('traces', 'user_id', 'character varying(255)', false, NULL),
        ('traces', 'session_key', 'text', false, NULL),
        ('traces', 'run_id', 'text', false, NULL),
        ('traces', 'parent_trace_id', 'uuid', false, NULL),
        ('traces', 'name', 'text', false, NULL),
        ('traces', 'channel', 'character varying(50)', false, NULL),
        ('traces', 'status', 'character varying(20)', true, '''running''::character varying'),
        ('traces', 'start_time', 'timestamp with time zone', true, 'now()'),
        ('traces', 'end_time', 'timestamp with time zone', false, NULL),
        ('traces', 'duration_ms', 'integer', false, NULL),
        ('traces', 'total_input_tokens', 'integer', true, '0'),
        ('traces', 'total_output_tokens', 'integer', true, '0'),
        ('traces', 'total_cost', 'numeric(12,6)', true, '0'),
        ('traces', 'span_count', 'integer', true, '0'),
        ('traces', 'llm_call_count', 'integer', true, '0'),
        ('traces', 'tool_call_count', 'integer', true, '0'),
        ('traces', 'input_preview', 'text', false, NULL),
        ('traces', 'output_preview', 'text', false, NULL),
        ('traces', 'tags', 'text[]', true, '''{}''::text[]'),
        ('traces', 'error', 'text', false, NULL),
        ('traces', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('traces', 'team_id', 'uuid', false, NULL),
        ('traces', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('spans', 'tenant_id', 'uuid', true, NULL),
        ('spans', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('spans', 'trace_id', 'uuid', true, NULL),
        ('spans', 'parent_span_id', 'uuid', false, NULL),
        ('spans', 'agent_id', 'uuid', false, NULL),
        ('spans', 'span_type', 'character varying(20)', true, NULL),
        ('spans', 'name', 'text', false, NULL),
        ('spans', 'status', 'character varying(20)', false, NULL),
        ('spans', 'start_time', 'timestamp with time zone', true, 'now()'),
        ('spans', 'end_time', 'timestamp with time zone', false, NULL),
        ('spans', 'duration_ms', 'integer', false, NULL),
        ('spans', 'model', 'character varying(200)', false, NULL),
        ('spans', 'provider', 'character varying(50)', false, NULL),
        ('spans', 'input_tokens', 'integer', true, '0'),
        ('spans', 'output_tokens', 'integer', true, '0'),
        ('spans', 'total_cost', 'numeric(12,6)', true, '0'),
        ('spans', 'tool_name', 'character varying(200)', false, NULL),
        ('spans', 'finish_reason', 'character varying(50)', false, NULL),
        ('spans', 'error', 'text', false, NULL),
        ('spans', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('spans', 'team_id', 'uuid', false, NULL),
        ('spans', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('traces_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('traces_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('traces_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('traces_parent_fk',
         'FOREIGN KEY (tenant_id, parent_trace_id) REFERENCES goclaw.traces(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('traces_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE SET NULL (team_id)'),
        ('traces_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''running''::character varying, '
         '''ok''::character varying, ''error''::character varying])::text[])))'),
        ('traces_duration_ms_ck', 'CHECK ((duration_ms >= 0))'),
        ('traces_tokens_ck',
         'CHECK (((total_input_tokens >= 0) AND (total_output_tokens >= 0)))'),
        ('traces_total_cost_ck',
         'CHECK (((total_cost >= (0)::numeric) AND '
         '(total_cost < ''NaN''::numeric)))'),
        ('traces_counts_ck',
         'CHECK (((span_count >= 0) AND (llm_call_count >= 0) AND (tool_call_count >= 0)))'),
        ('traces_parent_ck', 'CHECK ((parent_trace_id <> id))'),
        ('spans_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('spans_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('spans_trace_fk',
         'FOREIGN KEY (tenant_id, trace_id) REFERENCES goclaw.traces(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('spans_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('spans_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE SET NULL (team_id)'),
        ('spans_span_type_ck', 'CHECK (((span_type)::text <> ''''::text))'),
        ('spans_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''running''::character varying, '
         '''ok''::character varying, ''error''::character varying])::text[])))'),
        ('spans_duration_ms_ck', 'CHECK ((duration_ms >= 0))'),
        ('spans_tokens_ck', 'CHECK (((input_tokens >= 0) AND (output_tokens >= 0)))'),
        ('spans_total_cost_ck',
         'CHECK (((total_cost >= (0)::numeric) AND '
         '(total_cost < ''NaN''::numeric)))'),
        ('spans_parent_ck', 'CHECK ((parent_span_id <> id))') $$,
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
        ('traces_agent_id_ix'::name, false, 'btree (tenant_id, agent_id, created_at DESC)'),
        ('traces_user_id_ix', false, 'btree (tenant_id, user_id, created_at DESC)'),
        ('traces_session_key_ix', false, 'btree (tenant_id, session_key)'),
        ('traces_status_ix', false,
         'btree (tenant_id, status) WHERE ((status)::text = ''error''::text)'),
        ('traces_quota_ix', false,
         'btree (tenant_id, user_id, created_at DESC) WHERE (parent_trace_id IS NULL)'),
        ('traces_start_root_ix', false,
         'btree (tenant_id, start_time DESC) WHERE (parent_trace_id IS NULL)'),
        ('traces_team_id_ix', false, 'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('traces_parent_trace_id_ix', false,
         'btree (tenant_id, parent_trace_id) WHERE (parent_trace_id IS NOT NULL)'),
        ('spans_trace_type_ix', false, 'btree (tenant_id, trace_id, span_type)'),
        ('spans_status_ix', false,
         'btree (tenant_id, status) WHERE ((status)::text = ''error''::text)'),
        ('spans_team_id_ix', false, 'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('spans_metadata_ix', false,
         'gin (metadata) WHERE ((span_type)::text = ''llm_call''::text)'),
        ('spans_agent_id_ix', false,
         'btree (tenant_id, agent_id) WHERE (agent_id IS NOT NULL)'),
        ('spans_start_time_ix', false, 'btree (tenant_id, start_time)') $$,
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
     'm'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', 'two', 'u',
     'm');
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id, created_by) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'Team',
     '00000000-0000-4000-8000-0000000000a1', 'u');
INSERT INTO goclaw.traces (tenant_id, id, agent_id, parent_trace_id, team_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a4',
     '00000000-0000-4000-8000-0000000000a1', NULL, '00000000-0000-4000-8000-0000000000a3'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a5',
     '00000000-0000-4000-8000-0000000000a2', '00000000-0000-4000-8000-0000000000a4', NULL);
INSERT INTO goclaw.spans (tenant_id, id, trace_id, parent_span_id, agent_id, span_type, team_id)
VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a6',
     '00000000-0000-4000-8000-0000000000a4', '00000000-0000-4000-8000-0000000000ff',
     '00000000-0000-4000-8000-0000000000a1', 'llm_call', '00000000-0000-4000-8000-0000000000a3'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a7',
     '00000000-0000-4000-8000-0000000000a5', NULL, NULL, 'tool', NULL);

SELECT pass('a span may be written before the one around it');
SELECT is(
    (SELECT (status, start_time, total_cost, tags)::text FROM goclaw.traces LIMIT 1),
    ('running', now(), 0.000000, '{}'::text[])::text,
    'a trace begins now, and runs'
);
SELECT throws_ok(
    format($$ UPDATE goclaw.traces SET %s $$, change), '23514', NULL, reason
)
FROM (
    VALUES
        ($$ status = 'lost' $$, 'a trace is running, ok or error'),
        ($$ duration_ms = -1 $$, 'a trace takes no less than no time'),
        ($$ total_input_tokens = -1 $$, 'a trace reads no less than no tokens'),
        ($$ total_output_tokens = -1 $$, 'a trace writes no less than no tokens'),
        ($$ total_cost = -1 $$, 'a trace costs no less than nothing'),
        ($$ total_cost = 'NaN' $$, 'what a trace costs is a number'),
        ($$ span_count = -1 $$, 'a trace has no less than no spans'),
        ($$ llm_call_count = -1 $$, 'nor less than no calls of models'),
        ($$ tool_call_count = -1 $$, 'nor less than no calls of tools'),
        ($$ parent_trace_id = id $$, 'a trace does not delegate to itself')
) AS broken (change, reason);
SELECT throws_ok(
    format($$ UPDATE goclaw.spans SET %s $$, change), '23514', NULL, reason
)
FROM (
    VALUES
        ($$ span_type = '' $$, 'a span has a type'),
        ($$ status = 'lost' $$, 'a span is running, ok or error, if anything is said'),
        ($$ duration_ms = -1 $$, 'a span takes no less than no time'),
        ($$ input_tokens = -1 $$, 'a span reads no less than no tokens'),
        ($$ output_tokens = -1 $$, 'a span writes no less than no tokens'),
        ($$ total_cost = -1 $$, 'a span costs no less than nothing'),
        ($$ total_cost = 'NaN' $$, 'what a span costs is a number'),
        ($$ parent_span_id = id $$, 'a span is not around itself')
) AS broken (change, reason);
SELECT throws_ok(
    $$ INSERT INTO goclaw.spans (tenant_id, trace_id, span_type)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000ff',
               'llm') $$,
    '23503',
    NULL,
    'a span is of a trace that is there'
);
SELECT throws_ok(
    $$ DELETE FROM goclaw.tenants WHERE slug = 'a' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a tenant is not deleted while it has traces'
);

DELETE FROM goclaw.agent_teams;
SELECT results_eq(
    $$ SELECT count(*), count(team_id) FROM goclaw.traces
       UNION ALL
       SELECT count(*), count(team_id) FROM goclaw.spans $$,
    $$ VALUES (2::bigint, 0::bigint), (2::bigint, 0::bigint) $$,
    'traces and spans outlive their team'
);
DELETE FROM goclaw.agents WHERE agent_key = 'two';
SELECT results_eq(
    $$ SELECT t.id, s.id
       FROM goclaw.traces AS t
       LEFT JOIN goclaw.spans AS s ON s.trace_id = t.id $$,
    $$ VALUES ('00000000-0000-4000-8000-0000000000a4'::uuid,
               '00000000-0000-4000-8000-0000000000a6'::uuid) $$,
    'an agent that is removed for good takes along its traces, and they their spans'
);
INSERT INTO goclaw.traces (tenant_id, id, parent_trace_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a8',
     '00000000-0000-4000-8000-0000000000a4');
DELETE FROM goclaw.traces WHERE id = '00000000-0000-4000-8000-0000000000a4';
SELECT is_empty(
    $$ SELECT id FROM goclaw.traces UNION ALL SELECT id FROM goclaw.spans $$,
    'a trace takes along its spans and the traces that it delegated, which would count as asked for'
);
INSERT INTO goclaw.traces (tenant_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a9');
INSERT INTO goclaw.spans (tenant_id, trace_id, agent_id, span_type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a9',
     '00000000-0000-4000-8000-0000000000a1', 'agent');
DELETE FROM goclaw.agents WHERE agent_key = 'one';
SELECT is_empty($$ SELECT id FROM goclaw.spans $$, 'an agent takes its spans along too');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'traces', ARRAY['traces_tenant', 'traces_tenant_guard'],
    'no other policy widens access to traces'
);
SELECT policies_are(
    'goclaw', 'spans', ARRAY['spans_tenant', 'spans_tenant_guard'],
    'no other policy widens access to spans'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('traces'::name, 'muniment_app', 'DELETE'),
        ('traces', 'muniment_app', 'INSERT'),
        ('traces', 'muniment_app', 'SELECT'),
        ('traces', 'muniment_reader', 'SELECT'),
        ('spans', 'muniment_app', 'DELETE'),
        ('spans', 'muniment_app', 'INSERT'),
        ('spans', 'muniment_app', 'SELECT'),
        ('spans', 'muniment_reader', 'SELECT') $$,
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
        ('traces'::name, 'muniment_app', 'UPDATE',
         'agent_id, user_id, session_key, run_id, parent_trace_id, name, channel, status, '
         'start_time, end_time, duration_ms, total_input_tokens, total_output_tokens, '
         'total_cost, span_count, llm_call_count, tool_call_count, input_preview, '
         'output_preview, tags, error, metadata, team_id'),
        ('spans', 'muniment_app', 'UPDATE',
         'trace_id, parent_span_id, agent_id, span_type, name, status, start_time, '
         'end_time, duration_ms, model, provider, input_tokens, output_tokens, total_cost, '
         'tool_name, finish_reason, error, metadata, team_id') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
