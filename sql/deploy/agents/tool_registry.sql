-- Deploy agents:tool_registry to pg
-- requires: tool_definition_sha256
--
-- Global and without row security: it says what tools are, not what a firm did with them.
-- A runtime only reads it. muniment_service may add a version but has no right to the column
-- is_active, so it can record a tool and never put one into use.
-- Locks: none beyond the new table.  Docs: docs/schema/agents.md#tool-registry

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.tool_registry (
    tool_name         text        NOT NULL,
    tool_version      text        NOT NULL,
    title             text,
    description       text        NOT NULL,
    tool_type         text        NOT NULL DEFAULT 'function',
    input_schema      jsonb       NOT NULL,
    output_schema     jsonb,
    annotations       jsonb       NOT NULL DEFAULT '{}',
    definition_sha256 bytea       NOT NULL GENERATED ALWAYS AS (
        agents.tool_definition_sha256(
            tool_name, tool_version, description, input_schema, output_schema, annotations
        )
    ) STORED,
    side_effect       text        NOT NULL,
    replay            text        NOT NULL,
    approval          text        NOT NULL,
    timeout_ms        integer,
    max_result_bytes  bigint,
    is_active         boolean     NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT tool_registry_pk PRIMARY KEY (tool_name, tool_version),
    -- The target of tool_call: a call names the very definition that the model saw.
    CONSTRAINT tool_registry_definition_uq UNIQUE (tool_name, tool_version, definition_sha256),
    CONSTRAINT tool_registry_tool_name_ck
        CHECK (tool_name ~ '^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$'),
    CONSTRAINT tool_registry_tool_version_ck
        CHECK (tool_version ~ '^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$'),
    CONSTRAINT tool_registry_tool_type_ck
        CHECK (tool_type IN ('function', 'extension', 'datastore', 'mcp', 'agent')),
    CONSTRAINT tool_registry_input_schema_ck CHECK (jsonb_typeof(input_schema) = 'object'),
    CONSTRAINT tool_registry_output_schema_ck CHECK (jsonb_typeof(output_schema) = 'object'),
    CONSTRAINT tool_registry_annotations_ck CHECK (jsonb_typeof(annotations) = 'object'),
    CONSTRAINT tool_registry_side_effect_ck
        CHECK (side_effect IN
            ('none', 'read', 'write_idempotent', 'write', 'irreversible', 'unknown')),
    CONSTRAINT tool_registry_replay_ck CHECK (replay IN ('safe', 'with_key', 'never')),
    CONSTRAINT tool_registry_approval_ck CHECK (approval IN ('never', 'first_use', 'always')),
    CONSTRAINT tool_registry_harm_never_replays_ck
        CHECK (side_effect NOT IN ('irreversible', 'unknown') OR replay = 'never'),
    CONSTRAINT tool_registry_unknown_is_inactive_ck
        CHECK (side_effect <> 'unknown' OR NOT is_active),
    CONSTRAINT tool_registry_timeout_ms_ck CHECK (timeout_ms > 0),
    CONSTRAINT tool_registry_max_result_bytes_ck CHECK (max_result_bytes > 0)
);

-- One live version of a tool: an agent never has to choose.
CREATE UNIQUE INDEX tool_registry_active_uq ON agents.tool_registry (tool_name) WHERE is_active;

COMMENT ON TABLE agents.tool_registry IS
    'Every version of every tool that an agent may call, or was seen to call. Global: no tenant '
    'data.';
COMMENT ON COLUMN agents.tool_registry.tool_name IS
    'As the model calls it (gen_ai.tool.name).';
COMMENT ON COLUMN agents.tool_registry.tool_version IS
    'A changed definition is a new version. "imported" marks tools known from transcripts only.';
COMMENT ON COLUMN agents.tool_registry.title IS 'For people; the model does not see it.';
COMMENT ON COLUMN agents.tool_registry.description IS
    'What the model is told (gen_ai.tool.description).';
COMMENT ON COLUMN agents.tool_registry.tool_type IS 'gen_ai.tool.type, and mcp and agent besides.';
COMMENT ON COLUMN agents.tool_registry.input_schema IS 'JSON Schema of the arguments.';
COMMENT ON COLUMN agents.tool_registry.output_schema IS
    'JSON Schema of the result. NULL when none is declared.';
COMMENT ON COLUMN agents.tool_registry.annotations IS
    'Further hints that the model sees, for example those of MCP.';
COMMENT ON COLUMN agents.tool_registry.definition_sha256 IS
    'Fingerprint of all that the model is told. Computed, so it cannot be wrong.';
COMMENT ON COLUMN agents.tool_registry.side_effect IS
    'What a call does to the world: none, read, write_idempotent, write, irreversible; unknown for '
    'imported tools.';
COMMENT ON COLUMN agents.tool_registry.replay IS
    'Whether a call may be made again: safe, with_key (the same idempotency key), never.';
COMMENT ON COLUMN agents.tool_registry.approval IS
    'When a person must agree before the call: never, first_use (in a run), always.';
COMMENT ON COLUMN agents.tool_registry.timeout_ms IS
    'Longest time for one call, in milliseconds. NULL leaves it to the caller.';
COMMENT ON COLUMN agents.tool_registry.max_result_bytes IS
    'Longest result, in bytes of UTF-8. NULL leaves it to the caller.';
COMMENT ON COLUMN agents.tool_registry.is_active IS
    'Agents are offered active versions only, and one of each tool.';
COMMENT ON COLUMN agents.tool_registry.created_at IS 'When this version was registered.';

GRANT SELECT ON agents.tool_registry
    TO muniment_app, muniment_reader, muniment_service;
GRANT INSERT (
    tool_name, tool_version, title, description, tool_type, input_schema, output_schema,
    annotations, side_effect, replay, approval, timeout_ms, max_result_bytes
) ON agents.tool_registry TO muniment_service;

COMMIT;
