-- Deploy goclaw:secure_cli_binaries to pg
-- requires: agents
--
-- Programs that agents run with credentials in the environment, which the gateway holds the key to.
-- What a grant leaves empty comes from the binary; what a user has of their own goes before both.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#secure-cli-binaries

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.secure_cli_binaries (
    tenant_id       uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    binary_name     text        NOT NULL,
    binary_path     text,
    description     text        NOT NULL DEFAULT '',
    encrypted_env   bytea       NOT NULL,
    deny_args       jsonb       NOT NULL DEFAULT '[]',
    deny_verbose    jsonb       NOT NULL DEFAULT '[]',
    timeout_seconds integer     NOT NULL DEFAULT 30,
    tips            text        NOT NULL DEFAULT '',
    is_global       boolean     NOT NULL DEFAULT true,
    enabled         boolean     NOT NULL DEFAULT true,
    adapter_name    text,
    created_by      text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT secure_cli_binaries_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT secure_cli_binaries_binary_name_uq UNIQUE (tenant_id, binary_name),
    CONSTRAINT secure_cli_binaries_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT secure_cli_binaries_binary_name_ck CHECK (binary_name <> ''),
    CONSTRAINT secure_cli_binaries_binary_path_ck CHECK (binary_path LIKE '/%'),
    CONSTRAINT secure_cli_binaries_deny_args_ck CHECK (jsonb_typeof(deny_args) = 'array'),
    CONSTRAINT secure_cli_binaries_deny_verbose_ck CHECK (jsonb_typeof(deny_verbose) = 'array'),
    CONSTRAINT secure_cli_binaries_timeout_seconds_ck CHECK (timeout_seconds > 0)
);

COMMENT ON TABLE goclaw.secure_cli_binaries IS 'A program that agents may run with credentials.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.id IS 'The binary.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.binary_name IS 'What it is called, for example gh.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.binary_path IS
    'Absolute path. NULL lets the gateway look for it.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.description IS 'For people.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.encrypted_env IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. The '
    'environment, as JSON.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.deny_args IS
    'Regular expressions of arguments that are refused.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.deny_verbose IS
    'Patterns of verbose flags that are taken away.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.timeout_seconds IS
    'After how many seconds it is stopped.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.tips IS 'What agents are told about it.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.is_global IS
    'Whether every agent may run it, or only those with a grant.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.enabled IS 'Whether it may be run at all.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.adapter_name IS
    'What hands the credentials over, by name. NULL hands the environment over as it is.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.secure_cli_binaries.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER secure_cli_binaries_set_updated_at_tg
    BEFORE UPDATE ON goclaw.secure_cli_binaries
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.secure_cli_binaries ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.secure_cli_binaries FORCE ROW LEVEL SECURITY;

CREATE POLICY secure_cli_binaries_tenant ON goclaw.secure_cli_binaries
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY secure_cli_binaries_tenant_guard ON goclaw.secure_cli_binaries AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.secure_cli_binaries TO muniment_app;
GRANT UPDATE (
    binary_name, binary_path, description, encrypted_env, deny_args, deny_verbose,
    timeout_seconds, tips, is_global, enabled, adapter_name, created_by, updated_at
) ON goclaw.secure_cli_binaries TO muniment_app;
GRANT SELECT (
    tenant_id, id, binary_name, binary_path, description, deny_args, deny_verbose,
    timeout_seconds, tips, is_global, enabled, adapter_name, created_by, created_at, updated_at
) ON goclaw.secure_cli_binaries TO muniment_reader;

