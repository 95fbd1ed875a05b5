-- Deploy agentcore:settle_conversation to pg
-- requires: approval
--
-- What a conversation waits for follows from its open approvals. Called by the functions about
-- approvals, which lock the conversation first and act as the owner; a runtime does not call it. A
-- conversation that was closed stays closed.
-- Locks: none.  Docs: docs/schema/agentcore.md#settle-conversation

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.settle_conversation(p_conversation_id uuid)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    UPDATE agentcore.conversation AS c
    SET status = (
        SELECT CASE
            WHEN bool_or(a.status = 'escalated') THEN 'escalated'
            WHEN bool_or(a.status = 'pending') THEN 'awaiting_approval'
            ELSE 'active'
        END
        FROM agentcore.message AS m
        INNER JOIN agentcore.approval AS a
            ON a.department_id = m.department_id AND a.message_id = m.id
        WHERE m.department_id = v_department_id
            AND m.conversation_id = p_conversation_id
            AND a.department_id = v_department_id
    )
    WHERE c.department_id = v_department_id
        AND c.id = p_conversation_id
        AND c.status <> 'closed';
END;
$function$;

COMMENT ON FUNCTION agentcore.settle_conversation(uuid) IS
    'Sets the status of a conversation from its open approvals: escalated if one is, else '
    'awaiting_approval if there is one, else active. Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION agentcore.settle_conversation(uuid) FROM PUBLIC;

COMMIT;
