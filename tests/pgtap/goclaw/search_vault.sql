-- Subject: goclaw.search_vault()    Docs: docs/schema/goclaw.md#search-vault
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(47);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'search_vault',
    ARRAY['uuid', 'text', 'platform.vector', 'uuid', 'text', 'integer'],
    'setof record', 'it returns documents'
);
SELECT volatility_is(
    'goclaw', 'search_vault',
    ARRAY['uuid', 'text', 'platform.vector', 'uuid', 'text', 'integer'],
    'stable', 'it changes nothing'
);
SELECT isnt_definer(
    'goclaw', 'search_vault',
    ARRAY['uuid', 'text', 'platform.vector', 'uuid', 'text', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'search_vault',
    ARRAY['uuid', 'text', 'platform.vector', 'uuid', 'text', 'integer'],
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
INSERT INTO goclaw.vault_documents (
    tenant_id, id, agent_id, team_id, scope, chat_id, custom_scope, path, title, summary, embedding
)
SELECT
    ('00000000-0000-4000-8000-00000000000' || doc.tenant)::uuid,
    ('d0c00000-0000-4000-8000-0000000000' || doc.id)::uuid,
    ('a9e00000-0000-4000-8000-0000000000' || doc.agent)::uuid,
    ('7ea00000-0000-4000-8000-0000000000' || doc.team)::uuid,
    doc.scope, doc.chat_id, doc.custom_scope, doc.id || '.md', doc.title, 'of tax',
    pg_temp.direction(doc.x, doc.y)
FROM (
    VALUES
        ('01', 'a', 'a1', NULL, 'personal', NULL, NULL, 'law', 1, 0),
        ('02', 'a', 'a2', NULL, 'personal', NULL, NULL, 'law', 1, 0),
        ('03', 'a', NULL, NULL, 'shared', NULL, NULL, 'law law', 0.9, 0.3),
        ('04', 'a', NULL, 'a1', 'team', NULL, NULL, 'law', 1, 0.1),
        ('05', 'a', NULL, 'a2', 'team', NULL, NULL, 'law', 1, 0),
        ('06', 'a', NULL, 'a1', 'team', 'chat', NULL, 'law', 1, 0.2),
        ('07', 'a', 'a1', NULL, 'personal', 'chat', NULL, 'law', 1, 0.3),
        ('08', 'a', 'a1', NULL, 'custom', NULL, 'own', 'law', 1, 0),
        ('09', 'a', NULL, NULL, 'custom', NULL, NULL, 'law', 1, 0),
        ('10', 'a', 'a1', NULL, 'personal', NULL, 'own', 'law', 1, 0),
        ('11', 'b', 'b1', NULL, 'personal', NULL, NULL, 'law', 1, 0),
        ('12', 'b', NULL, NULL, 'shared', NULL, NULL, 'law', 1, 0)
) AS doc (id, tenant, agent, team, scope, chat_id, custom_scope, title, x, y);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM goclaw.search_vault('a9e00000-0000-4000-8000-0000000000a1', 'law', NULL) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is searched'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT right(document_id::text, 2), scope, path, title, doc_type, summary, text_rank,
           vector_rank, score
       FROM goclaw.search_vault('a9e00000-0000-4000-8000-0000000000a1', 'Law OF', NULL) $$,
    $$ VALUES
        ('01', 'personal', '01.md', 'law', 'note', 'of tax', 1::bigint, NULL::bigint,
         1.0::double precision / 61),
        ('03', 'shared', '03.md', 'law law', 'note', 'of tax', 2, NULL,
         1.0::double precision / 62) $$,
    'words alone find what has all of them, in title, path or summary'
);
SELECT results_eq(
    $$ SELECT right(document_id::text, 2), text_rank, vector_rank, score
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a1', NULL, pg_temp.direction(2, 0)
       ) $$,
    $$ VALUES
        ('01', NULL::bigint, 1::bigint, 1.0::double precision / 61),
        ('03', NULL, 2, 1.0::double precision / 62) $$,
    'a vector alone finds what is near, the nearest first'
);
SELECT results_eq(
    $$ SELECT right(document_id::text, 2), text_rank, vector_rank, score
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a1', 'law', pg_temp.direction(1, 0),
           '7ea00000-0000-4000-8000-0000000000a1', NULL, 2
       ) $$,
    $$ VALUES
        ('01', 2::bigint, 1::bigint, 1.0::double precision / 62 + 1.0::double precision / 61),
        ('03', 1, 3, 1.0::double precision / 61 + 1.0::double precision / 63) $$,
    'both together, and no more than the limit'
);

