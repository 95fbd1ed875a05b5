-- Deploy goclaw:usage_snapshots to pg
-- requires: agents
--
-- What was used in an hour, added up from traces and spans so that a year can be shown without
-- them; snapshots stay when these are pruned. Each figure can be summed over rows, except
-- unique_users and avg_duration_ms. A cost is a number: one NaN would make each sum NaN.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#usage-snapshots

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.usage_snapshots (
    tenant_id           uuid          NOT NULL,
    id                  uuid          NOT NULL DEFAULT platform.uuid_generate_v7(),
    bucket_hour         timestamptz   NOT NULL,
    agent_id            uuid,
    provider            varchar(50)   NOT NULL DEFAULT '',
    model               varchar(200)  NOT NULL DEFAULT '',
    channel             varchar(50)   NOT NULL DEFAULT '',
    input_tokens        bigint        NOT NULL DEFAULT 0,
    output_tokens       bigint        NOT NULL DEFAULT 0,
    cache_read_tokens   bigint        NOT NULL DEFAULT 0,
    cache_create_tokens bigint        NOT NULL DEFAULT 0,
    thinking_tokens     bigint        NOT NULL DEFAULT 0,
    total_cost          numeric(12,6) NOT NULL DEFAULT 0,
    request_count       integer       NOT NULL DEFAULT 0,
    llm_call_count      integer       NOT NULL DEFAULT 0,
    tool_call_count     integer       NOT NULL DEFAULT 0,
    error_count         integer       NOT NULL DEFAULT 0,
    unique_users        integer       NOT NULL DEFAULT 0,
    avg_duration_ms     integer       NOT NULL DEFAULT 0,
    memory_docs         integer       NOT NULL DEFAULT 0,
    memory_chunks       integer       NOT NULL DEFAULT 0,
    kg_entities         integer       NOT NULL DEFAULT 0,
    kg_relations        integer       NOT NULL DEFAULT 0,
    created_at          timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT usage_snapshots_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT usage_snapshots_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT usage_snapshots_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT usage_snapshots_bucket_hour_ck CHECK (
        date_trunc('hour', bucket_hour AT TIME ZONE 'UTC') = bucket_hour AT TIME ZONE 'UTC'
    ),
    CONSTRAINT usage_snapshots_tokens_ck CHECK (
        input_tokens >= 0 AND output_tokens >= 0 AND cache_read_tokens >= 0
        AND cache_create_tokens >= 0 AND thinking_tokens >= 0
    ),
    CONSTRAINT usage_snapshots_total_cost_ck
        CHECK (total_cost >= 0 AND total_cost < 'NaN'),
    CONSTRAINT usage_snapshots_counts_ck CHECK (
        request_count >= 0 AND llm_call_count >= 0 AND tool_call_count >= 0
        AND error_count >= 0 AND unique_users >= 0 AND avg_duration_ms >= 0
        AND memory_docs >= 0 AND memory_chunks >= 0 AND kg_entities >= 0 AND kg_relations >= 0
    )
);

-- Stated: one row for each combination, so that it can be written again.
CREATE UNIQUE INDEX usage_snapshots_bucket_uq
    ON goclaw.usage_snapshots (
        tenant_id,
        bucket_hour,
        coalesce(agent_id, '00000000-0000-0000-0000-000000000000'),
        provider,
        model,
        channel
    );

-- Stated: the latest hours.
CREATE INDEX usage_snapshots_bucket_hour_ix ON goclaw.usage_snapshots (tenant_id, bucket_hour DESC);

-- Stated: the latest hours of an agent. Serves the reference.
CREATE INDEX usage_snapshots_agent_id_ix
    ON goclaw.usage_snapshots (tenant_id, agent_id, bucket_hour DESC);

-- Stated: the latest hours of a provider.
CREATE INDEX usage_snapshots_provider_ix
    ON goclaw.usage_snapshots (tenant_id, provider, bucket_hour DESC)
    WHERE provider <> '';

