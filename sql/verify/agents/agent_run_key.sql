-- Verify agents:agent_run_key on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, run_id, started_at, idempotency_key, request_sha256, created_at, archived_at,
    live_started_at
FROM agents.agent_run_key
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
        'agent_run_key_pk', 'agent_run_key_started_at_uq', 'agent_run_key_idempotency_key_uq',
        'agent_run_key_idempotency_key_ck', 'agent_run_key_request_sha256_ck',
        'agent_run_key_times_are_finite_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.agent_run_key'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run_key: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'agent_run_key_forbid_delete_tg', 'agent_run_key_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.agent_run_key'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run_key: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.agent_run_key'::regclass
        AND relowner = 'muniment_owner'::regrole
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.agent_run_key: not of muniment_owner, or row security not forced';
    END IF;

    -- Exactly these policies, for all commands.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('agent_run_key_tenant', true, v_own_rows),
            ('agent_run_key_tenant_guard', false, v_own_rows),
            ('agent_run_key_service', true, 'true')
    ) AS want (name, is_permissive, rows)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.agent_run_key'::regclass
    ) AS have ON have.polname = want.name
    WHERE have.polname IS NULL
        OR want.name IS NULL
        OR have.polpermissive <> want.is_permissive
        OR have.polcmd <> '*'
        OR ARRAY(SELECT role::regrole::text FROM unnest(have.polroles) AS role ORDER BY 1)
            <> CASE
                WHEN want.rows = 'true' THEN ARRAY['muniment_service']
                ELSE ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']
            END
        OR pg_get_expr(have.polqual, have.polrelid) IS DISTINCT FROM want.rows
        OR pg_get_expr(have.polwithcheck, have.polrelid) IS DISTINCT FROM want.rows;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run_key: policy missing, foreign or changed: %', v_offender;
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(
        concat_ws(' ', grantee, privilege), ', ' ORDER BY grantee, privilege
    )
    INTO v_offender
    FROM (
        VALUES
            ('muniment_app', 'SELECT'),
            ('muniment_reader', 'SELECT'),
            ('muniment_service', 'SELECT')
    ) AS want (grantee, privilege)
    FULL JOIN (
        SELECT
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid = 'agents.agent_run_key'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run_key: right missing or too many: %', v_offender;
    END IF;

    -- muniment_app says which run it is and when it started, and nothing else.
    SELECT string_agg(coalesce(have.attname, want.name), ', ')
    INTO v_offender
    FROM unnest(ARRAY[
        'firm_id', 'run_id', 'started_at', 'idempotency_key', 'request_sha256'
    ]) AS want (name)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.agent_run_key'::regclass
            AND attacl IS NOT NULL
    ) AS have ON have.attname = want.name
    WHERE have.attacl::text IS DISTINCT FROM '{muniment_app=a/muniment_owner}'
        OR want.name IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run_key: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
