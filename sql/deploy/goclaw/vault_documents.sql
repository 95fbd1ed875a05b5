-- Deploy goclaw:vault_documents to pg
-- requires: agent_teams
--
-- The files of agents and teams: the file system holds what is in them, this registry where they
-- are, whose they are and what they are about. Two triggers keep scope and owner together when an
-- agent or a team is deleted. What a file was once is kept: nobody changes or removes a version,
-- it goes with its document.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.
-- Docs: docs/schema/goclaw.md#vault-documents

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.vault_documents (
    tenant_id     uuid                  NOT NULL,
    id            uuid                  NOT NULL DEFAULT gen_random_uuid(),
    agent_id      uuid,
    scope         text                  NOT NULL DEFAULT 'personal',
    path          text                  NOT NULL,
    title         text                  NOT NULL DEFAULT '',
    doc_type      text                  NOT NULL DEFAULT 'note',
    content_hash  text                  NOT NULL DEFAULT '',
    embedding     platform.vector(1536),
    summary       text                  NOT NULL DEFAULT '',
    metadata      jsonb                 NOT NULL DEFAULT '{}',
    team_id       uuid,
    custom_scope  varchar(255),
    chat_id       text,
    path_basename text                  GENERATED ALWAYS AS (
        lower(regexp_replace(path, '.+/', ''))
    ) STORED,
    tsv           tsvector              GENERATED ALWAYS AS (
        to_tsvector('simple'::regconfig, title || ' ' || path || ' ' || summary)
    ) STORED,
    created_at    timestamptz           NOT NULL DEFAULT now(),
    updated_at    timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT vault_documents_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT vault_documents_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT vault_documents_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (agent_id),
    CONSTRAINT vault_documents_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE SET NULL (team_id),
    -- What has no distance to itself (too short or too long for its square) has none to anything.
    CONSTRAINT vault_documents_embedding_ck CHECK (
        (embedding OPERATOR(platform.<=>) embedding) <= 1
    ),
    CONSTRAINT vault_documents_path_ck CHECK (path <> ''),
    CONSTRAINT vault_documents_content_hash_ck CHECK (content_hash ~ '^([0-9a-f]{64})?$'),
    CONSTRAINT vault_documents_scope_consistency_ck CHECK (
        (scope = 'personal' AND agent_id IS NOT NULL AND team_id IS NULL)
        OR (scope = 'team' AND team_id IS NOT NULL AND agent_id IS NULL)
        OR (scope = 'shared' AND agent_id IS NULL AND team_id IS NULL)
        OR scope = 'custom'
    )
);

-- Stated: one document a file.
CREATE UNIQUE INDEX vault_documents_path_uq
    ON goclaw.vault_documents (
        tenant_id,
        coalesce(agent_id, '00000000-0000-0000-0000-000000000000'),
        coalesce(team_id, '00000000-0000-0000-0000-000000000000'),
        scope,
        path
    );

-- Stated: the files of an agent by scope. Serves the reference.
CREATE INDEX vault_documents_agent_scope_ix
    ON goclaw.vault_documents (tenant_id, agent_id, scope)
    WHERE agent_id IS NOT NULL;

-- Stated: the files of an agent by kind.
CREATE INDEX vault_documents_doc_type_ix ON goclaw.vault_documents (tenant_id, agent_id, doc_type);

-- Stated: files with the same content.
CREATE INDEX vault_documents_content_hash_ix ON goclaw.vault_documents (tenant_id, content_hash);

-- Stated: the files that are nearest in meaning.
CREATE INDEX vault_documents_embedding_ix
    ON goclaw.vault_documents USING hnsw (embedding platform.vector_cosine_ops)
    WITH (m = 16, ef_construction = 64);

-- Stated: full-text search. Not for whoever is under row security: @@ is not leakproof, so the rows
-- of the tenant are found first and their words compared then.
CREATE INDEX vault_documents_tsv_ix ON goclaw.vault_documents USING gin (tsv);

