-- Verify goclaw:mcp_servers on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, name, display_name, transport, command, args, url, headers, env, api_key,
    tool_prefix, timeout_sec, settings, enabled, created_by, created_at, updated_at
FROM goclaw.mcp_servers
WHERE false;

SELECT
    tenant_id, id, server_id, agent_id, tool_allow, tool_deny, enabled, granted_by, created_at
FROM goclaw.mcp_agent_grants
WHERE false;

SELECT
    tenant_id, id, server_id, user_id, tool_allow, tool_deny, enabled, granted_by, created_at
FROM goclaw.mcp_user_grants
WHERE false;

SELECT
    tenant_id, id, server_id, user_id, api_key, headers, env, created_at, updated_at
FROM goclaw.mcp_user_credentials
WHERE false;

SELECT
    tenant_id, id, server_id, agent_id, user_id, status, reason, requested_by, reviewed_by,
    reviewed_at, created_at
FROM goclaw.mcp_access_requests
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('mcp_servers', ARRAY[
                'mcp_servers_pk', 'mcp_servers_name_uq', 'mcp_servers_tenant_fk',
                'mcp_servers_name_ck', 'mcp_servers_timeout_sec_ck'
            ]),
            ('mcp_agent_grants', ARRAY[
                'mcp_agent_grants_pk', 'mcp_agent_grants_agent_id_uq',
                'mcp_agent_grants_tenant_fk', 'mcp_agent_grants_server_fk',
                'mcp_agent_grants_agent_fk', 'mcp_agent_grants_tool_allow_ck',
                'mcp_agent_grants_tool_deny_ck'
            ]),
            ('mcp_user_grants', ARRAY[
                'mcp_user_grants_pk', 'mcp_user_grants_user_id_uq',
                'mcp_user_grants_tenant_fk', 'mcp_user_grants_server_fk',
                'mcp_user_grants_tool_allow_ck', 'mcp_user_grants_tool_deny_ck'
            ]),
            ('mcp_user_credentials', ARRAY[
                'mcp_user_credentials_pk', 'mcp_user_credentials_user_id_uq',
                'mcp_user_credentials_tenant_fk', 'mcp_user_credentials_server_fk'
            ]),
            ('mcp_access_requests', ARRAY[
                'mcp_access_requests_pk', 'mcp_access_requests_tenant_fk',
                'mcp_access_requests_server_fk', 'mcp_access_requests_agent_fk',
                'mcp_access_requests_status_ck', 'mcp_access_requests_for_whom_ck',
                'mcp_access_requests_reviewed_ck'
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
            ('mcp_agent_grants', ARRAY['mcp_agent_grants_agent_id_ix']),
            ('mcp_user_grants', ARRAY['mcp_user_grants_user_id_ix']),
            ('mcp_user_credentials', ARRAY['mcp_user_credentials_user_id_ix']),
            ('mcp_access_requests', ARRAY[
                'mcp_access_requests_server_id_ix', 'mcp_access_requests_agent_id_ix',
                'mcp_access_requests_pending_ix'
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
            ('mcp_servers', ARRAY['mcp_servers_set_updated_at_tg']),
            ('mcp_user_credentials', ARRAY['mcp_user_credentials_set_updated_at_tg']),
            ('mcp_access_requests', ARRAY['mcp_access_requests_decide_once_tg'])
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
            ('mcp_servers', true),
            ('mcp_agent_grants', true),
            ('mcp_user_grants', true),
            ('mcp_user_credentials', true),
            ('mcp_access_requests', true)
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
            ('mcp_servers', 'mcp_servers_tenant', true, 'tenant_id'),
            ('mcp_servers', 'mcp_servers_tenant_guard', false, 'tenant_id'),
            ('mcp_agent_grants', 'mcp_agent_grants_tenant', true, 'tenant_id'),
            ('mcp_agent_grants', 'mcp_agent_grants_tenant_guard', false, 'tenant_id'),
            ('mcp_user_grants', 'mcp_user_grants_tenant', true, 'tenant_id'),
            ('mcp_user_grants', 'mcp_user_grants_tenant_guard', false, 'tenant_id'),
            ('mcp_user_credentials', 'mcp_user_credentials_tenant', true, 'tenant_id'),
            ('mcp_user_credentials', 'mcp_user_credentials_tenant_guard', false, 'tenant_id'),
            ('mcp_access_requests', 'mcp_access_requests_tenant', true, 'tenant_id'),
            ('mcp_access_requests', 'mcp_access_requests_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.mcp_servers'::regclass, 'goclaw.mcp_agent_grants'::regclass,
                'goclaw.mcp_user_grants'::regclass, 'goclaw.mcp_user_credentials'::regclass,
                'goclaw.mcp_access_requests'::regclass
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
                ('mcp_servers', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('mcp_agent_grants', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('mcp_agent_grants', 'muniment_reader', ARRAY['SELECT']),
                ('mcp_user_grants', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('mcp_user_grants', 'muniment_reader', ARRAY['SELECT']),
                ('mcp_user_credentials', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('mcp_access_requests', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('mcp_access_requests', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.mcp_servers'::regclass, 'goclaw.mcp_agent_grants'::regclass,
            'goclaw.mcp_user_grants'::regclass, 'goclaw.mcp_user_credentials'::regclass,
            'goclaw.mcp_access_requests'::regclass
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
                ('mcp_servers', 'muniment_app', 'UPDATE', ARRAY[
                    'name', 'display_name', 'transport', 'command', 'args', 'url', 'headers',
                    'env', 'api_key', 'tool_prefix', 'timeout_sec', 'settings', 'enabled',
                    'created_by', 'updated_at'
                ]),
                ('mcp_servers', 'muniment_reader', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'name', 'display_name', 'transport', 'command', 'args',
                    'url', 'tool_prefix', 'timeout_sec', 'settings', 'enabled', 'created_by',
                    'created_at', 'updated_at'
                ]),
                ('mcp_agent_grants', 'muniment_app', 'UPDATE', ARRAY[
                    'server_id', 'agent_id', 'tool_allow', 'tool_deny', 'enabled', 'granted_by'
                ]),
                ('mcp_user_grants', 'muniment_app', 'UPDATE', ARRAY[
                    'server_id', 'user_id', 'tool_allow', 'tool_deny', 'enabled', 'granted_by'
                ]),
                ('mcp_user_credentials', 'muniment_app', 'UPDATE', ARRAY[
                    'server_id', 'user_id', 'api_key', 'headers', 'env', 'updated_at'
                ]),
                ('mcp_user_credentials', 'muniment_reader', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'server_id', 'user_id', 'created_at', 'updated_at'
                ]),
                ('mcp_access_requests', 'muniment_app', 'UPDATE', ARRAY[
                    'status', 'reviewed_by', 'reviewed_at'
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
            'goclaw.mcp_servers'::regclass, 'goclaw.mcp_agent_grants'::regclass,
            'goclaw.mcp_user_grants'::regclass, 'goclaw.mcp_user_credentials'::regclass,
            'goclaw.mcp_access_requests'::regclass
        )
    ) AS have USING (table_name, grantee, privilege, column_name)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'column right missing or too many: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ')
    INTO v_offender
    FROM (
        VALUES ('goclaw.refuse_second_decision()')
    ) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc
        WHERE oid = to_regprocedure(want.name)
            AND proowner = 'muniment_owner'::regrole
            AND NOT prosecdef
            AND NOT proleakproof
            AND provolatile = 'v'
            AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
            AND NOT EXISTS (
                SELECT
                FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
                WHERE acl.grantee <> proowner
            )
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing, or owner, security, search_path or rights differ: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
