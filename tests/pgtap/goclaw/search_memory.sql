-- Subject: goclaw.search_memory()    Docs: docs/schema/goclaw.md#search-memory
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(55);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'search_memory',
    ARRAY['uuid', 'text', 'platform.vector', 'text', 'uuid', 'integer'],
    'setof record', 'it returns chunks'
);
SELECT volatility_is(
    'goclaw', 'search_memory',
    ARRAY['uuid', 'text', 'platform.vector', 'text', 'uuid', 'integer'],
    'stable', 'it changes nothing'
);
SELECT isnt_definer(
    'goclaw', 'search_memory',
    ARRAY['uuid', 'text', 'platform.vector', 'text', 'uuid', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'search_memory',
    ARRAY['uuid', 'text', 'platform.vector', 'text', 'uuid', 'integer'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

CREATE FUNCTION pg_temp.direction(p_x real, p_y real)
RETURNS platform.vector
LANGUAGE sql
RETURNS NULL ON NULL INPUT
RETURN (ARRAY[p_x, p_y] || array_fill(0::real, ARRAY[1534]))::platform.vector;

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT t.id, ('a9e00000-0000-4000-8000-0000000000' || t.slug || number)::uuid, number, 'u', 'm'
FROM goclaw.tenants AS t
CROSS JOIN generate_series(1, 2) AS number
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)
SELECT
    tenant_id, ('7ea00000-0000-4000-8000-0000000000a' || number)::uuid, 'T', id
FROM goclaw.agents
CROSS JOIN generate_series(1, 2) AS number
WHERE id = 'a9e00000-0000-4000-8000-0000000000a1';
INSERT INTO goclaw.memory_documents (
    tenant_id, id, agent_id, user_id, team_id, custom_scope, path, content
)
SELECT
    a.tenant_id, ('d0c00000-0000-4000-8000-0000000000' || document.id)::uuid, a.id,
    document.user_id, ('7ea00000-0000-4000-8000-0000000000' || document.team)::uuid,
    document.custom_scope, 'notes', document.text
FROM (
    VALUES
        ('01', 'a1', NULL, NULL, NULL, 'tax law for all'),
        ('02', 'a1', 'ada', NULL, NULL, 'tax law of ada, a long text'),
        ('03', 'a1', 'bob', NULL, NULL, 'tax law of bob'),
        ('04', 'a1', NULL, 'a1', NULL, 'tax law of a team'),
        ('05', 'a1', 'bob', 'a1', NULL, 'tax law of bob in a team'),
        ('06', 'a1', NULL, 'a2', NULL, 'tax law of another team'),
        ('07', 'a1', NULL, NULL, 'own', 'tax law of a custom scope'),
        ('08', 'a1', NULL, NULL, NULL, 'tax alone, not embedded'),
        ('09', 'a1', NULL, NULL, NULL, 'levies'),
        ('10', 'a2', NULL, NULL, NULL, 'tax law of another agent'),
        ('11', 'b1', NULL, NULL, NULL, 'tax law of another tenant')
) AS document (id, owner, user_id, team, custom_scope, text)
INNER JOIN goclaw.agents AS a ON right(a.id::text, 2) = document.owner;
INSERT INTO goclaw.memory_chunks (
    tenant_id, agent_id, document_id, id, path, start_line, end_line, text, embedding
)
SELECT
    d.tenant_id, d.agent_id, d.id,
    ('c0000000-0000-4000-8000-0000000000' || right(d.id::text, 2))::uuid, d.path, 1, 2, d.content,
    CASE right(d.id::text, 2)
        WHEN '02' THEN pg_temp.direction(0.9, 0.4)
        WHEN '08' THEN NULL
        WHEN '09' THEN pg_temp.direction(0.9, -0.3)
        ELSE pg_temp.direction(1, 0)
    END
FROM goclaw.memory_documents AS d;

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', 'tax', NULL) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is searched'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT
           right(chunk_id::text, 2), right(document_id::text, 2), path, start_line, end_line,
           content, text_rank, vector_rank, score
       FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', 'Tax LAW', NULL) $$,
    $$ VALUES (
           '01', '01', 'notes', 1, 2, 'tax law for all', 1::bigint, NULL::bigint,
           1.0::double precision / 61
       ) $$,
    'words alone find what has all of them'
);
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2), text_rank, vector_rank, score
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', NULL, pg_temp.direction(2, 0)
       ) $$,
    $$ VALUES
        ('01', NULL::bigint, 1::bigint, 1.0::double precision / 61),
        ('09', NULL, 2, 1.0::double precision / 62) $$,
    'a vector alone finds what is near, the nearest first, whatever its length'
);
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2), text_rank, vector_rank, score
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', 'tax', pg_temp.direction(0.9, -0.3), 'ada'
       ) $$,
    $$ VALUES
        ('01', 1::bigint, 2::bigint, 1.0::double precision / 61 + 1.0::double precision / 62),
        ('02', 2, 3, 1.0::double precision / 62 + 1.0::double precision / 63),
        ('09', NULL, 1, 1.0::double precision / 61),
        ('08', 3, NULL, 1.0::double precision / 63) $$,
    'both together: what both find comes first, by its place in each'
);
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2)
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', 'levies or "of ada"',
           pg_temp.direction(0.9, -0.3), 'ada', NULL, 1
       ) $$,
    $$ VALUES ('09') $$,
    'no more than the limit, and the best of them'
);
SELECT results_eq(
    $$ SELECT array_agg(right(chunk_id::text, 2) ORDER BY chunk_id)
       FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', 'tax -law', NULL) $$,
    $$ VALUES (ARRAY['08']) $$,
    'words can be asked not to be there'
);
SELECT is_empty(
    $$ SELECT FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', '-levies', NULL) $$,
    'but that alone finds nothing: all that has not the word is alike'
);
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2), text_rank, vector_rank
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', '-levies', pg_temp.direction(0.9, -0.3)
       ) $$,
    $$ VALUES ('09', NULL::bigint, 1::bigint), ('01', NULL, 2) $$,
    'nor does it put before what is near what is not'
);
SELECT is_empty(
    $$ SELECT FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', '&| !', NULL) $$,
    'what has no word finds nothing, and is no error'
);

