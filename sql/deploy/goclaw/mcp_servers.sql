-- Deploy goclaw:mcp_servers to pg
-- requires: agents
--
-- Servers of tools outside the gateway, who may use which of their tools, and who asked to. Keys,
-- headers and environments are secrets: the reader is granted the other columns. What is sealed for
-- a user takes the place of what is sealed for the server.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#mcp-servers

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.mcp_servers (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    name         varchar(255) NOT NULL,
    display_name varchar(255),
    transport    varchar(50)  NOT NULL,
    command      text,
    args         jsonb,
    url          text,
    headers      jsonb,
    env          jsonb,
    api_key      text,
    tool_prefix  varchar(50),
    timeout_sec  integer      NOT NULL DEFAULT 60,
    settings     jsonb        NOT NULL DEFAULT '{}',
    enabled      boolean      NOT NULL DEFAULT true,
    created_by   varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT mcp_servers_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT mcp_servers_name_uq UNIQUE (tenant_id, name),
    CONSTRAINT mcp_servers_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT mcp_servers_name_ck CHECK (name <> ''),
    CONSTRAINT mcp_servers_timeout_sec_ck CHECK (timeout_sec > 0)
);

COMMENT ON TABLE goclaw.mcp_servers IS 'A server of tools, reached by the Model Context Protocol.';
COMMENT ON COLUMN goclaw.mcp_servers.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.mcp_servers.id IS 'The server.';
COMMENT ON COLUMN goclaw.mcp_servers.name IS 'Identifier.';
COMMENT ON COLUMN goclaw.mcp_servers.display_name IS 'For people.';
COMMENT ON COLUMN goclaw.mcp_servers.transport IS
    'How it is reached, for example stdio, sse or streamable-http.';
COMMENT ON COLUMN goclaw.mcp_servers.command IS
    'The program to start, where the transport is stdio.';
COMMENT ON COLUMN goclaw.mcp_servers.args IS 'Its arguments.';
COMMENT ON COLUMN goclaw.mcp_servers.url IS 'Its address, where the transport is another.';
COMMENT ON COLUMN goclaw.mcp_servers.headers IS
    'HTTP headers, which may hold tokens: the reader has no right to it.';
COMMENT ON COLUMN goclaw.mcp_servers.env IS
    'Variables of the program, which may hold tokens: the reader has no right to it.';
COMMENT ON COLUMN goclaw.mcp_servers.api_key IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.mcp_servers.tool_prefix IS
    'Put before the names of its tools. NULL means nothing.';
COMMENT ON COLUMN goclaw.mcp_servers.timeout_sec IS 'Seconds that a call may take.';
COMMENT ON COLUMN goclaw.mcp_servers.settings IS 'Further settings.';
COMMENT ON COLUMN goclaw.mcp_servers.enabled IS 'Whether agents may use it.';
COMMENT ON COLUMN goclaw.mcp_servers.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.mcp_servers.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.mcp_servers.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER mcp_servers_set_updated_at_tg
    BEFORE UPDATE ON goclaw.mcp_servers
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.mcp_servers ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.mcp_servers FORCE ROW LEVEL SECURITY;

CREATE POLICY mcp_servers_tenant ON goclaw.mcp_servers
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY mcp_servers_tenant_guard ON goclaw.mcp_servers AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.mcp_servers TO muniment_app;
GRANT UPDATE (
    name, display_name, transport, command, args, url, headers, env, api_key, tool_prefix,
    timeout_sec, settings, enabled, created_by, updated_at
) ON goclaw.mcp_servers TO muniment_app;
GRANT SELECT (
    tenant_id, id, name, display_name, transport, command, args, url, tool_prefix, timeout_sec,
    settings, enabled, created_by, created_at, updated_at
) ON goclaw.mcp_servers TO muniment_reader;

