-- Deploy goclaw:agents to pg
-- requires: tenants
-- requires: platform:vector
--
-- An agent is what somebody configured; what it does is recorded elsewhere. A deleted agent keeps
-- its row until it is removed for good, and then takes along what is its own. The backend sees of
-- an agent whether it works, for the claims of scheduled work.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#agents

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.agents (
    tenant_id             uuid                  NOT NULL,
    id                    uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_key             varchar(100)          NOT NULL,
    display_name          varchar(255),
    owner_id              varchar(255)          NOT NULL,
    provider              varchar(50)           NOT NULL DEFAULT 'openrouter',
    model                 varchar(200)          NOT NULL,
    context_window        integer               NOT NULL DEFAULT 200000,
    max_tool_iterations   integer               NOT NULL DEFAULT 20,
    workspace             text                  NOT NULL DEFAULT '.',
    restrict_to_workspace boolean               NOT NULL DEFAULT true,
    tools_config          jsonb                 NOT NULL DEFAULT '{}',
    sandbox_config        jsonb,
    subagents_config      jsonb,
    memory_config         jsonb,
    compaction_config     jsonb,
    context_pruning       jsonb,
    other_config          jsonb                 NOT NULL DEFAULT '{}',
    is_default            boolean               NOT NULL DEFAULT false,
    agent_type            varchar(20)           NOT NULL DEFAULT 'open',
    status                varchar(20)           NOT NULL DEFAULT 'active',
    frontmatter           text,
    tsv                   tsvector              GENERATED ALWAYS AS (
        to_tsvector(
            'simple'::regconfig,
            coalesce(display_name, '') || ' ' || coalesce(frontmatter, '')
        )
    ) STORED,
    embedding             platform.vector(1536),
    budget_monthly_cents  integer,
    model_fallback        jsonb                 NOT NULL DEFAULT '{}',
    emoji                 text,
    agent_description     text,
    thinking_level        text,
    max_tokens            integer,
    self_evolve           boolean               NOT NULL DEFAULT false,
    skill_evolve          boolean               NOT NULL DEFAULT false,
    skill_nudge_interval  integer,
    reasoning_config      jsonb,
    workspace_sharing     jsonb,
    chatgpt_oauth_routing jsonb,
    shell_deny_groups     jsonb,
    kg_dedup_config       jsonb,
    created_at            timestamptz           NOT NULL DEFAULT now(),
    updated_at            timestamptz           NOT NULL DEFAULT now(),
    deleted_at            timestamptz,

    CONSTRAINT agents_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT agents_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT agents_agent_key_ck CHECK (agent_key <> ''),
    CONSTRAINT agents_agent_type_ck CHECK (agent_type IN ('open', 'predefined')),
    CONSTRAINT agents_status_ck CHECK (status IN ('active', 'inactive', 'summoning')),
    CONSTRAINT agents_context_window_ck CHECK (context_window > 0),
    CONSTRAINT agents_max_tool_iterations_ck CHECK (max_tool_iterations > 0),
    CONSTRAINT agents_budget_monthly_cents_ck CHECK (budget_monthly_cents >= 0),
    CONSTRAINT agents_model_fallback_ck
        CHECK (jsonb_typeof(model_fallback) = 'array' OR model_fallback = '{}')
);

-- A name is free again when its agent is deleted.
CREATE UNIQUE INDEX agents_agent_key_uq
    ON goclaw.agents (tenant_id, agent_key)
    WHERE deleted_at IS NULL;

-- Stated: the agents of a user.
CREATE INDEX agents_owner_id_ix ON goclaw.agents (tenant_id, owner_id);

-- Stated: the agents that are at work.
CREATE INDEX agents_status_ix ON goclaw.agents (tenant_id, status) WHERE deleted_at IS NULL;

-- Stated: search by words. Not for whoever is under row security: @@ is not leakproof, so the rows
-- of the tenant are found first and their words compared then.
CREATE INDEX agents_tsv_ix ON goclaw.agents USING gin (tsv);

-- Stated: search by meaning. It orders before row security filters: a search that must not
-- lose rows beside those of other tenants sets hnsw.iterative_scan, as search_memory() does.
CREATE INDEX agents_embedding_ix
    ON goclaw.agents USING hnsw (embedding platform.vector_cosine_ops);

COMMENT ON TABLE goclaw.agents IS 'An agent: its model, its tools, its limits.';
COMMENT ON COLUMN goclaw.agents.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.agents.id IS 'The agent.';
COMMENT ON COLUMN goclaw.agents.agent_key IS
    'Short name, unique among the agents of the tenant that are not deleted.';
COMMENT ON COLUMN goclaw.agents.display_name IS 'For people.';
COMMENT ON COLUMN goclaw.agents.owner_id IS 'The user who made it.';
COMMENT ON COLUMN goclaw.agents.provider IS 'Name of the provider of its model.';
COMMENT ON COLUMN goclaw.agents.model IS 'The model.';
COMMENT ON COLUMN goclaw.agents.context_window IS 'How many tokens the model takes.';
COMMENT ON COLUMN goclaw.agents.max_tool_iterations IS
    'How many rounds of tool calls a run may have.';
