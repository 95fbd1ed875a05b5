-- Subject: extension vector    Docs: docs/schema/platform.md#vector
--
-- pgvector is a package of its own. Where a server has it, this change is deployed and must hold;
-- where it has not, the one promise is that nothing of it is here.
BEGIN;
SELECT plan(
    CASE
        WHEN EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN 5
        ELSE 1
    END
);

-- Shape ---------------------------------------------------------------------

SELECT results_eq(
    $$ SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector' $$,
    $$ SELECT 'platform' FROM pg_available_extensions WHERE name = 'vector' $$,
    'a server that has pgvector has it in the schema platform, and another server not at all'
);

-- Behaviour -----------------------------------------------------------------

-- As an agent with a search_path of its own: its types are found by their full name.
SET LOCAL ROLE muniment_app;
SELECT results_eq(
    $$ SELECT '[1,2,3]'::platform.vector OPERATOR(platform.<->) '[1,2,5]'::platform.vector $$,
    $$ VALUES (2::double precision) $$,
    'an agent measures the distance of two embeddings'
)
FROM pg_available_extensions
WHERE name = 'vector';
SELECT lives_ok(
    $$ SELECT '[1,2,3]'::platform.vector(3) $$,
    'an embedding has a number of dimensions'
)
FROM pg_available_extensions
WHERE name = 'vector';
SELECT throws_ok(
    $$ SELECT '[1,2,3]'::platform.vector(4) $$,
    '22000',
    'expected 4 dimensions, not 3',
    'an embedding of another model does not fit'
)
FROM pg_available_extensions
WHERE name = 'vector';

-- Access --------------------------------------------------------------------

SELECT throws_ok(
    $$ DROP EXTENSION vector $$,
    '42501',
    'must be owner of extension vector',
    'an agent cannot take it away'
)
FROM pg_available_extensions
WHERE name = 'vector';

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
