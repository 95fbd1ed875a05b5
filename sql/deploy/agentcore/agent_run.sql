-- Deploy agentcore:agent_run to pg
-- requires: chunk
-- requires: conversation
-- requires: require_chunk
-- requires: platform:forbid_change
--
-- What a model was asked for and what it was given to read. A run that has ended stays as it is. A
-- hit is evidence: it keeps its document's id when document and chunk are gone, and its key sees to
-- it that chunk and document belong together as long as they are there, which they are at first.
-- What another model says of a hit is said once.
-- Locks: SHARE ROW EXCLUSIVE on chunk, conversation, department.
-- Docs: docs/schema/agentcore.md#agent-run

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.agent_run (
    department_id   uuid          NOT NULL DEFAULT platform.current_tenant_id(),
    id              uuid          NOT NULL DEFAULT platform.uuid_generate_v7(),
    trace_id        text          NOT NULL,
    conversation_id uuid,
    provider        text,
    model           text,
    input_tokens    integer       NOT NULL DEFAULT 0,
    output_tokens   integer       NOT NULL DEFAULT 0,
    cost            numeric(18,9),
    latency_ms      integer,
    status          text          NOT NULL DEFAULT 'running',
    created_at      timestamptz   NOT NULL DEFAULT now(),

    CONSTRAINT agent_run_pk PRIMARY KEY (department_id, id),
    CONSTRAINT agent_run_trace_id_uq UNIQUE (department_id, trace_id),
    CONSTRAINT agent_run_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT agent_run_conversation_fk FOREIGN KEY (department_id, conversation_id)
        REFERENCES agentcore.conversation (department_id, id) ON DELETE SET NULL (conversation_id),
    CONSTRAINT agent_run_trace_id_ck CHECK (trace_id <> ''),
    CONSTRAINT agent_run_tokens_ck CHECK (input_tokens >= 0 AND output_tokens >= 0),
    CONSTRAINT agent_run_cost_ck CHECK (cost >= 0 AND cost < 'NaN'),
    CONSTRAINT agent_run_latency_ms_ck CHECK (latency_ms >= 0),
    CONSTRAINT agent_run_status_ck CHECK (status IN ('running', 'done', 'failed'))
);

-- The runs of a conversation, newest first. Serves the reference.
CREATE INDEX agent_run_conversation_id_ix
    ON agentcore.agent_run (department_id, conversation_id, created_at DESC)
    WHERE conversation_id IS NOT NULL;

COMMENT ON TABLE agentcore.agent_run IS 'Summary of a trace: one answer of a model.';
COMMENT ON COLUMN agentcore.agent_run.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.agent_run.id IS 'The run.';
COMMENT ON COLUMN agentcore.agent_run.trace_id IS 'The trace, as the tracing system names it.';
COMMENT ON COLUMN agentcore.agent_run.conversation_id IS
    'The conversation that it was for. NULL means none.';
COMMENT ON COLUMN agentcore.agent_run.provider IS 'Who served the model.';
COMMENT ON COLUMN agentcore.agent_run.model IS 'The model.';
COMMENT ON COLUMN agentcore.agent_run.input_tokens IS 'Tokens given to the model.';
COMMENT ON COLUMN agentcore.agent_run.output_tokens IS 'Tokens received from it.';
COMMENT ON COLUMN agentcore.agent_run.cost IS 'In US dollars. NULL means not priced.';
COMMENT ON COLUMN agentcore.agent_run.latency_ms IS
    'Until the answer was there, in milliseconds. NULL until then.';
COMMENT ON COLUMN agentcore.agent_run.status IS 'running, done or failed.';
COMMENT ON COLUMN agentcore.agent_run.created_at IS 'When the row was made.';

-- Not when a reference empties its column.
CREATE TRIGGER agent_run_forbid_update_tg
    BEFORE UPDATE OF provider, model, input_tokens, output_tokens, cost, latency_ms, status
    ON agentcore.agent_run
    FOR EACH ROW WHEN (OLD.status <> 'running')
    EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.agent_run ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.agent_run FORCE ROW LEVEL SECURITY;

CREATE POLICY agent_run_tenant ON agentcore.agent_run
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY agent_run_tenant_guard ON agentcore.agent_run AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.agent_run TO muniment_app;
GRANT INSERT (
    department_id, id, trace_id, conversation_id, provider, model
) ON agentcore.agent_run TO muniment_app;
GRANT UPDATE (
    provider, model, input_tokens, output_tokens, cost, latency_ms, status
) ON agentcore.agent_run TO muniment_app;
GRANT SELECT ON agentcore.agent_run TO muniment_reader;

