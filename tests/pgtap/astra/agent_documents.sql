-- Subject: astra.agent_documents    Docs: docs/schema/astra.md#agent-documents
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.agent_documents']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_documents'::text, 'org_id'::text, 'uuid', true, NULL),
        ('agent_documents', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_documents', 'agent_id', 'uuid', true, NULL),
        ('agent_documents', 'goal_id', 'uuid', false, NULL),
        ('agent_documents', 'doc_type', 'text', true, NULL),
        ('agent_documents', 'name', 'text', true, NULL),
        ('agent_documents', 'content', 'text', false, NULL),
        ('agent_documents', 'uri', 'text', false, NULL),
        ('agent_documents', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('agent_documents', 'priority', 'integer', true, '0'),
        ('agent_documents', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_documents_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('agent_documents_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('agent_documents_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_documents_goal_fk',
         'FOREIGN KEY (org_id, goal_id) REFERENCES astra.goals(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_documents_doc_type_ck',
         'CHECK ((doc_type = ANY (ARRAY[''rule''::text, ''skill''::text, '
         '''context_doc''::text, ''reference''::text])))'),
        ('agent_documents_name_ck', 'CHECK ((name <> ''''::text))'),
        ('agent_documents_content_ck', 'CHECK ((num_nonnulls(content, uri) >= 1))') $$,
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
        ('agent_documents_agent_id_ix'::name, false, 'btree (org_id, agent_id, priority DESC)'),
        ('agent_documents_goal_id_ix', false,
         'btree (org_id, goal_id) WHERE (goal_id IS NOT NULL)') $$,
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

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.agent_documents (org_id, agent_id, goal_id, doc_type, name, content) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032',
     '00000000-0000-4000-8000-000000000041', 'rule', 'style', 'Be short.');

SELECT throws_ok(
    format('UPDATE astra.agent_documents SET %s', change),
    '23514',
    format(
        'new row for relation "agent_documents" violates check constraint "agent_documents_%s_ck"',
        name
    ),
    promise
)
FROM (
    VALUES
        ('doc_type = ''poem''', 'doc_type', 'a document is of one of four kinds'),
        ('name = ''''', 'name', 'it has a name'),
        ('content = NULL', 'content', 'and a text, or says where one is')
) AS attempt (change, name, promise);
SAVEPOINT here;
DELETE FROM astra.goals;
SELECT is_empty($$ SELECT FROM astra.agent_documents $$, 'it goes with the goal that it is for');
ROLLBACK TO here;
DELETE FROM astra.agents WHERE id = '00000000-0000-4000-8000-000000000032';
SELECT is_empty($$ SELECT FROM astra.agent_documents $$, 'and with the agent');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'agent_documents', ARRAY[
        'agent_documents_tenant', 'agent_documents_tenant_guard'
    ],
    'no other policy widens access to agent_documents'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_documents'::name, 'muniment_app', 'DELETE'),
        ('agent_documents', 'muniment_app', 'INSERT'),
        ('agent_documents', 'muniment_app', 'SELECT'),
        ('agent_documents', 'muniment_reader', 'SELECT') $$,
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
        ('agent_documents'::name, 'muniment_app', 'UPDATE',
         'agent_id, goal_id, doc_type, name, content, uri, metadata, priority') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