-- Stated: the files of a team. Serves the reference.
CREATE INDEX vault_documents_team_id_ix
    ON goclaw.vault_documents (tenant_id, team_id) WHERE team_id IS NOT NULL;

-- Stated: the file that a link means.
CREATE INDEX vault_documents_path_basename_ix ON goclaw.vault_documents (tenant_id, path_basename);

-- Stated: the files below a directory. Under row security it serves path ^@ 'directory/', which is
-- leakproof, but not LIKE.
CREATE INDEX vault_documents_path_prefix_ix
    ON goclaw.vault_documents (tenant_id, path text_pattern_ops);

-- Stated: the files of a chat.
CREATE INDEX vault_documents_chat_id_ix ON goclaw.vault_documents (tenant_id, chat_id, agent_id);

COMMENT ON TABLE goclaw.vault_documents IS 'A file of an agent, of a team or of the whole tenant.';
COMMENT ON COLUMN goclaw.vault_documents.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.vault_documents.id IS 'The document.';
COMMENT ON COLUMN goclaw.vault_documents.agent_id IS
    'The agent whose file it is. NULL means that of a team, or of all.';
COMMENT ON COLUMN goclaw.vault_documents.scope IS
    'personal (of the agent), team, shared (of all in the tenant) or custom.';
COMMENT ON COLUMN goclaw.vault_documents.path IS 'Where the file is in the vault.';
COMMENT ON COLUMN goclaw.vault_documents.title IS 'For people.';
COMMENT ON COLUMN goclaw.vault_documents.doc_type IS
    'What it is, for example note, reference or log.';
COMMENT ON COLUMN goclaw.vault_documents.content_hash IS
    'SHA-256 of the file in hex. Empty means not computed yet.';
COMMENT ON COLUMN goclaw.vault_documents.embedding IS
    'The summary''s meaning as a vector. NULL means not computed yet.';
COMMENT ON COLUMN goclaw.vault_documents.summary IS 'What is in it, as a model put it.';
COMMENT ON COLUMN goclaw.vault_documents.metadata IS 'Further facts about the file.';
COMMENT ON COLUMN goclaw.vault_documents.team_id IS 'The team whose file it is. NULL means none.';
COMMENT ON COLUMN goclaw.vault_documents.custom_scope IS
    'A scope of the gateway''s own; team: and an id for what a deleted team left.';
COMMENT ON COLUMN goclaw.vault_documents.chat_id IS
    'The one chat in which it may be seen. NULL means all.';
COMMENT ON COLUMN goclaw.vault_documents.path_basename IS
    'The file''s name without directories, in small letters.';
COMMENT ON COLUMN goclaw.vault_documents.tsv IS
    'Words of title, path and summary, as they are written.';
COMMENT ON COLUMN goclaw.vault_documents.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.vault_documents.updated_at IS
    'When the row was last changed; a trigger sets it.';

