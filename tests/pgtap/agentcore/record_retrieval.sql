-- Subject: agentcore.record_retrieval()    Docs: docs/schema/agentcore.md#record-retrieval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'record_retrieval',
    ARRAY['uuid', 'uuid[]', 'platform.vector', 'integer'], 'setof record',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'record_retrieval',
    ARRAY['uuid', 'uuid[]', 'platform.vector', 'integer'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'record_retrieval', ARRAY['uuid', 'uuid[]', 'platform.vector', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'record_retrieval',
    ARRAY['uuid', 'uuid[]', 'platform.vector', 'integer'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
CREATE FUNCTION pg_temp.near(p_angle double precision)
RETURNS platform.vector
LANGUAGE sql
AS $function$
    SELECT (
        ARRAY[cos(radians(p_angle)), sin(radians(p_angle))] || array_fill(0.0::float8, ARRAY[1534])
    )::platform.vector;
$function$;
INSERT INTO agentcore.knowledge_base (department_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'cb000000-0000-4000-8000-0000000000a1', 'Handbook'),
    ('00000000-0000-4000-8000-00000000000a', 'cb000000-0000-4000-8000-0000000000a2', 'Archive'),
    ('00000000-0000-4000-8000-00000000000b', 'cb000000-0000-4000-8000-0000000000b1', 'Secrets');
INSERT INTO agentcore.document (department_id, id, knowledge_base_id, title, type, status) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'd0000000-0000-4000-8000-0000000000a1',
        'cb000000-0000-4000-8000-0000000000a1', 'Travel', 'pdf', 'ready'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0000000-0000-4000-8000-0000000000a2',
        'cb000000-0000-4000-8000-0000000000a2', 'Old', 'pdf', 'ready'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0000000-0000-4000-8000-0000000000a3',
        'cb000000-0000-4000-8000-0000000000a1', 'Draft', 'pdf', 'processing'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', 'd0000000-0000-4000-8000-0000000000b1',
        'cb000000-0000-4000-8000-0000000000b1',
        'Secret', 'pdf', 'ready'
    );
INSERT INTO agentcore.chunk (department_id, id, document_id, content, embedding) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a1',
        'd0000000-0000-4000-8000-0000000000a1', 'far by text', pg_temp.near(60)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a2',
        'd0000000-0000-4000-8000-0000000000a1', 'near by text', pg_temp.near(10)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a3',
        'd0000000-0000-4000-8000-0000000000a1', 'nearer by text', pg_temp.near(5)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a4',
        'd0000000-0000-4000-8000-0000000000a1', 'without embedding', NULL
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a5',
        'd0000000-0000-4000-8000-0000000000a2', 'in another base', pg_temp.near(0)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a6',
        'd0000000-0000-4000-8000-0000000000a3',
        'not ready', pg_temp.near(0)
    ),
    (
        '00000000-0000-4000-8000-00000000000b', 'ca000000-0000-4000-8000-0000000000b1',
        'd0000000-0000-4000-8000-0000000000b1',
        'of b', pg_temp.near(0)
    );
INSERT INTO agentcore.chunk_question (department_id, chunk_id, question, embedding) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a1',
        'Worse?', pg_temp.near(30)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a1', 'Best?',
        pg_temp.near(1)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a2',
        'Second?', pg_temp.near(20)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'ca000000-0000-4000-8000-0000000000a6',
        'Not ready?', pg_temp.near(0)
    ),
    (
        '00000000-0000-4000-8000-00000000000b', 'ca000000-0000-4000-8000-0000000000b1', 'Of b?',
        pg_temp.near(0)
    );
INSERT INTO agentcore.agent_run (department_id, id, trace_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '40000000-0000-4000-8000-0000000000a1', 't1'),
    ('00000000-0000-4000-8000-00000000000b', '40000000-0000-4000-8000-0000000000b1', 't1');

SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT rank, chunk_id, content
       FROM agentcore.record_retrieval(
           '40000000-0000-4000-8000-0000000000a1',
           ARRAY['cb000000-0000-4000-8000-0000000000a1']::uuid[], pg_temp.near(0), 2
       ) $$,
    $$ VALUES
        (1, 'ca000000-0000-4000-8000-0000000000a1'::uuid, 'far by text'),
        (2, 'ca000000-0000-4000-8000-0000000000a2'::uuid, 'near by text') $$,
    'it finds what a search finds'
);
SELECT results_eq(
    $$ SELECT agent_run_id, rank, chunk_id, document_id, round(score::numeric, 6)
       FROM agentcore.retrieval_hit
       ORDER BY rank $$,
    $$ VALUES
        (
            '40000000-0000-4000-8000-0000000000a1'::uuid, 1,
            'ca000000-0000-4000-8000-0000000000a1'::uuid,
            'd0000000-0000-4000-8000-0000000000a1'::uuid, round(1 / 63.0 + 1 / 61.0, 6)
        ),
        (
            '40000000-0000-4000-8000-0000000000a1', 2, 'ca000000-0000-4000-8000-0000000000a2',
            'd0000000-0000-4000-8000-0000000000a1', round(1 / 62.0 + 1 / 62.0, 6)
        ) $$,
    'and what it found is evidence'
);
SELECT throws_ok(
    $$ SELECT agentcore.record_retrieval(
           '40000000-0000-4000-8000-0000000000a1',
           ARRAY['cb000000-0000-4000-8000-0000000000a1']::uuid[], pg_temp.near(0)
       ) $$,
    '23505',
    'duplicate key value violates unique constraint "retrieval_hit_rank_uq"',
    'a run has one list of hits'
);
SELECT throws_ok(
    $$ SELECT agentcore.record_retrieval(
           '40000000-0000-4000-8000-0000000000b1',
           ARRAY['cb000000-0000-4000-8000-0000000000a1']::uuid[], pg_temp.near(0)
       ) $$,
    'MU436',
    format('run %s is not there', '40000000-0000-4000-8000-0000000000b1'),
    'a run of another department is not there'
);
SELECT throws_ok(
    $$ SELECT agentcore.record_retrieval(
           '40000000-0000-4000-8000-0000000000b1', '{}', pg_temp.near(0)
       ) $$,
    'MU436',
    NULL,
    'also when nothing is found'
);
SELECT throws_ok(
    $$ SELECT agentcore.record_retrieval(
           '40000000-0000-4000-8000-0000000000a1',
           ARRAY['cb000000-0000-4000-8000-0000000000a1']::uuid[], pg_temp.near(0), 0
       ) $$,
    '22023',
    'limit is out of range: 0',
    'the limit is that of a search'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'record_retrieval' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
