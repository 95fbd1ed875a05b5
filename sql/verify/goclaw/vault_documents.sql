-- Verify goclaw:vault_documents on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, scope, path, title, doc_type, content_hash, embedding, summary,
    metadata, team_id, custom_scope, chat_id, path_basename, tsv, created_at, updated_at
FROM goclaw.vault_documents
WHERE false;

SELECT
    tenant_id, id, from_doc_id, to_doc_id, link_type, context, custom_scope, metadata,
    created_at
FROM goclaw.vault_links
WHERE false;

SELECT
    tenant_id, id, doc_id, version, content, changed_by, custom_scope, created_at
FROM goclaw.vault_versions
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('vault_documents', ARRAY[
                'vault_documents_pk', 'vault_documents_tenant_fk', 'vault_documents_agent_fk',
                'vault_documents_team_fk', 'vault_documents_path_ck',
                'vault_documents_embedding_ck',
                'vault_documents_content_hash_ck',
                'vault_documents_scope_consistency_ck'
            ]),
            ('vault_links', ARRAY[
                'vault_links_pk', 'vault_links_link_type_uq', 'vault_links_tenant_fk',
                'vault_links_from_doc_fk', 'vault_links_to_doc_fk', 'vault_links_link_type_ck'
            ]),
            ('vault_versions', ARRAY[
                'vault_versions_pk', 'vault_versions_version_uq', 'vault_versions_tenant_fk',
                'vault_versions_doc_fk', 'vault_versions_version_ck'
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
            ('vault_documents', ARRAY[
                'vault_documents_path_uq', 'vault_documents_agent_scope_ix',
                'vault_documents_doc_type_ix', 'vault_documents_content_hash_ix',
                'vault_documents_embedding_ix', 'vault_documents_tsv_ix',
                'vault_documents_team_id_ix', 'vault_documents_path_basename_ix',
                'vault_documents_path_prefix_ix', 'vault_documents_chat_id_ix'
            ]),
            ('vault_links', ARRAY['vault_links_to_doc_id_ix'])
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
            ('vault_documents', ARRAY[
                'vault_documents_team_null_scope_tg',
                'vault_documents_agent_null_scope_fix_tg', 'vault_documents_set_updated_at_tg'
            ]),
            ('vault_versions', ARRAY[
                'vault_versions_forbid_update_tg', 'vault_versions_forbid_truncate_tg'
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
            ('vault_documents', true),
            ('vault_links', true),
            ('vault_versions', true)
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

    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = to_regprocedure('goclaw.settle_vault_document()')
        AND proowner = 'muniment_owner'::regrole
        AND NOT prosecdef
        AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
        AND NOT has_function_privilege('public', oid, 'EXECUTE');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'goclaw.settle_vault_document(): missing, or owner, security, search_path '
            'or rights differ';
    END IF;

    -- Exactly these policies, for all commands: with a column, for runtimes and owner, who are
    -- held to the tenant in it; without one, for muniment_service, which sees all tenants.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('vault_documents', 'vault_documents_tenant', true, 'tenant_id'),
            ('vault_documents', 'vault_documents_tenant_guard', false, 'tenant_id'),
            ('vault_links', 'vault_links_tenant', true, 'tenant_id'),
            ('vault_links', 'vault_links_tenant_guard', false, 'tenant_id'),
            ('vault_versions', 'vault_versions_tenant', true, 'tenant_id'),
            ('vault_versions', 'vault_versions_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.vault_documents'::regclass, 'goclaw.vault_links'::regclass,
                'goclaw.vault_versions'::regclass
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
                ('vault_documents', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('vault_documents', 'muniment_reader', ARRAY['SELECT']),
                ('vault_links', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('vault_links', 'muniment_reader', ARRAY['SELECT']),
                ('vault_versions', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('vault_versions', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.vault_documents'::regclass, 'goclaw.vault_links'::regclass,
            'goclaw.vault_versions'::regclass
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
                ('vault_documents', 'muniment_app', 'UPDATE', ARRAY[
                    'agent_id', 'scope', 'path', 'title', 'doc_type', 'content_hash', 'embedding',
                    'summary', 'metadata', 'team_id', 'custom_scope', 'chat_id', 'updated_at'
                ]),
                ('vault_links', 'muniment_app', 'UPDATE', ARRAY[
                    'link_type', 'context', 'custom_scope', 'metadata'
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
            'goclaw.vault_documents'::regclass, 'goclaw.vault_links'::regclass,
            'goclaw.vault_versions'::regclass
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
