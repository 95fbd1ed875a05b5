-- Verify goclaw:channel_instances on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, name, display_name, channel_type, agent_id, credentials, config, enabled,
    created_by, created_at, updated_at
FROM goclaw.channel_instances
WHERE false;

SELECT
    tenant_id, id, channel_name, history_key, sender, sender_id, body, platform_msg_id,
    is_summary, created_at, updated_at
FROM goclaw.channel_pending_messages
WHERE false;

SELECT
    tenant_id, id, channel_type, channel_instance, sender_id, user_id, display_name, username,
    avatar_url, peer_kind, contact_type, metadata, thread_id, thread_type, merged_id,
    first_seen_at, last_seen_at
FROM goclaw.channel_contacts
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('channel_instances', ARRAY[
                'channel_instances_pk', 'channel_instances_name_uq',
                'channel_instances_tenant_fk', 'channel_instances_agent_fk',
                'channel_instances_name_ck'
            ]),
            ('channel_pending_messages', ARRAY[
                'channel_pending_messages_pk', 'channel_pending_messages_tenant_fk'
            ]),
            ('channel_contacts', ARRAY[
                'channel_contacts_pk', 'channel_contacts_tenant_fk',
                'channel_contacts_merged_fk', 'channel_contacts_merged_ck'
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
            ('channel_instances', ARRAY['channel_instances_agent_id_ix']),
            ('channel_pending_messages', ARRAY[
                'channel_pending_messages_history_ix', 'channel_pending_messages_created_at_ix'
            ]),
            ('channel_contacts', ARRAY[
                'channel_contacts_sender_uq', 'channel_contacts_channel_instance_ix',
                'channel_contacts_merged_id_ix', 'channel_contacts_name_ix'
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
            ('channel_instances', ARRAY['channel_instances_set_updated_at_tg']),
            ('channel_pending_messages', ARRAY['channel_pending_messages_set_updated_at_tg']),
            ('channel_contacts', ARRAY['channel_contacts_check_merged_tg'])
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
            ('channel_instances', true),
            ('channel_pending_messages', true),
            ('channel_contacts', true)
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
            ('channel_instances', 'channel_instances_tenant', true, 'tenant_id'),
            ('channel_instances', 'channel_instances_tenant_guard', false, 'tenant_id'),
            ('channel_pending_messages', 'channel_pending_messages_tenant', true, 'tenant_id'),
            ('channel_pending_messages',
             'channel_pending_messages_tenant_guard', false, 'tenant_id'),
            ('channel_pending_messages', 'channel_pending_messages_service', true, NULL),
            ('channel_contacts', 'channel_contacts_tenant', true, 'tenant_id'),
            ('channel_contacts', 'channel_contacts_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.channel_instances'::regclass,
                'goclaw.channel_pending_messages'::regclass,
                'goclaw.channel_contacts'::regclass
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
                ('channel_instances', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('channel_pending_messages', 'muniment_app', ARRAY[
                    'DELETE', 'INSERT', 'SELECT'
                ]),
                ('channel_pending_messages', 'muniment_reader', ARRAY['SELECT']),
                ('channel_pending_messages', 'muniment_service', ARRAY['DELETE']),
                ('channel_contacts', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('channel_contacts', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.channel_instances'::regclass, 'goclaw.channel_pending_messages'::regclass,
            'goclaw.channel_contacts'::regclass
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
                ('channel_instances', 'muniment_app', 'UPDATE', ARRAY[
                    'name', 'display_name', 'channel_type', 'agent_id', 'credentials', 'config',
                    'enabled', 'created_by', 'updated_at'
                ]),
                ('channel_instances', 'muniment_reader', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'name', 'display_name', 'channel_type', 'agent_id',
                    'config', 'enabled', 'created_by', 'created_at', 'updated_at'
                ]),
                ('channel_pending_messages', 'muniment_app', 'UPDATE', ARRAY[
                    'channel_name', 'history_key', 'sender', 'sender_id', 'body',
                    'platform_msg_id', 'is_summary', 'updated_at'
                ]),
                ('channel_pending_messages', 'muniment_service', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'created_at'
                ]),
                ('channel_pending_messages', 'muniment_service', 'UPDATE', ARRAY['updated_at']),
                ('channel_contacts', 'muniment_app', 'UPDATE', ARRAY[
                    'channel_type', 'channel_instance', 'sender_id', 'user_id', 'display_name',
                    'username', 'avatar_url', 'peer_kind', 'contact_type', 'metadata', 'thread_id',
                    'thread_type', 'merged_id', 'first_seen_at', 'last_seen_at'
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
            'goclaw.channel_instances'::regclass, 'goclaw.channel_pending_messages'::regclass,
            'goclaw.channel_contacts'::regclass
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
        VALUES ('goclaw.check_merged_contact()')
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
