-- Deploy goclaw:kg_entities to pg
-- requires: agent_teams
--
-- What agents know of people and things, as a graph. Nodes and edges say from when to when they
-- held; what holds now has no end. A user of '' means all users of the agent, no team all teams;
-- so what a team knows goes with the team, or its end would show it to everybody. Relations and
-- pairs are of the agent that knows their entities, and an entity stays with its agent and user.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.
-- Docs: docs/schema/goclaw.md#kg-entities

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.kg_entities (
    tenant_id   uuid                  NOT NULL,
    id          uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id    uuid                  NOT NULL,
    user_id     varchar(255)          NOT NULL DEFAULT '',
    external_id varchar(255)          NOT NULL,
    name        text                  NOT NULL,
    entity_type varchar(100)          NOT NULL,
    description text                  NOT NULL DEFAULT '',
    properties  jsonb                 NOT NULL DEFAULT '{}',
    source_id   varchar(255)          NOT NULL DEFAULT '',
    confidence  double precision      NOT NULL DEFAULT 1.0,
    team_id     uuid,
    embedding   platform.vector(1536),
    tsv         tsvector              GENERATED ALWAYS AS (
        to_tsvector('simple'::regconfig, name || ' ' || description)
    ) STORED,
    valid_from  timestamptz,
    valid_until timestamptz,
    created_at  timestamptz           NOT NULL DEFAULT now(),
    updated_at  timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT kg_entities_pk PRIMARY KEY (tenant_id, id),
    -- For references that carry the agent.
    CONSTRAINT kg_entities_agent_id_uq UNIQUE (tenant_id, agent_id, id),
    CONSTRAINT kg_entities_external_id_uq UNIQUE (tenant_id, agent_id, user_id, external_id),
    CONSTRAINT kg_entities_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT kg_entities_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_entities_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    -- What has no distance to itself (too short or too long for its square) has none to anything.
    CONSTRAINT kg_entities_embedding_ck CHECK (
        (embedding OPERATOR(platform.<=>) embedding) <= 1
    ),
    CONSTRAINT kg_entities_external_id_ck CHECK (external_id <> ''),
    CONSTRAINT kg_entities_confidence_ck CHECK (confidence BETWEEN 0 AND 1),
    CONSTRAINT kg_entities_valid_ck CHECK (valid_until >= valid_from)
);

-- Stated: what an agent knows for a user. Serves the reference.
CREATE INDEX kg_entities_user_id_ix ON goclaw.kg_entities (tenant_id, agent_id, user_id);

-- Stated: what an agent knows of a kind.
CREATE INDEX kg_entities_entity_type_ix
    ON goclaw.kg_entities (tenant_id, agent_id, user_id, entity_type);

-- Stated: what is known in a team. Serves the reference.
CREATE INDEX kg_entities_team_id_ix
    ON goclaw.kg_entities (tenant_id, team_id) WHERE team_id IS NOT NULL;

-- Stated: what holds now.
CREATE INDEX kg_entities_current_ix
    ON goclaw.kg_entities (tenant_id, agent_id, user_id) WHERE valid_until IS NULL;

-- Stated: full-text search. Not for whoever is under row security: @@ is not leakproof, so the rows
-- of the tenant are found first and their words compared then.
CREATE INDEX kg_entities_tsv_ix ON goclaw.kg_entities USING gin (tsv);

-- Stated: the entities that are nearest in meaning. Whoever is under row security and orders by
-- distance sets hnsw.iterative_scan: the index knows no tenant, and stops at the nearest rows.
CREATE INDEX kg_entities_embedding_ix
    ON goclaw.kg_entities USING hnsw (embedding platform.vector_cosine_ops);

COMMENT ON TABLE goclaw.kg_entities IS 'A person, a thing or an idea that an agent knows of.';
COMMENT ON COLUMN goclaw.kg_entities.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.kg_entities.id IS 'The entity.';
COMMENT ON COLUMN goclaw.kg_entities.agent_id IS 'The agent that knows it.';
COMMENT ON COLUMN goclaw.kg_entities.user_id IS
    'The user for whom it is known. Empty means all users of the agent.';
COMMENT ON COLUMN goclaw.kg_entities.external_id IS 'Its name for whoever wrote it.';
COMMENT ON COLUMN goclaw.kg_entities.name IS 'For people.';
COMMENT ON COLUMN goclaw.kg_entities.entity_type IS
    'What it is, for example person, company or concept.';