-- What its agent or team leaves behind is not taken along, so it needs another scope, which the
-- CHECK asks for and a key may hold already: two agents with a file of the same path both leave it
-- to the tenant. A team leaves it to nobody: what was the team's alone must not be everybody's.
-- Another path is better than an agent that cannot be deleted. Whoever takes a document away from
-- an owner that is still there gets 23505 instead. Of two deletions at the same time that leave the
-- same path, the second fails with 23505, and succeeds when repeated.
-- A reference that empties a column runs this as the owner and without row security, so the queries
-- name the tenant themselves.
CREATE FUNCTION goclaw.settle_vault_document()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_none CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
BEGIN
    IF NEW.scope IN ('personal', 'team') AND NEW.team_id IS NULL THEN
        IF NEW.agent_id IS NOT NULL THEN
            NEW.scope := 'personal';
        ELSIF OLD.team_id IS NULL THEN
            NEW.scope := 'shared';
        ELSE
            NEW.scope := 'custom';
            NEW.custom_scope := coalesce(NEW.custom_scope, 'team:' || OLD.team_id);
        END IF;
    END IF;

    IF EXISTS (
        SELECT
        FROM (VALUES (OLD.agent_id, NEW.agent_id)) AS agent (was, is_now)
        WHERE agent.was IS NOT NULL
            AND agent.is_now IS NULL
            AND NOT EXISTS (
                SELECT
                FROM goclaw.agents AS a
                WHERE a.tenant_id = NEW.tenant_id
                    AND a.id = agent.was
            )
        UNION ALL
        SELECT
        FROM (VALUES (OLD.team_id, NEW.team_id)) AS team (was, is_now)
        WHERE team.was IS NOT NULL
            AND team.is_now IS NULL
            AND NOT EXISTS (
                SELECT
                FROM goclaw.agent_teams AS t
                WHERE t.tenant_id = NEW.tenant_id
                    AND t.id = team.was
            )
    ) AND EXISTS (
        SELECT
        FROM goclaw.vault_documents AS d
        WHERE d.tenant_id = NEW.tenant_id
            AND coalesce(d.agent_id, c_none) = coalesce(NEW.agent_id, c_none)
            AND coalesce(d.team_id, c_none) = coalesce(NEW.team_id, c_none)
            AND d.scope = NEW.scope
            AND d.path = NEW.path
    ) THEN
        NEW.path := NEW.id || '/' || NEW.path;
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.settle_vault_document() IS
    'Trigger function: a document that lost its team becomes personal if it has an agent, else '
    'custom with the team in custom_scope, where no search finds it; one that lost its agent '
    'becomes shared. A custom scope stays. Where the agent or team was deleted and another '
    'document has the same owner, scope and path already, its id is put in front of the path. '
    'Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.settle_vault_document() FROM PUBLIC;

CREATE TRIGGER vault_documents_team_null_scope_tg
    BEFORE UPDATE OF team_id ON goclaw.vault_documents
    FOR EACH ROW WHEN (OLD.team_id IS NOT NULL AND NEW.team_id IS NULL)
    EXECUTE FUNCTION goclaw.settle_vault_document();

CREATE TRIGGER vault_documents_agent_null_scope_fix_tg
    BEFORE UPDATE OF agent_id ON goclaw.vault_documents
    FOR EACH ROW WHEN (OLD.agent_id IS NOT NULL AND NEW.agent_id IS NULL)
    EXECUTE FUNCTION goclaw.settle_vault_document();

CREATE TRIGGER vault_documents_set_updated_at_tg
    BEFORE UPDATE ON goclaw.vault_documents
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.vault_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.vault_documents FORCE ROW LEVEL SECURITY;

CREATE POLICY vault_documents_tenant ON goclaw.vault_documents
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY vault_documents_tenant_guard ON goclaw.vault_documents AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.vault_documents TO muniment_app;
GRANT UPDATE (
    agent_id, scope, path, title, doc_type, content_hash, embedding, summary, metadata, team_id,
    custom_scope, chat_id, updated_at
) ON goclaw.vault_documents TO muniment_app;
GRANT SELECT ON goclaw.vault_documents TO muniment_reader;

CREATE TABLE goclaw.vault_links (
    tenant_id    uuid         NOT NULL DEFAULT platform.current_tenant_id(),
    id           uuid         NOT NULL DEFAULT gen_random_uuid(),
    from_doc_id  uuid         NOT NULL,
    to_doc_id    uuid         NOT NULL,
    link_type    text         NOT NULL DEFAULT 'wikilink',
    context      text         NOT NULL DEFAULT '',
    custom_scope varchar(255),
    metadata     jsonb        NOT NULL DEFAULT '{}',
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT vault_links_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT vault_links_link_type_uq UNIQUE (tenant_id, from_doc_id, to_doc_id, link_type),
    CONSTRAINT vault_links_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT vault_links_from_doc_fk FOREIGN KEY (tenant_id, from_doc_id)
        REFERENCES goclaw.vault_documents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT vault_links_to_doc_fk FOREIGN KEY (tenant_id, to_doc_id)
        REFERENCES goclaw.vault_documents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT vault_links_link_type_ck CHECK (
        link_type IN (
            'wikilink', 'reference', 'depends_on', 'extends', 'related', 'supersedes',
            'contradicts', 'task_attachment', 'delegation_attachment'
        )
    )
);

