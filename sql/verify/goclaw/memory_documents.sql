-- Verify goclaw:memory_documents on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, user_id, path, content, hash, team_id, custom_scope, created_at,
    updated_at
FROM goclaw.memory_documents
WHERE false;

SELECT
    tenant_id, id, agent_id, document_id, user_id, path, start_line, end_line, hash, text,
    embedding, tsv, team_id, custom_scope, created_at, updated_at
FROM goclaw.memory_chunks
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('memory_documents', ARRAY[
                'memory_documents_pk', 'memory_documents_tenant_fk',
                'memory_documents_agent_fk', 'memory_documents_team_fk',
                'memory_documents_path_ck', 'memory_documents_user_id_ck',
                'memory_documents_hash_ck'
            ]),
            ('memory_chunks', ARRAY[
                'memory_chunks_pk', 'memory_chunks_tenant_fk', 'memory_chunks_agent_fk',
                'memory_chunks_document_fk', 'memory_chunks_team_fk', 'memory_chunks_hash_ck',
                'memory_chunks_embedding_ck', 'memory_chunks_lines_ck'
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

    -- Without its team a row would be for everybody.
    SELECT string_agg(conname, ', ')
    INTO v_offender
    FROM pg_catalog.pg_constraint
    WHERE conrelid IN (
            'goclaw.memory_documents'::regclass, 'goclaw.memory_chunks'::regclass
    )
        AND confrelid = 'goclaw.agent_teams'::regclass
        AND confdeltype <> 'c';
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'does not go with its team: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('memory_documents', ARRAY[
                'memory_documents_agent_id_ix', 'memory_documents_team_id_ix'
            ]),
            ('memory_chunks', ARRAY[
                'memory_chunks_user_id_ix', 'memory_chunks_agent_id_ix',
                'memory_chunks_document_id_ix', 'memory_chunks_tsv_ix',
                'memory_chunks_embedding_ix', 'memory_chunks_team_id_ix'
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
            ('memory_documents', ARRAY[
                'memory_documents_set_updated_at_tg', 'memory_documents_pass_on_scope_tg'
            ]),
            ('memory_chunks', ARRAY[
                'memory_chunks_set_updated_at_tg', 'memory_chunks_take_scope_tg'
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
            ('memory_documents', true),
            ('memory_chunks', true)
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

    SELECT string_agg(want.name, ', ')
    INTO v_offender
    FROM unnest(ARRAY[
        'goclaw.take_document_scope()', 'goclaw.pass_on_document_scope()'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc
        WHERE oid = to_regprocedure(want.name)
            AND proowner = 'muniment_owner'::regrole
            AND NOT prosecdef
            AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
            AND NOT has_function_privilege('public', oid, 'EXECUTE')
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing, or owner, security, search_path or rights differ: %', v_offender;
    END IF;

    -- Exactly these policies, for all commands: with a column, for runtimes and owner, who are
    -- held to the tenant in it; without one, for muniment_service, which sees all tenants.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('memory_documents', 'memory_documents_tenant', true, 'tenant_id'),
            ('memory_documents', 'memory_documents_tenant_guard', false, 'tenant_id'),
            ('memory_chunks', 'memory_chunks_tenant', true, 'tenant_id'),
            ('memory_chunks', 'memory_chunks_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.memory_documents'::regclass, 'goclaw.memory_chunks'::regclass
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
                ('memory_documents', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('memory_documents', 'muniment_reader', ARRAY['SELECT']),
                ('memory_chunks', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('memory_chunks', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.memory_documents'::regclass, 'goclaw.memory_chunks'::regclass
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
                ('memory_documents', 'muniment_app', 'UPDATE', ARRAY[
                    'agent_id', 'user_id', 'path', 'content', 'hash', 'team_id', 'custom_scope',
                    'updated_at'
                ]),
                ('memory_chunks', 'muniment_app', 'UPDATE', ARRAY[
                    'agent_id', 'document_id', 'user_id', 'path', 'start_line', 'end_line', 'hash',
                    'text', 'embedding', 'team_id', 'custom_scope', 'updated_at'
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
            'goclaw.memory_documents'::regclass, 'goclaw.memory_chunks'::regclass
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