COMMENT ON COLUMN goclaw.kg_entities.description IS 'What is known of it, in words.';
COMMENT ON COLUMN goclaw.kg_entities.properties IS 'What is known of it, for programs.';
COMMENT ON COLUMN goclaw.kg_entities.source_id IS 'The document or chunk in which it was found.';
COMMENT ON COLUMN goclaw.kg_entities.confidence IS 'How sure that is, from 0 to 1.';
COMMENT ON COLUMN goclaw.kg_entities.team_id IS
    'The team in which it is known, and with which it goes. NULL means none.';
COMMENT ON COLUMN goclaw.kg_entities.embedding IS
    'Its meaning as a vector. NULL means not computed yet.';
COMMENT ON COLUMN goclaw.kg_entities.tsv IS 'Words of name and description, as they are written.';
COMMENT ON COLUMN goclaw.kg_entities.valid_from IS 'Since when it holds. NULL means since ever.';
COMMENT ON COLUMN goclaw.kg_entities.valid_until IS
    'When it ceased to hold. NULL means that it holds.';
COMMENT ON COLUMN goclaw.kg_entities.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.kg_entities.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER kg_entities_set_updated_at_tg
    BEFORE UPDATE ON goclaw.kg_entities
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.kg_entities ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.kg_entities FORCE ROW LEVEL SECURITY;

CREATE POLICY kg_entities_tenant ON goclaw.kg_entities
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY kg_entities_tenant_guard ON goclaw.kg_entities AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.kg_entities TO muniment_app;
GRANT UPDATE (
    external_id, name, entity_type, description, properties, source_id, confidence, team_id,
    embedding, valid_from, valid_until, updated_at
) ON goclaw.kg_entities TO muniment_app;
GRANT SELECT ON goclaw.kg_entities TO muniment_reader;