CREATE TABLE goclaw.mcp_agent_grants (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    server_id  uuid         NOT NULL,
    agent_id   uuid         NOT NULL,
    tool_allow jsonb,
    tool_deny  jsonb,
    enabled    boolean      NOT NULL DEFAULT true,
    granted_by varchar(255),
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT mcp_agent_grants_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT mcp_agent_grants_agent_id_uq UNIQUE (tenant_id, server_id, agent_id),
    CONSTRAINT mcp_agent_grants_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT mcp_agent_grants_server_fk FOREIGN KEY (tenant_id, server_id)
        REFERENCES goclaw.mcp_servers (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT mcp_agent_grants_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT mcp_agent_grants_tool_allow_ck CHECK (jsonb_typeof(tool_allow) = 'array'),
    CONSTRAINT mcp_agent_grants_tool_deny_ck CHECK (jsonb_typeof(tool_deny) = 'array')
);

-- The servers of an agent. Serves the reference.
CREATE INDEX mcp_agent_grants_agent_id_ix ON goclaw.mcp_agent_grants (tenant_id, agent_id);

COMMENT ON TABLE goclaw.mcp_agent_grants IS 'Leave of an agent to use a server.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.id IS 'The grant.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.server_id IS 'The server.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.tool_allow IS
    'Names of the only tools that may be used. NULL means all.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.tool_deny IS
    'Names of tools that may not be used, whatever is allowed. NULL means none.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.enabled IS 'Whether the grant counts.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.granted_by IS 'The user who gave leave.';
COMMENT ON COLUMN goclaw.mcp_agent_grants.created_at IS 'When the row was made.';

ALTER TABLE goclaw.mcp_agent_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.mcp_agent_grants FORCE ROW LEVEL SECURITY;

CREATE POLICY mcp_agent_grants_tenant ON goclaw.mcp_agent_grants
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY mcp_agent_grants_tenant_guard ON goclaw.mcp_agent_grants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.mcp_agent_grants TO muniment_app;
GRANT UPDATE (
    server_id, agent_id, tool_allow, tool_deny, enabled, granted_by
) ON goclaw.mcp_agent_grants TO muniment_app;
GRANT SELECT ON goclaw.mcp_agent_grants TO muniment_reader;

CREATE TABLE goclaw.mcp_user_grants (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    server_id  uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    tool_allow jsonb,
    tool_deny  jsonb,
    enabled    boolean      NOT NULL DEFAULT true,
    granted_by varchar(255),
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT mcp_user_grants_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT mcp_user_grants_user_id_uq UNIQUE (tenant_id, server_id, user_id),
    CONSTRAINT mcp_user_grants_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT mcp_user_grants_server_fk FOREIGN KEY (tenant_id, server_id)
        REFERENCES goclaw.mcp_servers (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT mcp_user_grants_tool_allow_ck CHECK (jsonb_typeof(tool_allow) = 'array'),
    CONSTRAINT mcp_user_grants_tool_deny_ck CHECK (jsonb_typeof(tool_deny) = 'array')
);

-- The servers of a user.
CREATE INDEX mcp_user_grants_user_id_ix ON goclaw.mcp_user_grants (tenant_id, user_id);

COMMENT ON TABLE goclaw.mcp_user_grants IS 'Leave of a user to use a server.';
COMMENT ON COLUMN goclaw.mcp_user_grants.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.mcp_user_grants.id IS 'The grant.';
COMMENT ON COLUMN goclaw.mcp_user_grants.server_id IS 'The server.';
COMMENT ON COLUMN goclaw.mcp_user_grants.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.mcp_user_grants.tool_allow IS
    'Names of the only tools that may be used. NULL means all.';
COMMENT ON COLUMN goclaw.mcp_user_grants.tool_deny IS
    'Names of tools that may not be used, whatever is allowed. NULL means none.';
COMMENT ON COLUMN goclaw.mcp_user_grants.enabled IS 'Whether the grant counts.';
COMMENT ON COLUMN goclaw.mcp_user_grants.granted_by IS 'The user who gave leave.';
COMMENT ON COLUMN goclaw.mcp_user_grants.created_at IS 'When the row was made.';

ALTER TABLE goclaw.mcp_user_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.mcp_user_grants FORCE ROW LEVEL SECURITY;

CREATE POLICY mcp_user_grants_tenant ON goclaw.mcp_user_grants
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY mcp_user_grants_tenant_guard ON goclaw.mcp_user_grants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.mcp_user_grants TO muniment_app;
GRANT UPDATE (
    server_id, user_id, tool_allow, tool_deny, enabled, granted_by
) ON goclaw.mcp_user_grants TO muniment_app;
GRANT SELECT ON goclaw.mcp_user_grants TO muniment_reader;

CREATE TABLE goclaw.mcp_user_credentials (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    server_id  uuid         NOT NULL,
    user_id    varchar(255) NOT NULL,
    api_key    text,
    headers    bytea,
    env        bytea,
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT mcp_user_credentials_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT mcp_user_credentials_user_id_uq UNIQUE (tenant_id, server_id, user_id),
    CONSTRAINT mcp_user_credentials_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT mcp_user_credentials_server_fk FOREIGN KEY (tenant_id, server_id)
        REFERENCES goclaw.mcp_servers (tenant_id, id) ON DELETE CASCADE
);

-- All credentials of a user, to show or to withdraw them.
CREATE INDEX mcp_user_credentials_user_id_ix ON goclaw.mcp_user_credentials (tenant_id, user_id);

COMMENT ON TABLE goclaw.mcp_user_credentials IS
    'What a user shows to a server instead of what everybody shows.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.id IS 'The credentials.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.server_id IS 'The server.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.api_key IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.headers IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.env IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.mcp_user_credentials.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER mcp_user_credentials_set_updated_at_tg
    BEFORE UPDATE ON goclaw.mcp_user_credentials
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.mcp_user_credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.mcp_user_credentials FORCE ROW LEVEL SECURITY;

CREATE POLICY mcp_user_credentials_tenant ON goclaw.mcp_user_credentials
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY mcp_user_credentials_tenant_guard ON goclaw.mcp_user_credentials AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.mcp_user_credentials TO muniment_app;
GRANT UPDATE (
    server_id, user_id, api_key, headers, env, updated_at
) ON goclaw.mcp_user_credentials TO muniment_app;
GRANT SELECT (
    tenant_id, id, server_id, user_id, created_at, updated_at
) ON goclaw.mcp_user_credentials TO muniment_reader;

CREATE TABLE goclaw.mcp_access_requests (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    server_id    uuid         NOT NULL,
    agent_id     uuid,
    user_id      varchar(255),
    status       varchar(20)  NOT NULL DEFAULT 'pending',
    reason       text,
    requested_by varchar(255),
    reviewed_by  varchar(255),
    reviewed_at  timestamptz,
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT mcp_access_requests_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT mcp_access_requests_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT mcp_access_requests_server_fk FOREIGN KEY (tenant_id, server_id)
        REFERENCES goclaw.mcp_servers (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT mcp_access_requests_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT mcp_access_requests_status_ck CHECK (status IN ('pending', 'approved', 'rejected')),
    CONSTRAINT mcp_access_requests_for_whom_ck CHECK (agent_id IS NOT NULL OR user_id IS NOT NULL),
    CONSTRAINT mcp_access_requests_reviewed_ck
        CHECK (num_nulls(reviewed_by, reviewed_at) = CASE status WHEN 'pending' THEN 2 ELSE 0 END)
);

-- The requests for a server. Serves the reference.
CREATE INDEX mcp_access_requests_server_id_ix ON goclaw.mcp_access_requests (tenant_id, server_id);

-- Serves the reference.
CREATE INDEX mcp_access_requests_agent_id_ix
    ON goclaw.mcp_access_requests (tenant_id, agent_id) WHERE agent_id IS NOT NULL;

-- What waits for a decision, oldest first.
CREATE INDEX mcp_access_requests_pending_ix
    ON goclaw.mcp_access_requests (tenant_id, created_at) WHERE status = 'pending';

COMMENT ON TABLE goclaw.mcp_access_requests IS 'A wish to use a server, and what was decided.';
COMMENT ON COLUMN goclaw.mcp_access_requests.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.mcp_access_requests.id IS 'The request.';
COMMENT ON COLUMN goclaw.mcp_access_requests.server_id IS 'The server.';
COMMENT ON COLUMN goclaw.mcp_access_requests.agent_id IS 'The agent that is to use it.';
COMMENT ON COLUMN goclaw.mcp_access_requests.user_id IS 'The user who is to use it.';
COMMENT ON COLUMN goclaw.mcp_access_requests.status IS 'pending, approved or rejected.';
COMMENT ON COLUMN goclaw.mcp_access_requests.reason IS 'What it is wanted for.';
COMMENT ON COLUMN goclaw.mcp_access_requests.requested_by IS 'Who asked.';
COMMENT ON COLUMN goclaw.mcp_access_requests.reviewed_by IS
    'The user who decided. NULL while pending.';
COMMENT ON COLUMN goclaw.mcp_access_requests.reviewed_at IS 'When that was. NULL while pending.';
COMMENT ON COLUMN goclaw.mcp_access_requests.created_at IS 'When the row was made.';

CREATE FUNCTION goclaw.refuse_second_decision()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION 'request % is % already', OLD.id, OLD.status
        USING ERRCODE = 'MU313',
              HINT = 'Whoever thinks otherwise makes another request.';
END;
$function$;

COMMENT ON FUNCTION goclaw.refuse_second_decision() IS
    'Trigger function that refuses to decide a request again. Always raises MU313.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION goclaw.refuse_second_decision() FROM PUBLIC;

CREATE TRIGGER mcp_access_requests_decide_once_tg
    BEFORE UPDATE OF status, reviewed_by, reviewed_at ON goclaw.mcp_access_requests
    FOR EACH ROW WHEN (OLD.status <> 'pending')
    EXECUTE FUNCTION goclaw.refuse_second_decision();

ALTER TABLE goclaw.mcp_access_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.mcp_access_requests FORCE ROW LEVEL SECURITY;

CREATE POLICY mcp_access_requests_tenant ON goclaw.mcp_access_requests
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY mcp_access_requests_tenant_guard ON goclaw.mcp_access_requests AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.mcp_access_requests TO muniment_app;
-- A request that was decided stays the one that was: only the decision is written later, once.
GRANT UPDATE (status, reviewed_by, reviewed_at) ON goclaw.mcp_access_requests TO muniment_app;
GRANT SELECT ON goclaw.mcp_access_requests TO muniment_reader;

COMMIT;
