-- Deploy astra:agent_documents to pg
-- requires: goals
--
-- What an agent reads before it works, for all goals or for one.
-- Locks: SHARE ROW EXCLUSIVE on agents, goals, organizations.
-- Docs: docs/schema/astra.md#agent-documents

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.agent_documents (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid        NOT NULL,
    goal_id    uuid,
    doc_type   text        NOT NULL,
    name       text        NOT NULL,
    content    text,
    uri        text,
    metadata   jsonb       NOT NULL DEFAULT '{}',
    priority   integer     NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT agent_documents_pk PRIMARY KEY (org_id, id),
    CONSTRAINT agent_documents_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT agent_documents_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_documents_goal_fk FOREIGN KEY (org_id, goal_id)
        REFERENCES astra.goals (org_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_documents_doc_type_ck
        CHECK (doc_type IN ('rule', 'skill', 'context_doc', 'reference')),
    CONSTRAINT agent_documents_name_ck CHECK (name <> ''),
    CONSTRAINT agent_documents_content_ck CHECK (num_nonnulls(content, uri) >= 1)
);

-- The documents of an agent in the order of reading. Serves the reference.
CREATE INDEX agent_documents_agent_id_ix ON astra.agent_documents (org_id, agent_id, priority DESC);

-- The documents of a goal. Serves the reference.
CREATE INDEX agent_documents_goal_id_ix
    ON astra.agent_documents (org_id, goal_id) WHERE goal_id IS NOT NULL;

COMMENT ON TABLE astra.agent_documents IS 'A rule, skill, text or reference of an agent.';
COMMENT ON COLUMN astra.agent_documents.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.agent_documents.id IS 'The document.';
COMMENT ON COLUMN astra.agent_documents.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.agent_documents.goal_id IS 'The goal that it is for. NULL means all.';
COMMENT ON COLUMN astra.agent_documents.doc_type IS 'rule, skill, context_doc or reference.';
COMMENT ON COLUMN astra.agent_documents.name IS 'Its name.';
COMMENT ON COLUMN astra.agent_documents.content IS 'The text.';
COMMENT ON COLUMN astra.agent_documents.uri IS 'Where the text is, if it is not here.';
COMMENT ON COLUMN astra.agent_documents.metadata IS 'Further facts about it.';
COMMENT ON COLUMN astra.agent_documents.priority IS 'Which is read first: the highest number.';
COMMENT ON COLUMN astra.agent_documents.created_at IS 'When the row was made.';

ALTER TABLE astra.agent_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.agent_documents FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_documents_tenant ON astra.agent_documents
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_documents_tenant_guard ON astra.agent_documents AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.agent_documents TO muniment_app;
GRANT UPDATE (
    agent_id, goal_id, doc_type, name, content, uri, metadata, priority
) ON astra.agent_documents TO muniment_app;
GRANT SELECT ON astra.agent_documents TO muniment_reader;

COMMIT;
