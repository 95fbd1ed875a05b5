-- Subject: goclaw.agent_heartbeats    Docs: docs/schema/goclaw.md#agent-heartbeats
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(55);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.agent_heartbeats', 'goclaw.heartbeat_run_logs']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_heartbeats'::text, 'tenant_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('agent_heartbeats', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_heartbeats', 'agent_id', 'uuid', true, NULL),
        ('agent_heartbeats', 'enabled', 'boolean', true, 'false'),
        ('agent_heartbeats', 'interval_sec', 'integer', true, '1800'),
        ('agent_heartbeats', 'prompt', 'text', false, NULL),
        ('agent_heartbeats', 'provider_id', 'uuid', false, NULL),
        ('agent_heartbeats', 'model', 'character varying(200)', false, NULL),
        ('agent_heartbeats', 'isolated_session', 'boolean', true, 'true'),
        ('agent_heartbeats', 'light_context', 'boolean', true, 'false'),
        ('agent_heartbeats', 'ack_max_chars', 'integer', true, '300'),
        ('agent_heartbeats', 'max_retries', 'integer', true, '2'),
        ('agent_heartbeats', 'active_hours_start', 'character varying(5)', false, NULL),
        ('agent_heartbeats', 'active_hours_end', 'character varying(5)', false, NULL),
        ('agent_heartbeats', 'timezone', 'text', false, NULL),
        ('agent_heartbeats', 'channel', 'character varying(50)', false, NULL),
        ('agent_heartbeats', 'chat_id', 'text', false, NULL),
        ('agent_heartbeats', 'next_run_at', 'timestamp with time zone', false, NULL),
        ('agent_heartbeats', 'last_run_at', 'timestamp with time zone', false, NULL),
        ('agent_heartbeats', 'last_status', 'character varying(20)', false, NULL),
        ('agent_heartbeats', 'last_error', 'text', false, NULL),
        ('agent_heartbeats', 'run_count', 'integer', true, '0'),
        ('agent_heartbeats', 'suppress_count', 'integer', true, '0'),
        ('agent_heartbeats', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('agent_heartbeats', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_heartbeats', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('heartbeat_run_logs', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('heartbeat_run_logs', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('heartbeat_run_logs', 'heartbeat_id', 'uuid', true, NULL),
        ('heartbeat_run_logs', 'agent_id', 'uuid', true, NULL),
        ('heartbeat_run_logs', 'status', 'character varying(20)', true, NULL),
        ('heartbeat_run_logs', 'summary', 'text', false, NULL),
        ('heartbeat_run_logs', 'error', 'text', false, NULL),
        ('heartbeat_run_logs', 'duration_ms', 'integer', false, NULL),
        ('heartbeat_run_logs', 'input_tokens', 'integer', true, '0'),
        ('heartbeat_run_logs', 'output_tokens', 'integer', true, '0'),
        ('heartbeat_run_logs', 'skip_reason', 'character varying(50)', false, NULL),
        ('heartbeat_run_logs', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('heartbeat_run_logs', 'ran_at', 'timestamp with time zone', true, 'now()'),
        ('heartbeat_run_logs', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_heartbeats_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_heartbeats_agent_id_uq', 'UNIQUE (tenant_id, agent_id)'),
        ('agent_heartbeats_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_heartbeats_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_heartbeats_provider_fk',
         'FOREIGN KEY (tenant_id, provider_id) REFERENCES goclaw.llm_providers(tenant_id, '
         'id) ON DELETE SET NULL (provider_id)'),
        ('agent_heartbeats_interval_sec_ck', 'CHECK ((interval_sec > 0))'),
        ('agent_heartbeats_limits_ck', 'CHECK (((ack_max_chars >= 0) AND (max_retries >= 0)))'),
        ('agent_heartbeats_active_hours_ck',
         'CHECK (((num_nulls(active_hours_start, active_hours_end) <> 1) AND '
         '((active_hours_start)::text ~ ''^([01][0-9]|2[0-3]):[0-5][0-9]$''::text) AND '
         '((active_hours_end)::text ~ ''^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$''::text) '
         'AND ((active_hours_start)::text <> (active_hours_end)::text)))'),
        ('agent_heartbeats_timezone_ck',
         'CHECK (((timezone = ''UTC''::text) OR (timezone ~ '
         '''^Etc/GMT([+-]?0|[+]([1-9]|1[0-2])|-([1-9]|1[0-4]))$''::text) OR ((timezone ~ '
         '''^[A-Z][A-Za-z_]+(/[A-Za-z_-]+)+$''::text) AND ((to_timestamp((0)::double '
         'precision) AT TIME ZONE timezone) IS NOT NULL))))'),
        ('agent_heartbeats_last_status_ck',
         'CHECK (((last_status)::text = ANY ((ARRAY[''ok''::character varying, '
         '''error''::character varying, ''skipped''::character varying, '
         '''running''::character varying])::text[])))'),
        ('agent_heartbeats_running_ck',
         'CHECK ((((last_status)::text <> ''running''::text) OR (last_run_at IS NOT NULL)))'),
        ('agent_heartbeats_counts_ck', 'CHECK (((run_count >= 0) AND (suppress_count >= 0)))'),
        ('heartbeat_run_logs_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('heartbeat_run_logs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('heartbeat_run_logs_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('heartbeat_run_logs_heartbeat_fk',
         'FOREIGN KEY (tenant_id, heartbeat_id) REFERENCES '
         'goclaw.agent_heartbeats(tenant_id, id) ON DELETE CASCADE'),
        ('heartbeat_run_logs_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''ok''::character varying, '
         '''error''::character varying, ''skipped''::character varying])::text[])))'),
        ('heartbeat_run_logs_usage_ck',
         'CHECK (((input_tokens >= 0) AND (output_tokens >= 0) AND (duration_ms >= 0)))') $$,
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
        ('agent_heartbeats_due_ix'::name, false,
         'btree (next_run_at) WHERE (enabled AND (next_run_at IS NOT NULL))'),
        ('agent_heartbeats_provider_id_ix', false,
         'btree (tenant_id, provider_id) WHERE (provider_id IS NOT NULL)'),
        ('heartbeat_run_logs_heartbeat_id_ix', false,
         'btree (tenant_id, heartbeat_id, ran_at DESC)'),
        ('heartbeat_run_logs_agent_id_ix', false, 'btree (tenant_id, agent_id, ran_at DESC)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_heartbeats_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.agent_heartbeats FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('heartbeat_run_logs_forbid_update_tg',
         'BEFORE UPDATE ON goclaw.heartbeat_run_logs FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('heartbeat_run_logs_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.heartbeat_run_logs FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.llm_providers (tenant_id, id, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '11f00000-0000-4000-8000-0000000000a1', 'p'
    );
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO goclaw.agent_heartbeats (agent_id, provider_id)
SELECT id, '11f00000-0000-4000-8000-0000000000a1' FROM goclaw.agents;
INSERT INTO goclaw.heartbeat_run_logs (heartbeat_id, agent_id, status)
SELECT id, agent_id, 'ok' FROM goclaw.agent_heartbeats;

SELECT results_eq(
    $$ SELECT tenant_id FROM goclaw.agent_heartbeats
       UNION SELECT tenant_id FROM goclaw.heartbeat_run_logs $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid) $$,
    'rows belong to the tenant that is set, unless they say another'
);
SELECT throws_ok(
    format('UPDATE goclaw.agent_heartbeats SET %s', change),
    '23514',
    NULL,
    format('this is refused: %s', change)
)
FROM (
    VALUES
        ('interval_sec = 0'),
        ('ack_max_chars = -1'),
        ('max_retries = -1'),
        ('run_count = -1'),
        ('suppress_count = -1'),
        ('active_hours_start = ''08:00'''),
        ('active_hours_end = ''08:00'''),
        ('active_hours_start = ''8:00'', active_hours_end = ''18:00'''),
        ('active_hours_start = ''24:00'', active_hours_end = ''18:00'''),
        ('active_hours_start = ''08:00'', active_hours_end = ''24:01'''),
        ('active_hours_start = ''08:00'', active_hours_end = ''08:00'''),
        ('timezone = ''CET'''),
        ('timezone = '''''),
        ('timezone = ''Europe/Atlantis5'''),
        ('timezone = ''Foo/Bar-3'''),
        ('timezone = ''Europe/Berlin1'''),
        ('timezone = ''Etc/GMT+20'''),
        ('last_status = ''lost'''),
        ('last_status = ''running''')
) AS attempt (change);
SELECT throws_ok(
    $$ UPDATE goclaw.agent_heartbeats SET timezone = 'Europe/Atlantis' $$,
    '22023',
    NULL,
    'a zone that nobody knows is refused when it is written, not when it is used'
);
SELECT lives_ok(
    format('UPDATE goclaw.agent_heartbeats SET %s', change),
    format('this is accepted: %s', change)
)
FROM (
    VALUES
        ('active_hours_start = ''00:00'', active_hours_end = ''24:00'', timezone = ''UTC'''),
        (
            'active_hours_start = ''22:00'', active_hours_end = ''06:00'', '
            'timezone = ''America/Argentina/Ushuaia'''
        ),
        ('timezone = ''America/Port-au-Prince'''),
        ('timezone = ''Etc/GMT-14''')
) AS attempt (change);
SELECT throws_ok(
    $$ INSERT INTO goclaw.agent_heartbeats (agent_id)
       SELECT agent_id FROM goclaw.agent_heartbeats $$,
    '23505',
    NULL,
    'an agent has one heartbeat'
);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.heartbeat_run_logs (heartbeat_id, agent_id, status, %I) '
        'SELECT id, agent_id, %L, -1 FROM goclaw.agent_heartbeats',
        name, 'ok'
    ),
    '23514',
    NULL,
    format('a log has no negative %s', name)
)
FROM unnest(ARRAY['input_tokens', 'output_tokens', 'duration_ms']) AS name;
SELECT throws_ok(
    $$ INSERT INTO goclaw.heartbeat_run_logs (heartbeat_id, agent_id, status)
       SELECT id, agent_id, 'running' FROM goclaw.agent_heartbeats $$,
    '23514',
    NULL,
    'what is logged has ended'
);
SELECT throws_ok(
    $$ UPDATE goclaw.heartbeat_run_logs SET status = 'error' $$,
    'MU001',
    NULL,
    'not even a superuser rewrites a log by a slip'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.heartbeat_run_logs $$, 'MU001', NULL, 'nor empties the journal'
);
DELETE FROM goclaw.llm_providers;
SELECT results_eq(
    $$ SELECT tenant_id, provider_id FROM goclaw.agent_heartbeats $$,
    $$ SELECT '00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid
       FROM generate_series(1, 2) $$,
    'a heartbeat outlives its provider, and stays with its tenant'
);
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a3',
        'former', 'u', 'm'
    );
