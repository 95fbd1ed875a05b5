-- Verify goclaw:traces on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, user_id, session_key, run_id, parent_trace_id, name, channel,
    status, start_time, end_time, duration_ms, total_input_tokens, total_output_tokens,
    total_cost, span_count, llm_call_count, tool_call_count, input_preview, output_preview,
    tags, error, metadata, team_id, created_at
FROM goclaw.traces
WHERE false;

SELECT
    tenant_id, id, trace_id, parent_span_id, agent_id, span_type, name, status, start_time,
    end_time, duration_ms, model, provider, input_tokens, output_tokens, total_cost, tool_name,
    finish_reason, error, metadata, team_id, created_at
FROM goclaw.spans
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('traces', ARRAY[
                'traces_pk', 'traces_tenant_fk', 'traces_agent_fk', 'traces_parent_fk',
                'traces_team_fk', 'traces_status_ck', 'traces_duration_ms_ck',
                'traces_tokens_ck', 'traces_total_cost_ck', 'traces_counts_ck',
                'traces_parent_ck'
            ]),
            ('spans', ARRAY[
                'spans_pk', 'spans_tenant_fk', 'spans_trace_fk', 'spans_agent_fk',
                'spans_team_fk', 'spans_span_type_ck', 'spans_status_ck',
                'spans_duration_ms_ck', 'spans_tokens_ck', 'spans_total_cost_ck',
                'spans_parent_ck'
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
            ('traces', ARRAY[
                'traces_agent_id_ix', 'traces_user_id_ix', 'traces_session_key_ix',
                'traces_status_ix', 'traces_quota_ix', 'traces_start_root_ix',
                'traces_team_id_ix', 'traces_parent_trace_id_ix'
            ]),
            ('spans', ARRAY[
                'spans_trace_type_ix', 'spans_status_ix', 'spans_team_id_ix',
                'spans_metadata_ix', 'spans_agent_id_ix', 'spans_start_time_ix'
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

    SELECT string_agg(format('goclaw.%s', want.table_name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('traces', true),
            ('spans', true)
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
            ('traces', 'traces_tenant', true, 'tenant_id'),
            ('traces', 'traces_tenant_guard', false, 'tenant_id'),
            ('spans', 'spans_tenant', true, 'tenant_id'),
            ('spans', 'spans_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.traces'::regclass, 'goclaw.spans'::regclass
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
                ('traces', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('traces', 'muniment_reader', ARRAY['SELECT']),
                ('spans', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('spans', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.traces'::regclass, 'goclaw.spans'::regclass
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
                ('traces', 'muniment_app', 'UPDATE', ARRAY[
                    'agent_id', 'user_id', 'session_key', 'run_id', 'parent_trace_id', 'name',
                    'channel', 'status', 'start_time', 'end_time', 'duration_ms',
                    'total_input_tokens', 'total_output_tokens', 'total_cost', 'span_count',
                    'llm_call_count', 'tool_call_count', 'input_preview', 'output_preview', 'tags',
                    'error', 'metadata', 'team_id'
                ]),
                ('spans', 'muniment_app', 'UPDATE', ARRAY[
                    'trace_id', 'parent_span_id', 'agent_id', 'span_type', 'name', 'status',
                    'start_time', 'end_time', 'duration_ms', 'model', 'provider', 'input_tokens',
                    'output_tokens', 'total_cost', 'tool_name', 'finish_reason', 'error',
                    'metadata', 'team_id'
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
            'goclaw.traces'::regclass, 'goclaw.spans'::regclass
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
