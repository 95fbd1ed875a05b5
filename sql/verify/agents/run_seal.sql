-- Verify agents:run_seal on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, chain_no, last_seal_no, last_sha256
FROM agents.seal_chain
WHERE false;

SELECT
    firm_id, chain_no, seal_no, format_no, kind, run_id, run_started_at, redaction_id,
    sealed_at, row_count, row_digests, content_sha256, previous_sha256, seal_sha256
FROM agents.run_seal
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('agents.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('seal_chain', ARRAY[
                'seal_chain_pk', 'seal_chain_chain_no_ck', 'seal_chain_last_seal_no_ck',
                'seal_chain_last_sha256_ck'
            ]),
            ('run_seal', ARRAY[
                'run_seal_pk', 'run_seal_chain_fk', 'run_seal_run_fk', 'run_seal_seal_no_ck',
                'run_seal_first_has_no_previous_ck', 'run_seal_kind_ck', 'run_seal_run_is_whole_ck',
                'run_seal_format_no_ck', 'run_seal_row_count_ck', 'run_seal_content_sha256_ck',
                'run_seal_previous_sha256_ck', 'run_seal_sealed_at_ck',
                'run_seal_seal_sha256_ck'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = to_regclass('agents.' || want.table_name)
            AND conname = part.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(format('agents.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('run_seal', ARRAY['run_seal_run_uq', 'run_seal_redaction_uq'])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = to_regclass('agents.' || want.table_name)
            AND indexrelid = to_regclass('agents.' || part.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(format('agents.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('seal_chain', ARRAY[
                'seal_chain_forbid_delete_tg', 'seal_chain_forbid_truncate_tg'
            ]),
            ('run_seal', ARRAY[
                'run_seal_forbid_update_tg', 'run_seal_forbid_delete_tg',
                'run_seal_forbid_truncate_tg'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = to_regclass('agents.' || want.table_name)
            AND tgname = part.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or disabled trigger: %', v_offender;
    END IF;

    SELECT string_agg(format('agents.%s', want.table_name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('seal_chain', true),
            ('run_seal', true)
    ) AS want (table_name, is_tenant_table)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE oid = to_regclass('agents.' || want.table_name)
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
            ('seal_chain', 'seal_chain_tenant', true, 'firm_id'),
            ('seal_chain', 'seal_chain_tenant_guard', false, 'firm_id'),
            ('seal_chain', 'seal_chain_service', true, NULL),
            ('run_seal', 'run_seal_tenant', true, 'firm_id'),
            ('run_seal', 'run_seal_tenant_guard', false, 'firm_id'),
            ('run_seal', 'run_seal_service', true, NULL)
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'agents.seal_chain'::regclass, 'agents.run_seal'::regclass
        )
    ) AS have
        ON have.polrelid = to_regclass('agents.' || want.table_name)
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
            'agents.' || listed.table_name AS table_name,
            listed.grantee,
            privilege
        FROM (
            VALUES
                ('seal_chain', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('seal_chain', 'muniment_reader', ARRAY['SELECT']),
                ('seal_chain', 'muniment_service', ARRAY['INSERT', 'SELECT']),
                ('run_seal', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('run_seal', 'muniment_reader', ARRAY['SELECT']),
                ('run_seal', 'muniment_service', ARRAY['INSERT', 'SELECT'])
        ) AS listed (table_name, grantee, privileges)
        CROSS JOIN LATERAL unnest(listed.privileges) AS privilege
    ) AS want
    FULL JOIN (
        SELECT
            'agents.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid IN (
            'agents.seal_chain'::regclass, 'agents.run_seal'::regclass
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
            'agents.' || listed.table_name AS table_name,
            listed.grantee,
            listed.privilege,
            column_name
        FROM (
            VALUES
                ('seal_chain', 'muniment_app', 'UPDATE', ARRAY['last_seal_no', 'last_sha256']),
                ('seal_chain', 'muniment_service', 'UPDATE', ARRAY[
                    'last_seal_no', 'last_sha256'
                ])
        ) AS listed (table_name, grantee, privilege, column_names)
        CROSS JOIN LATERAL unnest(listed.column_names) AS column_name
    ) AS want
    FULL JOIN (
        SELECT
            'agents.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege,
            attname::text AS column_name
        FROM pg_catalog.pg_attribute
        INNER JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
        CROSS JOIN aclexplode(attacl) AS acl
        WHERE attrelid IN (
            'agents.seal_chain'::regclass, 'agents.run_seal'::regclass
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
