-- Verify goclaw:skills on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, name, slug, description, owner_id, visibility, version, status, frontmatter,
    file_path, file_size, file_hash, embedding, tags, is_system, deps, enabled, created_at,
    updated_at
FROM goclaw.skills
WHERE false;

SELECT
    tenant_id, id, skill_id, agent_id, can_manage, granted_by, created_at
FROM goclaw.skill_agent_grants
WHERE false;

SELECT
    tenant_id, id, skill_id, user_id, granted_by, created_at
FROM goclaw.skill_user_grants
WHERE false;

SELECT
    tenant_id, skill_id, enabled, updated_at
FROM goclaw.skill_tenant_configs
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('skills', ARRAY[
                'skills_pk', 'skills_slug_uq', 'skills_tenant_fk', 'skills_slug_ck',
                'skills_visibility_ck', 'skills_version_ck', 'skills_status_ck',
                'skills_file_size_ck'
            ]),
            ('skill_agent_grants', ARRAY[
                'skill_agent_grants_pk', 'skill_agent_grants_agent_id_uq',
                'skill_agent_grants_tenant_fk', 'skill_agent_grants_skill_fk',
                'skill_agent_grants_agent_fk'
            ]),
            ('skill_user_grants', ARRAY[
                'skill_user_grants_pk', 'skill_user_grants_user_id_uq',
                'skill_user_grants_tenant_fk', 'skill_user_grants_skill_fk'
            ]),
            ('skill_tenant_configs', ARRAY[
                'skill_tenant_configs_pk', 'skill_tenant_configs_tenant_fk',
                'skill_tenant_configs_skill_fk'
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
            ('skills', ARRAY[
                'skills_owner_id_ix', 'skills_visibility_ix', 'skills_embedding_ix',
                'skills_tags_ix', 'skills_is_system_ix', 'skills_enabled_ix'
            ]),
            ('skill_agent_grants', ARRAY['skill_agent_grants_agent_id_ix']),
            ('skill_user_grants', ARRAY['skill_user_grants_user_id_ix'])
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
            ('skills', ARRAY['skills_protect_system_tg', 'skills_set_updated_at_tg']),
            ('skill_tenant_configs', ARRAY['skill_tenant_configs_set_updated_at_tg'])
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
            ('skills', true),
            ('skill_agent_grants', true),
            ('skill_user_grants', true),
            ('skill_tenant_configs', true)
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
            ('skills', 'skills_tenant', true, 'tenant_id'),
            ('skills', 'skills_tenant_guard', false, 'tenant_id'),
            ('skills', 'skills_service', true, NULL),
            ('skill_agent_grants', 'skill_agent_grants_tenant', true, 'tenant_id'),
            ('skill_agent_grants', 'skill_agent_grants_tenant_guard', false, 'tenant_id'),
            ('skill_user_grants', 'skill_user_grants_tenant', true, 'tenant_id'),
            ('skill_user_grants', 'skill_user_grants_tenant_guard', false, 'tenant_id'),
            ('skill_tenant_configs', 'skill_tenant_configs_tenant', true, 'tenant_id'),
            ('skill_tenant_configs', 'skill_tenant_configs_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.skills'::regclass, 'goclaw.skill_agent_grants'::regclass,
                'goclaw.skill_user_grants'::regclass, 'goclaw.skill_tenant_configs'::regclass
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
                ('skills', 'muniment_app', ARRAY['DELETE', 'SELECT']),
                ('skills', 'muniment_service', ARRAY['INSERT']),
                ('skills', 'muniment_reader', ARRAY['SELECT']),
                ('skill_agent_grants', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('skill_agent_grants', 'muniment_reader', ARRAY['SELECT']),
                ('skill_user_grants', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('skill_user_grants', 'muniment_reader', ARRAY['SELECT']),
                ('skill_tenant_configs', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('skill_tenant_configs', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.skills'::regclass, 'goclaw.skill_agent_grants'::regclass,
            'goclaw.skill_user_grants'::regclass, 'goclaw.skill_tenant_configs'::regclass
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
                ('skills', 'muniment_app', 'INSERT', ARRAY[
                    'tenant_id', 'id', 'name', 'slug', 'description', 'owner_id', 'visibility',
                    'version', 'status', 'frontmatter', 'file_path', 'file_size', 'file_hash',
                    'embedding', 'tags', 'deps', 'enabled', 'created_at', 'updated_at'
                ]),
                ('skills', 'muniment_service', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'slug', 'version', 'is_system'
                ]),
                ('skills', 'muniment_app', 'UPDATE', ARRAY[
                    'name', 'slug', 'description', 'owner_id', 'visibility', 'version', 'status',
                    'frontmatter', 'file_path', 'file_size', 'file_hash', 'embedding', 'tags',
                    'deps', 'enabled', 'updated_at'
                ]),
                ('skill_agent_grants', 'muniment_app', 'UPDATE', ARRAY[
                    'skill_id', 'agent_id', 'can_manage', 'granted_by'
                ]),
                ('skill_user_grants', 'muniment_app', 'UPDATE', ARRAY[
                    'skill_id', 'user_id', 'granted_by'
                ]),
                ('skill_tenant_configs', 'muniment_app', 'UPDATE', ARRAY[
                    'enabled', 'updated_at'
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
            'goclaw.skills'::regclass, 'goclaw.skill_agent_grants'::regclass,
            'goclaw.skill_user_grants'::regclass, 'goclaw.skill_tenant_configs'::regclass
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
