-- Deploy agentcore:approval to pg
-- requires: conversation
--
-- An answer that a person looks at before it is sent. Only request_approval(), decide_approval()
-- and escalate_approval() write here, because what may be asked for, who decides, and whether
-- twice, is no matter of a grant. A message has one approval, so it is decided once.
-- Locks: SHARE ROW EXCLUSIVE on department_member, message.
-- Docs: docs/schema/agentcore.md#approval

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.approval (
    department_id     uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id                uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    message_id        uuid        NOT NULL,
    approver_id       uuid,
    status            text        NOT NULL DEFAULT 'pending',
    edited_content    text,
    approver_notes    text,
    escalated_to_id   uuid,
    escalation_reason text,
    intent_name       text,
    decided_at        timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT approval_pk PRIMARY KEY (department_id, id),
    CONSTRAINT approval_message_uq UNIQUE (department_id, message_id),
    CONSTRAINT approval_message_fk FOREIGN KEY (department_id, message_id)
        REFERENCES agentcore.message (department_id, id) ON DELETE CASCADE,
    CONSTRAINT approval_approver_fk FOREIGN KEY (department_id, approver_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT approval_escalated_to_fk FOREIGN KEY (department_id, escalated_to_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT approval_status_ck
        CHECK (status IN ('pending', 'approved', 'rejected', 'edited', 'escalated')),
    CONSTRAINT approval_intent_name_ck CHECK (intent_name <> ''),
    CONSTRAINT approval_decided_ck CHECK (
        (status IN ('approved', 'rejected', 'edited')) = (decided_at IS NOT NULL)
        AND (decided_at IS NULL) = (approver_id IS NULL)
    ),
    CONSTRAINT approval_edited_ck CHECK ((status = 'edited') = (edited_content IS NOT NULL)),
    CONSTRAINT approval_escalated_ck CHECK (
        (escalated_to_id IS NULL) = (escalation_reason IS NULL)
        AND (status <> 'escalated' OR escalated_to_id IS NOT NULL)
        AND (status <> 'pending' OR escalated_to_id IS NULL)
    )
);

-- What waits for a person, oldest first.
CREATE INDEX approval_open_ix
    ON agentcore.approval (department_id, created_at)
    WHERE status IN ('pending', 'escalated');

-- What a user decided. Serves the reference.
CREATE INDEX approval_approver_id_ix
    ON agentcore.approval (department_id, approver_id, decided_at DESC)
    WHERE approver_id IS NOT NULL;

-- What was handed on to a user. Serves the reference.
CREATE INDEX approval_escalated_to_id_ix
    ON agentcore.approval (department_id, escalated_to_id)
    WHERE escalated_to_id IS NOT NULL;

COMMENT ON TABLE agentcore.approval IS 'The question to a person whether an answer may be sent.';
COMMENT ON COLUMN agentcore.approval.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.approval.id IS 'The approval.';
COMMENT ON COLUMN agentcore.approval.message_id IS 'The answer.';
COMMENT ON COLUMN agentcore.approval.approver_id IS 'The user who decided. NULL until then.';
COMMENT ON COLUMN agentcore.approval.status IS
    'pending, approved, rejected, edited (sent with changes) or escalated (another user decides).';
COMMENT ON COLUMN agentcore.approval.edited_content IS
    'What is sent instead of the message, where it was edited.';
COMMENT ON COLUMN agentcore.approval.approver_notes IS 'What the approver says about it.';
COMMENT ON COLUMN agentcore.approval.escalated_to_id IS
    'The user who is to decide, where somebody handed it on.';
COMMENT ON COLUMN agentcore.approval.escalation_reason IS 'Why it was handed on.';
COMMENT ON COLUMN agentcore.approval.intent_name IS
    'The intent that was answered; the decision counts for the trust in it.';
COMMENT ON COLUMN agentcore.approval.decided_at IS 'When it was decided. NULL until then.';
COMMENT ON COLUMN agentcore.approval.created_at IS 'When the row was made.';

ALTER TABLE agentcore.approval ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.approval FORCE ROW LEVEL SECURITY;

CREATE POLICY approval_tenant ON agentcore.approval
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY approval_tenant_guard ON agentcore.approval AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.approval TO muniment_app;
GRANT SELECT ON agentcore.approval TO muniment_reader;

COMMIT;
