-- Verify goclaw:workstations on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, workstation_key, name, backend_type, metadata, default_cwd, default_env,
    active, created_by, created_at, updated_at
FROM goclaw.workstations
WHERE false;

SELECT
    tenant_id, agent_id, workstation_id, is_default, created_at
FROM goclaw.agent_workstation_links
WHERE false;

SELECT
    tenant_id, id, workstation_id, pattern, enabled, created_by, created_at
FROM goclaw.workstation_permissions
WHERE false;

SELECT
    tenant_id, id, workstation_id, agent_id, action, cmd_hash, cmd_preview, exit_code,
    duration_ms, deny_reason, created_at
FROM goclaw.workstation_activity
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('workstations', ARRAY[
                'workstations_pk', 'workstations_workstation_key_uq', 'workstations_tenant_fk',
                'workstations_workstation_key_ck', 'workstations_backend_type_ck'
            ]),
            ('agent_workstation_links', ARRAY[
                'agent_workstation_links_pk', 'agent_workstation_links_tenant_fk',
                'agent_workstation_links_agent_fk', 'agent_workstation_links_workstation_fk'
            ]),
            ('workstation_permissions', ARRAY[
                'workstation_permissions_pk', 'workstation_permissions_pattern_uq',
                'workstation_permissions_tenant_fk', 'workstation_permissions_workstation_fk',
                'workstation_permissions_pattern_ck'
            ]),
            ('workstation_activity', ARRAY[
                'workstation_activity_pk', 'workstation_activity_tenant_fk',
                'workstation_activity_workstation_fk', 'workstation_activity_action_ck',
                'workstation_activity_cmd_hash_ck', 'workstation_activity_denied_ck',
                'workstation_activity_duration_ms_ck'
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
            ('workstations', ARRAY['workstations_active_ix']),
            ('agent_workstation_links', ARRAY[
                'agent_workstation_links_default_uq',
                'agent_workstation_links_workstation_id_ix'
            ]),
            ('workstation_permissions', ARRAY['workstation_permissions_workstation_id_ix']),
            ('workstation_activity', ARRAY[
                'workstation_activity_workstation_time_ix',
                'workstation_activity_tenant_time_ix', 'workstation_activity_retention_ix'
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
            ('workstations', ARRAY['workstations_set_updated_at_tg']),
            ('workstation_activity', ARRAY[
                'workstation_activity_forbid_update_tg',
                'workstation_activity_forbid_truncate_tg'
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
            ('workstations', true),
            ('agent_workstation_links', true),
            ('workstation_permissions', true),
            ('workstation_activity', true)
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
            ('workstations', 'workstations_tenant', true, 'tenant_id'),
            ('workstations', 'workstations_tenant_guard', false, 'tenant_id'),
            ('agent_workstation_links', 'agent_workstation_links_tenant', true, 'tenant_id'),
            ('agent_workstation_links', 'agent_workstation_links_tenant_guard', false, 'tenant_id'),
            ('workstation_permissions', 'workstation_permissions_tenant', true, 'tenant_id'),
            ('workstation_permissions', 'workstation_permissions_tenant_guard', false, 'tenant_id'),
            ('workstation_activity', 'workstation_activity_tenant', true, 'tenant_id'),
            ('workstation_activity', 'workstation_activity_tenant_guard', false, 'tenant_id'),
            ('workstation_activity', 'workstation_activity_service', true, NULL)
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.workstations'::regclass, 'goclaw.agent_workstation_links'::regclass,
                'goclaw.workstation_permissions'::regclass,
                'goclaw.workstation_activity'::regclass
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
                ('workstations', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('agent_workstation_links', 'muniment_app', ARRAY[
                    'DELETE', 'INSERT', 'SELECT'
                ]),
                ('agent_workstation_links', 'muniment_reader', ARRAY['SELECT']),
                ('workstation_permissions', 'muniment_app', ARRAY[
                    'DELETE', 'INSERT', 'SELECT'
                ]),
                ('workstation_permissions', 'muniment_reader', ARRAY['SELECT']),
                ('workstation_activity', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('workstation_activity', 'muniment_reader', ARRAY['SELECT']),
                ('workstation_activity', 'muniment_service', ARRAY['DELETE'])
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
            'goclaw.workstations'::regclass, 'goclaw.agent_workstation_links'::regclass,
            'goclaw.workstation_permissions'::regclass, 'goclaw.workstation_activity'::regclass
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
                ('workstations', 'muniment_app', 'UPDATE', ARRAY[
                    'workstation_key', 'name', 'backend_type', 'metadata', 'default_cwd',
                    'default_env', 'active', 'created_by', 'updated_at'
                ]),
                ('workstations', 'muniment_reader', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'workstation_key', 'name', 'backend_type', 'default_cwd',
                    'active', 'created_by', 'created_at', 'updated_at'
                ]),
                ('agent_workstation_links', 'muniment_app', 'UPDATE', ARRAY['is_default']),
                ('workstation_permissions', 'muniment_app', 'UPDATE', ARRAY[
                    'pattern', 'enabled', 'created_by'
                ]),
                ('workstation_activity', 'muniment_service', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'created_at'
                ]),
                ('workstation_activity', 'muniment_service', 'UPDATE', ARRAY['duration_ms'])
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
            'goclaw.workstations'::regclass, 'goclaw.agent_workstation_links'::regclass,
            'goclaw.workstation_permissions'::regclass, 'goclaw.workstation_activity'::regclass
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