-- Who sees what -------------------------------------------------------------

-- Words, vector and both together have to agree.
SELECT is(
    (
        SELECT string_agg(right(chunk_id::text, 2), ' ' ORDER BY chunk_id)
        FROM goclaw.search_memory(
            agent_id::uuid,
            CASE WHEN kind <> 'vector' THEN 'law' END,
            CASE WHEN kind <> 'words' THEN pg_temp.direction(1, 0) END,
            user_id,
            team_id::uuid
        )
        WHERE right(chunk_id::text, 2) <> '09'
    ),
    answer,
    format('%s, by %s', promise, kind)
)
FROM unnest(ARRAY['words', 'vector', 'both']) AS kind
CROSS JOIN (
    VALUES
        ('a9e00000-0000-4000-8000-0000000000a1', NULL, NULL, '01', 'nobody: what is for all'),
        ('a9e00000-0000-4000-8000-0000000000a1', 'ada', NULL, '01 02', 'ada: hers too, not bob''s'),
        ('a9e00000-0000-4000-8000-0000000000a1', 'bob', NULL, '01 03', 'bob: his, not in a team'),
        (
            'a9e00000-0000-4000-8000-0000000000a1', 'ada', '7ea00000-0000-4000-8000-0000000000a1',
            '01 02 04', 'ada in a team: the team''s too, not bob''s in it'
        ),
        (
            'a9e00000-0000-4000-8000-0000000000a1', 'bob', '7ea00000-0000-4000-8000-0000000000a1',
            '01 03 04 05', 'bob in a team: his in it too'
        ),
        (
            'a9e00000-0000-4000-8000-0000000000a1', NULL, '7ea00000-0000-4000-8000-0000000000a2',
            '01 06', 'another team: its own'
        ),
        ('a9e00000-0000-4000-8000-0000000000a2', 'ada', NULL, '10', 'another agent: its own'),
        ('a9e00000-0000-4000-8000-0000000000b1', NULL, NULL, NULL, 'another tenant''s: nothing')
) AS question (agent_id, user_id, team_id, answer, promise);

