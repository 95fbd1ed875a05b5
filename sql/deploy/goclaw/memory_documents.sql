-- Deploy goclaw:memory_documents to pg
-- requires: agent_teams
--
-- What an agent remembers: documents, and the chunks of them that are searched. A row without a
-- user is for all users of its agent, one without a team for all teams; so what a team remembers
-- goes with the team, or its end would show it to everybody. A chunk repeats whose its document is,
-- because a search filters by that; triggers keep both equal, so that no slip of a writer shows
-- the memory of one user to another. They lock the document, so its indexers come one after the
-- other. Whoever deletes a team while a chunk of its is written can meet the writer in a deadlock
-- (40P01); either may come again.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.
-- Docs: docs/schema/goclaw.md#memory-documents

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.memory_documents (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id     uuid         NOT NULL,
    user_id      varchar(255),
    path         varchar(500) NOT NULL,
    content      text,
    hash         varchar(64),
    team_id      uuid,
    custom_scope varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT memory_documents_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT memory_documents_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT memory_documents_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memory_documents_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memory_documents_path_ck CHECK (path <> ''),
    CONSTRAINT memory_documents_user_id_ck CHECK (user_id <> ''),
    CONSTRAINT memory_documents_hash_ck CHECK (hash ~ '^[0-9a-f]{64}$')
);

-- A document of an agent by its path. Serves the reference.
CREATE INDEX memory_documents_agent_id_ix ON goclaw.memory_documents (tenant_id, agent_id, path);

-- Serves the reference.
CREATE INDEX memory_documents_team_id_ix
    ON goclaw.memory_documents (tenant_id, team_id) WHERE team_id IS NOT NULL;

COMMENT ON TABLE goclaw.memory_documents IS 'A document in the memory of an agent.';
COMMENT ON COLUMN goclaw.memory_documents.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.memory_documents.id IS 'The document.';
COMMENT ON COLUMN goclaw.memory_documents.agent_id IS 'The agent that remembers it.';
COMMENT ON COLUMN goclaw.memory_documents.user_id IS
    'The user whom it is about. NULL means all users of the agent.';
COMMENT ON COLUMN goclaw.memory_documents.path IS 'Its name among the documents of the agent.';
COMMENT ON COLUMN goclaw.memory_documents.content IS 'The document in full.';
COMMENT ON COLUMN goclaw.memory_documents.hash IS
    'SHA-256 of the content in hex, to notice changes.';
COMMENT ON COLUMN goclaw.memory_documents.team_id IS
    'The team in which it is remembered, and with which it goes. NULL means none.';
COMMENT ON COLUMN goclaw.memory_documents.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.memory_documents.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.memory_documents.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER memory_documents_set_updated_at_tg
    BEFORE UPDATE ON goclaw.memory_documents
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.memory_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.memory_documents FORCE ROW LEVEL SECURITY;

CREATE POLICY memory_documents_tenant ON goclaw.memory_documents
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY memory_documents_tenant_guard ON goclaw.memory_documents AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.memory_documents TO muniment_app;
GRANT UPDATE (
    agent_id, user_id, path, content, hash, team_id, custom_scope, updated_at
) ON goclaw.memory_documents TO muniment_app;
GRANT SELECT ON goclaw.memory_documents TO muniment_reader;

CREATE TABLE goclaw.memory_chunks (
    tenant_id    uuid                  NOT NULL,
    id           uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id     uuid                  NOT NULL,
    document_id  uuid                  NOT NULL,
    user_id      varchar(255),
    path         text                  NOT NULL,
    start_line   integer,
    end_line     integer,
    hash         varchar(64),
    text         text                  NOT NULL,
    embedding    platform.vector(1536),
    tsv          tsvector              GENERATED ALWAYS AS (
        to_tsvector('simple'::regconfig, text)
    ) STORED,
    team_id      uuid,
    custom_scope varchar(255),
    created_at   timestamptz           NOT NULL DEFAULT now(),
    updated_at   timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT memory_chunks_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT memory_chunks_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT memory_chunks_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memory_chunks_document_fk FOREIGN KEY (tenant_id, document_id)
        REFERENCES goclaw.memory_documents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memory_chunks_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT memory_chunks_hash_ck CHECK (hash <> ''),
    -- What has no distance to itself (too short or too long for its square) has none to anything,
    -- and a search would find it always.
    CONSTRAINT memory_chunks_embedding_ck CHECK (
        (embedding OPERATOR(platform.<=>) embedding) <= 1
    ),
    CONSTRAINT memory_chunks_lines_ck CHECK (start_line >= 0 AND end_line >= start_line)
);

-- A search under row security looks at this column of every row of the agent: kept in the row, it
-- costs a tenth of the reads. Text and vector are the ones to go elsewhere.
ALTER TABLE goclaw.memory_chunks ALTER COLUMN tsv SET STORAGE MAIN;

-- Stated: what an agent remembers for a user. Serves the reference.
CREATE INDEX memory_chunks_user_id_ix ON goclaw.memory_chunks (tenant_id, agent_id, user_id);

-- Stated: what an agent remembers for all users.
CREATE INDEX memory_chunks_agent_id_ix
    ON goclaw.memory_chunks (tenant_id, agent_id) WHERE user_id IS NULL;

-- Stated: the chunks of a document. Serves the reference.
CREATE INDEX memory_chunks_document_id_ix ON goclaw.memory_chunks (tenant_id, document_id);

-- Stated: full-text search. Not for whoever is under row security: @@ is not leakproof, so the rows
-- of the tenant are found first and their words compared then.
CREATE INDEX memory_chunks_tsv_ix ON goclaw.memory_chunks USING gin (tsv);

