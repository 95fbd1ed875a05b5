-- Subject: goclaw.memory_documents    Docs: docs/schema/goclaw.md#memory-documents
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(40);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.memory_documents', 'goclaw.memory_chunks']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('memory_documents'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('memory_documents', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('memory_documents', 'agent_id', 'uuid', true, NULL),
        ('memory_documents', 'user_id', 'character varying(255)', false, NULL),
        ('memory_documents', 'path', 'character varying(500)', true, NULL),
        ('memory_documents', 'content', 'text', false, NULL),
        ('memory_documents', 'hash', 'character varying(64)', false, NULL),
        ('memory_documents', 'team_id', 'uuid', false, NULL),
        ('memory_documents', 'custom_scope', 'character varying(255)', false, NULL),
        ('memory_documents', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('memory_documents', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('memory_chunks', 'tenant_id', 'uuid', true, NULL),
        ('memory_chunks', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('memory_chunks', 'agent_id', 'uuid', true, NULL),
        ('memory_chunks', 'document_id', 'uuid', true, NULL),
        ('memory_chunks', 'user_id', 'character varying(255)', false, NULL),
        ('memory_chunks', 'path', 'text', true, NULL),
        ('memory_chunks', 'start_line', 'integer', false, NULL),
        ('memory_chunks', 'end_line', 'integer', false, NULL),
        ('memory_chunks', 'hash', 'character varying(64)', false, NULL),
        ('memory_chunks', 'text', 'text', true, NULL),
        ('memory_chunks', 'embedding', 'platform.vector(1536)', false, NULL),
        ('memory_chunks', 'tsv', 'tsvector', false, 'to_tsvector(''simple''::regconfig, text)'),
        ('memory_chunks', 'team_id', 'uuid', false, NULL),
        ('memory_chunks', 'custom_scope', 'character varying(255)', false, NULL),
        ('memory_chunks', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('memory_chunks', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('memory_documents_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('memory_documents_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('memory_documents_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('memory_documents_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('memory_documents_path_ck', 'CHECK (((path)::text <> ''''::text))'),
        ('memory_documents_user_id_ck', 'CHECK (((user_id)::text <> ''''::text))'),
        ('memory_documents_hash_ck', 'CHECK (((hash)::text ~ ''^[0-9a-f]{64}$''::text))'),
        ('memory_chunks_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('memory_chunks_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('memory_chunks_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('memory_chunks_document_fk',
         'FOREIGN KEY (tenant_id, document_id) REFERENCES '
         'goclaw.memory_documents(tenant_id, id) ON DELETE CASCADE'),
        ('memory_chunks_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('memory_chunks_hash_ck', 'CHECK (((hash)::text <> ''''::text))'),
        ('memory_chunks_embedding_ck',
         'CHECK (((embedding OPERATOR(platform.<=>) embedding) <= (1)::double precision))'),
        ('memory_chunks_lines_ck', 'CHECK (((start_line >= 0) AND (end_line >= start_line)))') $$,
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
        ('memory_documents_agent_id_ix'::name, false, 'btree (tenant_id, agent_id, path)'),
        ('memory_documents_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('memory_chunks_user_id_ix', false, 'btree (tenant_id, agent_id, user_id)'),
        ('memory_chunks_agent_id_ix', false,
         'btree (tenant_id, agent_id) WHERE (user_id IS NULL)'),
        ('memory_chunks_document_id_ix', false, 'btree (tenant_id, document_id)'),
        ('memory_chunks_tsv_ix', false, 'gin (tsv)'),
        ('memory_chunks_embedding_ix', false, 'hnsw (embedding platform.vector_cosine_ops)'),
        ('memory_chunks_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('memory_documents_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.memory_documents FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('memory_documents_pass_on_scope_tg',
         'AFTER UPDATE OF agent_id, user_id, team_id, custom_scope, path ON '
         'goclaw.memory_documents FOR EACH ROW WHEN '
         '((((((old.agent_id IS DISTINCT FROM new.agent_id) OR ((old.user_id)::text IS '
         'DISTINCT FROM (new.user_id)::text)) OR (old.team_id IS DISTINCT FROM '
         'new.team_id)) OR ((old.custom_scope)::text IS DISTINCT FROM '
         '(new.custom_scope)::text)) OR ((old.path)::text IS DISTINCT FROM '
         '(new.path)::text))) EXECUTE FUNCTION goclaw.pass_on_document_scope()'),
        ('memory_chunks_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.memory_chunks FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('memory_chunks_take_scope_tg',
         'BEFORE INSERT OR UPDATE OF document_id, agent_id, user_id, team_id, custom_scope, '
         'path ON goclaw.memory_chunks FOR EACH ROW EXECUTE '
         'FUNCTION goclaw.take_document_scope()') $$,
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
INSERT INTO goclaw.memory_documents (tenant_id, id, agent_id, path, team_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a1',
        'a9e00000-0000-4000-8000-0000000000a2', 'notes', '7ea00000-0000-4000-8000-0000000000a1'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a2',
        'a9e00000-0000-4000-8000-0000000000a2', 'plans', NULL
    );
INSERT INTO goclaw.memory_chunks (
    tenant_id, agent_id, document_id, path, start_line, end_line, text, team_id
)
SELECT tenant_id, agent_id, id, path, 1, 2, 'Das Über-Haus of ' || path, team_id
FROM goclaw.memory_documents;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, column_name, value),
    '23514',
    NULL,
    format('%s.%s cannot be %s', name, column_name, value)
)
FROM (
    VALUES
        ('memory_documents', 'path', ''),
        ('memory_documents', 'hash', 'abc'),
        ('memory_documents', 'user_id', ''),
        ('memory_chunks', 'hash', ''),
        ('memory_chunks', 'start_line', '-1'),
        ('memory_chunks', 'start_line', '3'),
        ('memory_chunks', 'end_line', '0')
) AS attempt (name, column_name, value);
SELECT results_eq(
    $$ SELECT path
       FROM goclaw.memory_chunks
       WHERE tsv @@ to_tsquery('simple', 'das & über & notes') $$,
    $$ VALUES ('notes') $$,
    'every word counts, as it is written, in any language'
);
SELECT throws_ok(
    $$ UPDATE goclaw.memory_chunks SET embedding = array_fill(1, ARRAY[3])::platform.vector $$,
    '22000',
    NULL,
    'a vector has 1536 dimensions'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.memory_chunks SET embedding = %L',
        array_fill(length, ARRAY[1536])::platform.vector
    ),
    '23514',
    NULL,
    format('nor is one of %s stored, which has no distance to anything', length)
)
FROM unnest(ARRAY[0, 1e-30, 1e30]::real[]) AS length;
UPDATE goclaw.memory_documents SET updated_at = '2000-01-01' WHERE path = 'notes';
UPDATE goclaw.memory_chunks SET updated_at = '2000-01-01' WHERE path = 'notes';
SELECT results_eq(
    $$ SELECT updated_at FROM goclaw.memory_documents WHERE path = 'notes'
       UNION ALL
       SELECT updated_at FROM goclaw.memory_chunks WHERE path = 'notes' $$,
    $$ VALUES (now()), (now()) $$,
    'when a row was changed, nobody says but the clock'
);

-- Whose a chunk is -----------------------------------------------------------

CREATE TEMPORARY VIEW chunk_scope AS
SELECT substring(text FROM '\w+$') AS chunk, right(agent_id::text, 2) AS agent, user_id::text,
    right(team_id::text, 2) AS team, custom_scope::text, path
FROM goclaw.memory_chunks;
INSERT INTO goclaw.memory_chunks (
    tenant_id, agent_id, document_id, path, text, user_id, team_id, custom_scope
)
SELECT
    tenant_id, 'a9e00000-0000-4000-8000-0000000000a1', id, 'elsewhere', 'slip', 'bob',
    CASE WHEN team_id IS NULL THEN '7ea00000-0000-4000-8000-0000000000a1'::uuid END, 'own'
FROM goclaw.memory_documents;
SELECT set_eq(
    $$ SELECT * FROM chunk_scope WHERE chunk = 'slip' $$,
    $$ VALUES
        ('slip'::text, 'a2'::text, NULL::text, 'a1'::text, NULL::text, 'notes'::text),
        ('slip', 'a2', NULL, NULL, NULL, 'plans') $$,
    'a chunk is whose its document is, whatever its writer says'
);
CREATE FUNCTION pg_temp.scope_after(
    p_table text, p_path text, p_column text, p_value text
)
RETURNS text
LANGUAGE plpgsql
AS $function$
BEGIN
    EXECUTE format(
        'UPDATE goclaw.%I SET %I = %L WHERE path = %L', p_table, p_column, p_value, p_path
    );
    RETURN (SELECT s::text FROM chunk_scope AS s WHERE s.chunk = p_path);
END;
$function$;
SELECT is(
    pg_temp.scope_after('memory_chunks', 'notes', name, value),
    '(notes,a2,,a1,,notes)',
    format('nor does a change of %s give it to somebody else', name)
)
FROM (
    VALUES
        ('agent_id', 'a9e00000-0000-4000-8000-0000000000a1'), ('user_id', 'bob'),
        ('team_id', NULL), ('custom_scope', 'own'), ('path', 'elsewhere')
) AS change (name, value);
SELECT is(
    pg_temp.scope_after('memory_documents', 'plans', name, value),
    answer,
    format('when the %s of a document changes, its chunks follow', name)
)
FROM (
    VALUES
        ('agent_id', 'a9e00000-0000-4000-8000-0000000000a1', '(plans,a1,,,,plans)'),
        ('user_id', 'ada', '(plans,a1,ada,,,plans)'),
        ('team_id', '7ea00000-0000-4000-8000-0000000000a1', '(plans,a1,ada,a1,,plans)'),
        ('custom_scope', 'own', '(plans,a1,ada,a1,own,plans)'),
        ('path', 'ideas', '(plans,a1,ada,a1,own,ideas)')
) AS change (name, value, answer);
UPDATE goclaw.memory_documents SET path = 'plans' WHERE path = 'ideas';
SELECT results_eq(
    $$ SELECT * FROM chunk_scope WHERE chunk = 'notes' $$,
    $$ VALUES ('notes', 'a2', NULL, 'a1', NULL, 'notes') $$,
    'but no others'
);
UPDATE goclaw.memory_chunks
SET document_id = (SELECT id FROM goclaw.memory_documents WHERE path = 'plans')
WHERE text ~ 'notes$';
SELECT results_eq(
    $$ SELECT * FROM chunk_scope WHERE chunk = 'notes' $$,
    $$ VALUES ('notes', 'a1', 'ada', 'a1', 'own', 'plans') $$,
    'a chunk that is moved to another document is whose that one is'
);
UPDATE goclaw.memory_chunks
SET document_id = 'd0c00000-0000-4000-8000-0000000000a1'
WHERE text ~ 'notes$';
-- What a trigger writes is held to it like everything else.
CREATE TEMPORARY TABLE slip (path text, statement text);
CREATE FUNCTION pg_temp.write_slip()
RETURNS trigger
LANGUAGE plpgsql
AS $function$
BEGIN
    EXECUTE NEW.statement USING NEW.path;
    RETURN NULL;
END;
$function$;
CREATE TRIGGER slip_write_tg AFTER INSERT ON slip
    FOR EACH ROW EXECUTE FUNCTION pg_temp.write_slip();
INSERT INTO slip VALUES
    ('plans', 'UPDATE goclaw.memory_chunks SET team_id = NULL WHERE path = $1');
SELECT results_eq(
    $$ SELECT * FROM chunk_scope WHERE chunk = 'plans' $$,
    $$ VALUES ('plans', 'a1', 'ada', 'a1', 'own', 'plans') $$,
    'nor does a trigger take a chunk away from its document'
);
INSERT INTO slip VALUES
    ('plans', 'UPDATE goclaw.memory_documents SET user_id = NULL WHERE path = $1');
SELECT results_eq(
    $$ SELECT * FROM chunk_scope WHERE chunk = 'plans' $$,
    $$ VALUES ('plans', 'a1', NULL, 'a1', 'own', 'plans') $$,
    'or a document from its chunks'
);
UPDATE goclaw.memory_documents
SET agent_id = 'a9e00000-0000-4000-8000-0000000000a2', user_id = NULL, team_id = NULL,
    custom_scope = NULL
WHERE path = 'plans';
DELETE FROM goclaw.memory_chunks WHERE text = 'slip';
SELECT throws_ok(
    $$ UPDATE goclaw.memory_chunks SET document_id = '00000000-0000-4000-8000-0000000000ff' $$,
    '23503',
    NULL,
    'a chunk has a document'
);

-- What a deletion does ---------------------------------------------------------

DELETE FROM goclaw.agent_teams;
SELECT results_eq(
    $$ SELECT path::text FROM goclaw.memory_documents
       UNION ALL
       SELECT path FROM goclaw.memory_chunks $$,
    $$ VALUES ('plans'), ('plans') $$,
    'a team takes along what is remembered in it, or it would be for everybody; the rest stays'
);
INSERT INTO goclaw.memory_documents (tenant_id, id, agent_id, path) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a1',
        'a9e00000-0000-4000-8000-0000000000a2', 'notes'
    );
INSERT INTO goclaw.memory_chunks (tenant_id, agent_id, document_id, path, text)
SELECT tenant_id, agent_id, id, path, 'x' FROM goclaw.memory_documents WHERE path = 'notes';
DELETE FROM goclaw.memory_documents WHERE path = 'notes';
SELECT results_eq(
    $$ SELECT path FROM goclaw.memory_chunks $$,
    $$ VALUES ('plans') $$,
    'a document takes its chunks along'
);
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT is_empty(
    $$ SELECT FROM goclaw.memory_documents UNION ALL SELECT FROM goclaw.memory_chunks $$,
    'an agent that is removed takes its memory along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'memory_documents', ARRAY[
        'memory_documents_tenant', 'memory_documents_tenant_guard'
    ],
    'no other policy widens access to memory_documents'
);
SELECT policies_are(
    'goclaw', 'memory_chunks', ARRAY['memory_chunks_tenant', 'memory_chunks_tenant_guard'],
    'no other policy widens access to memory_chunks'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('memory_documents'::name, 'muniment_app', 'DELETE'),
        ('memory_documents', 'muniment_app', 'INSERT'),
        ('memory_documents', 'muniment_app', 'SELECT'),
        ('memory_documents', 'muniment_reader', 'SELECT'),
        ('memory_chunks', 'muniment_app', 'DELETE'),
        ('memory_chunks', 'muniment_app', 'INSERT'),
        ('memory_chunks', 'muniment_app', 'SELECT'),
        ('memory_chunks', 'muniment_reader', 'SELECT') $$,
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
        ('memory_documents'::name, 'muniment_app', 'UPDATE',
         'agent_id, user_id, path, content, hash, team_id, custom_scope, updated_at'),
        ('memory_chunks', 'muniment_app', 'UPDATE',
         'agent_id, document_id, user_id, path, start_line, end_line, hash, text, '
         'embedding, team_id, custom_scope, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
