-- Subject: goclaw.vault_documents    Docs: docs/schema/goclaw.md#vault-documents
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(39);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.vault_documents', 'goclaw.vault_links', 'goclaw.vault_versions'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('vault_documents'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('vault_documents', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('vault_documents', 'agent_id', 'uuid', false, NULL),
        ('vault_documents', 'scope', 'text', true, '''personal''::text'),
        ('vault_documents', 'path', 'text', true, NULL),
        ('vault_documents', 'title', 'text', true, '''''::text'),
        ('vault_documents', 'doc_type', 'text', true, '''note''::text'),
        ('vault_documents', 'content_hash', 'text', true, '''''::text'),
        ('vault_documents', 'embedding', 'platform.vector(1536)', false, NULL),
        ('vault_documents', 'summary', 'text', true, '''''::text'),
        ('vault_documents', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('vault_documents', 'team_id', 'uuid', false, NULL),
        ('vault_documents', 'custom_scope', 'character varying(255)', false, NULL),
        ('vault_documents', 'chat_id', 'text', false, NULL),
        ('vault_documents', 'path_basename', 'text', false,
         'lower(regexp_replace(path, ''.+/''::text, ''''::text))'),
        ('vault_documents', 'tsv', 'tsvector', false,
         'to_tsvector(''simple''::regconfig, ((((title || '' ''::text) || path) || '' '
         '''::text) || summary))'),
        ('vault_documents', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('vault_documents', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('vault_links', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('vault_links', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('vault_links', 'from_doc_id', 'uuid', true, NULL),
        ('vault_links', 'to_doc_id', 'uuid', true, NULL),
        ('vault_links', 'link_type', 'text', true, '''wikilink''::text'),
        ('vault_links', 'context', 'text', true, '''''::text'),
        ('vault_links', 'custom_scope', 'character varying(255)', false, NULL),
        ('vault_links', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('vault_links', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('vault_versions', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('vault_versions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('vault_versions', 'doc_id', 'uuid', true, NULL),
        ('vault_versions', 'version', 'integer', true, '1'),
        ('vault_versions', 'content', 'text', true, '''''::text'),
        ('vault_versions', 'changed_by', 'text', true, '''''::text'),
        ('vault_versions', 'custom_scope', 'character varying(255)', false, NULL),
        ('vault_versions', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('vault_documents_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('vault_documents_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('vault_documents_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE SET NULL (agent_id)'),
        ('vault_documents_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE SET NULL (team_id)'),
        ('vault_documents_embedding_ck',
         'CHECK (((embedding OPERATOR(platform.<=>) embedding) <= (1)::double precision))'),
        ('vault_documents_path_ck', 'CHECK ((path <> ''''::text))'),
        ('vault_documents_content_hash_ck',
         'CHECK ((content_hash ~ ''^([0-9a-f]{64})?$''::text))'),
        ('vault_documents_scope_consistency_ck',
         'CHECK ((((scope = ''personal''::text) AND (agent_id IS NOT NULL) AND (team_id IS '
         'NULL)) OR ((scope = ''team''::text) AND (team_id IS NOT NULL) AND (agent_id IS '
         'NULL)) OR ((scope = ''shared''::text) AND (agent_id IS NULL) AND (team_id IS '
         'NULL)) OR (scope = ''custom''::text)))'),
        ('vault_links_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('vault_links_link_type_uq', 'UNIQUE (tenant_id, from_doc_id, to_doc_id, link_type)'),
        ('vault_links_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('vault_links_from_doc_fk',
         'FOREIGN KEY (tenant_id, from_doc_id) REFERENCES goclaw.vault_documents(tenant_id,'
         ' id) ON DELETE CASCADE'),
        ('vault_links_to_doc_fk',
         'FOREIGN KEY (tenant_id, to_doc_id) REFERENCES goclaw.vault_documents(tenant_id, '
         'id) ON DELETE CASCADE'),
        ('vault_links_link_type_ck',
         'CHECK ((link_type = ANY (ARRAY[''wikilink''::text, ''reference''::text, '
         '''depends_on''::text, ''extends''::text, ''related''::text, ''supersedes''::text,'
         ' ''contradicts''::text, ''task_attachment''::text, '
         '''delegation_attachment''::text])))'),
        ('vault_versions_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('vault_versions_version_uq', 'UNIQUE (tenant_id, doc_id, version)'),
        ('vault_versions_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('vault_versions_doc_fk',
         'FOREIGN KEY (tenant_id, doc_id) REFERENCES goclaw.vault_documents(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('vault_versions_version_ck', 'CHECK ((version >= 1))') $$,
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
        ('vault_documents_path_uq'::name, true,
         'btree (tenant_id, COALESCE(agent_id, '
         '''00000000-0000-0000-0000-000000000000''::uuid), COALESCE(team_id, '
         '''00000000-0000-0000-0000-000000000000''::uuid), scope, path)'),
        ('vault_documents_agent_scope_ix', false,
         'btree (tenant_id, agent_id, scope) WHERE (agent_id IS NOT NULL)'),
        ('vault_documents_doc_type_ix', false, 'btree (tenant_id, agent_id, doc_type)'),
        ('vault_documents_content_hash_ix', false, 'btree (tenant_id, content_hash)'),
        ('vault_documents_embedding_ix', false,
         'hnsw (embedding platform.vector_cosine_ops) WITH (m=''16'', '
         'ef_construction=''64'')'),
        ('vault_documents_tsv_ix', false, 'gin (tsv)'),
        ('vault_documents_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('vault_documents_path_basename_ix', false, 'btree (tenant_id, path_basename)'),
        ('vault_documents_path_prefix_ix', false, 'btree (tenant_id, path text_pattern_ops)'),
        ('vault_documents_chat_id_ix', false, 'btree (tenant_id, chat_id, agent_id)'),
        ('vault_links_to_doc_id_ix', false, 'btree (tenant_id, to_doc_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('vault_documents_team_null_scope_tg'::name,
         'BEFORE UPDATE OF team_id ON goclaw.vault_documents FOR EACH ROW WHEN '
         '(((old.team_id IS NOT NULL) AND (new.team_id IS NULL))) EXECUTE FUNCTION '
         'goclaw.settle_vault_document()'),
        ('vault_documents_agent_null_scope_fix_tg',
         'BEFORE UPDATE OF agent_id ON goclaw.vault_documents FOR EACH ROW WHEN '
         '(((old.agent_id IS NOT NULL) AND (new.agent_id IS NULL))) EXECUTE FUNCTION '
         'goclaw.settle_vault_document()'),
        ('vault_documents_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.vault_documents FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('vault_versions_forbid_update_tg',
         'BEFORE UPDATE ON goclaw.vault_versions FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('vault_versions_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.vault_versions FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
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
INSERT INTO goclaw.vault_documents (tenant_id, id, agent_id, team_id, scope, path) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a1',
        'a9e00000-0000-4000-8000-0000000000a1', NULL, 'personal', 'notes/Plan.md'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a2',
        'a9e00000-0000-4000-8000-0000000000a2', NULL, 'personal', 'notes/Plan.md'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a3',
        NULL, '7ea00000-0000-4000-8000-0000000000a1', 'team', 'team.md'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a4',
        NULL, NULL, 'shared', 'team.md'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a5',
        'a9e00000-0000-4000-8000-0000000000a2', '7ea00000-0000-4000-8000-0000000000a1', 'custom',
        'own.md'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a6',
        'a9e00000-0000-4000-8000-0000000000a1', NULL, 'personal', 'own.md'
    );
INSERT INTO goclaw.vault_links (tenant_id, from_doc_id, to_doc_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a3',
        'd0c00000-0000-4000-8000-0000000000a4'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a4',
        'd0c00000-0000-4000-8000-0000000000a5'
    );
INSERT INTO goclaw.vault_versions (tenant_id, doc_id)
SELECT tenant_id, id FROM goclaw.vault_documents WHERE right(id::text, 2) IN ('a3', 'a4', 'a5');

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, column_name, value),
    '23514',
    NULL,
    format('%s.%s cannot be %s', name, column_name, value)
)
FROM (
    VALUES
        ('vault_documents', 'path', ''),
        ('vault_documents', 'content_hash', 'abc'),
        ('vault_documents', 'scope', 'public'),
        ('vault_links', 'link_type', 'likes')
) AS attempt (name, column_name, value);
SELECT throws_ok(
    $$ INSERT INTO goclaw.vault_versions (tenant_id, doc_id, version)
       SELECT tenant_id, doc_id, 0 FROM goclaw.vault_versions $$,
    '23514',
    NULL,
    'versions count from 1 on'
);
SELECT throws_ok(
    $$ UPDATE goclaw.vault_versions SET changed_by = 'somebody else' $$,
    'MU001',
    NULL,
    'a version stays as it was written'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.vault_versions $$, 'MU001', NULL, 'nor are all of them thrown away'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.vault_documents SET embedding = %L',
        array_fill(0, ARRAY[1536])::platform.vector
    ),
    '23514',
    NULL,
    'a vector that has no distance to anything is not stored'
);
-- Nobody is gone, so nobody needs another path.
SELECT throws_ok(
    format('UPDATE goclaw.vault_documents SET %s WHERE right(id::text, 2) = %L', change, id),
    '23505',
    'duplicate key value violates unique constraint "vault_documents_path_uq"',
    format('%s: who takes a file away from its owner keeps to paths that are free', change)
)
FROM (
    VALUES
        ('a6', 'agent_id = NULL, path = ''team.md'''),
        ('a3', 'team_id = NULL, path = ''own.md'', agent_id = '
            '''a9e00000-0000-4000-8000-0000000000a1''')
) AS attempt (id, change);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.vault_documents (tenant_id, path, scope, agent_id, team_id) '
        'VALUES (%L, %L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', 'x', scope,
        CASE WHEN has_agent THEN 'a9e00000-0000-4000-8000-0000000000a1' END,
        CASE WHEN has_team THEN '7ea00000-0000-4000-8000-0000000000a1' END
    ),
    '23514',
    NULL,
    format('%s: not with agent %s, team %s', scope, has_agent, has_team)
)
FROM (
    VALUES
        ('personal', false, false), ('personal', true, true), ('personal', false, true),
        ('team', false, false), ('team', true, true), ('team', true, false),
        ('shared', true, false), ('shared', false, true)
) AS attempt (scope, has_agent, has_team);
SELECT throws_ok(
    $$ INSERT INTO goclaw.vault_documents (tenant_id, scope, path)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'shared', 'team.md') $$,
    '23505',
    'duplicate key value violates unique constraint "vault_documents_path_uq"',
    'a file without an owner has one document too'
);
SELECT results_eq(
    $$ SELECT path_basename FROM goclaw.vault_documents
       WHERE id = 'd0c00000-0000-4000-8000-0000000000a1' $$,
    $$ VALUES ('plan.md') $$,
    'a link finds a file by its name alone'
);
SELECT throws_ok(
    format('INSERT INTO goclaw.%I (%s) SELECT %2$s FROM goclaw.%1$I', name, columns),
    '23505',
    NULL,
    format('%s has nothing twice', name)
)
FROM (
    VALUES
        ('vault_links', 'tenant_id, from_doc_id, to_doc_id, link_type'),
        ('vault_versions', 'tenant_id, doc_id, version')
) AS attempt (name, columns);
UPDATE goclaw.vault_documents
SET updated_at = '2000-01-01', title = 'Quarterly'
WHERE right(id::text, 2) = 'a5';
SELECT results_eq(
    $$ SELECT updated_at FROM goclaw.vault_documents
       WHERE tsv @@ to_tsquery('simple', 'quarterly') $$,
    $$ VALUES (now()) $$,
    'when a row was changed, nobody says but the clock; a file is found by its title'
);

