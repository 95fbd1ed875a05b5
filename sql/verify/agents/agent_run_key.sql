-- Verify agents:agent_run_key on pg

BEGIN;

SELECT
    firm_id, run_id, started_at, idempotency_key, created_at, archived_at, live_started_at
FROM agents.agent_run_key
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'agent_run_key_pk', 'agent_run_key_started_at_uq', 'agent_run_key_idempotency_key_uq',
        'agent_run_key_idempotency_key_ck', 'agent_run_key_times_are_finite_ck'
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
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.agent_run_key: row security is not enabled and forced';
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY['agent_run_key_tenant', 'agent_run_key_tenant_guard']) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.agent_run_key'::regclass
            AND polname = want.name
            AND polpermissive = (want.name = 'agent_run_key_tenant')
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.agent_run_key: missing policy: %', v_offender;
    END IF;

    IF NOT has_table_privilege('muniment_app', 'agents.agent_run_key', 'SELECT')
        OR NOT has_table_privilege('muniment_app', 'agents.agent_run_key', 'INSERT')
        OR NOT has_table_privilege('muniment_reader', 'agents.agent_run_key', 'SELECT')
    THEN
        RAISE EXCEPTION 'agents.agent_run_key: muniment_app or muniment_reader lacks a right';
    END IF;

    IF has_table_privilege('muniment_app', 'agents.agent_run_key', 'UPDATE, DELETE, TRUNCATE')
        OR has_table_privilege('muniment_reader', 'agents.agent_run_key', 'INSERT, UPDATE, DELETE')
    THEN
        RAISE EXCEPTION 'agents.agent_run_key: a runtime must not change or remove rows';
    END IF;
END;
$verify$;

ROLLBACK;