-- What a team leaves ---------------------------------------------------------

RESET ROLE;
DELETE FROM goclaw.agent_teams;
SET LOCAL ROLE muniment_app;
SELECT is(
    (
        SELECT string_agg(DISTINCT right(found.chunk_id::text, 2), ' ')
        FROM goclaw.agents AS a
        CROSS JOIN unnest(ARRAY[NULL, 'ada', 'bob']) AS asking (user_id)
        CROSS JOIN unnest(
            ARRAY[
                NULL, '7ea00000-0000-4000-8000-0000000000a1', '7ea00000-0000-4000-8000-0000000000a2'
            ]::uuid[]
        ) AS team (id)
        CROSS JOIN unnest(ARRAY[NULL, 'law']) AS query (text)
        CROSS JOIN LATERAL goclaw.search_memory(
            a.id, query.text, pg_temp.direction(1, 0), asking.user_id, team.id
        ) AS found
    ),
    '01 02 03 09 10',
    'of teams that went no agent finds anything, whoever asks and in whatever team'
);
SELECT set_eq(
    $$ SELECT right(id::text, 2) FROM goclaw.memory_chunks
       UNION ALL
       SELECT right(id::text, 2) FROM goclaw.memory_documents $$,
    $$ VALUES ('01'), ('02'), ('03'), ('07'), ('08'), ('09'), ('10') $$,
    'nor is it there without a search'
);

-- Order and limit -----------------------------------------------------------

RESET ROLE;
DELETE FROM goclaw.memory_chunks;
INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, id, path, text, embedding)
SELECT
    d.tenant_id, d.agent_id, d.id, ('c0000000-0000-4000-8000-0000000000' || chunk.id)::uuid,
    'notes', chunk.text, pg_temp.direction(chunk.x, chunk.y)
FROM (
    VALUES
        ('19', 'fee', 0, 1),
        ('18', 'fee', 0, 1),
        ('17', 'fee', 0, 1),
        ('21', 'duty duty duty', NULL, NULL),
        ('22', 'duty duty', 1, 0.1),
        ('23', 'else', 1, 0)
) AS chunk (id, text, x, y)
INNER JOIN goclaw.memory_documents AS d ON right(d.id::text, 2) = '01';
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2), text_rank, vector_rank
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', 'fee', pg_temp.direction(0, 1), NULL, NULL, 2
       ) $$,
    $$ VALUES ('17', 1::bigint, 1::bigint), ('18', 2, 2) $$,
    'equals come in the order of their ids'
);
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2), text_rank, vector_rank
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', '"duty duty duty"', pg_temp.direction(1, 0),
           NULL, NULL, 1
       ) $$,
    $$ VALUES ('21', 1::bigint, NULL::bigint) $$,
    'also when only one can come, and each is first for one of them'
);
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2), text_rank, vector_rank
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a1', 'duty', pg_temp.direction(1, 0), NULL, NULL, 1
       ) $$,
    $$ VALUES ('22', 2::bigint, 2::bigint) $$,
    'what is second for both goes before what is first for one, even if only one is asked for'
);
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.search_memory(NULL, %L, NULL, NULL, NULL, %s)', 'fee',
        coalesce(p_limit, 'NULL')
    ),
    '22023',
    'p_limit is not from 1 to 100',
    format('a limit is not %s', coalesce(p_limit, 'NULL'))
)
FROM unnest(ARRAY['0', '101', '2147483647', NULL]) AS p_limit;
SELECT throws_ok(
    $$ SELECT * FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', NULL, NULL) $$,
    '22004',
    'p_query and p_embedding are both null',
    'there must be something to search for'
);
SELECT throws_ok(
    format('SELECT * FROM goclaw.search_memory(NULL, NULL, %L::platform.vector)', vector),
    '22023',
    'p_embedding has not 1536 dimensions, or no direction',
    format('a vector is not %s', left(vector, 9))
)
FROM unnest(ARRAY['[1,2,3]', array_fill(0, ARRAY[1536])::platform.vector::text]) AS vector;
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.search_memory(NULL, NULL, %L::platform.vector)',
        array_fill(1e-30, ARRAY[1536])::platform.vector
    ),
    '22023',
    'p_embedding has not 1536 dimensions, or no direction',
    'nor so short that it has no distance to anything'
);

