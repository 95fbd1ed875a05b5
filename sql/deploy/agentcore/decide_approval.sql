-- Deploy agentcore:decide_approval to pg
-- requires: settle_conversation
-- requires: acting_user_may
-- requires: intent_trust
-- requires: audit_log
--
-- The only way to decide, and the only way to earn or lose trust. SECURITY DEFINER, because
-- runtimes have no right to write decisions or counts: by mistake one who had could decide twice,
-- or count what nobody approved. Row security binds the owner to the department all the same. Who
-- decides, and what that user may, is what app.acting_user says: a program that writes this setting
-- itself decides for whomever it names, and approver and trail are as trustworthy as the program.
-- Locks in this order, which request_approval() and escalate_approval() keep too: conversation,
-- approval, entry of the trust matrix. Entries are met in any order, so a transaction should decide
-- one approval: two that decide several could wait for each other (40P01). An edited answer was not
-- good enough to count and not bad enough to reset.
-- Locks: none.  Docs: docs/schema/agentcore.md#decide-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.decide_approval(
    p_approval_id uuid,
    p_decision text,
    p_edited_content text DEFAULT NULL,
    p_notes text DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
    v_user_id       CONSTANT uuid := agentcore.acting_user_id();
    v_subject       record;
    v_approval      record;
BEGIN
    IF (p_decision IN ('approved', 'rejected', 'edited')) IS NOT TRUE
        OR (p_decision = 'edited') <> (p_edited_content IS NOT NULL)
        OR p_edited_content = ''
    THEN
        RAISE EXCEPTION 'decision is malformed'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass approved, rejected, or edited with the content to send.';
    END IF;

    SELECT c.id AS conversation_id, c.namespace_id, m.content
    INTO v_subject
    FROM agentcore.approval AS a
    INNER JOIN agentcore.message AS m
        ON m.department_id = a.department_id AND m.id = a.message_id
    INNER JOIN agentcore.conversation AS c
        ON c.department_id = m.department_id AND c.id = m.conversation_id
    WHERE a.department_id = v_department_id
        AND a.id = p_approval_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'approval % is not there', p_approval_id
            USING ERRCODE = 'MU436',
                  HINT = 'Name an approval of the department.';
    END IF;

    -- NO KEY: whoever wrote a message in this transaction holds a share of the key, and two of
    -- them would wait for each other.
    PERFORM
    FROM agentcore.conversation AS c
    WHERE c.department_id = v_department_id
        AND c.id = v_subject.conversation_id
    FOR NO KEY UPDATE;
    SELECT a.decided_at, a.escalated_to_id, a.intent_name
    INTO v_approval
    FROM agentcore.approval AS a
    WHERE a.department_id = v_department_id
        AND a.id = p_approval_id
    FOR NO KEY UPDATE;
    IF v_approval.decided_at IS NOT NULL THEN
        RAISE EXCEPTION 'approval % is decided', p_approval_id
            USING ERRCODE = 'MU433',
                  HINT = 'Read the approval: somebody was faster.';
    END IF;
    IF v_approval.escalated_to_id IS DISTINCT FROM v_user_id
        AND (
            v_approval.escalated_to_id IS NOT NULL
            OR NOT agentcore.acting_user_may('approval.decide')
        )
    THEN
        RAISE EXCEPTION 'user % may not decide approval %', v_user_id, p_approval_id
            USING ERRCODE = 'MU434',
                  HINT = 'Whoever it was handed on to decides, else a user with approval.decide.';
    END IF;

    UPDATE agentcore.approval AS a
    SET status = p_decision,
        approver_id = v_user_id,
        edited_content = p_edited_content,
        approver_notes = p_notes,
        decided_at = clock_timestamp()
    WHERE a.department_id = v_department_id
        AND a.id = p_approval_id;
    UPDATE agentcore.intent_trust AS t
    SET successful_count = CASE p_decision WHEN 'approved' THEN t.successful_count + 1 ELSE 0 END
    WHERE t.department_id = v_department_id
        AND t.namespace_id = v_subject.namespace_id
        AND t.intent_name = v_approval.intent_name
        AND p_decision IN ('approved', 'rejected');
    PERFORM agentcore.settle_conversation(v_subject.conversation_id);
    INSERT INTO agentcore.audit_log (department_id, user_id, action, entity_type, entity_id)
    VALUES (
        v_department_id, v_user_id, 'approval.' || p_decision, 'approval', p_approval_id::text
    );

    RETURN CASE p_decision
        WHEN 'approved' THEN v_subject.content
        WHEN 'edited' THEN p_edited_content
    END;
END;
$function$;

COMMENT ON FUNCTION agentcore.decide_approval(uuid, text, text, text) IS
    'Decides an approval for the acting user: approved, rejected or edited (with the content to '
    'send instead). Approved counts for the trust in the intent, rejected sets the count to 0. '
    'Returns what is to be sent, NULL when rejected. Raises 22023 when the decision is none of '
    'these or edited has no content or another one has, MU433 when it is decided already, MU434 '
    'when the acting user may not decide it (without approval.decide, or it was handed on to '
    'somebody else), MU436 when it is not there, 42501 when no user has entered the department.';

REVOKE ALL ON FUNCTION agentcore.decide_approval(uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.decide_approval(uuid, text, text, text) TO muniment_app;

COMMIT;
