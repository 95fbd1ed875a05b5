-- Deploy agentcore:intent_trust to pg
-- requires: namespace
-- requires: platform:vector
--
-- An assistant earns the right to answer alone, one intent at a time. Whether it has is computed
-- from the count, which only decide_approval() writes, and what it takes, which only
-- muniment_service does: no runtime can grant itself autonomy. Examples are compared one by one,
-- since a namespace has few; an index over the vectors of all departments would be slower and could
-- miss some.
-- Locks: SHARE ROW EXCLUSIVE on namespace.  Docs: docs/schema/agentcore.md#intent-trust

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.intent_trust (
    department_id    uuid         NOT NULL DEFAULT platform.current_tenant_id(),
    id               uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    namespace_id     uuid         NOT NULL,
    intent_name      text         NOT NULL,
    successful_count integer      NOT NULL DEFAULT 0,
    threshold        integer      DEFAULT 10,
    is_autonomous    boolean      NOT NULL GENERATED ALWAYS AS (
        coalesce(successful_count >= threshold, false)
    ) STORED,
    sampling_rate    numeric(4,3) NOT NULL DEFAULT 0.1,
    created_at       timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT intent_trust_pk PRIMARY KEY (department_id, id),
    CONSTRAINT intent_trust_intent_name_uq UNIQUE (department_id, namespace_id, intent_name),
    CONSTRAINT intent_trust_namespace_fk FOREIGN KEY (department_id, namespace_id)
        REFERENCES agentcore.namespace (department_id, id) ON DELETE CASCADE,
    CONSTRAINT intent_trust_intent_name_ck CHECK (intent_name <> ''),
    CONSTRAINT intent_trust_successful_count_ck CHECK (successful_count >= 0),
    CONSTRAINT intent_trust_threshold_ck CHECK (threshold > 0),
    CONSTRAINT intent_trust_sampling_rate_ck CHECK (sampling_rate BETWEEN 0 AND 1)
);

COMMENT ON TABLE agentcore.intent_trust IS 'How far an assistant is trusted with an intent.';
COMMENT ON COLUMN agentcore.intent_trust.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.intent_trust.id IS 'The entry of the trust matrix.';
COMMENT ON COLUMN agentcore.intent_trust.namespace_id IS 'The assistant.';
COMMENT ON COLUMN agentcore.intent_trust.intent_name IS 'The intent.';
COMMENT ON COLUMN agentcore.intent_trust.successful_count IS
    'How many answers were approved as they were since one was rejected.';
COMMENT ON COLUMN agentcore.intent_trust.threshold IS
    'How many it takes to answer alone. NULL means that it never does.';
COMMENT ON COLUMN agentcore.intent_trust.is_autonomous IS 'Whether it answers alone. Computed.';
COMMENT ON COLUMN agentcore.intent_trust.sampling_rate IS
    'Share of answers that a person sees all the same, from 0 to 1.';
COMMENT ON COLUMN agentcore.intent_trust.created_at IS 'When the row was made.';

ALTER TABLE agentcore.intent_trust ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.intent_trust FORCE ROW LEVEL SECURITY;

CREATE POLICY intent_trust_tenant ON agentcore.intent_trust
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY intent_trust_tenant_guard ON agentcore.intent_trust AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

-- What it takes to answer alone is said by the backend, for whoever is allowed to.
CREATE POLICY intent_trust_service ON agentcore.intent_trust
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON agentcore.intent_trust TO muniment_app;
GRANT SELECT ON agentcore.intent_trust TO muniment_reader;
GRANT SELECT ON agentcore.intent_trust TO muniment_service;
GRANT INSERT (
    department_id, id, namespace_id, intent_name, threshold, sampling_rate
) ON agentcore.intent_trust TO muniment_service;
GRANT UPDATE (threshold, sampling_rate) ON agentcore.intent_trust TO muniment_service;

CREATE TABLE agentcore.intent_example (
    department_id uuid                  NOT NULL DEFAULT platform.current_tenant_id(),
    id            uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    namespace_id  uuid                  NOT NULL,
    intent_name   text                  NOT NULL,
    phrase        text                  NOT NULL,
    embedding     platform.vector(1536),
    metadata      jsonb                 NOT NULL DEFAULT '{}',
    created_at    timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT intent_example_pk PRIMARY KEY (department_id, id),
    CONSTRAINT intent_example_phrase_uq UNIQUE (department_id, namespace_id, phrase),
    CONSTRAINT intent_example_namespace_fk FOREIGN KEY (department_id, namespace_id)
        REFERENCES agentcore.namespace (department_id, id) ON DELETE CASCADE,
    CONSTRAINT intent_example_intent_name_ck CHECK (intent_name <> ''),
    CONSTRAINT intent_example_embedding_ck CHECK (platform.vector_norm(embedding) > 0)
);

COMMENT ON TABLE agentcore.intent_example IS 'A phrase of which it is known what is meant.';
COMMENT ON COLUMN agentcore.intent_example.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.intent_example.id IS 'The example.';
COMMENT ON COLUMN agentcore.intent_example.namespace_id IS 'The assistant.';
COMMENT ON COLUMN agentcore.intent_example.intent_name IS 'What is meant.';
COMMENT ON COLUMN agentcore.intent_example.phrase IS
    'What is said. It means one thing in a namespace.';
COMMENT ON COLUMN agentcore.intent_example.embedding IS
    'Meaning of the phrase. NULL until it is computed; then it is compared.';
COMMENT ON COLUMN agentcore.intent_example.metadata IS 'Further facts.';
COMMENT ON COLUMN agentcore.intent_example.created_at IS 'When the row was made.';

ALTER TABLE agentcore.intent_example ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.intent_example FORCE ROW LEVEL SECURITY;

CREATE POLICY intent_example_tenant ON agentcore.intent_example
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY intent_example_tenant_guard ON agentcore.intent_example AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.intent_example TO muniment_app;
GRANT UPDATE (
    namespace_id, intent_name, phrase, embedding, metadata
) ON agentcore.intent_example TO muniment_app;
GRANT SELECT ON agentcore.intent_example TO muniment_reader;

COMMIT;