COMMENT ON COLUMN goclaw.agents.workspace IS 'Directory in which it works.';
COMMENT ON COLUMN goclaw.agents.restrict_to_workspace IS
    'Whether files outside of it are out of reach.';
COMMENT ON COLUMN goclaw.agents.tools_config IS
    'Which tools it may use, where that differs from the tenant.';
COMMENT ON COLUMN goclaw.agents.sandbox_config IS 'Settings of its sandbox.';
COMMENT ON COLUMN goclaw.agents.subagents_config IS 'Settings for agents that it starts.';
COMMENT ON COLUMN goclaw.agents.memory_config IS 'Settings of its memory.';
COMMENT ON COLUMN goclaw.agents.compaction_config IS 'How long sessions are made short.';
COMMENT ON COLUMN goclaw.agents.context_pruning IS
    'How old messages leave the context. NULL means not at all.';
COMMENT ON COLUMN goclaw.agents.other_config IS 'Settings that have no column.';
COMMENT ON COLUMN goclaw.agents.is_default IS 'Whether it answers when no agent is named.';
COMMENT ON COLUMN goclaw.agents.agent_type IS 'open or predefined.';
COMMENT ON COLUMN goclaw.agents.status IS 'active, inactive or summoning.';
COMMENT ON COLUMN goclaw.agents.frontmatter IS
    'Its expertise in short, for delegation and for people.';
COMMENT ON COLUMN goclaw.agents.tsv IS 'Words of name and expertise. Computed.';
COMMENT ON COLUMN goclaw.agents.embedding IS 'Meaning of its expertise, for semantic search.';
COMMENT ON COLUMN goclaw.agents.budget_monthly_cents IS
    'Most that it may spend in a month, in cents of US dollars. NULL means no limit.';
COMMENT ON COLUMN goclaw.agents.model_fallback IS
    'Models that are tried when the first one fails: an array in order, or {} for none.';
COMMENT ON COLUMN goclaw.agents.emoji IS 'Sign that stands for it.';
COMMENT ON COLUMN goclaw.agents.agent_description IS 'What it is for.';
COMMENT ON COLUMN goclaw.agents.thinking_level IS 'How much it thinks before it answers.';
COMMENT ON COLUMN goclaw.agents.max_tokens IS
    'Longest answer, in tokens. NULL leaves it to the model.';
COMMENT ON COLUMN goclaw.agents.self_evolve IS 'Whether it may propose changes to itself.';
COMMENT ON COLUMN goclaw.agents.skill_evolve IS 'Whether it may write skills.';
COMMENT ON COLUMN goclaw.agents.skill_nudge_interval IS
    'After how many turns it is reminded to write one.';
COMMENT ON COLUMN goclaw.agents.reasoning_config IS 'Settings of its reasoning.';
COMMENT ON COLUMN goclaw.agents.workspace_sharing IS 'With whom it shares its workspace.';
COMMENT ON COLUMN goclaw.agents.chatgpt_oauth_routing IS
    'Which accounts its calls are spread over.';
COMMENT ON COLUMN goclaw.agents.shell_deny_groups IS
    'Groups of shell commands that it must not run.';
COMMENT ON COLUMN goclaw.agents.kg_dedup_config IS
    'How entities of its knowledge graph are merged.';
COMMENT ON COLUMN goclaw.agents.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.agents.updated_at IS 'When the row was last changed; a trigger sets it.';
COMMENT ON COLUMN goclaw.agents.deleted_at IS 'When it was deleted. NULL means that it is not.';

CREATE TRIGGER agents_set_updated_at_tg
    BEFORE UPDATE ON goclaw.agents
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.agents FORCE ROW LEVEL SECURITY;

CREATE POLICY agents_tenant ON goclaw.agents
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agents_tenant_guard ON goclaw.agents AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- The backend claims the work of agents of all tenants, and passes by those that do not work.
CREATE POLICY agents_service ON goclaw.agents
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.agents TO muniment_app;
GRANT UPDATE (
    agent_key, display_name, owner_id, provider, model, context_window, max_tool_iterations,
    workspace, restrict_to_workspace, tools_config, sandbox_config, subagents_config,
    memory_config, compaction_config, context_pruning, other_config, is_default, agent_type,
    status, frontmatter, embedding, budget_monthly_cents, model_fallback, emoji,
    agent_description, thinking_level, max_tokens, self_evolve, skill_evolve,
    skill_nudge_interval, reasoning_config, workspace_sharing, chatgpt_oauth_routing,
    shell_deny_groups, kg_dedup_config, updated_at, deleted_at
) ON goclaw.agents TO muniment_app;
GRANT SELECT ON goclaw.agents TO muniment_reader;
GRANT SELECT (tenant_id, id, status, deleted_at) ON goclaw.agents TO muniment_service;

COMMIT;
