-- Deploy agentcore:read_pii to pg
-- requires: pii_redaction_map
-- requires: audit_log
--
-- The only way back from placeholders. Whoever reads says why, and the department finds it in its
-- trail.
-- Locks: none.  Docs: docs/schema/agentcore.md#read-pii

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.read_pii(
    p_department_id uuid, p_conversation_id uuid, p_reason text
)
RETURNS TABLE (placeholder text, entity_type text, encrypted_value bytea)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'reason is missing'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Say why the values are read; the department will see it.';
    END IF;

    INSERT INTO agentcore.audit_log (department_id, action, entity_type, entity_id, changes)
    VALUES (
        p_department_id, 'pii.read', 'conversation', p_conversation_id::text,
        jsonb_build_object('reason', p_reason)
    );

    RETURN QUERY
    SELECT
        m.placeholder,
        m.entity_type,
        m.encrypted_value
    FROM agentcore.pii_redaction_map AS m
    WHERE m.department_id = p_department_id
        AND m.conversation_id = p_conversation_id
    ORDER BY m.placeholder;
END;
$function$;

COMMENT ON FUNCTION agentcore.read_pii(uuid, uuid, text) IS
    'The ciphertexts behind the placeholders of a conversation; reading them is logged with the '
    'reason. Raises 22004 when the reason is NULL or empty.';

REVOKE ALL ON FUNCTION agentcore.read_pii(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.read_pii(uuid, uuid, text) TO muniment_service;

COMMIT;
