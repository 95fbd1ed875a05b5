-- Subject: goclaw.kg_entities    Docs: docs/schema/goclaw.md#kg-entities
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(36);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.kg_entities', 'goclaw.kg_relations', 'goclaw.kg_dedup_candidates'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('kg_entities'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('kg_entities', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('kg_entities', 'agent_id', 'uuid', true, NULL),
        ('kg_entities', 'user_id', 'character varying(255)', true, '''''::character varying'),
        ('kg_entities', 'external_id', 'character varying(255)', true, NULL),
        ('kg_entities', 'name', 'text', true, NULL),
        ('kg_entities', 'entity_type', 'character varying(100)', true, NULL),
        ('kg_entities', 'description', 'text', true, '''''::text'),
        ('kg_entities', 'properties', 'jsonb', true, '''{}''::jsonb'),
        ('kg_entities', 'source_id', 'character varying(255)', true, '''''::character varying'),
        ('kg_entities', 'confidence', 'double precision', true, '1.0'),
        ('kg_entities', 'team_id', 'uuid', false, NULL),
        ('kg_entities', 'embedding', 'platform.vector(1536)', false, NULL),
        ('kg_entities', 'tsv', 'tsvector', false,
         'to_tsvector(''simple''::regconfig, ((name || '' ''::text) || description))'),
        ('kg_entities', 'valid_from', 'timestamp with time zone', false, NULL),
        ('kg_entities', 'valid_until', 'timestamp with time zone', false, NULL),
        ('kg_entities', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('kg_entities', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('kg_relations', 'tenant_id', 'uuid', true, NULL),
        ('kg_relations', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('kg_relations', 'agent_id', 'uuid', true, NULL),
        ('kg_relations', 'user_id', 'character varying(255)', true, '''''::character varying'),
        ('kg_relations', 'source_entity_id', 'uuid', true, NULL),
        ('kg_relations', 'relation_type', 'character varying(200)', true, NULL),
        ('kg_relations', 'target_entity_id', 'uuid', true, NULL),
        ('kg_relations', 'confidence', 'double precision', true, '1.0'),
        ('kg_relations', 'properties', 'jsonb', true, '''{}''::jsonb'),
        ('kg_relations', 'team_id', 'uuid', false, NULL),
        ('kg_relations', 'valid_from', 'timestamp with time zone', false, NULL),
        ('kg_relations', 'valid_until', 'timestamp with time zone', false, NULL),
        ('kg_relations', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('kg_dedup_candidates', 'tenant_id', 'uuid', true, NULL),
        ('kg_dedup_candidates', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('kg_dedup_candidates', 'agent_id', 'uuid', true, NULL),
        ('kg_dedup_candidates', 'user_id', 'character varying(255)', true,
         '''''::character varying'),
        ('kg_dedup_candidates', 'entity_a_id', 'uuid', true, NULL),
        ('kg_dedup_candidates', 'entity_b_id', 'uuid', true, NULL),
        ('kg_dedup_candidates', 'similarity', 'double precision', true, NULL),
        ('kg_dedup_candidates', 'status', 'character varying(20)', true,
         '''pending''::character varying'),
        ('kg_dedup_candidates', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('kg_entities_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('kg_entities_external_id_uq', 'UNIQUE (tenant_id, agent_id, user_id, external_id)'),
        ('kg_entities_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('kg_entities_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('kg_entities_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('kg_entities_agent_id_uq', 'UNIQUE (tenant_id, agent_id, id)'),
        ('kg_entities_embedding_ck',
         'CHECK (((embedding OPERATOR(platform.<=>) embedding) <= (1)::double precision))'),
        ('kg_entities_external_id_ck', 'CHECK (((external_id)::text <> ''''::text))'),
        ('kg_entities_confidence_ck',
         'CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double '
         'precision)))'),
        ('kg_entities_valid_ck', 'CHECK ((valid_until >= valid_from))'),
        ('kg_relations_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('kg_relations_relation_type_uq',
         'UNIQUE (tenant_id, agent_id, user_id, source_entity_id, relation_type, '
         'target_entity_id)'),
        ('kg_relations_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('kg_relations_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('kg_relations_source_entity_fk',
         'FOREIGN KEY (tenant_id, agent_id, source_entity_id) REFERENCES '
         'goclaw.kg_entities(tenant_id, agent_id, id) ON DELETE CASCADE'),
        ('kg_relations_target_entity_fk',
         'FOREIGN KEY (tenant_id, agent_id, target_entity_id) REFERENCES '
         'goclaw.kg_entities(tenant_id, agent_id, id) ON DELETE CASCADE'),
        ('kg_relations_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('kg_relations_relation_type_ck', 'CHECK (((relation_type)::text <> ''''::text))'),
        ('kg_relations_confidence_ck',
         'CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double '
         'precision)))'),
        ('kg_relations_valid_ck', 'CHECK ((valid_until >= valid_from))'),
        ('kg_dedup_candidates_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('kg_dedup_candidates_entities_uq', 'UNIQUE (tenant_id, entity_a_id, entity_b_id)'),
        ('kg_dedup_candidates_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('kg_dedup_candidates_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('kg_dedup_candidates_entity_a_fk',
         'FOREIGN KEY (tenant_id, agent_id, entity_a_id) REFERENCES '
         'goclaw.kg_entities(tenant_id, agent_id, id) ON DELETE CASCADE'),
        ('kg_dedup_candidates_entity_b_fk',
         'FOREIGN KEY (tenant_id, agent_id, entity_b_id) REFERENCES '
         'goclaw.kg_entities(tenant_id, agent_id, id) ON DELETE CASCADE'),
        ('kg_dedup_candidates_entities_ck', 'CHECK ((entity_a_id <> entity_b_id))'),
        ('kg_dedup_candidates_similarity_ck',
         'CHECK (((similarity >= (0)::double precision) AND (similarity <= (1)::double '
         'precision)))'),
        ('kg_dedup_candidates_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''pending''::character varying, '
         '''merged''::character varying, ''dismissed''::character varying])::text[])))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('kg_entities_user_id_ix'::name, false, 'btree (tenant_id, agent_id, user_id)'),
        ('kg_entities_entity_type_ix', false,
         'btree (tenant_id, agent_id, user_id, entity_type)'),
        ('kg_entities_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('kg_entities_current_ix', false,
         'btree (tenant_id, agent_id, user_id) WHERE (valid_until IS NULL)'),
        ('kg_entities_tsv_ix', false, 'gin (tsv)'),
        ('kg_entities_embedding_ix', false, 'hnsw (embedding platform.vector_cosine_ops)'),
        ('kg_relations_source_entity_id_ix', false,
         'btree (tenant_id, source_entity_id, relation_type)'),
        ('kg_relations_target_entity_id_ix', false, 'btree (tenant_id, target_entity_id)'),
        ('kg_relations_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('kg_relations_current_ix', false,
         'btree (tenant_id, agent_id, user_id) WHERE (valid_until IS NULL)'),
        ('kg_dedup_candidates_status_ix', false, 'btree (tenant_id, agent_id, status)'),
        ('kg_dedup_candidates_pair_uq', true,
         'btree (tenant_id, LEAST(entity_a_id, entity_b_id), GREATEST(entity_a_id, '
         'entity_b_id))'),
        ('kg_dedup_candidates_entity_b_id_ix', false, 'btree (tenant_id, entity_b_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('kg_entities_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.kg_entities FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT '00000000-0000-4000-8000-00000000000a', id, key, 'u', 'm'
FROM (
    VALUES
        ('a9e00000-0000-4000-8000-0000000000a1'::uuid, 'planner'),
        ('a9e00000-0000-4000-8000-0000000000a2', 'drafter')
) AS agent (id, key);
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7ea00000-0000-4000-8000-0000000000a1', 'T',
        'a9e00000-0000-4000-8000-0000000000a1'
    );
INSERT INTO goclaw.kg_entities (
    tenant_id, id, agent_id, external_id, name, entity_type, description, team_id
)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    ('e0000000-0000-4000-8000-0000000000a' || number)::uuid,
    'a9e00000-0000-4000-8000-0000000000a2',
    'e' || number, 'Ada ' || number, 'person', 'wrote letters',
    '7ea00000-0000-4000-8000-0000000000a1'
FROM generate_series(1, 3) AS number;
INSERT INTO goclaw.kg_relations (
    tenant_id, agent_id, source_entity_id, relation_type, target_entity_id, team_id
)
SELECT a.tenant_id, a.agent_id, a.id, 'knows', b.id, a.team_id
FROM goclaw.kg_entities AS a
CROSS JOIN goclaw.kg_entities AS b
WHERE (a.external_id, b.external_id) IN (('e1', 'e2'), ('e2', 'e3'), ('e3', 'e1'));
INSERT INTO goclaw.kg_dedup_candidates (
    tenant_id, agent_id, entity_a_id, entity_b_id, similarity
)
SELECT tenant_id, agent_id, source_entity_id, target_entity_id, 0.9 FROM goclaw.kg_relations;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, column_name, value),
    '23514',
    NULL,
    format('%s.%s cannot be %s', name, column_name, value)
)
FROM (
    VALUES
        ('kg_entities', 'external_id', ''),
        ('kg_entities', 'confidence', '-0.1'),
        ('kg_entities', 'confidence', '1.1'),
        ('kg_entities', 'confidence', 'NaN'),
        ('kg_relations', 'relation_type', ''),
        ('kg_relations', 'confidence', '-0.1'),
        ('kg_relations', 'confidence', '1.1'),
        ('kg_dedup_candidates', 'similarity', '-0.1'),
        ('kg_dedup_candidates', 'similarity', '1.1'),
        ('kg_dedup_candidates', 'status', 'done')
) AS attempt (name, column_name, value);
SELECT throws_ok(
    format(
        'UPDATE goclaw.%I SET valid_from = %L, valid_until = %L', name, '2026-02-01', '2026-01-01'
    ),
    '23514',
    NULL,
    format('in %s nothing ends before it begins', name)
)
FROM unnest(ARRAY['kg_entities', 'kg_relations']) AS name;
SELECT throws_ok(
    $$ UPDATE goclaw.kg_dedup_candidates SET entity_b_id = entity_a_id $$,
    '23514',
    NULL,
    'nothing is a copy of itself'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.kg_entities (tenant_id, agent_id, external_id, name, entity_type)
       SELECT tenant_id, agent_id, external_id, 'again', 'person' FROM goclaw.kg_entities $$,
    '23505',
    NULL,
    'an entity is known once to an agent and user'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.kg_relations (
           tenant_id, agent_id, source_entity_id, relation_type, target_entity_id
       )
       SELECT tenant_id, agent_id, source_entity_id, relation_type, target_entity_id
       FROM goclaw.kg_relations $$,
    '23505',
    NULL,
    'so is a relation'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.kg_dedup_candidates (
           tenant_id, agent_id, entity_a_id, entity_b_id, similarity
       )
       SELECT tenant_id, agent_id, entity_a_id, entity_b_id, 1 FROM goclaw.kg_dedup_candidates $$,
    '23505',
    NULL,
    'and a pair'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.kg_dedup_candidates (
           tenant_id, agent_id, entity_a_id, entity_b_id, similarity
       )
       SELECT tenant_id, agent_id, entity_b_id, entity_a_id, 1 FROM goclaw.kg_dedup_candidates $$,
    '23505',
    'duplicate key value violates unique constraint "kg_dedup_candidates_pair_uq"',
    'in whatever order: nobody decides twice about it'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.%I SET agent_id = %L', name, 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    '23503',
    NULL,
    format('the entities of %s are those of its agent', name)
)
FROM unnest(ARRAY['kg_relations', 'kg_dedup_candidates']) AS name;
SELECT throws_ok(
    format(
        'UPDATE goclaw.kg_entities SET embedding = %L', array_fill(0, ARRAY[1536])::platform.vector
    ),
    '23514',
    NULL,
    'a vector that has no distance to anything is not stored'
);
SELECT is(
    (SELECT count(*) FROM goclaw.kg_entities WHERE tsv @@ to_tsquery('simple', 'ada & letters')),
    3::bigint,
    'an entity is found by the words of its name and description'
);
UPDATE goclaw.kg_entities SET updated_at = '2000-01-01';
SELECT is_empty(
    $$ SELECT FROM goclaw.kg_entities WHERE updated_at <> now() $$,
    'when a row was changed, nobody says but the clock'
);
-- The first relation and the first entities are of no team, the new entities are.
UPDATE goclaw.kg_relations AS r
SET team_id = NULL
FROM goclaw.kg_entities AS e
WHERE e.id = r.source_entity_id
    AND e.external_id = 'e1';
INSERT INTO goclaw.kg_entities (tenant_id, id, agent_id, external_id, name, entity_type, team_id)
SELECT
    tenant_id, ('e0000000-0000-4000-8000-0000000000' || number)::uuid, agent_id, 't' || number,
    'T', 'person', '7ea00000-0000-4000-8000-0000000000a1'
FROM goclaw.kg_entities
CROSS JOIN generate_series(11, 12) AS number
WHERE external_id = 'e1';
UPDATE goclaw.kg_entities SET team_id = NULL WHERE external_id LIKE 'e%';
INSERT INTO goclaw.kg_relations (
    tenant_id, agent_id, source_entity_id, relation_type, target_entity_id
)
SELECT a.tenant_id, a.agent_id, a.id, 'knows', b.id
FROM goclaw.kg_entities AS a
CROSS JOIN goclaw.kg_entities AS b
WHERE (a.external_id, b.external_id) IN (('e1', 't11'), ('t12', 'e1'), ('t11', 't12'));
DELETE FROM goclaw.agent_teams;
SELECT set_eq(
    $$ SELECT external_id::text FROM goclaw.kg_entities $$,
    $$ VALUES ('e1'), ('e2'), ('e3') $$,
    'a team takes along the entities that are known in it, or they would be known to everybody'
);
SELECT results_eq(
    $$ SELECT s.external_id::text, t.external_id::text
       FROM goclaw.kg_relations AS r
       LEFT JOIN goclaw.kg_entities AS s ON s.id = r.source_entity_id
       LEFT JOIN goclaw.kg_entities AS t ON t.id = r.target_entity_id $$,
    $$ VALUES ('e1', 'e2') $$,
    'and the relations, those of the team and those with one of its entities'
);
INSERT INTO goclaw.kg_relations (
    tenant_id, agent_id, source_entity_id, relation_type, target_entity_id
)
SELECT a.tenant_id, a.agent_id, a.id, 'knows', b.id
FROM goclaw.kg_entities AS a
CROSS JOIN goclaw.kg_entities AS b
WHERE (a.external_id, b.external_id) IN (('e2', 'e3'), ('e3', 'e1'));
DELETE FROM goclaw.kg_entities WHERE external_id = 'e1';
SELECT results_eq(
    $$ SELECT s.external_id::text, t.external_id::text
       FROM goclaw.kg_relations AS r
       LEFT JOIN goclaw.kg_entities AS s ON s.id = r.source_entity_id
       LEFT JOIN goclaw.kg_entities AS t ON t.id = r.target_entity_id $$,
    $$ VALUES ('e2', 'e3') $$,
    'an entity takes its relations along, from it and to it'
);
SELECT is(
    (SELECT count(*) FROM goclaw.kg_dedup_candidates),
    1::bigint,
    'and the pairs that it was in, as one or the other'
);
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT is_empty(
    $$ SELECT FROM goclaw.kg_entities
       UNION ALL
       SELECT FROM goclaw.kg_relations
       UNION ALL
       SELECT FROM goclaw.kg_dedup_candidates $$,
    'an agent that is removed takes what it knows along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'kg_entities', ARRAY['kg_entities_tenant', 'kg_entities_tenant_guard'],
    'no other policy widens access to kg_entities'
);
SELECT policies_are(
    'goclaw', 'kg_relations', ARRAY['kg_relations_tenant', 'kg_relations_tenant_guard'],
    'no other policy widens access to kg_relations'
);
SELECT policies_are(
    'goclaw', 'kg_dedup_candidates', ARRAY[
        'kg_dedup_candidates_tenant', 'kg_dedup_candidates_tenant_guard'
    ],
    'no other policy widens access to kg_dedup_candidates'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('kg_entities'::name, 'muniment_app', 'DELETE'),
        ('kg_entities', 'muniment_app', 'INSERT'),
        ('kg_entities', 'muniment_app', 'SELECT'),
        ('kg_entities', 'muniment_reader', 'SELECT'),
        ('kg_relations', 'muniment_app', 'DELETE'),
        ('kg_relations', 'muniment_app', 'INSERT'),
        ('kg_relations', 'muniment_app', 'SELECT'),
        ('kg_relations', 'muniment_reader', 'SELECT'),
        ('kg_dedup_candidates', 'muniment_app', 'DELETE'),
        ('kg_dedup_candidates', 'muniment_app', 'INSERT'),
        ('kg_dedup_candidates', 'muniment_app', 'SELECT'),
        ('kg_dedup_candidates', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('kg_entities'::name, 'muniment_app', 'UPDATE',
         'external_id, name, entity_type, description, properties, '
         'source_id, confidence, team_id, embedding, valid_from, valid_until, updated_at'),
        ('kg_relations', 'muniment_app', 'UPDATE',
         'relation_type, confidence, properties, team_id, valid_from, valid_until'),
        ('kg_dedup_candidates', 'muniment_app', 'UPDATE',
         'similarity, status') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