-- Who sees what -------------------------------------------------------------

-- Words, vector and both together have to agree.
SELECT is(
    (
        SELECT string_agg(right(document_id::text, 2), ' ' ORDER BY document_id)
        FROM goclaw.search_vault(
            agent_id::uuid,
            CASE WHEN kind <> 'vector' THEN 'law' END,
            CASE WHEN kind <> 'words' THEN pg_temp.direction(1, 0) END,
            team_id::uuid,
            chat_id
        )
    ),
    answer,
    format('%s, by %s', promise, kind)
)
FROM unnest(ARRAY['words', 'vector', 'both']) AS kind
CROSS JOIN (
    VALUES
        (NULL, NULL, NULL, '03', 'nobody: what is shared'),
        ('a9e00000-0000-4000-8000-0000000000a1', NULL, NULL, '01 03', 'an agent: its own too'),
        ('a9e00000-0000-4000-8000-0000000000a2', NULL, NULL, '02 03', 'another agent: its own'),
        (
            'a9e00000-0000-4000-8000-0000000000a1', '7ea00000-0000-4000-8000-0000000000a1', NULL,
            '01 03 04', 'an agent in a team: the team''s too'
        ),
        (
            'a9e00000-0000-4000-8000-0000000000a1', '7ea00000-0000-4000-8000-0000000000a1', 'chat',
            '01 03 04 06 07', 'an agent in a chat of a team: what is for the chat too'
        ),
        (
            'a9e00000-0000-4000-8000-0000000000a1', NULL, 'chat', '01 03 07',
            'an agent in a chat: what is its own in it'
        ),
        (
            'a9e00000-0000-4000-8000-0000000000b1', NULL, NULL, '03',
            'an agent of another tenant: what is shared here'
        )
) AS question (agent_id, team_id, chat_id, answer, promise);

-- Order and limit -----------------------------------------------------------

SELECT results_eq(
    $$ SELECT right(document_id::text, 2)
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a1', 'tax', NULL,
           '7ea00000-0000-4000-8000-0000000000a1', 'chat'
       ) $$,
    $$ VALUES ('01'), ('03'), ('04'), ('06'), ('07') $$,
    'equals come in the order of their ids'
);
SELECT results_eq(
    $$ SELECT right(document_id::text, 2), text_rank, vector_rank
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a1', '"law law"', pg_temp.direction(1, 0), NULL,
           NULL, 1
       ) $$,
    $$ VALUES ('03', 1::bigint, 2::bigint) $$,
    'what both find comes before what one finds, even if only one is asked for'
);
SELECT results_eq(
    $$ SELECT right(document_id::text, 2), text_rank, vector_rank
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a1', '"07.md"', pg_temp.direction(0.9, 0.3), NULL,
           'chat', 1
       ) $$,
    $$ VALUES ('07', 1::bigint, 2::bigint) $$,
    'whatever their ids'
);
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.search_vault(NULL, %L, NULL, NULL, NULL, %s)', 'law',
        coalesce(p_limit, 'NULL')
    ),
    '22023',
    'p_limit is not from 1 to 100',
    format('a limit is not %s', coalesce(p_limit, 'NULL'))
)
FROM unnest(ARRAY['0', '101', '2147483647', NULL]) AS p_limit;
SELECT throws_ok(
    $$ SELECT * FROM goclaw.search_vault('a9e00000-0000-4000-8000-0000000000a1', NULL, NULL) $$,
    '22004',
    'p_query and p_embedding are both null',
    'there must be something to search for'
);
SELECT throws_ok(
    format('SELECT * FROM goclaw.search_vault(NULL, NULL, %L::platform.vector)', vector),
    '22023',
    'p_embedding has not 1536 dimensions, or no direction',
    format('a vector is not %s', left(vector, 9))
)
FROM unnest(ARRAY['[1,2,3]', array_fill(0, ARRAY[1536])::platform.vector::text]) AS vector;
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.search_vault(NULL, NULL, %L::platform.vector)',
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
INSERT INTO goclaw.vault_documents (tenant_id, id, agent_id, scope, path, title, embedding)
SELECT
    a.tenant_id, ('d0c00000-0000-4000-9000-' || lpad(number::text, 12, '0'))::uuid, a.id,
    'personal', number::text, 'near',
    pg_temp.near(number, CASE WHEN number <= 5 THEN 0.35 ELSE 0.05 END)
