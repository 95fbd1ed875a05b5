-- Verify goclaw:usage_caps on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, agent_id, provider_id, provider_type, model_id, window_key, max_tokens,
    max_cost_micros, enabled, priority, source, created_at, updated_at
FROM goclaw.usage_cap_policies
WHERE false;

SELECT
    tenant_id, policy_id, window_start, window_end, used_tokens, reserved_tokens,
    used_cost_micros, reserved_cost_micros, updated_at
FROM goclaw.usage_cap_counters
WHERE false;

SELECT
    tenant_id, id, reservation_key, policy_id, window_start, reserved_tokens,
    reserved_cost_micros, actual_tokens, actual_cost_micros, status, metadata, created_at,
    updated_at
FROM goclaw.usage_cap_reservations
WHERE false;

SELECT
    tenant_id, id, policy_id, reservation_key, decision, reason, estimated_tokens,
    estimated_cost_micros, actual_tokens, actual_cost_micros, metadata, created_at
FROM goclaw.usage_cap_events
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('usage_cap_policies', ARRAY[
                'usage_cap_policies_pk', 'usage_cap_policies_tenant_fk',
                'usage_cap_policies_agent_fk', 'usage_cap_policies_provider_fk',
                'usage_cap_policies_window_key_ck', 'usage_cap_policies_max_tokens_ck',
                'usage_cap_policies_max_cost_micros_ck', 'usage_cap_policies_limit_ck',
                'usage_cap_policies_source_ck', 'usage_cap_policies_agent_budget_ck'
            ]),
            ('usage_cap_counters', ARRAY[
                'usage_cap_counters_pk', 'usage_cap_counters_tenant_fk',
                'usage_cap_counters_policy_fk', 'usage_cap_counters_window_ck',
                'usage_cap_counters_tokens_ck', 'usage_cap_counters_cost_micros_ck'
            ]),
            ('usage_cap_reservations', ARRAY[
                'usage_cap_reservations_pk', 'usage_cap_reservations_policy_uq',
                'usage_cap_reservations_tenant_fk', 'usage_cap_reservations_policy_fk',
                'usage_cap_reservations_window_fk',
                'usage_cap_reservations_reservation_key_ck',
                'usage_cap_reservations_reserved_ck', 'usage_cap_reservations_actual_ck',
                'usage_cap_reservations_status_ck', 'usage_cap_reservations_settled_ck'
            ]),
            ('usage_cap_events', ARRAY[
                'usage_cap_events_pk', 'usage_cap_events_tenant_fk',
                'usage_cap_events_policy_fk', 'usage_cap_events_decision_ck',
                'usage_cap_events_estimated_ck', 'usage_cap_events_actual_ck'
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
            ('usage_cap_policies', ARRAY[
                'usage_cap_policies_scope_ix', 'usage_cap_policies_agent_budget_uq',
                'usage_cap_policies_agent_id_ix', 'usage_cap_policies_provider_id_ix'
            ]),
            ('usage_cap_reservations', ARRAY[
                'usage_cap_reservations_reservation_key_ix',
                'usage_cap_reservations_window_ix', 'usage_cap_reservations_open_ix'
            ]),
            ('usage_cap_events', ARRAY[
                'usage_cap_events_created_at_ix', 'usage_cap_events_policy_id_ix',
                'usage_cap_events_decided_uq', 'usage_cap_events_ended_uq'
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
            ('usage_cap_policies', ARRAY['usage_cap_policies_set_updated_at_tg']),
            ('usage_cap_counters', ARRAY['usage_cap_counters_set_updated_at_tg']),
            ('usage_cap_reservations', ARRAY['usage_cap_reservations_set_updated_at_tg']),
            ('usage_cap_events', ARRAY[
                'usage_cap_events_forbid_update_tg', 'usage_cap_events_forbid_truncate_tg'
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
            ('usage_cap_policies', true),
            ('usage_cap_counters', true),
            ('usage_cap_reservations', true),
            ('usage_cap_events', true)
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
            ('usage_cap_policies', 'usage_cap_policies_tenant', true, 'tenant_id'),
            ('usage_cap_policies', 'usage_cap_policies_tenant_guard', false, 'tenant_id'),
            ('usage_cap_policies', 'usage_cap_policies_service', true, NULL),
            ('usage_cap_counters', 'usage_cap_counters_tenant', true, 'tenant_id'),
            ('usage_cap_counters', 'usage_cap_counters_tenant_guard', false, 'tenant_id'),
            ('usage_cap_counters', 'usage_cap_counters_service', true, NULL),
            ('usage_cap_reservations', 'usage_cap_reservations_tenant', true, 'tenant_id'),
            ('usage_cap_reservations', 'usage_cap_reservations_tenant_guard', false, 'tenant_id'),
            ('usage_cap_reservations', 'usage_cap_reservations_service', true, NULL),
            ('usage_cap_events', 'usage_cap_events_tenant', true, 'tenant_id'),
            ('usage_cap_events', 'usage_cap_events_tenant_guard', false, 'tenant_id'),
            ('usage_cap_events', 'usage_cap_events_service', true, NULL)
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.usage_cap_policies'::regclass, 'goclaw.usage_cap_counters'::regclass,
                'goclaw.usage_cap_reservations'::regclass, 'goclaw.usage_cap_events'::regclass
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
                ('usage_cap_policies', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('usage_cap_policies', 'muniment_reader', ARRAY['SELECT']),
                ('usage_cap_counters', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('usage_cap_counters', 'muniment_reader', ARRAY['SELECT']),
                ('usage_cap_reservations', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('usage_cap_reservations', 'muniment_reader', ARRAY['SELECT']),
                ('usage_cap_events', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('usage_cap_events', 'muniment_reader', ARRAY['SELECT'])
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
            'goclaw.usage_cap_policies'::regclass, 'goclaw.usage_cap_counters'::regclass,
            'goclaw.usage_cap_reservations'::regclass, 'goclaw.usage_cap_events'::regclass
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
                ('usage_cap_policies', 'muniment_app', 'UPDATE', ARRAY[
                    'agent_id', 'provider_id', 'provider_type', 'model_id', 'max_tokens',
                    'max_cost_micros', 'enabled', 'priority', 'updated_at'
                ]),
                ('usage_cap_policies', 'muniment_service', 'SELECT', ARRAY['tenant_id', 'id']),
                ('usage_cap_policies', 'muniment_service', 'UPDATE', ARRAY['updated_at']),
                ('usage_cap_counters', 'muniment_app', 'UPDATE', ARRAY[
                    'window_end', 'used_tokens', 'reserved_tokens', 'used_cost_micros',
                    'reserved_cost_micros', 'updated_at'
                ]),
                ('usage_cap_counters', 'muniment_service', 'SELECT', ARRAY[
                    'tenant_id', 'policy_id', 'window_start', 'reserved_tokens',
                    'reserved_cost_micros'
                ]),
                ('usage_cap_counters', 'muniment_service', 'UPDATE', ARRAY[
                    'reserved_tokens', 'reserved_cost_micros', 'updated_at'
                ]),
                ('usage_cap_reservations', 'muniment_app', 'UPDATE', ARRAY[
                    'actual_tokens', 'actual_cost_micros', 'status', 'metadata', 'updated_at'
                ]),
                ('usage_cap_reservations', 'muniment_service', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'reservation_key', 'policy_id', 'window_start',
                    'reserved_tokens', 'reserved_cost_micros', 'status', 'created_at'
                ]),
                ('usage_cap_reservations', 'muniment_service', 'UPDATE', ARRAY[
                    'status', 'updated_at'
                ]),
                ('usage_cap_events', 'muniment_service', 'INSERT', ARRAY[
                    'tenant_id', 'policy_id', 'reservation_key', 'decision', 'reason',
                    'estimated_tokens', 'estimated_cost_micros'
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
            'goclaw.usage_cap_policies'::regclass, 'goclaw.usage_cap_counters'::regclass,
            'goclaw.usage_cap_reservations'::regclass, 'goclaw.usage_cap_events'::regclass
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
