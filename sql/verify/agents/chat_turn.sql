-- Verify agents:chat_turn on pg

BEGIN;

SELECT
    firm_id, turn_id, created_at, session_id, turn_no, run_id, run_started_at, role, author_id,
    status, response_id, response_model, finish_reason, latency_ms, input_tokens, output_tokens,
    cache_read_tokens, cache_write_tokens, reasoning_tokens, cost_usd, content_format,
    content_storage, content_inline, content_s3_key, content_sha256, content_bytes,
    content_preview, metadata
FROM agents.chat_turn
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_turn_pk', 'chat_turn_turn_no_uq', 'chat_turn_session_fk', 'chat_turn_run_fk',
        'chat_turn_run_is_whole_ck', 'chat_turn_turn_no_ck', 'chat_turn_role_ck',
        'chat_turn_status_ck', 'chat_turn_latency_ms_ck', 'chat_turn_tokens_ck',
        'chat_turn_input_includes_cache_ck', 'chat_turn_output_includes_reasoning_ck',
        'chat_turn_cost_usd_ck', 'chat_turn_content_format_ck', 'chat_turn_content_storage_ck',
        'chat_turn_content_place_ck', 'chat_turn_content_inline_ck', 'chat_turn_content_s3_key_ck',
        'chat_turn_content_sha256_ck', 'chat_turn_content_bytes_ck',
        'chat_turn_content_preview_ck', 'chat_turn_times_are_finite_ck', 'chat_turn_metadata_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.chat_turn'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_turn_run_ix'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.chat_turn'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_turn_forbid_delete_tg', 'chat_turn_forbid_truncate_tg'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = 'agents.chat_turn'::regclass
            AND tgname = want.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing or disabled trigger: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.chat_turn'::regclass
        AND relrowsecurity
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.chat_turn: row security is not enabled and forced';
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY['chat_turn_tenant', 'chat_turn_tenant_guard']) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_policy
        WHERE polrelid = 'agents.chat_turn'::regclass
            AND polname = want.name
            AND polpermissive = (want.name = 'chat_turn_tenant')
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing policy: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'chat_turn_p202605', 'chat_turn_p202606', 'chat_turn_p202607'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_inherits
        WHERE inhparent = 'agents.chat_turn'::regclass
            AND inhrelid = to_regclass('agents.' || want.name)
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: missing partition: %', v_offender;
    END IF;

    SELECT string_agg(leaf.relname, ', ' ORDER BY leaf.relname)
    INTO v_offender
    FROM pg_catalog.pg_inherits
    INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = inhrelid
    WHERE inhparent = 'agents.chat_turn'::regclass
        AND (
            NOT leaf.relrowsecurity
            OR NOT leaf.relforcerowsecurity
            OR EXISTS (
                SELECT
                FROM aclexplode(leaf.relacl) AS acl
                WHERE acl.grantee <> leaf.relowner
            )
        );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.chat_turn: partition without forced row security or with grants: %',
            v_offender;
    END IF;

    IF NOT has_table_privilege('muniment_app', 'agents.chat_turn', 'SELECT')
        OR NOT has_table_privilege('muniment_app', 'agents.chat_turn', 'INSERT')
        OR NOT has_table_privilege('muniment_reader', 'agents.chat_turn', 'SELECT')
    THEN
        RAISE EXCEPTION 'agents.chat_turn: muniment_app or muniment_reader lacks a right';
    END IF;

    IF has_table_privilege('muniment_app', 'agents.chat_turn', 'UPDATE, DELETE, TRUNCATE')
        OR has_table_privilege('muniment_reader', 'agents.chat_turn', 'INSERT, UPDATE, DELETE')
    THEN
        RAISE EXCEPTION 'agents.chat_turn: a runtime must not change or remove rows';
    END IF;
END;
$verify$;

ROLLBACK;