INSERT INTO goclaw.heartbeat_run_logs (heartbeat_id, agent_id, status)
SELECT id, 'a9e00000-0000-4000-8000-0000000000a3', 'ok' FROM goclaw.agent_heartbeats;
DELETE FROM goclaw.agents WHERE agent_key = 'former';
SELECT is_empty(
    $$ SELECT FROM goclaw.heartbeat_run_logs
       WHERE agent_id = 'a9e00000-0000-4000-8000-0000000000a3' $$,
    'an agent that is removed takes the logs of its runs, also for the heartbeat of another'
);
DELETE FROM goclaw.agent_heartbeats WHERE agent_id = 'a9e00000-0000-4000-8000-0000000000a1';
SELECT results_eq(
    $$ SELECT agent_id FROM goclaw.heartbeat_run_logs $$,
    $$ VALUES ('a9e00000-0000-4000-8000-0000000000a2'::uuid) $$,
    'a heartbeat that is deleted takes its logs'
);
DELETE FROM goclaw.agents;
SELECT is_empty(
    $$ SELECT FROM goclaw.agent_heartbeats UNION ALL SELECT FROM goclaw.heartbeat_run_logs $$,
    'an agent that is removed takes its heartbeat and the logs'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE goclaw.agent_heartbeats SET %I = NULL', name),
    '42501',
    'permission denied for table agent_heartbeats',
    format('%s is not changed by hand', name)
)
FROM unnest(ARRAY[
    'last_run_at', 'last_status', 'last_error', 'run_count', 'suppress_count', 'agent_id'
]) AS name;
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.agent_heartbeats (agent_id, %I) VALUES (%L, NULL)',
        name, 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    '42501',
    'permission denied for table agent_heartbeats',
    format('nor does a new heartbeat begin with a %s', name)
)
FROM unnest(ARRAY[
    'last_run_at', 'last_status', 'last_error', 'run_count', 'suppress_count'
]) AS name;
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_heartbeats', ARRAY[
        'agent_heartbeats_tenant', 'agent_heartbeats_tenant_guard', 'agent_heartbeats_service'
    ],
    'no other policy widens access to agent_heartbeats'
);
SELECT policies_are(
    'goclaw', 'heartbeat_run_logs', ARRAY[
        'heartbeat_run_logs_tenant', 'heartbeat_run_logs_tenant_guard',
        'heartbeat_run_logs_service'
    ],
    'no other policy widens access to heartbeat_run_logs'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_heartbeats'::name, 'muniment_app', 'DELETE'),
        ('agent_heartbeats', 'muniment_app', 'SELECT'),
        ('agent_heartbeats', 'muniment_reader', 'SELECT'),
        ('agent_heartbeats', 'muniment_service', 'SELECT'),
        ('heartbeat_run_logs', 'muniment_app', 'INSERT'),
        ('heartbeat_run_logs', 'muniment_app', 'SELECT'),
        ('heartbeat_run_logs', 'muniment_reader', 'SELECT'),
        ('heartbeat_run_logs', 'muniment_service', 'INSERT') $$,
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
        ('agent_heartbeats'::name, 'muniment_app', 'INSERT',
         'tenant_id, id, agent_id, enabled, interval_sec, prompt, provider_id, model, '
         'isolated_session, light_context, ack_max_chars, max_retries, active_hours_start, '
         'active_hours_end, timezone, channel, chat_id, next_run_at, metadata, created_at, '
         'updated_at'),
        ('agent_heartbeats', 'muniment_app', 'UPDATE',
         'enabled, interval_sec, prompt, provider_id, model, isolated_session, '
         'light_context, ack_max_chars, max_retries, active_hours_start, active_hours_end, '
         'timezone, channel, chat_id, next_run_at, metadata, updated_at'),
        ('agent_heartbeats', 'muniment_service', 'UPDATE',
         'next_run_at, last_run_at, last_status, last_error, run_count, suppress_count') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
