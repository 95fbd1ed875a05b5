-- Deploy agentcore:request_approval to pg
-- requires: settle_conversation
--
-- Holds an answer back until a person has looked at it. The conversation is locked first, as by
-- whoever decides. SECURITY DEFINER, because a runtime that could insert an approval itself could
-- ask for one of what a user said, and earn trust by it.
-- Locks: none.  Docs: docs/schema/agentcore.md#request-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.request_approval(p_message_id uuid, p_intent_name text)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
    v_message       record;
    v_approval_id   uuid;
BEGIN
    SELECT m.conversation_id, m.role
    INTO v_message
    FROM agentcore.message AS m
    WHERE m.department_id = v_department_id
        AND m.id = p_message_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'message % is not there', p_message_id
            USING ERRCODE = 'MU436',
                  HINT = 'Name a message of the department.';
    END IF;
    IF v_message.role <> 'assistant' THEN
        RAISE EXCEPTION 'message % is of role %, which needs no approval',
            p_message_id, v_message.role
            USING ERRCODE = 'MU435',
                  HINT = 'Ask for approval of what the assistant wants to send.';
    END IF;

    -- NO KEY: whoever wrote a message in this transaction holds a share of the key, and two of
    -- them would wait for each other.
    PERFORM
    FROM agentcore.conversation AS c
    WHERE c.department_id = v_department_id
        AND c.id = v_message.conversation_id
    FOR NO KEY UPDATE;
    INSERT INTO agentcore.approval AS a (department_id, message_id, intent_name)
    VALUES (v_department_id, p_message_id, p_intent_name)
    RETURNING a.id INTO v_approval_id;
    PERFORM agentcore.settle_conversation(v_message.conversation_id);

    RETURN v_approval_id;
END;
$function$;

COMMENT ON FUNCTION agentcore.request_approval(uuid, text) IS
    'Asks for approval of an answer of the assistant, and returns the approval. p_intent_name is '
    'the intent that was answered; NULL counts for no trust. Raises MU436 when the message is not '
    'there, MU435 when the assistant did not write it, 23505 when it has an approval already, '
    '23514 when the intent is empty, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION agentcore.request_approval(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.request_approval(uuid, text) TO muniment_app;

COMMIT;