-- What is left of an agent that had two kinds of files, and of a team with a lead and a drafter.
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT set_eq(
    $$ SELECT right(id::text, 2) AS id, tenant_id IS NULL AS is_lost, agent_id,
           team_id IS NULL AS is_teamless, scope, path
       FROM goclaw.vault_documents
       WHERE right(id::text, 2) IN ('a2', 'a5') $$,
    $$ VALUES
        ('a2', false, NULL::uuid, true, 'shared', 'notes/Plan.md'),
        ('a5', false, NULL, false, 'custom', 'own.md') $$,
    'the files of an agent that is removed become the tenant''s, unless their scope is custom'
);
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7ea00000-0000-4000-8000-0000000000a2', 'U',
        'a9e00000-0000-4000-8000-0000000000a1'
    );
INSERT INTO goclaw.vault_documents (tenant_id, id, team_id, scope, custom_scope, path) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'd0c00000-0000-4000-8000-0000000000a7',
        '7ea00000-0000-4000-8000-0000000000a2', 'team', 'own', 'team.md'
    );
DELETE FROM goclaw.agent_teams WHERE right(id::text, 2) = 'a1';
DELETE FROM goclaw.agent_teams WHERE right(id::text, 2) = 'a2';
SELECT set_eq(
    $$ SELECT right(id::text, 2) AS id, team_id, scope, custom_scope::text, path
       FROM goclaw.vault_documents
       WHERE right(id::text, 2) IN ('a3', 'a4', 'a5', 'a7') $$,
    $$ VALUES
        (
            'a3', NULL::uuid, 'custom', 'team:7ea00000-0000-4000-8000-0000000000a1', 'team.md'
        ),
        ('a4', NULL, 'shared', NULL, 'team.md'),
        ('a5', NULL, 'custom', NULL, 'own.md'),
        ('a7', NULL, 'custom', 'own', 'd0c00000-0000-4000-8000-0000000000a7/team.md') $$,
    'those of a team become nobody''s; where the path is taken, the id goes in front of it'
);
DELETE FROM goclaw.agents WHERE agent_key = 'planner';
SELECT set_eq(
    $$ SELECT right(id::text, 2) AS id, scope, path
       FROM goclaw.vault_documents
       WHERE right(id::text, 2) IN ('a1', 'a6') $$,
    $$ VALUES
        ('a1', 'shared', 'd0c00000-0000-4000-8000-0000000000a1/notes/Plan.md'),
        ('a6', 'shared', 'own.md') $$,
    'a second agent with a file of the same path can be removed too; one of another scope is no bar'
);