FROM generate_series(1, 305) AS number
INNER JOIN goclaw.agents AS a
    ON right(a.id::text, 2) = CASE WHEN number <= 5 THEN 'a2' ELSE 'b1' END;
SET LOCAL ROLE muniment_app;
SET LOCAL enable_sort = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off;
SELECT set_eq(
    $$ SELECT path
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a2', NULL, pg_temp.near(0, 0)
       )
       WHERE title = 'near' $$,
    $$ VALUES ('1'), ('2'), ('3'), ('4'), ('5') $$,
    'the rows of others use up no place in the answer'
);
-- The index gives up after so many rows of others, or when its memory is used up.
SET LOCAL hnsw.max_scan_tuples = 1;
SELECT set_eq(
    $$ SELECT path
       FROM goclaw.search_vault(
           'a9e00000-0000-4000-8000-0000000000a2', NULL, pg_temp.near(0, 0)
       )
       WHERE title = 'near' $$,
    $$ VALUES ('1'), ('2'), ('3'), ('4'), ('5') $$,
    'nor do more of them than the index looks at'
);
SELECT is_empty(
    $$ SELECT FROM goclaw.search_vault('a9e00000-0000-4000-8000-0000000000a2', '-levies', NULL) $$,
    'a word that is not to be there finds nothing alone: all that has it not is alike'
);
RESET ROLE;
SELECT is(
    (
        SELECT count(*)
        FROM goclaw.search_vault(
            'a9e00000-0000-4000-8000-0000000000b1', 'law', pg_temp.direction(1, 0)
        )
        WHERE right(document_id::text, 2) <> '03'
    ),
    0::bigint,
    'not even a superuser, whom no policy binds, searches another tenant'
);

-- What a team leaves ---------------------------------------------------------

RESET ROLE;
DELETE FROM goclaw.agent_teams;
SET LOCAL ROLE muniment_app;
SELECT is(
    (
        SELECT string_agg(DISTINCT right(found.document_id::text, 2), ' ')
        FROM goclaw.agents AS a
        CROSS JOIN unnest(ARRAY[NULL, 'chat']) AS chat (id)
        CROSS JOIN unnest(ARRAY[NULL, '7ea00000-0000-4000-8000-0000000000a1']::uuid[]) AS team (id)
        CROSS JOIN unnest(ARRAY[NULL, 'law']) AS query (text)
        CROSS JOIN LATERAL goclaw.search_vault(
            a.id, query.text, pg_temp.direction(1, 0), team.id, chat.id
        ) AS found
        WHERE found.title <> 'near'
    ),
    '01 02 03 07',
    'of a team that went no agent finds anything, in whatever chat or team it asks'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = to_regprocedure(
               'goclaw.search_vault(uuid, text, platform.vector, uuid, text, integer)'
           )
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may search'
);
SET LOCAL ROLE muniment_reader;
SELECT results_eq(
    $$ SELECT right(document_id::text, 2)
       FROM goclaw.search_vault(NULL, 'law', NULL) $$,
    $$ VALUES ('03') $$,
    'a reader gets the same answer'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
