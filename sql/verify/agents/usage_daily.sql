-- Verify agents:usage_daily on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, day, agent_name, provider_name, request_model, subject_type, run_count, failure_count,
    unpriced_count, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    reasoning_tokens, cost_usd, rolled_up_at
FROM agents.usage_daily
WHERE false;

DO $verify$
DECLARE
    v_own_rows CONSTANT text :=
        '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))';
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'usage_daily_pk', 'usage_daily_day_is_finite_ck', 'usage_daily_key_is_short_ck',
        'usage_daily_counts_ck', 'usage_daily_empty_agent_ck', 'usage_daily_tokens_ck',
        'usage_daily_cost_usd_ck', 'usage_daily_unpriced_has_no_cost_ck',
        'usage_daily_times_are_finite_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.usage_daily'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.usage_daily: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'usage_daily_forbid_delete_tg', 'usage_daily_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.usage_daily'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.usage_daily: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.usage_daily'::regclass
        AND relowner = 'muniment_owner'::regrole
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.usage_daily: not of muniment_owner, or row security not forced';
    END IF;

    -- Exactly two policies, to three roles, for all commands, both with one and the same meaning.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES ('usage_daily_tenant', true), ('usage_daily_tenant_guard', false)
    ) AS want (name, is_permissive)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.usage_daily'::regclass
    ) AS have ON have.polname = want.name
    WHERE have.polname IS NULL
        OR want.name IS NULL
        OR have.polpermissive <> want.is_permissive
        OR have.polcmd <> '*'
        OR ARRAY(SELECT role::regrole::text FROM unnest(have.polroles) AS role ORDER BY 1)
            <> ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']
        OR pg_get_expr(have.polqual, have.polrelid) IS DISTINCT FROM v_own_rows
        OR pg_get_expr(have.polwithcheck, have.polrelid) IS DISTINCT FROM v_own_rows;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.usage_daily: policy missing, foreign or changed: %', v_offender;
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(
        concat_ws(' ', grantee, privilege), ', ' ORDER BY grantee, privilege
    )
    INTO v_offender
    FROM (
        VALUES
            ('muniment_app', 'INSERT'),
            ('muniment_app', 'SELECT'),
            ('muniment_reader', 'SELECT')
    ) AS want (grantee, privilege)
    FULL JOIN (
        SELECT
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid = 'agents.usage_daily'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.usage_daily: right missing or too many: %', v_offender;
    END IF;

    -- Exactly these columns too.
    SELECT string_agg(
        concat_ws(' ', grantee, privilege, attname), ', ' ORDER BY grantee, privilege, attname
    )
    INTO v_offender
    FROM (
        SELECT listed.grantee, listed.privilege, attname
        FROM (
            VALUES
                ('muniment_app', 'UPDATE', ARRAY[
                    'run_count', 'failure_count', 'unpriced_count', 'input_tokens', 'output_tokens',
                    'cache_read_tokens', 'cache_write_tokens', 'reasoning_tokens', 'cost_usd',
                    'rolled_up_at'
                ])
        ) AS listed (grantee, privilege, columns)
        CROSS JOIN LATERAL unnest(listed.columns) AS attname
    ) AS want
    FULL JOIN (
        SELECT
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege,
            attname::text
        FROM pg_catalog.pg_attribute
        CROSS JOIN aclexplode(attacl) AS acl
        WHERE attrelid = 'agents.usage_daily'::regclass
    ) AS have USING (grantee, privilege, attname)
    WHERE want IS NULL
        OR have IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.usage_daily: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
