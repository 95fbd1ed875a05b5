-- Deploy goclaw:agent_context_files to pg
-- requires: agents
--
-- Files that an agent reads before it answers: its own, the same for all users, and those about one
-- user. People and agents write them, so they cannot be made again.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#agent-context-files

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agent_context_files (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid         NOT NULL,
    file_name  varchar(255) NOT NULL,
    content    text         NOT NULL DEFAULT '',
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT agent_context_files_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agent_context_files_file_name_uq UNIQUE (tenant_id, agent_id, file_name),
    CONSTRAINT agent_context_files_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agent_context_files_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT agent_context_files_file_name_ck CHECK (file_name <> '')
);

COMMENT ON TABLE goclaw.agent_context_files IS
    'A file of an agent, the same for all users, such as SOUL.md.';
COMMENT ON COLUMN goclaw.agent_context_files.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agent_context_files.id IS 'The file.';
COMMENT ON COLUMN goclaw.agent_context_files.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.agent_context_files.file_name IS 'Its name, for example SOUL.md.';
COMMENT ON COLUMN goclaw.agent_context_files.content IS 'What is in it.';
COMMENT ON COLUMN goclaw.agent_context_files.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.agent_context_files.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER agent_context_files_set_updated_at_tg
    BEFORE UPDATE ON goclaw.agent_context_files
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.agent_context_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agent_context_files FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_context_files_tenant ON goclaw.agent_context_files
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_context_files_tenant_guard ON goclaw.agent_context_files AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.agent_context_files TO muniment_app;
GRANT UPDATE (
    agent_id, file_name, content, updated_at
) ON goclaw.agent_context_files TO muniment_app;
GRANT SELECT ON goclaw.agent_context_files TO muniment_reader;

CREATE TABLE goclaw.user_context_files (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    file_name  varchar(255) NOT NULL,
    content    text         NOT NULL DEFAULT '',
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT user_context_files_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT user_context_files_file_name_uq UNIQUE (tenant_id, agent_id, user_id, file_name),
    CONSTRAINT user_context_files_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT user_context_files_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT user_context_files_file_name_ck CHECK (file_name <> '')
);

COMMENT ON TABLE goclaw.user_context_files IS 'A file of an agent about one user, such as USER.md.';
COMMENT ON COLUMN goclaw.user_context_files.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.user_context_files.id IS 'The file.';
COMMENT ON COLUMN goclaw.user_context_files.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.user_context_files.user_id IS 'The user whom it is about.';
COMMENT ON COLUMN goclaw.user_context_files.file_name IS 'Its name, for example USER.md.';
COMMENT ON COLUMN goclaw.user_context_files.content IS 'What is in it.';
COMMENT ON COLUMN goclaw.user_context_files.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.user_context_files.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER user_context_files_set_updated_at_tg
    BEFORE UPDATE ON goclaw.user_context_files
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.user_context_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.user_context_files FORCE ROW LEVEL SECURITY;

CREATE POLICY user_context_files_tenant ON goclaw.user_context_files
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY user_context_files_tenant_guard ON goclaw.user_context_files AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.user_context_files TO muniment_app;
GRANT UPDATE (
    agent_id, user_id, file_name, content, updated_at
) ON goclaw.user_context_files TO muniment_app;
GRANT SELECT ON goclaw.user_context_files TO muniment_reader;

COMMIT;
