-- Deploy astra:tool_definitions to pg
-- requires: agents
--
-- The catalogue of an agent. agents.allowed_tools names those of it that are in use; a name without
-- a definition allows nothing.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations.  Docs: docs/schema/astra.md#tool-definitions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.tool_definitions (
    org_id            uuid        NOT NULL,
    id                uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id          uuid        NOT NULL,
    name              text        NOT NULL,
    description       text,
    input_schema      jsonb       NOT NULL DEFAULT '{}',
    requires_approval boolean     NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT tool_definitions_pk PRIMARY KEY (org_id, id),
    CONSTRAINT tool_definitions_name_uq UNIQUE (org_id, agent_id, name),
    CONSTRAINT tool_definitions_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT tool_definitions_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    CONSTRAINT tool_definitions_name_ck CHECK (name <> '')
);

COMMENT ON TABLE astra.tool_definitions IS 'A tool that an agent knows.';
COMMENT ON COLUMN astra.tool_definitions.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.tool_definitions.id IS 'The definition.';
COMMENT ON COLUMN astra.tool_definitions.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.tool_definitions.name IS
    'Name of the tool, unique in the catalogue of the agent.';
COMMENT ON COLUMN astra.tool_definitions.description IS 'What the tool does, as the model is told.';
COMMENT ON COLUMN astra.tool_definitions.input_schema IS 'JSON Schema of its arguments.';
COMMENT ON COLUMN astra.tool_definitions.requires_approval IS
    'Whether the planner is to ask people before a task calls it, see approval_requests.';
COMMENT ON COLUMN astra.tool_definitions.created_at IS 'When the row was made.';

ALTER TABLE astra.tool_definitions ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.tool_definitions FORCE ROW LEVEL SECURITY;

CREATE POLICY tool_definitions_tenant ON astra.tool_definitions
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY tool_definitions_tenant_guard ON astra.tool_definitions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.tool_definitions TO muniment_app;
GRANT UPDATE (
    agent_id, name, description, input_schema, requires_approval
) ON astra.tool_definitions TO muniment_app;
GRANT SELECT ON astra.tool_definitions TO muniment_reader;

COMMIT;
