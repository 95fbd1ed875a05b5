-- Subject: goclaw.episodic_summaries    Docs: docs/schema/goclaw.md#episodic-summaries
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.episodic_summaries']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('episodic_summaries'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('episodic_summaries', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('episodic_summaries', 'agent_id', 'uuid', true, NULL),
        ('episodic_summaries', 'user_id', 'character varying(255)', true,
         '''''::character varying'),
        ('episodic_summaries', 'session_key', 'text', true, NULL),
        ('episodic_summaries', 'summary', 'text', true, NULL),
        ('episodic_summaries', 'l0_abstract', 'text', true, '''''::text'),
        ('episodic_summaries', 'key_topics', 'text[]', true, '''{}''::text[]'),
        ('episodic_summaries', 'embedding', 'platform.vector(1536)', false, NULL),
        ('episodic_summaries', 'source_type', 'text', true, '''session''::text'),
        ('episodic_summaries', 'source_id', 'text', false, NULL),
        ('episodic_summaries', 'turn_count', 'integer', true, '0'),
        ('episodic_summaries', 'token_count', 'integer', true, '0'),
        ('episodic_summaries', 'search_vector', 'tsvector', false,
         'to_tsvector(''simple''::regconfig, ((summary || '' ''::text) || '
         '(array_to_tsvector(((array_remove(array_remove(key_topics, NULL::text), '
         '''''::text))::character varying(500)[])::text[]))::text))'),
        ('episodic_summaries', 'promoted_at', 'timestamp with time zone', false, NULL),
        ('episodic_summaries', 'recall_count', 'integer', true, '0'),
        ('episodic_summaries', 'recall_score', 'double precision', true, '0'),
        ('episodic_summaries', 'last_recalled_at', 'timestamp with time zone', false, NULL),
        ('episodic_summaries', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('episodic_summaries', 'expires_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('episodic_summaries_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('episodic_summaries_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('episodic_summaries_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('episodic_summaries_embedding_ck',
         'CHECK (((embedding OPERATOR(platform.<=>) embedding) <= (1)::double precision))'),
        ('episodic_summaries_counts_ck', 'CHECK (((turn_count >= 0) AND (token_count >= 0)))'),
        ('episodic_summaries_recall_ck',
         'CHECK (((recall_count >= 0) AND (recall_score >= (0)::double precision) AND '
         '(recall_score < ''Infinity''::double precision)))') $$,
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
        ('episodic_summaries_source_id_uq'::name, true,
         'btree (tenant_id, agent_id, user_id, source_id) WHERE (source_id IS NOT NULL)'),
        ('episodic_summaries_user_id_ix', false, 'btree (tenant_id, agent_id, user_id)'),
        ('episodic_summaries_search_vector_ix', false, 'gin (search_vector)'),
        ('episodic_summaries_embedding_ix', false,
         'hnsw (embedding platform.vector_cosine_ops) WHERE (embedding IS NOT NULL)'),
        ('episodic_summaries_expires_at_ix', false,
         'btree (expires_at) WHERE (expires_at IS NOT NULL)'),
        ('episodic_summaries_unpromoted_ix', false,
         'btree (tenant_id, agent_id, user_id, created_at) WHERE (promoted_at IS NULL)'),
        ('episodic_summaries_recall_score_ix', false,
         'btree (tenant_id, agent_id, user_id, recall_score DESC) WHERE (promoted_at IS '
         'NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
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
INSERT INTO goclaw.episodic_summaries (
    tenant_id, agent_id, session_key, summary, key_topics, source_id
)
VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1', 's1',
        'They talked.', ARRAY['Tax Law', NULL, '', 'o''clock'], '1'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2', 's2',
        'They wrote.', '{}', '1'
    );

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, column_name, value),
    '23514',
    NULL,
    format('%s.%s cannot be %s', name, column_name, value)
)
FROM (
    VALUES
        ('episodic_summaries', 'turn_count', '-1'),
        ('episodic_summaries', 'token_count', '-1'),
        ('episodic_summaries', 'recall_count', '-1'),
        ('episodic_summaries', 'recall_score', '-1'),
        ('episodic_summaries', 'recall_score', 'NaN'),
        ('episodic_summaries', 'recall_score', 'Infinity')
) AS attempt (name, column_name, value);
SELECT results_eq(
    $$ SELECT session_key
       FROM goclaw.episodic_summaries
       WHERE search_vector @@ to_tsquery('simple', 'talked & law & clock') $$,
    $$ VALUES ('s1') $$,
    'an episode is found by the words of its summary and of its topics'
);
SELECT lives_ok(
    $$ UPDATE goclaw.episodic_summaries
       SET key_topics = ARRAY['first ' || repeat('ü', 5000) || ' last', repeat('x', 3000)]
       WHERE session_key = 's2' $$,
    'a topic may be of any length'
);
SELECT results_eq(
    $$ SELECT
           search_vector @@ to_tsquery('simple', 'wrote & first'),
           search_vector @@ to_tsquery('simple', 'last')
       FROM goclaw.episodic_summaries
       WHERE session_key = 's2' $$,
    $$ VALUES (true, false) $$,
    'it is found by how it begins'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.episodic_summaries SET embedding = %L',
        array_fill(0, ARRAY[1536])::platform.vector
    ),
    '23514',
    NULL,
    'a vector that has no distance to anything is not stored'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.episodic_summaries (tenant_id, agent_id, session_key, summary, source_id)
       SELECT tenant_id, agent_id, 's3', 's', source_id
       FROM goclaw.episodic_summaries
       WHERE session_key = 's1' $$,
    '23505',
    NULL,
    'a source gives one episode to an agent and user'
);
SELECT lives_ok(
    $$ INSERT INTO goclaw.episodic_summaries (
           tenant_id, agent_id, user_id, session_key, summary, source_id
       )
       SELECT e.tenant_id, e.agent_id, more.user_id, 's4', 's', more.source
       FROM goclaw.episodic_summaries AS e
       CROSS JOIN (VALUES ('', NULL), ('', NULL), ('u', '1')) AS more (user_id, source)
       WHERE session_key = 's1' $$,
    'another user has another; what names no source may come twice'
);
DELETE FROM goclaw.agents WHERE agent_key = 'planner';
SELECT results_eq(
    $$ SELECT session_key FROM goclaw.episodic_summaries $$,
    $$ VALUES ('s2') $$,
    'an agent that is removed takes its episodes along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'episodic_summaries', ARRAY[
        'episodic_summaries_tenant', 'episodic_summaries_tenant_guard',
        'episodic_summaries_service'
    ],
    'no other policy widens access to episodic_summaries'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('episodic_summaries'::name, 'muniment_app', 'DELETE'),
        ('episodic_summaries', 'muniment_app', 'INSERT'),
        ('episodic_summaries', 'muniment_app', 'SELECT'),
        ('episodic_summaries', 'muniment_reader', 'SELECT'),
        ('episodic_summaries', 'muniment_service', 'DELETE') $$,
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
        ('episodic_summaries'::name, 'muniment_app', 'UPDATE',
         'session_key, summary, l0_abstract, key_topics, embedding, source_type, source_id,'
         ' turn_count, token_count, promoted_at, recall_count, recall_score, '
         'last_recalled_at, expires_at'),
        ('episodic_summaries', 'muniment_service', 'SELECT',
         'tenant_id, id, expires_at'),
        ('episodic_summaries', 'muniment_service', 'UPDATE',
         'last_recalled_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
