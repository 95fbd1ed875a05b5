-- Verify goclaw:agent_heartbeats on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, enabled, interval_sec, prompt, provider_id, model,
    isolated_session, light_context, ack_max_chars, max_retries, active_hours_start,
    active_hours_end, timezone, channel, chat_id, next_run_at, last_run_at, last_status,
    last_error, run_count, suppress_count, metadata, created_at, updated_at
FROM goclaw.agent_heartbeats
WHERE false;

SELECT
    tenant_id, id, heartbeat_id, agent_id, status, summary, error, duration_ms, input_tokens,
    output_tokens, skip_reason, metadata, ran_at, created_at
FROM goclaw.heartbeat_run_logs
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('agent_heartbeats', ARRAY[
                'agent_heartbeats_pk', 'agent_heartbeats_agent_id_uq',
                'agent_heartbeats_tenant_fk', 'agent_heartbeats_agent_fk',
                'agent_heartbeats_provider_fk', 'agent_heartbeats_interval_sec_ck',
                'agent_heartbeats_limits_ck', 'agent_heartbeats_active_hours_ck',
                'agent_heartbeats_timezone_ck', 'agent_heartbeats_last_status_ck',
                'agent_heartbeats_running_ck', 'agent_heartbeats_counts_ck'
            ]),
            ('heartbeat_run_logs', ARRAY[
                'heartbeat_run_logs_pk', 'heartbeat_run_logs_tenant_fk',
                'heartbeat_run_logs_agent_fk', 'heartbeat_run_logs_heartbeat_fk',
                'heartbeat_run_logs_status_ck', 'heartbeat_run_logs_usage_ck'
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
            ('agent_heartbeats', ARRAY[
                'agent_heartbeats_due_ix', 'agent_heartbeats_provider_id_ix'
            ]),
            ('heartbeat_run_logs', ARRAY[
                'heartbeat_run_logs_heartbeat_id_ix', 'heartbeat_run_logs_agent_id_ix'
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
            ('agent_heartbeats', ARRAY['agent_heartbeats_set_updated_at_tg']),
            ('heartbeat_run_logs', ARRAY[
                'heartbeat_run_logs_forbid_update_tg', 'heartbeat_run_logs_forbid_truncate_tg'
            ])
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
            ('agent_heartbeats', true),
            ('heartbeat_run_logs', true)
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
            ('agent_heartbeats', 'agent_heartbeats_tenant', true, 'tenant_id'),
            ('agent_heartbeats', 'agent_heartbeats_tenant_guard', false, 'tenant_id'),
            ('agent_heartbeats', 'agent_heartbeats_service', true, NULL),
            ('heartbeat_run_logs', 'heartbeat_run_logs_tenant', true, 'tenant_id'),
            ('heartbeat_run_logs', 'heartbeat_run_logs_tenant_guard', false, 'tenant_id'),
            ('heartbeat_run_logs', 'heartbeat_run_logs_service', true, NULL)
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.agent_heartbeats'::regclass, 'goclaw.heartbeat_run_logs'::regclass
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
                ('agent_heartbeats', 'muniment_app', ARRAY['DELETE', 'SELECT']),
                ('agent_heartbeats', 'muniment_reader', ARRAY['SELECT']),
                ('agent_heartbeats', 'muniment_service', ARRAY['SELECT']),
                ('heartbeat_run_logs', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('heartbeat_run_logs', 'muniment_reader', ARRAY['SELECT']),
                ('heartbeat_run_logs', 'muniment_service', ARRAY['INSERT'])
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
            'goclaw.agent_heartbeats'::regclass, 'goclaw.heartbeat_run_logs'::regclass
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
                ('agent_heartbeats', 'muniment_app', 'INSERT', ARRAY[
                    'tenant_id', 'id', 'agent_id', 'enabled', 'interval_sec', 'prompt',
                    'provider_id', 'model', 'isolated_session', 'light_context', 'ack_max_chars',
                    'max_retries', 'active_hours_start', 'active_hours_end', 'timezone',
                    'channel', 'chat_id', 'next_run_at', 'metadata', 'created_at', 'updated_at'
                ]),
                ('agent_heartbeats', 'muniment_app', 'UPDATE', ARRAY[
                    'enabled', 'interval_sec', 'prompt', 'provider_id', 'model',
                    'isolated_session', 'light_context', 'ack_max_chars', 'max_retries',
                    'active_hours_start', 'active_hours_end', 'timezone', 'channel', 'chat_id',
                    'next_run_at', 'metadata', 'updated_at'
                ]),
                ('agent_heartbeats', 'muniment_service', 'UPDATE', ARRAY[
                    'next_run_at', 'last_run_at', 'last_status', 'last_error', 'run_count',
                    'suppress_count'
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
            'goclaw.agent_heartbeats'::regclass, 'goclaw.heartbeat_run_logs'::regclass
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
