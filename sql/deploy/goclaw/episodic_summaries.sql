-- Deploy goclaw:episodic_summaries to pg
-- requires: agents
--
-- What is left of a session when it is over. Agents search these episodes; what is often found is
-- promoted to long-term memory. Nobody moves an episode to another agent or user: that would be
-- another memory. Topics become words by a cast that never depends on settings, which takes none of
-- more than 2,046 bytes; so they are cut to 500 characters first.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#episodic-summaries

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.episodic_summaries (
    tenant_id        uuid                  NOT NULL,
    id               uuid                  NOT NULL DEFAULT gen_random_uuid(),
    agent_id         uuid                  NOT NULL,
    user_id          varchar(255)          NOT NULL DEFAULT '',
    session_key      text                  NOT NULL,
    summary          text                  NOT NULL,
    l0_abstract      text                  NOT NULL DEFAULT '',
    key_topics       text[]                NOT NULL DEFAULT '{}',
    embedding        platform.vector(1536),
    source_type      text                  NOT NULL DEFAULT 'session',
    source_id        text,
    turn_count       integer               NOT NULL DEFAULT 0,
    token_count      integer               NOT NULL DEFAULT 0,
    search_vector    tsvector              GENERATED ALWAYS AS (
        to_tsvector(
            'simple'::regconfig,
            summary || ' ' || array_to_tsvector(
                array_remove(array_remove(key_topics, NULL), '')::varchar(500)[]::text[]
            )::text
        )
    ) STORED,
    promoted_at      timestamptz,
    recall_count     integer               NOT NULL DEFAULT 0,
    recall_score     double precision      NOT NULL DEFAULT 0,
    last_recalled_at timestamptz,
    created_at       timestamptz           NOT NULL DEFAULT now(),
    expires_at       timestamptz,

    CONSTRAINT episodic_summaries_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT episodic_summaries_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT episodic_summaries_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    -- What has no distance to itself (too short or too long for its square) has none to anything.
    CONSTRAINT episodic_summaries_embedding_ck CHECK (
        (embedding OPERATOR(platform.<=>) embedding) <= 1
    ),
    CONSTRAINT episodic_summaries_counts_ck CHECK (turn_count >= 0 AND token_count >= 0),
    CONSTRAINT episodic_summaries_recall_ck CHECK (
        recall_count >= 0 AND recall_score >= 0 AND recall_score < 'Infinity'
    )
);

-- Stated: one episode a source.
CREATE UNIQUE INDEX episodic_summaries_source_id_uq
    ON goclaw.episodic_summaries (tenant_id, agent_id, user_id, source_id)
    WHERE source_id IS NOT NULL;

-- Stated: the episodes of a user with an agent. Serves the reference.
CREATE INDEX episodic_summaries_user_id_ix
    ON goclaw.episodic_summaries (tenant_id, agent_id, user_id);

-- Stated: full-text search. Not for whoever is under row security: @@ is not leakproof, so the rows
-- of the tenant are found first and their words compared then.
CREATE INDEX episodic_summaries_search_vector_ix
    ON goclaw.episodic_summaries USING gin (search_vector);

-- Stated: the episodes that are nearest in meaning. Whoever is under row security and orders by
-- distance sets hnsw.iterative_scan: the index knows no tenant, and stops at the nearest rows.
CREATE INDEX episodic_summaries_embedding_ix
    ON goclaw.episodic_summaries USING hnsw (embedding platform.vector_cosine_ops)
    WHERE embedding IS NOT NULL;

-- Stated: what may be pruned, of all tenants.
CREATE INDEX episodic_summaries_expires_at_ix
    ON goclaw.episodic_summaries (expires_at) WHERE expires_at IS NOT NULL;

-- Stated: what was not promoted yet, oldest first.
CREATE INDEX episodic_summaries_unpromoted_ix
    ON goclaw.episodic_summaries (tenant_id, agent_id, user_id, created_at)
    WHERE promoted_at IS NULL;

-- Stated: what was not promoted yet, the most useful first.
CREATE INDEX episodic_summaries_recall_score_ix
    ON goclaw.episodic_summaries (tenant_id, agent_id, user_id, recall_score DESC)
    WHERE promoted_at IS NULL;

COMMENT ON TABLE goclaw.episodic_summaries IS 'A session in short, as an agent remembers it.';
COMMENT ON COLUMN goclaw.episodic_summaries.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.episodic_summaries.id IS 'The episode.';
COMMENT ON COLUMN goclaw.episodic_summaries.agent_id IS 'The agent that remembers it.';
COMMENT ON COLUMN goclaw.episodic_summaries.user_id IS
    'The user whom it is about. Empty means all users of the agent.';
COMMENT ON COLUMN goclaw.episodic_summaries.session_key IS 'The session.';
COMMENT ON COLUMN goclaw.episodic_summaries.summary IS 'What happened.';
COMMENT ON COLUMN goclaw.episodic_summaries.l0_abstract IS 'The same in one line.';
COMMENT ON COLUMN goclaw.episodic_summaries.key_topics IS
    'What it was about, in words to find it by.';
COMMENT ON COLUMN goclaw.episodic_summaries.embedding IS
    'The summary''s meaning as a vector. NULL means not computed yet.';
COMMENT ON COLUMN goclaw.episodic_summaries.source_type IS
    'What it was made from, for example session.';
COMMENT ON COLUMN goclaw.episodic_summaries.source_id IS
    'Which one; a second episode of the same source is refused.';
COMMENT ON COLUMN goclaw.episodic_summaries.turn_count IS 'Turns of the session.';
COMMENT ON COLUMN goclaw.episodic_summaries.token_count IS 'Tokens of the session.';
COMMENT ON COLUMN goclaw.episodic_summaries.search_vector IS
    'Words of summary and topics, as they are written; of a topic those in its first 500 '
    'characters.';
COMMENT ON COLUMN goclaw.episodic_summaries.promoted_at IS
    'When it became a part of long-term memory. NULL means not yet.';
COMMENT ON COLUMN goclaw.episodic_summaries.recall_count IS
    'How often a search found it; recall_episode() counts.';
COMMENT ON COLUMN goclaw.episodic_summaries.recall_score IS 'Mean score of those finds.';
COMMENT ON COLUMN goclaw.episodic_summaries.last_recalled_at IS 'When a search last found it.';
COMMENT ON COLUMN goclaw.episodic_summaries.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.episodic_summaries.expires_at IS
    'From when on it may be pruned. NULL means never.';

ALTER TABLE goclaw.episodic_summaries ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.episodic_summaries FORCE ROW LEVEL SECURITY;

CREATE POLICY episodic_summaries_tenant ON goclaw.episodic_summaries
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY episodic_summaries_tenant_guard ON goclaw.episodic_summaries AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Expired episodes of all tenants are pruned.
CREATE POLICY episodic_summaries_service ON goclaw.episodic_summaries
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.episodic_summaries TO muniment_app;
GRANT UPDATE (
    session_key, summary, l0_abstract, key_topics, embedding, source_type, source_id,
    turn_count, token_count, promoted_at, recall_count, recall_score, last_recalled_at,
    expires_at
) ON goclaw.episodic_summaries TO muniment_app;
GRANT SELECT ON goclaw.episodic_summaries TO muniment_reader;
GRANT DELETE ON goclaw.episodic_summaries TO muniment_service;
GRANT SELECT (tenant_id, id, expires_at) ON goclaw.episodic_summaries TO muniment_service;
-- FOR UPDATE asks for a right to update; this column means least.
GRANT UPDATE (last_recalled_at) ON goclaw.episodic_summaries TO muniment_service;

COMMIT;