-- Stated: what links to a document. Serves the reference. What is stated for the document that
-- links, the unique key serves.
CREATE INDEX vault_links_to_doc_id_ix ON goclaw.vault_links (tenant_id, to_doc_id);

COMMENT ON TABLE goclaw.vault_links IS 'A link from one document to another.';
COMMENT ON COLUMN goclaw.vault_links.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.vault_links.id IS 'The link.';
COMMENT ON COLUMN goclaw.vault_links.from_doc_id IS 'The document that links.';
COMMENT ON COLUMN goclaw.vault_links.to_doc_id IS 'The document that is linked.';
COMMENT ON COLUMN goclaw.vault_links.link_type IS 'How they belong together.';
COMMENT ON COLUMN goclaw.vault_links.context IS 'The text around the link.';
COMMENT ON COLUMN goclaw.vault_links.custom_scope IS 'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.vault_links.metadata IS 'What enrichment found out.';
COMMENT ON COLUMN goclaw.vault_links.created_at IS 'When the row was made.';

ALTER TABLE goclaw.vault_links ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.vault_links FORCE ROW LEVEL SECURITY;

CREATE POLICY vault_links_tenant ON goclaw.vault_links
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY vault_links_tenant_guard ON goclaw.vault_links AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.vault_links TO muniment_app;
GRANT UPDATE (link_type, context, custom_scope, metadata) ON goclaw.vault_links TO muniment_app;
GRANT SELECT ON goclaw.vault_links TO muniment_reader;

CREATE TABLE goclaw.vault_versions (
    tenant_id    uuid         NOT NULL DEFAULT platform.current_tenant_id(),
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    doc_id       uuid         NOT NULL,
    version      integer      NOT NULL DEFAULT 1,
    content      text         NOT NULL DEFAULT '',
    changed_by   text         NOT NULL DEFAULT '',
    custom_scope varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT vault_versions_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT vault_versions_version_uq UNIQUE (tenant_id, doc_id, version),
    CONSTRAINT vault_versions_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT vault_versions_doc_fk FOREIGN KEY (tenant_id, doc_id)
        REFERENCES goclaw.vault_documents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT vault_versions_version_ck CHECK (version >= 1)
);

COMMENT ON TABLE goclaw.vault_versions IS 'A document as it was; append-only.';
COMMENT ON COLUMN goclaw.vault_versions.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.vault_versions.id IS 'The version.';
COMMENT ON COLUMN goclaw.vault_versions.doc_id IS 'The document.';
COMMENT ON COLUMN goclaw.vault_versions.version IS 'Its number, from 1 on.';
COMMENT ON COLUMN goclaw.vault_versions.content IS 'What was in the file.';
COMMENT ON COLUMN goclaw.vault_versions.changed_by IS 'Who made the change.';
COMMENT ON COLUMN goclaw.vault_versions.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.vault_versions.created_at IS 'When the row was made.';

CREATE TRIGGER vault_versions_forbid_update_tg
    BEFORE UPDATE ON goclaw.vault_versions
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER vault_versions_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.vault_versions
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.vault_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.vault_versions FORCE ROW LEVEL SECURITY;

CREATE POLICY vault_versions_tenant ON goclaw.vault_versions
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY vault_versions_tenant_guard ON goclaw.vault_versions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON goclaw.vault_versions TO muniment_app;
GRANT SELECT ON goclaw.vault_versions TO muniment_reader;

COMMIT;