-- The index -----------------------------------------------------------------

-- The nearest rows, more than the index gives at once, are another tenant's.
-- Something like a real embedding: a meaning that all have, and noise.
CREATE FUNCTION pg_temp.near(p_number integer, p_noise double precision)
RETURNS platform.vector
LANGUAGE sql
RETURN (
    SELECT array_agg(sin(i) + p_noise * sin(p_number * 1.7 + i * (1.3 + p_number * 0.37)))
    FROM generate_series(1, 1536) AS i
)::platform.vector;

RESET ROLE;
INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, id, path, text, embedding)
SELECT
    d.tenant_id, d.agent_id, d.id,
    ('c0000000-0000-4000-8000-' || lpad(number::text, 12, '0'))::uuid, 'notes', 'x',
    pg_temp.near(number, CASE WHEN number <= 5 THEN 0.35 ELSE 0.05 END)
FROM generate_series(1, 305) AS number
INNER JOIN goclaw.memory_documents AS d
    ON right(d.id::text, 2) = CASE WHEN number <= 5 THEN '10' ELSE '11' END;
SET LOCAL ROLE muniment_app;
SET LOCAL enable_sort = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off;
SELECT set_eq(
    $$ SELECT right(chunk_id::text, 2)
       FROM goclaw.search_memory(
           'a9e00000-0000-4000-8000-0000000000a2', NULL, pg_temp.near(0, 0)
       ) $$,
    $$ VALUES ('01'), ('02'), ('03'), ('04'), ('05') $$,
    'the rows of others use up no place in the answer'
);
-- The index gives up after so many rows of others, or when its memory is used up.
SET LOCAL hnsw.max_scan_tuples = 1;
SELECT is(
    (
        SELECT string_agg(right(chunk_id::text, 2), ' ' ORDER BY vector_rank)
        FROM goclaw.search_memory(
            'a9e00000-0000-4000-8000-0000000000a2', NULL, pg_temp.near(0, 0)
        )
    ),
    (
        SELECT string_agg(
            right(id::text, 2), ' '
            ORDER BY (embedding OPERATOR(platform.<=>) pg_temp.near(0, 0)) + 0
        )
        FROM goclaw.memory_chunks
        WHERE right(agent_id::text, 2) = 'a2'
    ),
    'nor do more of them than the index looks at'
);
RESET ROLE;
SELECT is(
    (
        SELECT count(*)
        FROM goclaw.search_memory(
            'a9e00000-0000-4000-8000-0000000000b1', 'x', pg_temp.direction(1, 0)
        )
    ),
    0::bigint,
    'not even a superuser, whom no policy binds, searches another tenant'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = to_regprocedure(
               'goclaw.search_memory(uuid, text, platform.vector, text, uuid, integer)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may search'
);
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT right(chunk_id::text, 2)
       FROM goclaw.search_memory('a9e00000-0000-4000-8000-0000000000a1', 'else', NULL) $$,
    $$ VALUES ('23') $$,
    'a reader gets the same answer'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
