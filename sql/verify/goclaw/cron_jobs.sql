-- Verify goclaw:cron_jobs on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, user_id, name, enabled, schedule_kind, cron_expression,
    interval_ms, run_at, timezone, payload, delete_after_run, stateless, deliver,
    deliver_channel, deliver_to, wake_heartbeat, next_run_at, last_run_at, last_status,
    last_error, team_id, created_at, updated_at
FROM goclaw.cron_jobs
WHERE false;

SELECT
    tenant_id, id, job_id, agent_id, status, input_tokens, output_tokens, duration_ms, team_id,
    created_at
FROM goclaw.cron_run_logs
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('cron_jobs', ARRAY[
                'cron_jobs_pk', 'cron_jobs_agent_name_uq', 'cron_jobs_tenant_fk',
                'cron_jobs_agent_fk', 'cron_jobs_team_fk', 'cron_jobs_schedule_kind_ck',
                'cron_jobs_schedule_ck', 'cron_jobs_last_status_ck', 'cron_jobs_running_ck'
            ]),
            ('cron_run_logs', ARRAY[
                'cron_run_logs_pk', 'cron_run_logs_tenant_fk', 'cron_run_logs_agent_fk',
                'cron_run_logs_job_fk', 'cron_run_logs_team_fk', 'cron_run_logs_status_ck',
                'cron_run_logs_usage_ck'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = to_regclass('goclaw.' || want.table_name)
            AND conname = part.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('cron_jobs', ARRAY['cron_jobs_due_ix', 'cron_jobs_team_id_ix']),
            ('cron_run_logs', ARRAY[
                'cron_run_logs_job_id_ix', 'cron_run_logs_agent_id_ix',
                'cron_run_logs_team_id_ix'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = to_regclass('goclaw.' || want.table_name)
            AND indexrelid = to_regclass('goclaw.' || part.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('cron_jobs', ARRAY['cron_jobs_set_updated_at_tg']),
            ('cron_run_logs', ARRAY['cron_run_logs_forbid_truncate_tg'])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = to_regclass('goclaw.' || want.table_name)
            AND tgname = part.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or disabled trigger: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s', want.table_name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('cron_jobs', true),
            ('cron_run_logs', true)
    ) AS want (table_name, is_tenant_table)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE oid = to_regclass('goclaw.' || want.table_name)
            AND relowner = 'muniment_owner'::regrole
            AND relrowsecurity = want.is_tenant_table
            AND relforcerowsecurity = want.is_tenant_table
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'not of muniment_owner, or row security not as it must be: %', v_offender;
    END IF;

    -- Exactly these policies, for all commands: with a column, for runtimes and owner, who are
    -- held to the tenant in it; without one, for muniment_service, which sees all tenants.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('cron_jobs', 'cron_jobs_tenant', true, 'tenant_id'),
            ('cron_jobs', 'cron_jobs_tenant_guard', false, 'tenant_id'),
            ('cron_jobs', 'cron_jobs_service', true, NULL),
            ('cron_run_logs', 'cron_run_logs_tenant', true, 'tenant_id'),
            ('cron_run_logs', 'cron_run_logs_tenant_guard', false, 'tenant_id'),
            ('cron_run_logs', 'cron_run_logs_service', true, NULL)
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.cron_jobs'::regclass, 'goclaw.cron_run_logs'::regclass
        )
    ) AS have
        ON have.polrelid = to_regclass('goclaw.' || want.table_name)
        AND have.polname = want.name
    CROSS JOIN LATERAL (
        SELECT coalesce(
            '(' || want.tenant_column
                || ' = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
            'true'
        )
    ) AS expected (rows)
    WHERE have.polname IS NULL
        OR want.name IS NULL
        OR have.polpermissive <> want.is_permissive
        OR have.polcmd <> '*'
        OR ARRAY(SELECT role::regrole::text FROM unnest(have.polroles) AS role ORDER BY 1)
            <> CASE
                WHEN want.tenant_column IS NULL THEN ARRAY['muniment_service']
                ELSE ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']
            END
        OR pg_get_expr(have.polqual, have.polrelid) IS DISTINCT FROM expected.rows
        OR pg_get_expr(have.polwithcheck, have.polrelid) IS DISTINCT FROM expected.rows;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'policy missing, foreign or changed: %', v_offender;
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(concat_ws(' ', table_name, grantee, privilege), ', ')
    INTO v_offender
    FROM (
        SELECT
            'goclaw.' || listed.table_name AS table_name,
            listed.grantee,
            privilege
        FROM (
            VALUES
                ('cron_jobs', 'muniment_app', ARRAY['DELETE', 'SELECT']),
                ('cron_jobs', 'muniment_reader', ARRAY['SELECT']),
                ('cron_jobs', 'muniment_service', ARRAY['DELETE', 'SELECT']),
                ('cron_run_logs', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('cron_run_logs', 'muniment_reader', ARRAY['SELECT']),
                ('cron_run_logs', 'muniment_service', ARRAY['INSERT'])
        ) AS listed (table_name, grantee, privileges)
        CROSS JOIN LATERAL unnest(listed.privileges) AS privilege
    ) AS want
    FULL JOIN (
        SELECT
            'goclaw.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid IN (
            'goclaw.cron_jobs'::regclass, 'goclaw.cron_run_logs'::regclass
        )
            AND acl.grantee <> relowner
    ) AS have USING (table_name, grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'right missing or too many: %', v_offender;
    END IF;

    SELECT string_agg(concat_ws(' ', table_name, column_name, grantee, privilege), ', ')
    INTO v_offender
    FROM (
        SELECT
            'goclaw.' || listed.table_name AS table_name,
            listed.grantee,
            listed.privilege,
            column_name
        FROM (
            VALUES
                ('cron_jobs', 'muniment_app', 'INSERT', ARRAY[
                    'tenant_id', 'id', 'agent_id', 'user_id', 'name', 'enabled', 'schedule_kind',
                    'cron_expression', 'interval_ms', 'run_at', 'timezone', 'payload',
                    'delete_after_run', 'stateless', 'deliver', 'deliver_channel', 'deliver_to',
                    'wake_heartbeat', 'next_run_at', 'team_id', 'created_at', 'updated_at'
                ]),
                ('cron_jobs', 'muniment_app', 'UPDATE', ARRAY[
                    'user_id', 'name', 'enabled', 'schedule_kind', 'cron_expression',
                    'interval_ms', 'run_at', 'timezone', 'payload', 'delete_after_run',
                    'stateless', 'deliver', 'deliver_channel', 'deliver_to', 'wake_heartbeat',
                    'next_run_at', 'team_id', 'updated_at'
                ]),
                ('cron_jobs', 'muniment_service', 'UPDATE', ARRAY[
                    'next_run_at', 'last_run_at', 'last_status', 'last_error'
                ])
        ) AS listed (table_name, grantee, privilege, column_names)
        CROSS JOIN LATERAL unnest(listed.column_names) AS column_name
    ) AS want
    FULL JOIN (
        SELECT
            'goclaw.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege,
            attname::text AS column_name
        FROM pg_catalog.pg_attribute
        INNER JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
        CROSS JOIN aclexplode(attacl) AS acl
        WHERE attrelid IN (
            'goclaw.cron_jobs'::regclass, 'goclaw.cron_run_logs'::regclass
        )
    ) AS have USING (table_name, grantee, privilege, column_name)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
