-- Deploy agentcore:add_pii_placeholder to pg
-- requires: pii_redaction_map
--
-- Numbers the placeholders of a conversation. The conversation is locked, so that two who redact at
-- once get different numbers.
-- Locks: none.  Docs: docs/schema/agentcore.md#add-pii-placeholder

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.add_pii_placeholder(
    p_conversation_id uuid, p_entity_type text, p_encrypted_value bytea
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
    v_placeholder   text;
BEGIN
    IF (p_entity_type ~ '^[A-Z][A-Z0-9_]*$') IS NOT TRUE THEN
        RAISE EXCEPTION 'entity_type is malformed'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Use capitals, digits and underscores, for example EMAIL.';
    END IF;

    -- NO KEY: whoever wrote a message in this transaction holds a share of the key, and two of
    -- them would wait for each other.
    PERFORM
    FROM agentcore.conversation AS c
    WHERE c.department_id = v_department_id
        AND c.id = p_conversation_id
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'conversation % is not there', p_conversation_id
            USING ERRCODE = 'MU436',
                  HINT = 'Name a conversation of the department.';
    END IF;

    -- The first that is free: a runtime may write a placeholder itself, with whatever number. Of
    -- one more numbers than there are placeholders, one is free.
    SELECT format('[%s_%s]', p_entity_type, min(n.number))
    INTO v_placeholder
    FROM (
        SELECT generate_series(1, count(*) + 1) AS number
        FROM agentcore.pii_redaction_map AS m
        WHERE m.department_id = v_department_id
            AND m.conversation_id = p_conversation_id
    ) AS n
    WHERE NOT EXISTS (
        SELECT
        FROM agentcore.pii_redaction_map AS m
        WHERE m.department_id = v_department_id
            AND m.conversation_id = p_conversation_id
            AND m.placeholder = format('[%s_%s]', p_entity_type, n.number)
    );
    INSERT INTO agentcore.pii_redaction_map
        (department_id, conversation_id, placeholder, entity_type, encrypted_value)
    VALUES (v_department_id, p_conversation_id, v_placeholder, p_entity_type, p_encrypted_value);

    RETURN v_placeholder;
END;
$function$;

COMMENT ON FUNCTION agentcore.add_pii_placeholder(uuid, text, bytea) IS
    'Keeps the ciphertext of something personal that was said in a conversation, and returns what '
    'to put into the text instead, for example [EMAIL_1]. p_entity_type is in capitals, digits '
    'and underscores. Raises MU436 when the conversation is not there, 22023 when the type is '
    'malformed or NULL, 23502 when there is no ciphertext, 23505 when, above READ COMMITTED, '
    'somebody else was given the same one meanwhile, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION agentcore.add_pii_placeholder(uuid, text, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.add_pii_placeholder(uuid, text, bytea) TO muniment_app;

COMMIT;
