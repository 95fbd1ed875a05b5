-- Subject: astra.tool_definitions    Docs: docs/schema/astra.md#tool-definitions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.tool_definitions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('tool_definitions'::text, 'org_id'::text, 'uuid', true, NULL),
        ('tool_definitions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('tool_definitions', 'agent_id', 'uuid', true, NULL),
        ('tool_definitions', 'name', 'text', true, NULL),
        ('tool_definitions', 'description', 'text', false, NULL),
        ('tool_definitions', 'input_schema', 'jsonb', true, '''{}''::jsonb'),
        ('tool_definitions', 'requires_approval', 'boolean', true, 'false'),
        ('tool_definitions', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('tool_definitions_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('tool_definitions_name_uq', 'UNIQUE (org_id, agent_id, name)'),
        ('tool_definitions_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('tool_definitions_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('tool_definitions_name_ck', 'CHECK ((name <> ''''::text))') $$,
    'the keys, references and rules are these'
);
SELECT is_empty(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    'there are no indexes besides those of keys'
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
INSERT INTO astra.tool_definitions (org_id, agent_id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'read');

SELECT throws_ok(
    $$ INSERT INTO astra.tool_definitions (org_id, agent_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031',
           'read') $$,
    '23505',
    'duplicate key value violates unique constraint "tool_definitions_name_uq"',
    'an agent knows a tool once'
);
SELECT throws_ok(
    $$ UPDATE astra.tool_definitions SET name = '' $$,
    '23514',
    'new row for relation "tool_definitions" violates check constraint "tool_definitions_name_ck"',
    'a tool has a name'
);
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.tool_definitions $$, 'an agent takes its catalogue along');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'tool_definitions', ARRAY[
        'tool_definitions_tenant', 'tool_definitions_tenant_guard'
    ],
    'no other policy widens access to tool_definitions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('tool_definitions'::name, 'muniment_app', 'DELETE'),
        ('tool_definitions', 'muniment_app', 'INSERT'),
        ('tool_definitions', 'muniment_app', 'SELECT'),
        ('tool_definitions', 'muniment_reader', 'SELECT') $$,
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
        ('tool_definitions'::name, 'muniment_app', 'UPDATE',
         'agent_id, name, description, input_schema, requires_approval') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
