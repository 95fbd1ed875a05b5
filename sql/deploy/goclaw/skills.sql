-- Deploy goclaw:skills to pg
-- requires: agents
-- requires: protect_system_skill
-- requires: platform:vector
--
-- What agents can learn to do, and which agents and users may. What a tenant changed about a
-- skill is apart from it, so that a new version of one that came with the gateway does not undo it.
-- Those that came with it are put into a tenant by the backend: nobody else deletes them, so nobody
-- else makes them.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#skills

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.skills (
    tenant_id   uuid                  NOT NULL,
    id          uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    name        varchar(255)          NOT NULL,
    slug        varchar(255)          NOT NULL,
    description text,
    owner_id    varchar(255)          NOT NULL,
    visibility  varchar(10)           NOT NULL DEFAULT 'private',
    version     integer               NOT NULL DEFAULT 1,
    status      varchar(20)           NOT NULL DEFAULT 'active',
    frontmatter jsonb,
    file_path   text,
    file_size   bigint,
    file_hash   varchar(64),
    embedding   platform.vector(1536),
    tags        text[],
    is_system   boolean               NOT NULL DEFAULT false,
    deps        jsonb                 NOT NULL DEFAULT '{}',
    enabled     boolean               NOT NULL DEFAULT true,
    created_at  timestamptz           NOT NULL DEFAULT now(),
    updated_at  timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT skills_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT skills_slug_uq UNIQUE (tenant_id, slug),
    CONSTRAINT skills_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT skills_slug_ck CHECK (slug <> ''),
    CONSTRAINT skills_visibility_ck CHECK (visibility IN ('private', 'public')),
    CONSTRAINT skills_version_ck CHECK (version >= 1),
    CONSTRAINT skills_status_ck CHECK (status IN ('active', 'archived')),
    CONSTRAINT skills_file_size_ck CHECK (file_size >= 0)
);

-- Stated: the skills of a user.
CREATE INDEX skills_owner_id_ix ON goclaw.skills (tenant_id, owner_id);

-- Stated: what may be offered.
CREATE INDEX skills_visibility_ix ON goclaw.skills (tenant_id, visibility) WHERE status = 'active';

-- Stated: skills that fit a task. It orders before row security filters: a search that must not
-- lose rows beside those of other tenants sets hnsw.iterative_scan, as search_memory() does.
CREATE INDEX skills_embedding_ix
    ON goclaw.skills USING hnsw (embedding platform.vector_cosine_ops);

-- Stated: skills with a tag. Not for whoever is under row security: @> is not leakproof, so the
-- rows of the tenant are found first and their tags compared then.
CREATE INDEX skills_tags_ix ON goclaw.skills USING gin (tags);

-- Stated: what came with the gateway.
CREATE INDEX skills_is_system_ix ON goclaw.skills (tenant_id, is_system) WHERE is_system;

-- Stated: what is switched off.
CREATE INDEX skills_enabled_ix ON goclaw.skills (tenant_id, enabled) WHERE NOT enabled;

COMMENT ON TABLE goclaw.skills IS
    'A package of instructions that teaches an agent to do something.';
COMMENT ON COLUMN goclaw.skills.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.skills.id IS 'The skill.';
COMMENT ON COLUMN goclaw.skills.name IS 'For people.';
COMMENT ON COLUMN goclaw.skills.slug IS 'Short name in addresses.';
COMMENT ON COLUMN goclaw.skills.description IS 'What it is for, in short.';
COMMENT ON COLUMN goclaw.skills.owner_id IS 'The user who made it.';
COMMENT ON COLUMN goclaw.skills.visibility IS
    'private: for those to whom it is granted. public: for the whole tenant.';
