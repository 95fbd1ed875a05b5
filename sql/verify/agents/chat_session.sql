-- Verify agents:chat_session on pg

BEGIN;

SELECT
    firm_id, session_id, subject_type, subject_id, actor_type, actor_id, channel, title, status,
    last_turn_no, last_turn_at, created_at, closed_at, idempotency_key, metadata
FROM agents.chat_session
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_session_pk', 'chat_session_idempotency_key_uq', 'chat_session_subject_ck',
        'chat_session_actor_ck', 'chat_session_status_ck', 'chat_session_closed_when_not_open_ck',
        'chat_session_last_turn_no_ck', 'chat_session_last_turn_at_ck',
        'chat_session_times_are_finite_ck', 'chat_session_idempotency_key_ck',
        'chat_session_metadata_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.chat_session'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_session_created_at_ix', 'chat_session_subject_ix'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.chat_session'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_session_forbid_delete_tg', 'chat_session_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.chat_session'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.chat_session'::regclass
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.chat_session: row security is not enabled and forced';
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY['chat_session_tenant', 'chat_session_tenant_guard']) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.chat_session'::regclass
            AND polname = want.name
            AND polpermissive = (want.name = 'chat_session_tenant')
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_session: missing policy: %', v_offender;
    END IF;

    IF NOT has_table_privilege('muniment_app', 'agents.chat_session', 'SELECT')
        OR NOT has_table_privilege('muniment_app', 'agents.chat_session', 'INSERT')
        OR NOT has_table_privilege('muniment_reader', 'agents.chat_session', 'SELECT')
    THEN
        RAISE EXCEPTION 'agents.chat_session: muniment_app or muniment_reader lacks a right';
    END IF;

    IF has_table_privilege('muniment_app', 'agents.chat_session', 'UPDATE, DELETE, TRUNCATE')
        OR has_table_privilege('muniment_reader', 'agents.chat_session', 'INSERT, UPDATE, DELETE')
    THEN
        RAISE EXCEPTION 'agents.chat_session: a runtime must not change or remove rows';
    END IF;
END;
$verify$;

ROLLBACK;