-- Stated: the chunks that are nearest in meaning.
CREATE INDEX memory_chunks_embedding_ix
    ON goclaw.memory_chunks USING hnsw (embedding platform.vector_cosine_ops);

-- Stated: what is remembered in a team. Serves the reference.
CREATE INDEX memory_chunks_team_id_ix
    ON goclaw.memory_chunks (tenant_id, team_id) WHERE team_id IS NOT NULL;

COMMENT ON TABLE goclaw.memory_chunks IS 'A part of a document that can be searched.';
COMMENT ON COLUMN goclaw.memory_chunks.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.memory_chunks.id IS 'The chunk.';
COMMENT ON COLUMN goclaw.memory_chunks.agent_id IS
    'The agent that remembers it; a trigger sets it, user, team, custom scope and path.';
COMMENT ON COLUMN goclaw.memory_chunks.document_id IS 'The document that it is a part of.';
COMMENT ON COLUMN goclaw.memory_chunks.user_id IS
    'The user whom it is about. NULL means all users of the agent.';
COMMENT ON COLUMN goclaw.memory_chunks.path IS 'Path of the document.';
COMMENT ON COLUMN goclaw.memory_chunks.start_line IS 'Its first line in the document.';
COMMENT ON COLUMN goclaw.memory_chunks.end_line IS 'Its last line in the document.';
COMMENT ON COLUMN goclaw.memory_chunks.hash IS 'Hash of the text, to notice changes.';
COMMENT ON COLUMN goclaw.memory_chunks.text IS 'The chunk.';
COMMENT ON COLUMN goclaw.memory_chunks.embedding IS
    'Its meaning as a vector. NULL means not computed yet.';
COMMENT ON COLUMN goclaw.memory_chunks.tsv IS
    'Its words, as they are written: memories are of many languages.';
COMMENT ON COLUMN goclaw.memory_chunks.team_id IS
    'The team in which it is remembered, and with which it goes. NULL means none.';
COMMENT ON COLUMN goclaw.memory_chunks.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.memory_chunks.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.memory_chunks.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER memory_chunks_set_updated_at_tg
    BEFORE UPDATE ON goclaw.memory_chunks
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

-- Locks the document: whoever changes its scope meanwhile would not see this chunk. A weaker lock
-- would let two in that write a chunk each and then the document, where each waits for the other.
CREATE FUNCTION goclaw.take_document_scope()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_document record;
BEGIN
    SELECT d.agent_id, d.user_id, d.team_id, d.custom_scope, d.path
    INTO v_document
    FROM goclaw.memory_documents AS d
    WHERE d.tenant_id = NEW.tenant_id
        AND d.id = NEW.document_id
    FOR NO KEY UPDATE;
    -- Without a document the reference refuses the chunk.
    IF FOUND THEN
        NEW.agent_id := v_document.agent_id;
        NEW.user_id := v_document.user_id;
        NEW.team_id := v_document.team_id;
        NEW.custom_scope := v_document.custom_scope;
        NEW.path := v_document.path;
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.take_document_scope() IS
    'Trigger function: gives a chunk agent, user, team, custom scope and path of its document, '
    'whatever the writer says. Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.take_document_scope() FROM PUBLIC;

CREATE TRIGGER memory_chunks_take_scope_tg
    BEFORE INSERT OR UPDATE OF document_id, agent_id, user_id, team_id, custom_scope, path
    ON goclaw.memory_chunks
    FOR EACH ROW EXECUTE FUNCTION goclaw.take_document_scope();

CREATE FUNCTION goclaw.pass_on_document_scope()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- With an older snapshot this would miss the chunks that were added since, and the memory of
    -- one user would stay with all.
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'memory document % cannot change hands in this isolation level', NEW.id
            USING ERRCODE = 'MU302',
                  HINT = 'Change scope and path under READ COMMITTED.';
    END IF;

    UPDATE goclaw.memory_chunks AS c
    SET agent_id = NEW.agent_id,
        user_id = NEW.user_id,
        team_id = NEW.team_id,
        custom_scope = NEW.custom_scope,
        path = NEW.path
    WHERE c.tenant_id = NEW.tenant_id
        AND c.document_id = NEW.id;

    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION goclaw.pass_on_document_scope() IS
    'Trigger function: gives the chunks of a document its new agent, user, team, custom scope and '
    'path. Raises MU302 where the isolation level hides chunks from it.';

REVOKE ALL ON FUNCTION goclaw.pass_on_document_scope() FROM PUBLIC;

CREATE TRIGGER memory_documents_pass_on_scope_tg
    AFTER UPDATE OF agent_id, user_id, team_id, custom_scope, path ON goclaw.memory_documents
    FOR EACH ROW
    WHEN (
        (OLD.agent_id, OLD.user_id, OLD.team_id, OLD.custom_scope, OLD.path)
        IS DISTINCT FROM (NEW.agent_id, NEW.user_id, NEW.team_id, NEW.custom_scope, NEW.path)
    )
    EXECUTE FUNCTION goclaw.pass_on_document_scope();

ALTER TABLE goclaw.memory_chunks ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.memory_chunks FORCE ROW LEVEL SECURITY;

CREATE POLICY memory_chunks_tenant ON goclaw.memory_chunks
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY memory_chunks_tenant_guard ON goclaw.memory_chunks AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.memory_chunks TO muniment_app;
GRANT UPDATE (
    agent_id, document_id, user_id, path, start_line, end_line, hash, text, embedding, team_id,
    custom_scope, updated_at
) ON goclaw.memory_chunks TO muniment_app;
GRANT SELECT ON goclaw.memory_chunks TO muniment_reader;

COMMIT;