-- Stated: the latest hours of a channel.
CREATE INDEX usage_snapshots_channel_ix
    ON goclaw.usage_snapshots (tenant_id, channel, bucket_hour DESC)
    WHERE channel <> '';

COMMENT ON TABLE goclaw.usage_snapshots IS
    'What was used in one hour, by agent, provider, model and channel.';
COMMENT ON COLUMN goclaw.usage_snapshots.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.usage_snapshots.id IS 'The snapshot.';
COMMENT ON COLUMN goclaw.usage_snapshots.bucket_hour IS 'The hour, in UTC, by its beginning.';
COMMENT ON COLUMN goclaw.usage_snapshots.agent_id IS
    'The agent. NULL means that no agent was involved.';
COMMENT ON COLUMN goclaw.usage_snapshots.provider IS
    'The provider. Empty in the row that counts requests.';
COMMENT ON COLUMN goclaw.usage_snapshots.model IS
    'The model. Empty in the row that counts requests.';
COMMENT ON COLUMN goclaw.usage_snapshots.channel IS 'The channel. Empty means none.';
COMMENT ON COLUMN goclaw.usage_snapshots.input_tokens IS 'Tokens given to models.';
COMMENT ON COLUMN goclaw.usage_snapshots.output_tokens IS 'Tokens received from models.';
COMMENT ON COLUMN goclaw.usage_snapshots.cache_read_tokens IS
    'Tokens that a provider had in its cache.';
COMMENT ON COLUMN goclaw.usage_snapshots.cache_create_tokens IS 'Tokens that it put there.';
COMMENT ON COLUMN goclaw.usage_snapshots.thinking_tokens IS 'Tokens of reasoning.';
COMMENT ON COLUMN goclaw.usage_snapshots.total_cost IS 'Estimated cost in US dollars.';
COMMENT ON COLUMN goclaw.usage_snapshots.request_count IS 'Runs that users asked for.';
COMMENT ON COLUMN goclaw.usage_snapshots.llm_call_count IS 'Calls of models.';
COMMENT ON COLUMN goclaw.usage_snapshots.tool_call_count IS 'Calls of tools.';
COMMENT ON COLUMN goclaw.usage_snapshots.error_count IS 'Runs among request_count that failed.';
COMMENT ON COLUMN goclaw.usage_snapshots.unique_users IS 'Users who asked for them.';
COMMENT ON COLUMN goclaw.usage_snapshots.avg_duration_ms IS
    'How long they took on average, in milliseconds; those that have ended.';
COMMENT ON COLUMN goclaw.usage_snapshots.memory_docs IS 'Memory documents at the time.';
COMMENT ON COLUMN goclaw.usage_snapshots.memory_chunks IS 'Chunks of them at the time.';
COMMENT ON COLUMN goclaw.usage_snapshots.kg_entities IS
    'Entities of the knowledge graph at the time.';
COMMENT ON COLUMN goclaw.usage_snapshots.kg_relations IS 'Relations between them at the time.';
COMMENT ON COLUMN goclaw.usage_snapshots.created_at IS 'When the row was made.';

ALTER TABLE goclaw.usage_snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_snapshots FORCE ROW LEVEL SECURITY;

CREATE POLICY usage_snapshots_tenant ON goclaw.usage_snapshots
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_snapshots_tenant_guard ON goclaw.usage_snapshots AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.usage_snapshots TO muniment_app;
GRANT UPDATE (
    input_tokens, output_tokens, cache_read_tokens, cache_create_tokens, thinking_tokens,
    total_cost, request_count, llm_call_count, tool_call_count, error_count, unique_users,
    avg_duration_ms, memory_docs, memory_chunks, kg_entities, kg_relations
) ON goclaw.usage_snapshots TO muniment_app;
GRANT SELECT ON goclaw.usage_snapshots TO muniment_reader;

COMMIT;
