-- Subject: astra.memories    Docs: docs/schema/astra.md#memories
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.memories']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('memories'::text, 'org_id'::text, 'uuid', true, NULL),
        ('memories', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('memories', 'agent_id', 'uuid', true, NULL),
        ('memories', 'memory_type', 'text', true, NULL),
        ('memories', 'content', 'text', true, NULL),
        ('memories', 'embedding', 'platform.vector(1536)', false, NULL),
        ('memories', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('memories', 'expires_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('memories_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('memories_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('memories_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('memories_memory_type_ck',
         'CHECK ((memory_type = ANY (ARRAY[''episodic''::text, ''semantic''::text])))'),
        ('memories_content_ck', 'CHECK ((content <> ''''::text))'),
        ('memories_embedding_ck',
         'CHECK ((platform.vector_norm(embedding) > (0)::double precision))') $$,
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
        ('memories_agent_id_ix'::name, false, 'btree (org_id, agent_id, memory_type)'),
        ('memories_expires_at_ix', false, 'btree (expires_at) WHERE (expires_at IS NOT NULL)') $$,
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
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.memories (org_id, agent_id, memory_type, content) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'episodic',
     'We shipped.');

SELECT throws_ok(
    $$ UPDATE astra.memories SET memory_type = 'vague' $$,
    '23514',
    'new row for relation "memories" violates check constraint "memories_memory_type_ck"',
    'a memory is of what happened or of what is so'
);
SELECT throws_ok(
    $$ UPDATE astra.memories SET content = '' $$,
    '23514',
    'new row for relation "memories" violates check constraint "memories_content_ck"',
    'and of something'
);
SELECT throws_ok(
    $$ UPDATE astra.memories SET embedding = array_fill(0, ARRAY[1536])::platform.vector $$,
    '23514',
    'new row for relation "memories" violates check constraint "memories_embedding_ck"',
    'and its meaning points somewhere'
);
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.memories $$, 'an agent takes its memories along');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'memories', ARRAY[
        'memories_tenant', 'memories_tenant_guard', 'memories_service'
    ],
    'no other policy widens access to memories'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('memories'::name, 'muniment_app', 'DELETE'),
        ('memories', 'muniment_app', 'INSERT'),
        ('memories', 'muniment_app', 'SELECT'),
        ('memories', 'muniment_reader', 'SELECT'),
        ('memories', 'muniment_service', 'DELETE') $$,
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
        ('memories'::name, 'muniment_app', 'UPDATE',
         'agent_id, memory_type, content, embedding, expires_at'),
        ('memories', 'muniment_service', 'SELECT', 'org_id, id, expires_at'),
        ('memories', 'muniment_service', 'UPDATE', 'expires_at') $$,
    'the rights to columns are these'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT content FROM astra.memories $$,
    '42501',
    'permission denied for table memories',
    'whoever clears up for all organisations reads nobody''s memories'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
