-- Deploy agentcore:escalate_approval to pg
-- requires: settle_conversation
-- requires: acting_user_may
-- requires: audit_log
-- requires: notification
-- requires: users
--
-- Hands a decision on to another user, who is told and is from then on the one to decide. SECURITY
-- DEFINER as decide_approval(), whose order of locks it keeps and which says what the acting user
-- proves. May be done again, by whoever it was handed on to or by a user with approval.decide, lest
-- it waits for somebody who is away.
-- Locks: none.  Docs: docs/schema/agentcore.md#escalate-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.escalate_approval(
    p_approval_id uuid, p_escalated_to_id uuid, p_reason text
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id   CONSTANT uuid := platform.current_tenant_id();
    v_user_id         CONSTANT uuid := agentcore.acting_user_id();
    v_conversation_id uuid;
    v_approval        record;
BEGIN
    IF p_escalated_to_id IS NULL OR coalesce(p_reason, '') = '' THEN
        RAISE EXCEPTION 'user or reason is missing'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Say to whom the approval goes, and why.';
    END IF;

    PERFORM
    FROM agentcore.users AS u
    WHERE u.department_id = v_department_id
        AND u.id = p_escalated_to_id
        AND NOT u.is_active;
    IF FOUND THEN
        RAISE EXCEPTION 'user % is not active', p_escalated_to_id
            USING ERRCODE = 'MU439',
                  HINT = 'Hand it on to somebody who is there.';
    END IF;

    SELECT m.conversation_id
    INTO v_conversation_id
    FROM agentcore.approval AS a
    INNER JOIN agentcore.message AS m
        ON m.department_id = a.department_id AND m.id = a.message_id
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
        AND c.id = v_conversation_id
    FOR NO KEY UPDATE;
    SELECT a.decided_at, a.escalated_to_id
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
        AND NOT agentcore.acting_user_may('approval.decide')
    THEN
        RAISE EXCEPTION 'user % may not hand on approval %', v_user_id, p_approval_id
            USING ERRCODE = 'MU434',
                  HINT = 'Whoever it was handed on to may, or a user with approval.decide.';
    END IF;

    UPDATE agentcore.approval AS a
    SET status = 'escalated',
        escalated_to_id = p_escalated_to_id,
        escalation_reason = p_reason
    WHERE a.department_id = v_department_id
        AND a.id = p_approval_id;
    PERFORM agentcore.settle_conversation(v_conversation_id);
    INSERT INTO agentcore.notification
        (department_id, user_id, type, title, body, entity_type, entity_id)
    VALUES (
        v_department_id, p_escalated_to_id, 'approval.escalated',
        'An answer waits for your decision', p_reason, 'approval', p_approval_id::text
    );
    INSERT INTO agentcore.audit_log
        (department_id, user_id, action, entity_type, entity_id, changes)
    VALUES (
        v_department_id, v_user_id, 'approval.escalated', 'approval', p_approval_id::text,
        jsonb_build_object('escalated_to_id', p_escalated_to_id)
    );
END;
$function$;

COMMENT ON FUNCTION agentcore.escalate_approval(uuid, uuid, text) IS
    'Hands an approval that is not decided on to another user of the department. Raises 22004 '
    'when the user or the reason is missing, 23503 when the user has never entered the '
    'department, MU439 when the department is that user''s home and the user is not active (of a '
    'user from elsewhere that is not known here), MU433 when it is decided already, MU434 when '
    'the acting user may not hand it on, MU436 when it is not there, 42501 when no user has '
    'entered the department.';

REVOKE ALL ON FUNCTION agentcore.escalate_approval(uuid, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.escalate_approval(uuid, uuid, text) TO muniment_app;

COMMIT;