COMMENT ON COLUMN goclaw.skills.version IS 'Counts up from 1.';
COMMENT ON COLUMN goclaw.skills.status IS 'active or archived.';
COMMENT ON COLUMN goclaw.skills.frontmatter IS 'What the head of its SKILL.md says.';
COMMENT ON COLUMN goclaw.skills.file_path IS 'Where the package is.';
COMMENT ON COLUMN goclaw.skills.file_size IS 'Length of the package in bytes.';
COMMENT ON COLUMN goclaw.skills.file_hash IS 'Hash of the package, to see whether it changed.';
COMMENT ON COLUMN goclaw.skills.embedding IS 'Of name and description. NULL until computed.';
COMMENT ON COLUMN goclaw.skills.tags IS 'Words to find it by.';
COMMENT ON COLUMN goclaw.skills.is_system IS
    'Whether it came with the gateway: then nobody deletes it while the tenant is active.';
COMMENT ON COLUMN goclaw.skills.deps IS 'What must be installed for it to work.';
COMMENT ON COLUMN goclaw.skills.enabled IS 'Whether agents may use it.';
COMMENT ON COLUMN goclaw.skills.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.skills.updated_at IS 'When the row was last changed; a trigger sets it.';

CREATE TRIGGER skills_protect_system_tg
    BEFORE DELETE ON goclaw.skills
    FOR EACH ROW WHEN (OLD.is_system) EXECUTE FUNCTION goclaw.protect_system_skill();

CREATE TRIGGER skills_set_updated_at_tg
    BEFORE UPDATE ON goclaw.skills
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.skills ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.skills FORCE ROW LEVEL SECURITY;

CREATE POLICY skills_tenant ON goclaw.skills
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY skills_tenant_guard ON goclaw.skills AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend puts the skills of the gateway into tenants.
CREATE POLICY skills_service ON goclaw.skills
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON goclaw.skills TO muniment_app;
GRANT INSERT (
    tenant_id, id, name, slug, description, owner_id, visibility, version, status, frontmatter,
    file_path, file_size, file_hash, embedding, tags, deps, enabled, created_at, updated_at
) ON goclaw.skills TO muniment_app;
GRANT UPDATE (
    name, slug, description, owner_id, visibility, version, status, frontmatter, file_path,
    file_size, file_hash, embedding, tags, deps, enabled, updated_at
) ON goclaw.skills TO muniment_app;
GRANT SELECT ON goclaw.skills TO muniment_reader;
GRANT INSERT ON goclaw.skills TO muniment_service;
GRANT SELECT (tenant_id, id, slug, version, is_system) ON goclaw.skills TO muniment_service;