CREATE TABLE goclaw.secure_cli_agent_grants (
    tenant_id       uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    binary_id       uuid        NOT NULL,
    agent_id        uuid        NOT NULL,
    deny_args       jsonb,
    deny_verbose    jsonb,
    timeout_seconds integer,
    tips            text,
    encrypted_env   bytea,
    enabled         boolean     NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT secure_cli_agent_grants_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT secure_cli_agent_grants_agent_id_uq UNIQUE (tenant_id, binary_id, agent_id),
    CONSTRAINT secure_cli_agent_grants_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT secure_cli_agent_grants_binary_fk FOREIGN KEY (tenant_id, binary_id)
        REFERENCES goclaw.secure_cli_binaries (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT secure_cli_agent_grants_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT secure_cli_agent_grants_deny_args_ck CHECK (jsonb_typeof(deny_args) = 'array'),
    CONSTRAINT secure_cli_agent_grants_deny_verbose_ck CHECK (jsonb_typeof(deny_verbose) = 'array'),
    CONSTRAINT secure_cli_agent_grants_timeout_seconds_ck CHECK (timeout_seconds > 0)
);

-- Stated: what an agent may run. Serves the reference.
CREATE INDEX secure_cli_agent_grants_agent_id_ix
    ON goclaw.secure_cli_agent_grants (tenant_id, agent_id);

COMMENT ON TABLE goclaw.secure_cli_agent_grants IS
    'Leave for an agent to run a binary, with settings of its own.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.id IS 'The grant.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.binary_id IS 'The binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.deny_args IS
    'Instead of those of the binary. NULL means those of the binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.deny_verbose IS
    'Instead of those of the binary. NULL means those of the binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.timeout_seconds IS
    'Instead of that of the binary, in seconds. NULL means that of the binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.tips IS
    'Instead of those of the binary. NULL means those of the binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.encrypted_env IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. NULL '
    'means the environment of the binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.enabled IS
    'Whether the grant holds. One that does not keeps its agent even from a global binary.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.secure_cli_agent_grants.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER secure_cli_agent_grants_set_updated_at_tg
    BEFORE UPDATE ON goclaw.secure_cli_agent_grants
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.secure_cli_agent_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.secure_cli_agent_grants FORCE ROW LEVEL SECURITY;

CREATE POLICY secure_cli_agent_grants_tenant ON goclaw.secure_cli_agent_grants
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY secure_cli_agent_grants_tenant_guard ON goclaw.secure_cli_agent_grants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.secure_cli_agent_grants TO muniment_app;
GRANT UPDATE (
    deny_args, deny_verbose, timeout_seconds, tips, encrypted_env, enabled, updated_at
) ON goclaw.secure_cli_agent_grants TO muniment_app;
GRANT SELECT (
    tenant_id, id, binary_id, agent_id, deny_args, deny_verbose, timeout_seconds, tips, enabled,
    created_at, updated_at
) ON goclaw.secure_cli_agent_grants TO muniment_reader;

CREATE TABLE goclaw.secure_cli_user_credentials (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT gen_random_uuid(),
    binary_id       uuid         NOT NULL,
    user_id         varchar(255) NOT NULL,
    encrypted_env   bytea        NOT NULL,
    credential_type text,
    host_scope      text,
    metadata        jsonb        NOT NULL DEFAULT '{}',
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT secure_cli_user_credentials_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT secure_cli_user_credentials_user_id_uq UNIQUE (tenant_id, binary_id, user_id),
    CONSTRAINT secure_cli_user_credentials_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT secure_cli_user_credentials_binary_fk FOREIGN KEY (tenant_id, binary_id)
        REFERENCES goclaw.secure_cli_binaries (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT secure_cli_user_credentials_user_id_ck CHECK (user_id <> '')
);

COMMENT ON TABLE goclaw.secure_cli_user_credentials IS 'Credentials of a user for a binary.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.id IS 'The credentials.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.binary_id IS 'The binary.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.encrypted_env IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. The '
    'environment, as JSON.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.credential_type IS
    'What it is, for example env, pat or ssh_key. NULL hands the environment over as it is.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.host_scope IS
    'The only host it is for, for example github.com. NULL means any.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.metadata IS
    'Further facts about the credentials.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.secure_cli_user_credentials.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER secure_cli_user_credentials_set_updated_at_tg
    BEFORE UPDATE ON goclaw.secure_cli_user_credentials
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.secure_cli_user_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.secure_cli_user_credentials FORCE ROW LEVEL SECURITY;

CREATE POLICY secure_cli_user_credentials_tenant ON goclaw.secure_cli_user_credentials
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY secure_cli_user_credentials_tenant_guard
    ON goclaw.secure_cli_user_credentials AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.secure_cli_user_credentials TO muniment_app;
GRANT UPDATE (
    encrypted_env, credential_type, host_scope, metadata, updated_at
) ON goclaw.secure_cli_user_credentials TO muniment_app;
GRANT SELECT (
    tenant_id, id, binary_id, user_id, credential_type, host_scope, metadata, created_at,
    updated_at
) ON goclaw.secure_cli_user_credentials TO muniment_reader;

COMMIT;