CREATE TABLE goclaw.kg_relations (
    tenant_id        uuid             NOT NULL,
    id               uuid             NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id         uuid             NOT NULL,
    user_id          varchar(255)     NOT NULL DEFAULT '',
    source_entity_id uuid             NOT NULL,
    relation_type    varchar(200)     NOT NULL,
    target_entity_id uuid             NOT NULL,
    confidence       double precision NOT NULL DEFAULT 1.0,
    properties       jsonb            NOT NULL DEFAULT '{}',
    team_id          uuid,
    valid_from       timestamptz,
    valid_until      timestamptz,
    created_at       timestamptz      NOT NULL DEFAULT now(),

    CONSTRAINT kg_relations_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT kg_relations_relation_type_uq UNIQUE (
        tenant_id, agent_id, user_id, source_entity_id, relation_type, target_entity_id
    ),
    CONSTRAINT kg_relations_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT kg_relations_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_relations_source_entity_fk FOREIGN KEY (tenant_id, agent_id, source_entity_id)
        REFERENCES goclaw.kg_entities (tenant_id, agent_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_relations_target_entity_fk FOREIGN KEY (tenant_id, agent_id, target_entity_id)
        REFERENCES goclaw.kg_entities (tenant_id, agent_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_relations_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_relations_relation_type_ck CHECK (relation_type <> ''),
    CONSTRAINT kg_relations_confidence_ck CHECK (confidence BETWEEN 0 AND 1),
    CONSTRAINT kg_relations_valid_ck CHECK (valid_until >= valid_from)
);

-- Stated: what an entity relates to. Serves the reference.
CREATE INDEX kg_relations_source_entity_id_ix
    ON goclaw.kg_relations (tenant_id, source_entity_id, relation_type);

-- Stated: what relates to an entity. Serves the reference.
CREATE INDEX kg_relations_target_entity_id_ix ON goclaw.kg_relations (tenant_id, target_entity_id);

-- Stated: what is known in a team. Serves the reference.
CREATE INDEX kg_relations_team_id_ix
    ON goclaw.kg_relations (tenant_id, team_id) WHERE team_id IS NOT NULL;

-- Stated: what holds now.
CREATE INDEX kg_relations_current_ix
    ON goclaw.kg_relations (tenant_id, agent_id, user_id) WHERE valid_until IS NULL;

COMMENT ON TABLE goclaw.kg_relations IS 'How one entity relates to another.';
COMMENT ON COLUMN goclaw.kg_relations.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.kg_relations.id IS 'The relation.';
COMMENT ON COLUMN goclaw.kg_relations.agent_id IS 'The agent that knows it and both entities.';
COMMENT ON COLUMN goclaw.kg_relations.user_id IS
    'The user for whom it is known. Empty means all users of the agent.';
COMMENT ON COLUMN goclaw.kg_relations.source_entity_id IS 'The entity that relates.';
COMMENT ON COLUMN goclaw.kg_relations.relation_type IS 'How, for example works_at.';
COMMENT ON COLUMN goclaw.kg_relations.target_entity_id IS 'The entity that it relates to.';
COMMENT ON COLUMN goclaw.kg_relations.confidence IS 'How sure that is, from 0 to 1.';
COMMENT ON COLUMN goclaw.kg_relations.properties IS 'What else is known of it.';
COMMENT ON COLUMN goclaw.kg_relations.team_id IS
    'The team in which it is known, and with which it goes. NULL means none.';
COMMENT ON COLUMN goclaw.kg_relations.valid_from IS 'Since when it holds. NULL means since ever.';
COMMENT ON COLUMN goclaw.kg_relations.valid_until IS
    'When it ceased to hold. NULL means that it holds.';
COMMENT ON COLUMN goclaw.kg_relations.created_at IS 'When the row was made.';

ALTER TABLE goclaw.kg_relations ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.kg_relations FORCE ROW LEVEL SECURITY;

CREATE POLICY kg_relations_tenant ON goclaw.kg_relations
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY kg_relations_tenant_guard ON goclaw.kg_relations AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.kg_relations TO muniment_app;
GRANT UPDATE (
    relation_type, confidence, properties, team_id, valid_from, valid_until
) ON goclaw.kg_relations TO muniment_app;
GRANT SELECT ON goclaw.kg_relations TO muniment_reader;

CREATE TABLE goclaw.kg_dedup_candidates (
    tenant_id   uuid             NOT NULL,
    id          uuid             NOT NULL DEFAULT gen_random_uuid(),
    agent_id    uuid             NOT NULL,
    user_id     varchar(255)     NOT NULL DEFAULT '',
    entity_a_id uuid             NOT NULL,
    entity_b_id uuid             NOT NULL,
    similarity  double precision NOT NULL,
    status      varchar(20)      NOT NULL DEFAULT 'pending',
    created_at  timestamptz      NOT NULL DEFAULT now(),

    CONSTRAINT kg_dedup_candidates_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT kg_dedup_candidates_entities_uq UNIQUE (tenant_id, entity_a_id, entity_b_id),
    CONSTRAINT kg_dedup_candidates_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT kg_dedup_candidates_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_dedup_candidates_entity_a_fk FOREIGN KEY (tenant_id, agent_id, entity_a_id)
        REFERENCES goclaw.kg_entities (tenant_id, agent_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_dedup_candidates_entity_b_fk FOREIGN KEY (tenant_id, agent_id, entity_b_id)
        REFERENCES goclaw.kg_entities (tenant_id, agent_id, id) ON DELETE CASCADE,
    CONSTRAINT kg_dedup_candidates_entities_ck CHECK (entity_a_id <> entity_b_id),
    CONSTRAINT kg_dedup_candidates_similarity_ck CHECK (similarity BETWEEN 0 AND 1),
    CONSTRAINT kg_dedup_candidates_status_ck CHECK (status IN ('pending', 'merged', 'dismissed'))
);

-- A pair is decided once, in whatever order it is written.
CREATE UNIQUE INDEX kg_dedup_candidates_pair_uq
    ON goclaw.kg_dedup_candidates (
        tenant_id, least(entity_a_id, entity_b_id), greatest(entity_a_id, entity_b_id)
    );

-- Stated: what is to be decided for an agent. Serves the reference.
CREATE INDEX kg_dedup_candidates_status_ix
    ON goclaw.kg_dedup_candidates (tenant_id, agent_id, status);

-- Serves the reference; the unique key serves that of the other entity.
CREATE INDEX kg_dedup_candidates_entity_b_id_ix
    ON goclaw.kg_dedup_candidates (tenant_id, entity_b_id);

COMMENT ON TABLE goclaw.kg_dedup_candidates IS
    'Two entities that may be one, for somebody to decide.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.id IS 'The pair.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.agent_id IS 'The agent that knows both.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.user_id IS
    'The user for whom they are known. Empty means all users of the agent.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.entity_a_id IS 'One entity.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.entity_b_id IS 'The other one.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.similarity IS 'How alike they are, from 0 to 1.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.status IS 'pending, merged or dismissed.';
COMMENT ON COLUMN goclaw.kg_dedup_candidates.created_at IS 'When the row was made.';

ALTER TABLE goclaw.kg_dedup_candidates ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.kg_dedup_candidates FORCE ROW LEVEL SECURITY;

CREATE POLICY kg_dedup_candidates_tenant ON goclaw.kg_dedup_candidates
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY kg_dedup_candidates_tenant_guard ON goclaw.kg_dedup_candidates AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.kg_dedup_candidates TO muniment_app;
GRANT UPDATE (similarity, status) ON goclaw.kg_dedup_candidates TO muniment_app;
GRANT SELECT ON goclaw.kg_dedup_candidates TO muniment_reader;

COMMIT;
