-- Verify agents:tool_registry on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

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

    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.tool_registry'::regclass
        AND relowner = 'muniment_owner'::regrole;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.tool_registry: not of muniment_owner';
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
        WHERE pg_class.oid = 'agents.tool_registry'::regclass
            AND acl.grantee <> relowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_registry: right missing or too many: %', v_offender;
    END IF;

    -- muniment_service may write all that describes a tool, and nothing that puts it into use.
    SELECT string_agg(coalesce(have.attname, want.name), ', ')
    INTO v_offender
    FROM unnest(ARRAY[
        'tool_name', 'tool_version', 'title', 'description', 'tool_type', 'input_schema',
        'output_schema', 'annotations', 'side_effect', 'replay', 'approval', 'timeout_ms',
        'max_result_bytes'
    ]) AS want (name)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.tool_registry'::regclass
            AND attacl IS NOT NULL
    ) AS have ON have.attname = want.name
    WHERE have.attacl::text IS DISTINCT FROM '{muniment_service=a/muniment_owner}'
        OR want.name IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_registry: column right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