CREATE TABLE goclaw.skill_agent_grants (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    skill_id   uuid         NOT NULL,
    agent_id   uuid         NOT NULL,
    can_manage boolean      NOT NULL DEFAULT false,
    granted_by varchar(255),
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT skill_agent_grants_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT skill_agent_grants_agent_id_uq UNIQUE (tenant_id, skill_id, agent_id),
    CONSTRAINT skill_agent_grants_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT skill_agent_grants_skill_fk FOREIGN KEY (tenant_id, skill_id)
        REFERENCES goclaw.skills (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT skill_agent_grants_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE
);

-- The skills of an agent. Serves the reference.
CREATE INDEX skill_agent_grants_agent_id_ix ON goclaw.skill_agent_grants (tenant_id, agent_id);

COMMENT ON TABLE goclaw.skill_agent_grants IS 'Leave of an agent to use a skill.';
COMMENT ON COLUMN goclaw.skill_agent_grants.tenant_id IS 'The tenant, of skill and agent both.';
COMMENT ON COLUMN goclaw.skill_agent_grants.id IS 'The grant.';
COMMENT ON COLUMN goclaw.skill_agent_grants.skill_id IS 'The skill.';
COMMENT ON COLUMN goclaw.skill_agent_grants.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.skill_agent_grants.can_manage IS
    'Whether the agent may also publish, change and delete the skill.';
COMMENT ON COLUMN goclaw.skill_agent_grants.granted_by IS 'The user who gave leave.';
COMMENT ON COLUMN goclaw.skill_agent_grants.created_at IS 'When the row was made.';

ALTER TABLE goclaw.skill_agent_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.skill_agent_grants FORCE ROW LEVEL SECURITY;

CREATE POLICY skill_agent_grants_tenant ON goclaw.skill_agent_grants
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY skill_agent_grants_tenant_guard ON goclaw.skill_agent_grants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.skill_agent_grants TO muniment_app;
GRANT UPDATE (
    skill_id, agent_id, can_manage, granted_by
) ON goclaw.skill_agent_grants TO muniment_app;
GRANT SELECT ON goclaw.skill_agent_grants TO muniment_reader;

CREATE TABLE goclaw.skill_user_grants (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    skill_id   uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    granted_by varchar(255),
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT skill_user_grants_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT skill_user_grants_user_id_uq UNIQUE (tenant_id, skill_id, user_id),
    CONSTRAINT skill_user_grants_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT skill_user_grants_skill_fk FOREIGN KEY (tenant_id, skill_id)
        REFERENCES goclaw.skills (tenant_id, id) ON DELETE CASCADE
);

-- The skills of a user.
CREATE INDEX skill_user_grants_user_id_ix ON goclaw.skill_user_grants (tenant_id, user_id);

COMMENT ON TABLE goclaw.skill_user_grants IS 'Leave of a user to use a skill.';
COMMENT ON COLUMN goclaw.skill_user_grants.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.skill_user_grants.id IS 'The grant.';
COMMENT ON COLUMN goclaw.skill_user_grants.skill_id IS 'The skill.';
COMMENT ON COLUMN goclaw.skill_user_grants.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.skill_user_grants.granted_by IS 'The user who gave leave.';
COMMENT ON COLUMN goclaw.skill_user_grants.created_at IS 'When the row was made.';

ALTER TABLE goclaw.skill_user_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.skill_user_grants FORCE ROW LEVEL SECURITY;

CREATE POLICY skill_user_grants_tenant ON goclaw.skill_user_grants
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY skill_user_grants_tenant_guard ON goclaw.skill_user_grants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.skill_user_grants TO muniment_app;
GRANT UPDATE (skill_id, user_id, granted_by) ON goclaw.skill_user_grants TO muniment_app;
GRANT SELECT ON goclaw.skill_user_grants TO muniment_reader;

CREATE TABLE goclaw.skill_tenant_configs (
    tenant_id  uuid        NOT NULL,
    skill_id   uuid        NOT NULL,
    enabled    boolean     NOT NULL DEFAULT true,
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT skill_tenant_configs_pk PRIMARY KEY (tenant_id, skill_id),
    CONSTRAINT skill_tenant_configs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT skill_tenant_configs_skill_fk FOREIGN KEY (tenant_id, skill_id)
        REFERENCES goclaw.skills (tenant_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE goclaw.skill_tenant_configs IS 'What a tenant changed about a skill.';
COMMENT ON COLUMN goclaw.skill_tenant_configs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.skill_tenant_configs.skill_id IS 'The skill.';
COMMENT ON COLUMN goclaw.skill_tenant_configs.enabled IS 'Whether the tenant uses it.';
COMMENT ON COLUMN goclaw.skill_tenant_configs.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER skill_tenant_configs_set_updated_at_tg
    BEFORE UPDATE ON goclaw.skill_tenant_configs
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.skill_tenant_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.skill_tenant_configs FORCE ROW LEVEL SECURITY;

CREATE POLICY skill_tenant_configs_tenant ON goclaw.skill_tenant_configs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY skill_tenant_configs_tenant_guard ON goclaw.skill_tenant_configs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.skill_tenant_configs TO muniment_app;
GRANT UPDATE (enabled, updated_at) ON goclaw.skill_tenant_configs TO muniment_app;
GRANT SELECT ON goclaw.skill_tenant_configs TO muniment_reader;

COMMIT;
