-- Subject: goclaw.hooks    Docs: docs/schema/goclaw.md#hooks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.hooks', 'goclaw.hook_agents']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('hooks'::text, 'tenant_id'::text, 'uuid', true,
         '''0193a5b0-7000-7000-8000-000000000001''::uuid'),
        ('hooks', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('hooks', 'scope', 'character varying(8)', true, NULL),
        ('hooks', 'event', 'character varying(32)', true, NULL),
        ('hooks', 'handler_type', 'character varying(16)', true, NULL),
        ('hooks', 'config', 'jsonb', true, '''{}''::jsonb'),
        ('hooks', 'script', 'text', false, NULL),
        ('hooks', 'builtin', 'text', false, NULL),
        ('hooks', 'name', 'character varying(255)', false, NULL),
        ('hooks', 'matcher', 'character varying(256)', false, NULL),
        ('hooks', 'if_expr', 'text', false, NULL),
        ('hooks', 'timeout_ms', 'integer', true, '5000'),
        ('hooks', 'on_timeout', 'character varying(8)', true, '''block''::character varying'),
        ('hooks', 'priority', 'integer', true, '0'),
        ('hooks', 'enabled', 'boolean', true, 'true'),
        ('hooks', 'version', 'integer', true, '1'),
        ('hooks', 'source', 'character varying(16)', true, '''ui''::character varying'),
        ('hooks', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('hooks', 'created_by', 'uuid', false, NULL),
        ('hooks', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('hooks', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('hook_agents', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('hook_agents', 'hook_id', 'uuid', true, NULL),
        ('hook_agents', 'agent_id', 'uuid', true, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('hooks_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('hooks_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('hooks_scope_ck',
         'CHECK (((scope)::text = ANY ((ARRAY[''global''::character varying, '
         '''tenant''::character varying, ''agent''::character varying])::text[])))'),
        ('hooks_global_ck',
         'CHECK ((((scope)::text <> ''global''::text) OR (tenant_id = '
         '''0193a5b0-7000-7000-8000-000000000001''::uuid)))'),
        ('hooks_event_ck', 'CHECK (((event)::text <> ''''::text))'),
        ('hooks_handler_type_ck',
         'CHECK (((handler_type)::text = ANY ((ARRAY[''command''::character varying, '
         '''http''::character varying, ''prompt''::character varying, ''script''::character'
         ' varying])::text[])))'),
        ('hooks_script_ck',
         'CHECK (((script IS NULL) OR ((handler_type)::text = ''script''::text)))'),
        ('hooks_builtin_ck',
         'CHECK (((builtin IS NULL) OR ((source)::text = ''builtin''::text)))'),
        ('hooks_timeout_ms_ck', 'CHECK ((timeout_ms > 0))'),
        ('hooks_on_timeout_ck',
         'CHECK (((on_timeout)::text = ANY ((ARRAY[''block''::character varying, '
         '''allow''::character varying])::text[])))'),
        ('hooks_version_ck', 'CHECK ((version > 0))'),
        ('hooks_source_ck',
         'CHECK (((source)::text = ANY ((ARRAY[''ui''::character varying, '
         '''api''::character varying, ''seed''::character varying, ''builtin''::character '
         'varying])::text[])))'),
        ('hook_agents_pk', 'PRIMARY KEY (tenant_id, hook_id, agent_id)'),
        ('hook_agents_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('hook_agents_hook_fk',
         'FOREIGN KEY (tenant_id, hook_id) REFERENCES goclaw.hooks(tenant_id, id) ON DELETE'
         ' CASCADE'),
        ('hook_agents_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE') $$,
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
        ('hooks_lookup_ix'::name, false, 'btree (tenant_id, event) WHERE enabled'),
        ('hook_agents_agent_id_ix', false, 'btree (tenant_id, agent_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('hooks_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.hooks FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.hooks (tenant_id, id, scope, event, handler_type) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '400c0000-0000-4000-8000-0000000000a1',
        'agent', 'before_tool', 'http'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '400c0000-0000-4000-8000-0000000000a2',
        'agent', 'before_tool', 'http'
    );
INSERT INTO goclaw.hook_agents (tenant_id, hook_id, agent_id)
SELECT h.tenant_id, h.id, a.id FROM goclaw.hooks AS h CROSS JOIN goclaw.agents AS a;

SELECT throws_ok(
    format('UPDATE goclaw.hooks SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('scope', 'user'), ('event', ''), ('handler_type', 'magic'), ('timeout_ms', '0'),
        ('on_timeout', 'ask'), ('version', '0'), ('source', 'rumour')
) AS attempt (name, value);
SELECT throws_ok(
    $$ UPDATE goclaw.hooks SET scope = 'global' $$,
    '23514',
    'new row for relation "hooks" violates check constraint "hooks_global_ck"',
    'a tenant makes no hook for everybody'
);
SELECT throws_ok(
    $$ UPDATE goclaw.hooks SET script = 'return true' $$,
    '23514',
    'new row for relation "hooks" violates check constraint "hooks_script_ck"',
    'what is no script has none'
);
SELECT throws_ok(
    $$ UPDATE goclaw.hooks SET builtin = 'redact' $$,
    '23514',
    'new row for relation "hooks" violates check constraint "hooks_builtin_ck"',
    'what people made is not of the gateway''s own'
);
SELECT lives_ok(
    $$ INSERT INTO goclaw.hooks (scope, event, handler_type) VALUES ('global', 'e', 'http') $$,
    'a hook for everybody is the master tenant''s, by default'
);
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
DELETE FROM goclaw.hooks WHERE id = '400c0000-0000-4000-8000-0000000000a2';
SELECT results_eq(
    $$ SELECT hook_id, agent_id FROM goclaw.hook_agents $$,
    $$ VALUES ('400c0000-0000-4000-8000-0000000000a1'::uuid,
               'a9e00000-0000-4000-8000-0000000000a1'::uuid) $$,
    'an agent or a hook that goes takes along what ties them'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'hooks', ARRAY['hooks_tenant', 'hooks_tenant_guard'],
    'no other policy widens access to hooks'
);
SELECT policies_are(
    'goclaw', 'hook_agents', ARRAY['hook_agents_tenant', 'hook_agents_tenant_guard'],
    'no other policy widens access to hook_agents'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('hooks'::name, 'muniment_app', 'DELETE'),
        ('hooks', 'muniment_app', 'INSERT'),
        ('hooks', 'muniment_app', 'SELECT'),
        ('hook_agents', 'muniment_app', 'DELETE'),
        ('hook_agents', 'muniment_app', 'INSERT'),
        ('hook_agents', 'muniment_app', 'SELECT'),
        ('hook_agents', 'muniment_reader', 'SELECT') $$,
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
        ('hooks'::name, 'muniment_app', 'UPDATE',
         'scope, event, handler_type, config, script, builtin, name, matcher, if_expr, '
         'timeout_ms, on_timeout, priority, enabled, version, source, metadata, created_by,'
         ' updated_at'),
        ('hooks', 'muniment_reader', 'SELECT',
         'tenant_id, id, scope, event, handler_type, script, builtin, name, matcher, '
         'if_expr, timeout_ms, on_timeout, priority, enabled, version, source, metadata, '
         'created_by, created_at, updated_at') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM goclaw.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('hooks', 'config')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
