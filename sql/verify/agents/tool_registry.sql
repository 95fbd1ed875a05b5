-- Verify agents:tool_registry on pg

BEGIN;

SELECT
    tool_name, tool_version, title, description, tool_type, input_schema, output_schema,
    annotations, definition_sha256, side_effect, replay, approval, timeout_ms, max_result_bytes,
    is_active, created_at
FROM agents.tool_registry
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'tool_registry_pk', 'tool_registry_definition_uq', 'tool_registry_tool_name_ck',
        'tool_registry_tool_version_ck', 'tool_registry_tool_type_ck',
        'tool_registry_input_schema_ck', 'tool_registry_output_schema_ck',
        'tool_registry_annotations_ck', 'tool_registry_side_effect_ck', 'tool_registry_replay_ck',
        'tool_registry_approval_ck', 'tool_registry_harm_never_replays_ck',
        'tool_registry_unknown_is_inactive_ck', 'tool_registry_timeout_ms_ck',
        'tool_registry_max_result_bytes_ck'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = 'agents.tool_registry'::regclass
            AND conname = want.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_registry: missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(ARRAY[
        'tool_registry_active_uq'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = 'agents.tool_registry'::regclass
            AND indexrelid = to_regclass('agents.' || want.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_registry: missing or invalid index: %', v_offender;
    END IF;

    IF NOT has_table_privilege('muniment_app', 'agents.tool_registry', 'SELECT')
        OR NOT has_table_privilege('muniment_reader', 'agents.tool_registry', 'SELECT')
    THEN
        RAISE EXCEPTION 'agents.tool_registry: muniment_app and muniment_reader must read it';
    END IF;

    IF has_any_column_privilege('muniment_app', 'agents.tool_registry', 'INSERT, UPDATE')
        OR has_any_column_privilege('muniment_reader', 'agents.tool_registry', 'INSERT, UPDATE')
    THEN
        RAISE EXCEPTION 'agents.tool_registry: a runtime must not write it';
    END IF;

    IF NOT has_column_privilege(
        'muniment_service', 'agents.tool_registry', 'tool_name', 'INSERT'
    ) THEN
        RAISE EXCEPTION 'agents.tool_registry: muniment_service cannot register a tool';
    END IF;

    IF has_column_privilege('muniment_service', 'agents.tool_registry', 'is_active', 'INSERT')
        OR has_any_column_privilege('muniment_service', 'agents.tool_registry', 'UPDATE')
    THEN
        RAISE EXCEPTION 'agents.tool_registry: muniment_service must not put a tool into use';
    END IF;
END;
$verify$;

ROLLBACK;
