-- Subject: astra.agents    Docs: docs/schema/astra.md#agents
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.agents']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agents'::text, 'org_id'::text, 'uuid', true, NULL),
        ('agents', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agents', 'name', 'text', true, NULL),
        ('agents', 'system_prompt', 'text', false, NULL),
        ('agents', 'chat_capable', 'boolean', true, 'false'),
        ('agents', 'visibility', 'text', true, '''private''::text'),
        ('agents', 'drain_mode', 'boolean', true, 'false'),
        ('agents', 'max_concurrent_goals', 'integer', false, NULL),
        ('agents', 'daily_token_budget', 'bigint', false, NULL),
        ('agents', 'priority', 'integer', true, '0'),
        ('agents', 'allowed_tools', 'text[]', false, NULL),
        ('agents', 'trust_score', 'double precision', false, NULL),
        ('agents', 'tags', 'text[]', true, '''{}''::text[]'),
        ('agents', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('agents', 'status', 'text', true, '''active''::text'),
        ('agents', 'config', 'jsonb', true, '''{}''::jsonb'),
        ('agents', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agents', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agents_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('agents_name_uq', 'UNIQUE (org_id, name)'),
        ('agents_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('agents_name_ck', 'CHECK ((name <> ''''::text))'),
        ('agents_visibility_ck',
         'CHECK ((visibility = ANY (ARRAY[''private''::text, ''org''::text, '
         '''public''::text])))'),
        ('agents_status_ck',
         'CHECK ((status = ANY (ARRAY[''active''::text, ''paused''::text, '
         '''archived''::text])))'),
        ('agents_max_concurrent_goals_ck', 'CHECK ((max_concurrent_goals >= 0))'),
        ('agents_daily_token_budget_ck', 'CHECK ((daily_token_budget >= 0))'),
        ('agents_trust_score_ck',
         'CHECK (((trust_score >= (0)::double precision) AND (trust_score <= (1)::double '
         'precision)))') $$,
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
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agents_record_revision_tg'::name,
         'AFTER INSERT OR UPDATE ON astra.agents FOR EACH ROW EXECUTE FUNCTION '
         'astra.record_agent_revision()'),
        ('agents_set_updated_at_tg',
         'BEFORE UPDATE ON astra.agents FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');

SELECT throws_ok(
    $$ INSERT INTO astra.agents (org_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'planner') $$,
    '23505',
    'duplicate key value violates unique constraint "agents_name_uq"',
    'a name is unique in an organisation'
);
SELECT lives_ok(
    $$ INSERT INTO astra.agents (org_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'planner') $$,
    'and free in another, which does not learn that it is taken'
);
SELECT throws_ok(
    format(
        'INSERT INTO astra.agents (org_id, name, %1$I) VALUES (%2$L, %3$L, %4$L)',
        name, '00000000-0000-4000-8000-00000000000a', 'x', value
    ),
    '23514',
    format('new row for relation "agents" violates check constraint "agents_%s_ck"', name),
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('visibility', 'secret'), ('status', 'dead'), ('max_concurrent_goals', '-1'),
        ('daily_token_budget', '-1'), ('trust_score', '1.1'), ('trust_score', '-0.1')
) AS attempt (name, value);
SELECT throws_ok(
    $$ INSERT INTO astra.agents (org_id, name)
       VALUES ('00000000-0000-4000-8000-00000000000a', '') $$,
    '23514',
    'new row for relation "agents" violates check constraint "agents_name_ck"',
    'nor is a name empty'
);
UPDATE astra.agents SET updated_at = '2026-01-01', priority = 1
WHERE org_id = '00000000-0000-4000-8000-00000000000a';
SELECT is(
    (SELECT updated_at FROM astra.agents WHERE org_id = '00000000-0000-4000-8000-00000000000a'),
    now(),
    'a change is dated, whatever the writer says'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'agents', ARRAY['agents_tenant', 'agents_tenant_guard'],
    'no other policy widens access to agents'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agents'::name, 'muniment_app', 'DELETE'),
        ('agents', 'muniment_app', 'INSERT'),
        ('agents', 'muniment_app', 'SELECT'),
        ('agents', 'muniment_reader', 'SELECT') $$,
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
        ('agents'::name, 'muniment_app', 'UPDATE',
         'name, system_prompt, chat_capable, visibility, drain_mode, max_concurrent_goals, '
         'daily_token_budget, priority, allowed_tools, trust_score, tags, metadata, status,'
         ' config, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