CREATE TABLE agentcore.retrieval_hit (
    department_id uuid             NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid             NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_run_id  uuid             NOT NULL,
    chunk_id      uuid,
    document_id   uuid             NOT NULL,
    rank          integer          NOT NULL,
    score         double precision NOT NULL,
    rerank_score  double precision,
    created_at    timestamptz      NOT NULL DEFAULT now(),

    CONSTRAINT retrieval_hit_pk PRIMARY KEY (department_id, id),
    CONSTRAINT retrieval_hit_rank_uq UNIQUE (department_id, agent_run_id, rank),
    CONSTRAINT retrieval_hit_agent_run_fk FOREIGN KEY (department_id, agent_run_id)
        REFERENCES agentcore.agent_run (department_id, id) ON DELETE CASCADE,
    CONSTRAINT retrieval_hit_chunk_fk FOREIGN KEY (department_id, document_id, chunk_id)
        REFERENCES agentcore.chunk (department_id, document_id, id) ON DELETE SET NULL (chunk_id),
    CONSTRAINT retrieval_hit_rank_ck CHECK (rank > 0),
    -- Hits are put in order by these, and what is not a number is greater than all that are.
    CONSTRAINT retrieval_hit_score_ck CHECK (score > '-Infinity' AND score < 'Infinity'),
    CONSTRAINT retrieval_hit_rerank_score_ck
        CHECK (rerank_score > '-Infinity' AND rerank_score < 'Infinity')
);

-- For what a document or a chunk was found. Serves the reference.
CREATE INDEX retrieval_hit_document_id_ix
    ON agentcore.retrieval_hit (department_id, document_id, chunk_id);

COMMENT ON TABLE agentcore.retrieval_hit IS 'A chunk that was found for a run.';
COMMENT ON COLUMN agentcore.retrieval_hit.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.retrieval_hit.id IS 'The hit.';
COMMENT ON COLUMN agentcore.retrieval_hit.agent_run_id IS 'The run.';
COMMENT ON COLUMN agentcore.retrieval_hit.chunk_id IS
    'The chunk. NULL means that it was deleted since.';
COMMENT ON COLUMN agentcore.retrieval_hit.document_id IS
    'The document that the chunk was of; it may be deleted since.';
COMMENT ON COLUMN agentcore.retrieval_hit.rank IS 'Its place among the hits of the run, from 1.';
COMMENT ON COLUMN agentcore.retrieval_hit.score IS
    'How well it fitted, as search_knowledge() says.';
COMMENT ON COLUMN agentcore.retrieval_hit.rerank_score IS
    'How well it fitted as another model says, once. NULL means not asked.';
COMMENT ON COLUMN agentcore.retrieval_hit.created_at IS 'When the row was made.';

CREATE TRIGGER retrieval_hit_require_chunk_tg
    BEFORE INSERT ON agentcore.retrieval_hit
    FOR EACH ROW WHEN (NEW.chunk_id IS NULL)
    EXECUTE FUNCTION agentcore.require_chunk();
-- Not when a reference empties its column.
CREATE TRIGGER retrieval_hit_forbid_update_tg
    BEFORE UPDATE OF rerank_score ON agentcore.retrieval_hit
    FOR EACH ROW WHEN (OLD.rerank_score IS NOT NULL)
    EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER retrieval_hit_forbid_truncate_tg
    BEFORE TRUNCATE ON agentcore.retrieval_hit
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agentcore.retrieval_hit ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.retrieval_hit FORCE ROW LEVEL SECURITY;

CREATE POLICY retrieval_hit_tenant ON agentcore.retrieval_hit
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY retrieval_hit_tenant_guard ON agentcore.retrieval_hit AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT ON agentcore.retrieval_hit TO muniment_app;
GRANT INSERT (
    department_id, id, agent_run_id, chunk_id, document_id, rank, score
) ON agentcore.retrieval_hit TO muniment_app;
GRANT UPDATE (rerank_score) ON agentcore.retrieval_hit TO muniment_app;
GRANT SELECT ON agentcore.retrieval_hit TO muniment_reader;

COMMIT;
