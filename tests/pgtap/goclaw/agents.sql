-- Subject: goclaw.agents    Docs: docs/schema/goclaw.md#agents
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.agents']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agents'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agents', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agents', 'agent_key', 'character varying(100)', true, NULL),
        ('agents', 'display_name', 'character varying(255)', false, NULL),
        ('agents', 'owner_id', 'character varying(255)', true, NULL),
        ('agents', 'provider', 'character varying(50)', true,
         '''openrouter''::character varying'),
        ('agents', 'model', 'character varying(200)', true, NULL),
        ('agents', 'context_window', 'integer', true, '200000'),
        ('agents', 'max_tool_iterations', 'integer', true, '20'),
        ('agents', 'workspace', 'text', true, '''.''::text'),
        ('agents', 'restrict_to_workspace', 'boolean', true, 'true'),
        ('agents', 'tools_config', 'jsonb', true, '''{}''::jsonb'),
        ('agents', 'sandbox_config', 'jsonb', false, NULL),
        ('agents', 'subagents_config', 'jsonb', false, NULL),
        ('agents', 'memory_config', 'jsonb', false, NULL),
        ('agents', 'compaction_config', 'jsonb', false, NULL),
        ('agents', 'context_pruning', 'jsonb', false, NULL),
        ('agents', 'other_config', 'jsonb', true, '''{}''::jsonb'),
        ('agents', 'is_default', 'boolean', true, 'false'),
        ('agents', 'agent_type', 'character varying(20)', true, '''open''::character varying'),
        ('agents', 'status', 'character varying(20)', true, '''active''::character varying'),
        ('agents', 'frontmatter', 'text', false, NULL),
        ('agents', 'tsv', 'tsvector', false,
         'to_tsvector(''simple''::regconfig, (((COALESCE(display_name, ''''::character '
         'varying))::text || '' ''::text) || COALESCE(frontmatter, ''''::text)))'),
        ('agents', 'embedding', 'platform.vector(1536)', false, NULL),
        ('agents', 'budget_monthly_cents', 'integer', false, NULL),
        ('agents', 'model_fallback', 'jsonb', true, '''{}''::jsonb'),
        ('agents', 'emoji', 'text', false, NULL),
        ('agents', 'agent_description', 'text', false, NULL),
        ('agents', 'thinking_level', 'text', false, NULL),
        ('agents', 'max_tokens', 'integer', false, NULL),
        ('agents', 'self_evolve', 'boolean', true, 'false'),
        ('agents', 'skill_evolve', 'boolean', true, 'false'),
        ('agents', 'skill_nudge_interval', 'integer', false, NULL),
        ('agents', 'reasoning_config', 'jsonb', false, NULL),
        ('agents', 'workspace_sharing', 'jsonb', false, NULL),
        ('agents', 'chatgpt_oauth_routing', 'jsonb', false, NULL),
        ('agents', 'shell_deny_groups', 'jsonb', false, NULL),
        ('agents', 'kg_dedup_config', 'jsonb', false, NULL),
        ('agents', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agents', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('agents', 'deleted_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agents_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agents_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agents_agent_key_ck', 'CHECK (((agent_key)::text <> ''''::text))'),
        ('agents_agent_type_ck',
         'CHECK (((agent_type)::text = ANY ((ARRAY[''open''::character varying, '
         '''predefined''::character varying])::text[])))'),
        ('agents_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''active''::character varying, '
         '''inactive''::character varying, ''summoning''::character varying])::text[])))'),
        ('agents_context_window_ck', 'CHECK ((context_window > 0))'),
        ('agents_max_tool_iterations_ck', 'CHECK ((max_tool_iterations > 0))'),
        ('agents_budget_monthly_cents_ck', 'CHECK ((budget_monthly_cents >= 0))'),
        ('agents_model_fallback_ck',
         'CHECK (((jsonb_typeof(model_fallback) = ''array''::text) OR (model_fallback = '
         '''{}''::jsonb)))') $$,
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
        ('agents_agent_key_uq'::name, true,
         'btree (tenant_id, agent_key) WHERE (deleted_at IS NULL)'),
        ('agents_owner_id_ix', false, 'btree (tenant_id, owner_id)'),
        ('agents_status_ix', false, 'btree (tenant_id, status) WHERE (deleted_at IS NULL)'),
        ('agents_tsv_ix', false, 'gin (tsv)'),
        ('agents_embedding_ix', false, 'hnsw (embedding platform.vector_cosine_ops)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agents_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.agents FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('agents_sync_budget_tg',
         'AFTER INSERT OR UPDATE OF budget_monthly_cents ON goclaw.agents FOR EACH ROW '
         'EXECUTE FUNCTION goclaw.sync_agent_budget()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    );

SELECT throws_ok(
    $$ INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model)
       SELECT tenant_id, agent_key, 'v', 'm' FROM goclaw.agents $$,
    '23505',
    NULL,
    'two agents of a tenant do not share a name'
);
UPDATE goclaw.agents SET deleted_at = now();
SELECT lives_ok(
    $$ INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model)
       SELECT tenant_id, agent_key, 'v', 'm' FROM goclaw.agents $$,
    'the name of a deleted agent is free'
);
SELECT throws_ok(
    format('UPDATE goclaw.agents SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('agent_key', ''),
        ('agent_type', 'closed'),
        ('status', 'asleep'),
        ('context_window', '0'),
        ('max_tool_iterations', '0'),
        ('budget_monthly_cents', '-1'),
        ('model_fallback', '{"first": "m"}')
) AS attempt (name, value);
SELECT lives_ok(
    $$ UPDATE goclaw.agents SET model_fallback = '["m2", "m3"]' $$,
    'models to fall back to are in an order'
);
UPDATE goclaw.agents SET display_name = 'Planner', frontmatter = 'deadlines' WHERE owner_id = 'u';
SELECT results_eq(
    $$ SELECT owner_id::text FROM goclaw.agents WHERE tsv @@ 'deadlines & planner'::tsquery $$,
    $$ VALUES ('u') $$,
    'an agent is found by the words of its name and expertise'
);
UPDATE goclaw.agents SET updated_at = '2026-01-01';
SELECT is_empty(
    $$ SELECT FROM goclaw.agents WHERE updated_at <> now() $$,
    'the time of the last change is set by the database, whatever a client says'
);
SELECT throws_ok(
    $$ DELETE FROM goclaw.tenants WHERE slug = 'a' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a tenant that has agents is not deleted'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agents', ARRAY['agents_tenant', 'agents_tenant_guard', 'agents_service'],
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
         'agent_key, display_name, owner_id, provider, model, context_window, '
         'max_tool_iterations, workspace, restrict_to_workspace, tools_config, '
         'sandbox_config, subagents_config, memory_config, compaction_config, '
         'context_pruning, other_config, is_default, agent_type, status, frontmatter, '
         'embedding, budget_monthly_cents, model_fallback, emoji, agent_description, '
         'thinking_level, max_tokens, self_evolve, skill_evolve, skill_nudge_interval, '
         'reasoning_config, workspace_sharing, chatgpt_oauth_routing, shell_deny_groups, '
         'kg_dedup_config, updated_at, deleted_at'),
        ('agents', 'muniment_service', 'SELECT', 'tenant_id, id, status, deleted_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
