-- Subject: astra.search_memories()    Docs: docs/schema/astra.md#search-memories
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'astra', 'search_memories', ARRAY['uuid', 'platform.vector', 'integer', 'text'], 'setof record',
    'it returns a table'
);
SELECT volatility_is(
    'astra', 'search_memories', ARRAY['uuid', 'platform.vector', 'integer', 'text'], 'stable',
    'it only looks'
);
SELECT isnt_definer(
    'astra', 'search_memories', ARRAY['uuid', 'platform.vector', 'integer', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'search_memories', ARRAY[
        'uuid', 'platform.vector', 'integer', 'text'
    ], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-000000000033', 'theirs');

-- A direction in the plane of the first two dimensions, by its angle in degrees.
CREATE FUNCTION pg_temp.direction(p_degrees double precision)
RETURNS platform.vector
LANGUAGE sql
STRICT
AS $$
    SELECT (
        ARRAY[cosd(p_degrees), sind(p_degrees)] || array_fill(0::double precision, ARRAY[1534])
    )::platform.vector
$$;
INSERT INTO astra.memories (org_id, id, agent_id, memory_type, content, embedding, expires_at)
SELECT
    org_id::uuid,
    ('00000000-0000-4000-8000-0000000000' || id)::uuid,
    agent_id::uuid,
    memory_type,
    content,
    pg_temp.direction(degrees),
    now() + left_over::interval
FROM (
    VALUES
        ('00000000-0000-4000-8000-00000000000a', '94', '00000000-0000-4000-8000-000000000031',
         'semantic', 'opposite', 180, NULL),
        ('00000000-0000-4000-8000-00000000000a', '91', '00000000-0000-4000-8000-000000000031',
         'semantic', 'same', 0, NULL),
        ('00000000-0000-4000-8000-00000000000a', '92', '00000000-0000-4000-8000-000000000031',
         'episodic', 'near', 10, '1 minute'),
        ('00000000-0000-4000-8000-00000000000a', '93', '00000000-0000-4000-8000-000000000031',
         'semantic', 'far', 90, NULL),
        ('00000000-0000-4000-8000-00000000000a', '95', '00000000-0000-4000-8000-000000000031',
         'semantic', 'forgotten', 0, '-1 minute'),
        ('00000000-0000-4000-8000-00000000000a', '99', '00000000-0000-4000-8000-000000000031',
         'semantic', 'forgotten now', 0, '0'),
        ('00000000-0000-4000-8000-00000000000a', '96', '00000000-0000-4000-8000-000000000031',
         'semantic', 'not computed', NULL, NULL),
        ('00000000-0000-4000-8000-00000000000a', '97', '00000000-0000-4000-8000-000000000032',
         'semantic', 'of another agent', 0, NULL),
        ('00000000-0000-4000-8000-00000000000b', '98', '00000000-0000-4000-8000-000000000033',
         'semantic', 'of another organisation', 0, NULL)
) AS memory (org_id, id, agent_id, memory_type, content, degrees, left_over);
CREATE TEMPORARY TABLE asked AS
SELECT pg_temp.direction(0) AS embedding;
GRANT SELECT ON asked TO PUBLIC;

SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT m.* FROM asked,
           astra.search_memories('00000000-0000-4000-8000-000000000031', asked.embedding) AS m $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is remembered'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SELECT results_eq(
    $$ SELECT m.content, round(m.distance::numeric, 3)
       FROM asked,
       astra.search_memories('00000000-0000-4000-8000-000000000031', asked.embedding) AS m $$,
    $$ VALUES ('same', 0.000), ('near', 0.015), ('far', 1.000), ('opposite', 2.000) $$,
    'the nearest comes first; what is forgotten, not computed or of others does not come'
);
SELECT results_eq(
    $$ SELECT m.content FROM asked,
           astra.search_memories('00000000-0000-4000-8000-000000000031', asked.embedding,
               1) AS m $$,
    ARRAY['same'],
    'so many'
);
SELECT results_eq(
    $$ SELECT m.memory_type, m.content
       FROM asked,
       astra.search_memories('00000000-0000-4000-8000-000000000031', asked.embedding, 10,
           'episodic') AS m $$,
    $$ VALUES ('episodic', 'near') $$,
    'and of one kind, if that is asked'
);
SELECT is_empty(
    $$ SELECT m.* FROM asked,
           astra.search_memories('00000000-0000-4000-8000-000000000033', asked.embedding) AS m $$,
    'an agent of another organisation remembers nothing here'
);
SELECT throws_ok(
    $$ SELECT * FROM astra.search_memories('00000000-0000-4000-8000-000000000031', '[1,2,3]') $$,
    '22000',
    'different vector dimensions 1536 and 3',
    'what is asked has the dimensions of what is kept'
);
SELECT throws_ok(
    format('SELECT * FROM astra.search_memories(%L, %s, %s)',
        '00000000-0000-4000-8000-000000000031', embedding, p_limit),
    '22023',
    NULL,
    promise
)
FROM (
    VALUES
        ('NULL', '10', 'nothing is near to nothing'),
        ('array_fill(0, ARRAY[1536])::platform.vector', '10', 'nor to what has no direction'),
        ('array_fill(1, ARRAY[1536])::platform.vector', '0', 'nobody asks for none'),
        ('array_fill(1, ARRAY[1536])::platform.vector', '-1', 'or for fewer'),
        ('array_fill(1, ARRAY[1536])::platform.vector', 'NULL', 'or for whatever there is')
) AS attempt (embedding, p_limit, promise);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = to_regprocedure(
               'astra.search_memories('
               'uuid, platform.vector, integer, text)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
