-- Deploy astra:agents to pg
-- requires: organizations
-- requires: record_agent_revision
-- requires: platform:set_updated_at
--
-- An agent is what somebody configured: its profile, its limits, what it may use. Each change of it
-- writes a revision, by trigger. The limits are held where goals start and tokens are reserved, see
-- guard_goal and count_reserved_tokens.
-- Locks: SHARE ROW EXCLUSIVE on organizations.  Docs: docs/schema/astra.md#agents

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.agents (
    org_id               uuid             NOT NULL,
    id                   uuid             NOT NULL DEFAULT platform.uuid_generate_v7(),
    name                 text             NOT NULL,
    system_prompt        text,
    chat_capable         boolean          NOT NULL DEFAULT false,
    visibility           text             NOT NULL DEFAULT 'private',
    drain_mode           boolean          NOT NULL DEFAULT false,
    max_concurrent_goals integer,
    daily_token_budget   bigint,
    priority             integer          NOT NULL DEFAULT 0,
    allowed_tools        text[],
    trust_score          double precision,
    tags                 text[]           NOT NULL DEFAULT '{}',
    metadata             jsonb            NOT NULL DEFAULT '{}',
    status               text             NOT NULL DEFAULT 'active',
    config               jsonb            NOT NULL DEFAULT '{}',
    created_at           timestamptz      NOT NULL DEFAULT now(),
    updated_at           timestamptz      NOT NULL DEFAULT now(),

    CONSTRAINT agents_pk PRIMARY KEY (org_id, id),
    CONSTRAINT agents_name_uq UNIQUE (org_id, name),
    CONSTRAINT agents_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT agents_name_ck CHECK (name <> ''),
    CONSTRAINT agents_visibility_ck CHECK (visibility IN ('private', 'org', 'public')),
    CONSTRAINT agents_status_ck CHECK (status IN ('active', 'paused', 'archived')),
    CONSTRAINT agents_max_concurrent_goals_ck CHECK (max_concurrent_goals >= 0),
    CONSTRAINT agents_daily_token_budget_ck CHECK (daily_token_budget >= 0),
    CONSTRAINT agents_trust_score_ck CHECK (trust_score BETWEEN 0 AND 1)
);

COMMENT ON TABLE astra.agents IS 'An agent: who it is, what it may do, how much of it.';
COMMENT ON COLUMN astra.agents.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.agents.id IS 'The agent.';
COMMENT ON COLUMN astra.agents.name IS 'Its name, unique in the organisation.';
COMMENT ON COLUMN astra.agents.system_prompt IS 'What it is told before anything else.';
COMMENT ON COLUMN astra.agents.chat_capable IS 'Whether people may chat with it.';
COMMENT ON COLUMN astra.agents.visibility IS
    'Who may use it without being named, besides owners and admins of the organisation: private, '
    'nobody; org, every member, but viewers only look; public, everybody whom the organisation '
    'lets in.';
COMMENT ON COLUMN astra.agents.drain_mode IS
    'Whether it takes on no further goal. What has begun goes on.';
COMMENT ON COLUMN astra.agents.max_concurrent_goals IS
    'How many goals it may have under way. NULL means no limit.';
COMMENT ON COLUMN astra.agents.daily_token_budget IS
    'Tokens that it may use on one day, UTC. NULL means no limit.';
COMMENT ON COLUMN astra.agents.priority IS
    'What its tasks begin with: a higher number is served first.';
COMMENT ON COLUMN astra.agents.allowed_tools IS
    'Names of the tools of its catalogue that it may use. NULL means all.';
COMMENT ON COLUMN astra.agents.trust_score IS
    'How far its work may be relied on, from 0 to 1. NULL means not known.';
COMMENT ON COLUMN astra.agents.tags IS 'Words to find it by.';
COMMENT ON COLUMN astra.agents.metadata IS 'Further facts about it.';
COMMENT ON COLUMN astra.agents.status IS
    'active, paused or archived. Only an active one takes on goals.';
COMMENT ON COLUMN astra.agents.config IS 'Settings that have no column.';
COMMENT ON COLUMN astra.agents.created_at IS 'When the row was made.';
COMMENT ON COLUMN astra.agents.updated_at IS 'When the row was last changed; a trigger sets it.';

CREATE TRIGGER agents_record_revision_tg
    AFTER INSERT OR UPDATE ON astra.agents
    FOR EACH ROW EXECUTE FUNCTION astra.record_agent_revision();

CREATE TRIGGER agents_set_updated_at_tg
    BEFORE UPDATE ON astra.agents
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE astra.agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.agents FORCE ROW LEVEL SECURITY;

CREATE POLICY agents_tenant ON astra.agents
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agents_tenant_guard ON astra.agents AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.agents TO muniment_app;
GRANT UPDATE (
    name, system_prompt, chat_capable, visibility, drain_mode, max_concurrent_goals,
    daily_token_budget, priority, allowed_tools, trust_score, tags, metadata, status, config,
    updated_at
) ON astra.agents TO muniment_app;
GRANT SELECT ON astra.agents TO muniment_reader;

COMMIT;
