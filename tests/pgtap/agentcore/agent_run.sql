-- Subject: agentcore.agent_run    Docs: docs/schema/agentcore.md#agent-run
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(36);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.agent_run', 'agentcore.retrieval_hit']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_run'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('agent_run', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_run', 'trace_id', 'text', true, NULL),
        ('agent_run', 'conversation_id', 'uuid', false, NULL),
        ('agent_run', 'provider', 'text', false, NULL),
        ('agent_run', 'model', 'text', false, NULL),
        ('agent_run', 'input_tokens', 'integer', true, '0'),
        ('agent_run', 'output_tokens', 'integer', true, '0'),
        ('agent_run', 'cost', 'numeric(18,9)', false, NULL),
        ('agent_run', 'latency_ms', 'integer', false, NULL),
        ('agent_run', 'status', 'text', true, '''running''::text'),
        ('agent_run', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('retrieval_hit', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('retrieval_hit', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('retrieval_hit', 'agent_run_id', 'uuid', true, NULL),
        ('retrieval_hit', 'chunk_id', 'uuid', false, NULL),
        ('retrieval_hit', 'document_id', 'uuid', true, NULL),
        ('retrieval_hit', 'rank', 'integer', true, NULL),
        ('retrieval_hit', 'score', 'double precision', true, NULL),
        ('retrieval_hit', 'rerank_score', 'double precision', false, NULL),
        ('retrieval_hit', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_run_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('agent_run_trace_id_uq', 'UNIQUE (department_id, trace_id)'),
        ('agent_run_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('agent_run_conversation_fk',
         'FOREIGN KEY (department_id, conversation_id) REFERENCES '
         'agentcore.conversation(department_id, id) ON DELETE SET NULL (conversation_id)'),
        ('agent_run_trace_id_ck', 'CHECK ((trace_id <> ''''::text))'),
        ('agent_run_tokens_ck', 'CHECK (((input_tokens >= 0) AND (output_tokens >= 0)))'),
        ('agent_run_cost_ck',
         'CHECK (((cost >= (0)::numeric) AND (cost < ''NaN''::numeric)))'),
        ('agent_run_latency_ms_ck', 'CHECK ((latency_ms >= 0))'),
        ('agent_run_status_ck',
         'CHECK ((status = ANY (ARRAY[''running''::text, ''done''::text, '
         '''failed''::text])))'),
        ('retrieval_hit_pk', 'PRIMARY KEY (department_id, id)'),
        ('retrieval_hit_rank_uq', 'UNIQUE (department_id, agent_run_id, rank)'),
        ('retrieval_hit_agent_run_fk',
         'FOREIGN KEY (department_id, agent_run_id) REFERENCES '
         'agentcore.agent_run(department_id, id) ON DELETE CASCADE'),
        ('retrieval_hit_chunk_fk',
         'FOREIGN KEY (department_id, document_id, chunk_id) REFERENCES '
         'agentcore.chunk(department_id, document_id, id) ON DELETE SET NULL (chunk_id)'),
        ('retrieval_hit_rank_ck', 'CHECK ((rank > 0))'),
        ('retrieval_hit_score_ck',
         'CHECK (((score > ''-Infinity''::double precision) AND (score < '
         '''Infinity''::double precision)))'),
        ('retrieval_hit_rerank_score_ck',
         'CHECK (((rerank_score > ''-Infinity''::double precision) AND (rerank_score < '
         '''Infinity''::double precision)))') $$,
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
        ('agent_run_conversation_id_ix'::name, false,
         'btree (department_id, conversation_id, created_at DESC) WHERE (conversation_id IS'
         ' NOT NULL)'),
        ('retrieval_hit_document_id_ix', false,
         'btree (department_id, document_id, chunk_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_run_forbid_update_tg'::name,
         'BEFORE UPDATE OF provider, model, input_tokens, output_tokens, cost, latency_ms, '
         'status ON agentcore.agent_run FOR EACH ROW WHEN ((old.status <> '
         '''running''::text)) EXECUTE FUNCTION platform.forbid_change()'),
        ('retrieval_hit_require_chunk_tg',
         'BEFORE INSERT ON agentcore.retrieval_hit FOR EACH ROW WHEN ((new.chunk_id IS NULL)) '
         'EXECUTE FUNCTION agentcore.require_chunk()'),
        ('retrieval_hit_forbid_update_tg',
         'BEFORE UPDATE OF rerank_score ON agentcore.retrieval_hit FOR EACH ROW WHEN '
         '((old.rerank_score IS NOT NULL)) EXECUTE FUNCTION platform.forbid_change()'),
        ('retrieval_hit_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agentcore.retrieval_hit FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.users (department_id, id, email, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
        'ben@example.org', 'Ben'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
        'cleo@example.org', 'Cleo'
    );
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
INSERT INTO agentcore.knowledge_base (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', 'cb000000-0000-4000-8000-0000000000a1', 'Handbook');
INSERT INTO agentcore.document (id, knowledge_base_id, title, type) VALUES
    (
        'd0000000-0000-4000-8000-0000000000a1', 'cb000000-0000-4000-8000-0000000000a1',
        'Travel', 'pdf'
    ),
    (
        'd0000000-0000-4000-8000-0000000000a2', 'cb000000-0000-4000-8000-0000000000a1', 'Leave',
        'pdf'
    );
INSERT INTO agentcore.chunk (id, document_id, content)
VALUES (
    'ca000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-0000000000a1', 'Ask first.'
);
INSERT INTO agentcore.agent_run (id, trace_id, conversation_id)
VALUES ('40000000-0000-4000-8000-0000000000a1', 't1', 'c0000000-0000-4000-8000-0000000000a1');
INSERT INTO agentcore.retrieval_hit (agent_run_id, chunk_id, document_id, rank, score) VALUES
    (
        '40000000-0000-4000-8000-0000000000a1', 'ca000000-0000-4000-8000-0000000000a1',
        'd0000000-0000-4000-8000-0000000000a1', 1, 0.03
    );
SELECT throws_ok(
    format('UPDATE agentcore.%I SET %I = %L', table_name, name, value),
    '23514',
    format(
        'new row for relation "%1$s" violates check constraint "%1$s_%2$s_ck"', table_name, rule
    ),
    format('%s of %s cannot be %s', name, table_name, value)
)
FROM (
    VALUES
        ('agent_run', 'trace_id', '', 'trace_id'), ('agent_run', 'status', 'lost', 'status'),
        ('agent_run', 'input_tokens', '-1', 'tokens'),
        ('agent_run', 'output_tokens', '-1', 'tokens'),
        ('agent_run', 'cost', '-0.01', 'cost'), ('agent_run', 'cost', 'NaN', 'cost'),
        ('agent_run', 'latency_ms', '-1', 'latency_ms'),
        ('retrieval_hit', 'rank', '0', 'rank'),
        ('retrieval_hit', 'score', 'NaN', 'score'), ('retrieval_hit', 'score', 'Infinity', 'score'),
        ('retrieval_hit', 'rerank_score', 'NaN', 'rerank_score'),
        ('retrieval_hit', 'rerank_score', '-Infinity', 'rerank_score')
) AS attempt (table_name, name, value, rule);
SELECT throws_ok(
    $$ INSERT INTO agentcore.agent_run (trace_id) VALUES ('t1') $$,
    '23505',
    'duplicate key value violates unique constraint "agent_run_trace_id_uq"',
    'a trace is one run'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.retrieval_hit (agent_run_id, chunk_id, document_id, rank, score)
       VALUES (
           '40000000-0000-4000-8000-0000000000a1', 'ca000000-0000-4000-8000-0000000000a1',
           'd0000000-0000-4000-8000-0000000000a1', 1, 0.02
       ) $$,
    '23505',
    'duplicate key value violates unique constraint "retrieval_hit_rank_uq"',
    'a place in the list is taken once'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.retrieval_hit (agent_run_id, document_id, rank, score)
       VALUES (
           '40000000-0000-4000-8000-0000000000a1', 'd0000000-0000-4000-8000-0000000000ff', 2, 0.02
       ) $$,
    '23502',
    'agentcore.retrieval_hit: chunk_id is null',
    'a hit that never had a chunk is none'
);
SELECT throws_ok(
    $$ UPDATE agentcore.retrieval_hit SET document_id = 'd0000000-0000-4000-8000-0000000000a2' $$,
    '23503',
    NULL,
    'the chunk of a hit is of its document'
);
SELECT throws_ok(
    $$ TRUNCATE agentcore.retrieval_hit $$,
    'MU001',
    'agentcore.retrieval_hit is append-only: truncate refused',
    'not even a superuser empties the evidence at once'
);
SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ UPDATE agentcore.retrieval_hit SET rerank_score = 0.9 $$,
    'what another model says of a hit is noted when it is known'
);
SELECT throws_ok(
    $$ UPDATE agentcore.retrieval_hit SET rerank_score = 0.1 $$,
    'MU001',
    'agentcore.retrieval_hit is append-only: update refused',
    'and stays'
);
SELECT throws_ok(
    format('UPDATE agentcore.retrieval_hit SET %I = DEFAULT', name),
    '42501',
    'permission denied for table retrieval_hit',
    format('%s of a hit stays what it was', name)
)
FROM unnest(ARRAY['agent_run_id', 'chunk_id', 'document_id', 'rank', 'score']) AS name;
RESET ROLE;
UPDATE agentcore.agent_run SET status = 'done';
SELECT throws_ok(
    $$ UPDATE agentcore.agent_run SET cost = 0 $$,
    'MU001',
    'agentcore.agent_run is append-only: update refused',
    'a run that has ended stays as it is'
);
DELETE FROM agentcore.document;
SELECT results_eq(
    $$ SELECT department_id, chunk_id, document_id FROM agentcore.retrieval_hit $$,
    $$ VALUES (
           '00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid,
           'd0000000-0000-4000-8000-0000000000a1'::uuid
       ) $$,
    'a hit outlives what was read, and still says which document it was'
);
DELETE FROM agentcore.conversation;
SELECT results_eq(
    $$ SELECT department_id, trace_id, conversation_id FROM agentcore.agent_run $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, 't1', NULL::uuid) $$,
    'a run outlives its conversation'
);
DELETE FROM agentcore.agent_run;
SELECT is_empty($$ SELECT FROM agentcore.retrieval_hit $$, 'a run that is deleted takes its hits');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'agent_run', ARRAY['agent_run_tenant', 'agent_run_tenant_guard'],
    'no other policy widens access to agent_run'
);
SELECT policies_are(
    'agentcore', 'retrieval_hit', ARRAY['retrieval_hit_tenant', 'retrieval_hit_tenant_guard'],
    'no other policy widens access to retrieval_hit'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_run'::name, 'muniment_app', 'SELECT'),
        ('agent_run', 'muniment_reader', 'SELECT'),
        ('retrieval_hit', 'muniment_app', 'SELECT'),
        ('retrieval_hit', 'muniment_reader', 'SELECT') $$,
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
        ('agent_run'::name, 'muniment_app', 'INSERT',
         'department_id, id, trace_id, conversation_id, provider, model'),
        ('retrieval_hit', 'muniment_app', 'INSERT',
         'department_id, id, agent_run_id, chunk_id, document_id, rank, score'),
        ('agent_run', 'muniment_app', 'UPDATE',
         'provider, model, input_tokens, output_tokens, cost, latency_ms, status'),
        ('retrieval_hit', 'muniment_app', 'UPDATE',
         'rerank_score') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
