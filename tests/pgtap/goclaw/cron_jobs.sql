-- Subject: goclaw.cron_jobs    Docs: docs/schema/goclaw.md#cron-jobs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(37);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.cron_jobs', 'goclaw.cron_run_logs']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('cron_jobs'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('cron_jobs', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('cron_jobs', 'agent_id', 'uuid', true, NULL),
        ('cron_jobs', 'user_id', 'text', false, NULL),
        ('cron_jobs', 'name', 'character varying(255)', true, NULL),
        ('cron_jobs', 'enabled', 'boolean', true, 'true'),
        ('cron_jobs', 'schedule_kind', 'character varying(10)', true, NULL),
        ('cron_jobs', 'cron_expression', 'character varying(100)', false, NULL),
        ('cron_jobs', 'interval_ms', 'bigint', false, NULL),
        ('cron_jobs', 'run_at', 'timestamp with time zone', false, NULL),
        ('cron_jobs', 'timezone', 'character varying(50)', false, NULL),
        ('cron_jobs', 'payload', 'jsonb', false, NULL),
        ('cron_jobs', 'delete_after_run', 'boolean', true, 'false'),
        ('cron_jobs', 'stateless', 'boolean', true, 'false'),
        ('cron_jobs', 'deliver', 'boolean', true, 'false'),
        ('cron_jobs', 'deliver_channel', 'text', false, NULL),
        ('cron_jobs', 'deliver_to', 'text', false, NULL),
        ('cron_jobs', 'wake_heartbeat', 'boolean', true, 'false'),
        ('cron_jobs', 'next_run_at', 'timestamp with time zone', false, NULL),
        ('cron_jobs', 'last_run_at', 'timestamp with time zone', false, NULL),
        ('cron_jobs', 'last_status', 'character varying(20)', false, NULL),
        ('cron_jobs', 'last_error', 'text', false, NULL),
        ('cron_jobs', 'team_id', 'uuid', false, NULL),
        ('cron_jobs', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('cron_jobs', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('cron_run_logs', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('cron_run_logs', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('cron_run_logs', 'job_id', 'uuid', true, NULL),
        ('cron_run_logs', 'agent_id', 'uuid', true, NULL),
        ('cron_run_logs', 'status', 'character varying(20)', true, NULL),
        ('cron_run_logs', 'input_tokens', 'integer', false, NULL),
        ('cron_run_logs', 'output_tokens', 'integer', false, NULL),
        ('cron_run_logs', 'duration_ms', 'integer', false, NULL),
        ('cron_run_logs', 'team_id', 'uuid', false, NULL),
        ('cron_run_logs', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, regexp_replace(pg_get_constraintdef(oid), '\s+', ' ', 'g')
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('cron_jobs_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('cron_jobs_agent_name_uq', 'UNIQUE (tenant_id, agent_id, name)'),
        ('cron_jobs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('cron_jobs_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('cron_jobs_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE SET NULL (team_id)'),
        ('cron_jobs_schedule_kind_ck',
         'CHECK (((schedule_kind)::text = ANY ((ARRAY[''at''::character varying, '
         '''every''::character varying, ''cron''::character varying])::text[])))'),
        ('cron_jobs_schedule_ck',
         'CHECK ( CASE schedule_kind WHEN ''at''::text THEN (run_at IS NOT NULL) WHEN '
         '''every''::text THEN ((interval_ms IS NOT NULL) AND (interval_ms > 0)) WHEN '
         '''cron''::text THEN ((cron_expression IS NOT NULL) AND ((cron_expression)::text <> '
         '''''::text)) ELSE NULL::boolean END)'),
        ('cron_jobs_last_status_ck',
         'CHECK (((last_status)::text = ANY ((ARRAY[''ok''::character varying, '
         '''error''::character varying, ''running''::character varying])::text[])))'),
        ('cron_jobs_running_ck',
         'CHECK ((((last_status)::text <> ''running''::text) OR (last_run_at IS NOT NULL)))'),
        ('cron_run_logs_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('cron_run_logs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('cron_run_logs_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('cron_run_logs_job_fk',
         'FOREIGN KEY (tenant_id, job_id) REFERENCES goclaw.cron_jobs(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('cron_run_logs_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE SET NULL (team_id)'),
        ('cron_run_logs_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''ok''::character varying, '
         '''error''::character varying])::text[])))'),
        ('cron_run_logs_usage_ck',
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
        ('cron_jobs_due_ix'::name, false,
         'btree (next_run_at) WHERE (enabled AND (next_run_at IS NOT NULL))'),
        ('cron_jobs_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('cron_run_logs_job_id_ix', false, 'btree (tenant_id, job_id, created_at DESC)'),
        ('cron_run_logs_agent_id_ix', false, 'btree (tenant_id, agent_id)'),
        ('cron_run_logs_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('cron_jobs_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.cron_jobs FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('cron_run_logs_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.cron_run_logs FOR EACH STATEMENT EXECUTE FUNCTION '
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
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7ea00000-0000-4000-8000-0000000000a1', 'T',
        'a9e00000-0000-4000-8000-0000000000a1'
    );
INSERT INTO goclaw.cron_jobs (
    tenant_id, id, agent_id, name, schedule_kind, interval_ms, team_id
) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'c1000000-0000-4000-8000-0000000000a1',
        'a9e00000-0000-4000-8000-0000000000a2', 'digest', 'every', 60000,
        '7ea00000-0000-4000-8000-0000000000a1'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'c1000000-0000-4000-8000-0000000000a2',
        'a9e00000-0000-4000-8000-0000000000a2', 'report', 'every', 60000, NULL
    );
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO goclaw.cron_run_logs (job_id, agent_id, status, team_id)
SELECT id, agent_id, 'ok', team_id FROM goclaw.cron_jobs;

SELECT results_eq(
    $$ SELECT DISTINCT tenant_id FROM goclaw.cron_run_logs $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid) $$,
    'a log belongs to the tenant that is set, unless it says another'
);
SELECT throws_ok(
    format('UPDATE goclaw.%I SET %s', table_name, change),
    '23514',
    NULL,
    format('in %s, this is refused: %s', table_name, change)
)
FROM (
    VALUES
        ('cron_jobs', 'schedule_kind = ''never'''),
        ('cron_jobs', 'schedule_kind = ''at'''),
        ('cron_jobs', 'interval_ms = 0'),
        ('cron_jobs', 'interval_ms = NULL'),
        ('cron_jobs', 'schedule_kind = ''cron'''),
        ('cron_jobs', 'schedule_kind = ''cron'', cron_expression = '''''),
        ('cron_jobs', 'last_status = ''lost'''),
        ('cron_jobs', 'last_status = ''running'''),
        ('cron_run_logs', 'status = ''running'''),
        ('cron_run_logs', 'input_tokens = -1'),
        ('cron_run_logs', 'output_tokens = -1'),
        ('cron_run_logs', 'duration_ms = -1')
) AS attempt (table_name, change);
SELECT lives_ok(
    format('UPDATE goclaw.cron_jobs SET %s', change),
    format('this is a schedule: %s', change)
)
FROM (
    VALUES
        ('schedule_kind = ''at'', run_at = now()'),
        ('schedule_kind = ''cron'', cron_expression = ''0 9 * * 1''')
) AS attempt (change);
SELECT throws_ok(
    $$ UPDATE goclaw.cron_jobs SET name = 'digest' $$,
    '23505',
    NULL,
    'an agent has one job of a name'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.cron_run_logs $$, 'MU001', NULL, 'the journal is not emptied'
);
DELETE FROM goclaw.agent_teams;
SELECT results_eq(
    $$ SELECT tenant_id, team_id FROM goclaw.cron_jobs
       UNION SELECT tenant_id, team_id FROM goclaw.cron_run_logs $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid) $$,
    'jobs and logs outlive the team, and stay with their tenant'
);
INSERT INTO goclaw.cron_run_logs (job_id, agent_id, status) VALUES
    ('c1000000-0000-4000-8000-0000000000a2', 'a9e00000-0000-4000-8000-0000000000a1', 'ok');
DELETE FROM goclaw.agents WHERE agent_key = 'planner';
SELECT is_empty(
    $$ SELECT FROM goclaw.cron_run_logs WHERE agent_id = 'a9e00000-0000-4000-8000-0000000000a1' $$,
    'an agent that is removed takes the logs of its runs, also for the job of another'
);
DELETE FROM goclaw.cron_jobs WHERE name = 'digest';
SELECT results_eq(
    $$ SELECT job_id FROM goclaw.cron_run_logs $$,
    $$ VALUES ('c1000000-0000-4000-8000-0000000000a2'::uuid) $$,
    'a job that is deleted takes its logs'
);
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT is_empty(
    $$ SELECT FROM goclaw.cron_jobs UNION ALL SELECT FROM goclaw.cron_run_logs $$,
    'an agent that is removed takes its jobs and their logs'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE goclaw.cron_jobs SET %I = NULL', name),
    '42501',
    'permission denied for table cron_jobs',
    format('%s is not changed by hand', name)
)
FROM unnest(ARRAY['last_run_at', 'last_status', 'last_error', 'agent_id']) AS name;
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.cron_jobs (tenant_id, agent_id, name, schedule_kind, interval_ms, %I) '
        'VALUES (%L, %L, %L, %L, 1, NULL)',
        name, '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'new', 'every'
    ),
    '42501',
    'permission denied for table cron_jobs',
    format('nor does a new job begin with a %s', name)
)
FROM unnest(ARRAY['last_run_at', 'last_status', 'last_error']) AS name;
SELECT throws_ok(
    $$ UPDATE goclaw.cron_run_logs SET status = 'ok' $$,
    '42501',
    'permission denied for table cron_run_logs',
    'nobody rewrites a log'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'cron_jobs', ARRAY[
        'cron_jobs_tenant', 'cron_jobs_tenant_guard', 'cron_jobs_service'
    ],
    'no other policy widens access to cron_jobs'
);
SELECT policies_are(
    'goclaw', 'cron_run_logs', ARRAY[
        'cron_run_logs_tenant', 'cron_run_logs_tenant_guard', 'cron_run_logs_service'
    ],
    'no other policy widens access to cron_run_logs'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('cron_jobs'::name, 'muniment_app', 'DELETE'),
        ('cron_jobs', 'muniment_app', 'SELECT'),
        ('cron_jobs', 'muniment_reader', 'SELECT'),
        ('cron_jobs', 'muniment_service', 'DELETE'),
        ('cron_jobs', 'muniment_service', 'SELECT'),
        ('cron_run_logs', 'muniment_app', 'INSERT'),
        ('cron_run_logs', 'muniment_app', 'SELECT'),
        ('cron_run_logs', 'muniment_reader', 'SELECT'),
        ('cron_run_logs', 'muniment_service', 'INSERT') $$,
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
        ('cron_jobs'::name, 'muniment_app', 'INSERT',
         'tenant_id, id, agent_id, user_id, name, enabled, schedule_kind, cron_expression, '
         'interval_ms, run_at, timezone, payload, delete_after_run, stateless, deliver, '
         'deliver_channel, deliver_to, wake_heartbeat, next_run_at, team_id, created_at, '
         'updated_at'),
        ('cron_jobs', 'muniment_app', 'UPDATE',
         'user_id, name, enabled, schedule_kind, cron_expression, interval_ms, '
         'run_at, timezone, payload, delete_after_run, stateless, deliver, deliver_channel,'
         ' deliver_to, wake_heartbeat, next_run_at, team_id, updated_at'),
        ('cron_jobs', 'muniment_service', 'UPDATE',
         'next_run_at, last_run_at, last_status, last_error') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
