-- Deploy agentcore:read_pii to pg
-- requires: pii_redaction_map
-- requires: audit_log
-- requires: platform:set_tenant
--
-- The only way back from placeholders. Whoever reads says why, and the department finds it in its
-- trail. SECURITY DEFINER, because nobody has a right to the ciphertexts: one who had could read
-- them without a trace. Row security binds the owner, so the department is set for the reading and
-- set back, also to none. A transaction that is rolled back takes the entry of the trail along.
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
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_before CONSTANT text := coalesce(current_setting('app.tenant_id', true), '');
BEGIN
    IF coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'reason is missing'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Say why the values are read; the department will see it.';
    END IF;

    PERFORM platform.set_tenant(p_department_id);
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
    PERFORM set_config('app.tenant_id', v_before, true);
END;
$function$;

COMMENT ON FUNCTION agentcore.read_pii(uuid, uuid, text) IS
    'The ciphertexts behind the placeholders of a conversation; reading them is logged with the '
    'reason, unless the transaction is rolled back: commit before the values are used. Raises '
    '22004 when the reason is NULL or empty or the department is NULL, 23503 when the department '
    'is not there.';

REVOKE ALL ON FUNCTION agentcore.read_pii(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.read_pii(uuid, uuid, text) TO muniment_service;

COMMIT;
