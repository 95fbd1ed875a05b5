-- Deploy agentcore:pii_redaction_map to pg
-- requires: conversation
--
-- Stands between what a model may see and what a person said. A runtime writes the ciphertext and
-- cannot read it back, and neither can anybody else: muniment_service calls read_pii(), which
-- leaves a trace.
-- Locks: SHARE ROW EXCLUSIVE on conversation.  Docs: docs/schema/agentcore.md#pii-redaction-map

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.pii_redaction_map (
    department_id   uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id              uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    conversation_id uuid        NOT NULL,
    placeholder     text        NOT NULL,
    entity_type     text        NOT NULL,
    encrypted_value bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT pii_redaction_map_pk PRIMARY KEY (department_id, id),
    CONSTRAINT pii_redaction_map_placeholder_uq
        UNIQUE (department_id, conversation_id, placeholder),
    CONSTRAINT pii_redaction_map_conversation_fk FOREIGN KEY (department_id, conversation_id)
        REFERENCES agentcore.conversation (department_id, id) ON DELETE CASCADE,
    CONSTRAINT pii_redaction_map_placeholder_ck CHECK (placeholder <> ''),
    CONSTRAINT pii_redaction_map_entity_type_ck CHECK (entity_type <> '')
);

COMMENT ON TABLE agentcore.pii_redaction_map IS 'What a placeholder in a conversation stands for.';
COMMENT ON COLUMN agentcore.pii_redaction_map.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.pii_redaction_map.id IS 'The placeholder''s identity.';
COMMENT ON COLUMN agentcore.pii_redaction_map.conversation_id IS 'The conversation.';
COMMENT ON COLUMN agentcore.pii_redaction_map.placeholder IS
    'What stands in the text, for example [EMAIL_1].';
COMMENT ON COLUMN agentcore.pii_redaction_map.entity_type IS 'What it is, for example EMAIL.';
COMMENT ON COLUMN agentcore.pii_redaction_map.encrypted_value IS
    'Ciphertext: the application holds the key, the reader has no right to it.';
COMMENT ON COLUMN agentcore.pii_redaction_map.created_at IS 'When the row was made.';

CREATE TRIGGER pii_redaction_map_forbid_update_tg
    BEFORE UPDATE ON agentcore.pii_redaction_map
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER pii_redaction_map_forbid_truncate_tg
    BEFORE TRUNCATE ON agentcore.pii_redaction_map
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.pii_redaction_map ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.pii_redaction_map FORCE ROW LEVEL SECURITY;

CREATE POLICY pii_redaction_map_tenant ON agentcore.pii_redaction_map
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY pii_redaction_map_tenant_guard ON agentcore.pii_redaction_map AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT INSERT (
    department_id, id, conversation_id, placeholder, entity_type, encrypted_value
) ON agentcore.pii_redaction_map TO muniment_app;
GRANT SELECT (
    department_id, id, conversation_id, placeholder, entity_type, created_at
) ON agentcore.pii_redaction_map TO muniment_app;
GRANT SELECT (
    department_id, id, conversation_id, placeholder, entity_type, created_at
) ON agentcore.pii_redaction_map TO muniment_reader;

COMMIT;
