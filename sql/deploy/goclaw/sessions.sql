-- Deploy goclaw:sessions to pg
-- requires: agent_teams
--
-- A conversation on one channel between one user and one agent, with all its messages. The gateway
-- rewrites the row as the conversation goes on; the record that cannot be rewritten is the ledger
-- of project agents.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.  Docs: docs/schema/goclaw.md#sessions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.sessions (
    tenant_id                     uuid         NOT NULL,
    id                            uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    session_key                   varchar(500) NOT NULL,
    agent_id                      uuid         NOT NULL,
    user_id                       varchar(255),
    messages                      jsonb        DEFAULT '[]',
    summary                       text,
    model                         varchar(200),
    provider                      varchar(50),
    channel                       varchar(50),
    input_tokens                  bigint       NOT NULL DEFAULT 0,
    output_tokens                 bigint       NOT NULL DEFAULT 0,
    compaction_count              integer      NOT NULL DEFAULT 0,
    memory_flush_compaction_count integer      NOT NULL DEFAULT 0,
    memory_flush_at               bigint,
    label                         varchar(500),
    spawned_by                    varchar(200),
    spawn_depth                   integer      NOT NULL DEFAULT 0,
    metadata                      jsonb        DEFAULT '{}',
    team_id                       uuid,
    created_at                    timestamptz  NOT NULL DEFAULT now(),
    updated_at                    timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT sessions_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT sessions_session_key_uq UNIQUE (tenant_id, session_key),
    CONSTRAINT sessions_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT sessions_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT sessions_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE SET NULL (team_id),
    CONSTRAINT sessions_session_key_ck CHECK (session_key <> ''),
    CONSTRAINT sessions_tokens_ck CHECK (input_tokens >= 0 AND output_tokens >= 0),
    CONSTRAINT sessions_spawn_depth_ck CHECK (spawn_depth >= 0),
    CONSTRAINT sessions_messages_ck CHECK (jsonb_typeof(messages) = 'array'),
    CONSTRAINT sessions_compaction_ck CHECK (
        compaction_count >= 0
        AND memory_flush_compaction_count >= 0
        AND memory_flush_at >= 0
    )
);

-- Stated: the sessions of an agent. Serves the reference.
CREATE INDEX sessions_agent_id_ix ON goclaw.sessions (tenant_id, agent_id);

-- Stated: the sessions of a user.
CREATE INDEX sessions_user_id_ix ON goclaw.sessions (tenant_id, user_id);

-- Stated: the latest sessions first.
CREATE INDEX sessions_updated_at_ix ON goclaw.sessions (tenant_id, updated_at DESC);

-- Stated: the sessions of a team. Serves the reference.
CREATE INDEX sessions_team_id_ix ON goclaw.sessions (tenant_id, team_id) WHERE team_id IS NOT NULL;

-- Stated: sessions with a certain fact. Not for whoever is under row security: @> is not leakproof,
-- so the rows of the tenant are found first and their facts compared then.
CREATE INDEX sessions_metadata_ix ON goclaw.sessions USING gin (metadata);

COMMENT ON TABLE goclaw.sessions IS 'A conversation of a user with an agent, with its messages.';
COMMENT ON COLUMN goclaw.sessions.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.sessions.id IS 'The session.';
COMMENT ON COLUMN goclaw.sessions.session_key IS
    'Channel, chat and agent in one name, for example telegram:123456789.';
COMMENT ON COLUMN goclaw.sessions.agent_id IS 'The agent.';
COMMENT ON COLUMN goclaw.sessions.user_id IS 'The user.';
COMMENT ON COLUMN goclaw.sessions.messages IS 'The messages, oldest first.';
COMMENT ON COLUMN goclaw.sessions.summary IS 'What was said before the messages that are kept.';
COMMENT ON COLUMN goclaw.sessions.model IS 'The model in use.';
COMMENT ON COLUMN goclaw.sessions.provider IS 'Its provider.';
COMMENT ON COLUMN goclaw.sessions.channel IS 'Where the session began.';
COMMENT ON COLUMN goclaw.sessions.input_tokens IS 'Tokens given to models so far.';
COMMENT ON COLUMN goclaw.sessions.output_tokens IS 'Tokens received from models so far.';
COMMENT ON COLUMN goclaw.sessions.compaction_count IS
    'How often messages were made into the summary.';
COMMENT ON COLUMN goclaw.sessions.memory_flush_compaction_count IS
    'The compaction at which memories were last saved.';
COMMENT ON COLUMN goclaw.sessions.memory_flush_at IS
    'When memories were last saved, in milliseconds since 1970, as the gateway writes it.';
COMMENT ON COLUMN goclaw.sessions.label IS 'For people.';
COMMENT ON COLUMN goclaw.sessions.spawned_by IS 'Session key of the session that started this one.';
COMMENT ON COLUMN goclaw.sessions.spawn_depth IS 'How many sessions are above this one.';
COMMENT ON COLUMN goclaw.sessions.metadata IS 'Further facts about the session.';
COMMENT ON COLUMN goclaw.sessions.team_id IS 'The team whose session it is. NULL means none.';
COMMENT ON COLUMN goclaw.sessions.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.sessions.updated_at IS 'When the row was last changed; a trigger sets it.';

CREATE TRIGGER sessions_set_updated_at_tg
    BEFORE UPDATE ON goclaw.sessions
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.sessions FORCE ROW LEVEL SECURITY;

CREATE POLICY sessions_tenant ON goclaw.sessions
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY sessions_tenant_guard ON goclaw.sessions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.sessions TO muniment_app;
GRANT UPDATE (
    session_key, agent_id, user_id, messages, summary, model, provider, channel, input_tokens,
    output_tokens, compaction_count, memory_flush_compaction_count, memory_flush_at, label,
    spawned_by, spawn_depth, metadata, team_id, updated_at
) ON goclaw.sessions TO muniment_app;
GRANT SELECT ON goclaw.sessions TO muniment_reader;

COMMIT;