-- A team leaves a file that an agent took on in the same statement.
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a3', 'heir',
        'u', 'm'
    );
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7ea00000-0000-4000-8000-0000000000a3', 'T',
        'a9e00000-0000-4000-8000-0000000000a3'
    );
UPDATE goclaw.vault_documents
SET scope = 'team', team_id = '7ea00000-0000-4000-8000-0000000000a3'
WHERE id = 'd0c00000-0000-4000-8000-0000000000a4';
UPDATE goclaw.vault_documents
SET agent_id = 'a9e00000-0000-4000-8000-0000000000a3', team_id = NULL
WHERE id = 'd0c00000-0000-4000-8000-0000000000a4';
SELECT results_eq(
    $$ SELECT scope, path FROM goclaw.vault_documents WHERE right(id::text, 2) = 'a4' $$,
    $$ VALUES ('personal', 'team.md') $$,
    'a file that goes from a team to an agent becomes personal'
);
DELETE FROM goclaw.vault_documents WHERE right(id::text, 2) = 'a4';
SELECT is_empty(
    $$ SELECT FROM goclaw.vault_links $$, 'a document takes the links from and to it along'
);
SELECT set_eq(
    $$ SELECT right(doc_id::text, 2) FROM goclaw.vault_versions $$,
    $$ VALUES ('a3'), ('a5') $$,
    'and its versions'
);
DELETE FROM goclaw.agents;
DELETE FROM goclaw.tenants WHERE slug = 'a';
SELECT is_empty(
    $$ SELECT FROM goclaw.vault_documents
       UNION ALL
       SELECT FROM goclaw.vault_versions $$,
    'a tenant takes its vault along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'vault_documents', ARRAY[
        'vault_documents_tenant', 'vault_documents_tenant_guard'
    ],
    'no other policy widens access to vault_documents'
);
SELECT policies_are(
    'goclaw', 'vault_links', ARRAY['vault_links_tenant', 'vault_links_tenant_guard'],
    'no other policy widens access to vault_links'
);
SELECT policies_are(
    'goclaw', 'vault_versions', ARRAY[
        'vault_versions_tenant', 'vault_versions_tenant_guard'
    ],
    'no other policy widens access to vault_versions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('vault_documents'::name, 'muniment_app', 'DELETE'),
        ('vault_documents', 'muniment_app', 'INSERT'),
        ('vault_documents', 'muniment_app', 'SELECT'),
        ('vault_documents', 'muniment_reader', 'SELECT'),
        ('vault_links', 'muniment_app', 'DELETE'),
        ('vault_links', 'muniment_app', 'INSERT'),
        ('vault_links', 'muniment_app', 'SELECT'),
        ('vault_links', 'muniment_reader', 'SELECT'),
        ('vault_versions', 'muniment_app', 'INSERT'),
        ('vault_versions', 'muniment_app', 'SELECT'),
        ('vault_versions', 'muniment_reader', 'SELECT') $$,
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
        ('vault_documents'::name, 'muniment_app', 'UPDATE',
         'agent_id, scope, path, title, doc_type, content_hash, embedding, summary, '
         'metadata, team_id, custom_scope, chat_id, updated_at'),
        ('vault_links', 'muniment_app', 'UPDATE',
         'link_type, context, custom_scope, metadata') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
