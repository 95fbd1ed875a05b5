-- Deploy astra:memories to pg
-- requires: agents
-- requires: platform:vector
--
-- What an agent remembers: what happened, and what it learnt. There is no index of vectors: the
-- memories of one agent are compared one by one, see search_memories.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations.  Docs: docs/schema/astra.md#memories

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.memories (
    org_id      uuid                  NOT NULL,
    id          uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id    uuid                  NOT NULL,
    memory_type text                  NOT NULL,
    content     text                  NOT NULL,
    embedding   platform.vector(1536),
    created_at  timestamptz           NOT NULL DEFAULT now(),
    expires_at  timestamptz,

    CONSTRAINT memories_pk PRIMARY KEY (org_id, id),
    CONSTRAINT memories_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT memories_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT memories_memory_type_ck CHECK (memory_type IN ('episodic', 'semantic')),
    CONSTRAINT memories_content_ck CHECK (content <> ''),
    CONSTRAINT memories_embedding_ck CHECK (platform.vector_norm(embedding) > 0)
);

-- The memories of an agent, which search_memories compares. Serves the reference.
CREATE INDEX memories_agent_id_ix ON astra.memories (org_id, agent_id, memory_type);

-- What has expired, of all organisations, which is why the tenant is not in it.
CREATE INDEX memories_expires_at_ix ON astra.memories (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE astra.memories IS 'Something that an agent remembers.';
COMMENT ON COLUMN astra.memories.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.memories.id IS 'The memory.';
COMMENT ON COLUMN astra.memories.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.memories.memory_type IS 'episodic: what happened. semantic: what is so.';
COMMENT ON COLUMN astra.memories.content IS 'The memory in words.';
COMMENT ON COLUMN astra.memories.embedding IS
    'Its meaning, never all zeros, which is near to nothing. NULL means not computed yet.';
COMMENT ON COLUMN astra.memories.created_at IS 'When the row was made.';
COMMENT ON COLUMN astra.memories.expires_at IS 'When it is forgotten. NULL means never.';

ALTER TABLE astra.memories ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.memories FORCE ROW LEVEL SECURITY;

CREATE POLICY memories_tenant ON astra.memories
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY memories_tenant_guard ON astra.memories AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- What has expired is deleted for all organisations at once.
CREATE POLICY memories_service ON astra.memories
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON astra.memories TO muniment_app;
GRANT UPDATE (
    agent_id, memory_type, content, embedding, expires_at
) ON astra.memories TO muniment_app;
GRANT SELECT ON astra.memories TO muniment_reader;
-- Nothing of what is remembered: only what it takes to find, lock and delete a row.
GRANT SELECT (org_id, id, expires_at), UPDATE (expires_at) ON astra.memories TO muniment_service;
GRANT DELETE ON astra.memories TO muniment_service;

COMMIT;
