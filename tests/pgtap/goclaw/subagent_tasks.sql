-- Subject: goclaw.subagent_tasks    Docs: docs/schema/goclaw.md#subagent-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.subagent_tasks']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('subagent_tasks'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('subagent_tasks', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('subagent_tasks', 'parent_agent_key', 'character varying(255)', true, NULL),
        ('subagent_tasks', 'session_key', 'character varying(500)', false, NULL),
        ('subagent_tasks', 'subject', 'character varying(255)', true, NULL),
        ('subagent_tasks', 'description', 'text', true, NULL),
        ('subagent_tasks', 'status', 'character varying(20)', true,
         '''running''::character varying'),
        ('subagent_tasks', 'result', 'text', false, NULL),
        ('subagent_tasks', 'depth', 'integer', true, '1'),
        ('subagent_tasks', 'model', 'character varying(255)', false, NULL),
        ('subagent_tasks', 'provider', 'character varying(255)', false, NULL),
        ('subagent_tasks', 'iterations', 'integer', true, '0'),
        ('subagent_tasks', 'input_tokens', 'bigint', true, '0'),
        ('subagent_tasks', 'output_tokens', 'bigint', true, '0'),
        ('subagent_tasks', 'origin_channel', 'character varying(50)', false, NULL),
        ('subagent_tasks', 'origin_chat_id', 'character varying(255)', false, NULL),
        ('subagent_tasks', 'origin_peer_kind', 'character varying(20)', false, NULL),
        ('subagent_tasks', 'origin_user_id', 'character varying(255)', false, NULL),
        ('subagent_tasks', 'spawned_by', 'uuid', false, NULL),
        ('subagent_tasks', 'completed_at', 'timestamp with time zone', false, NULL),
        ('subagent_tasks', 'archived_at', 'timestamp with time zone', false, NULL),
        ('subagent_tasks', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('subagent_tasks', 'custom_scope', 'character varying(255)', false, NULL),
        ('subagent_tasks', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('subagent_tasks', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('subagent_tasks_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('subagent_tasks_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('subagent_tasks_spawned_by_fk',
         'FOREIGN KEY (tenant_id, spawned_by) REFERENCES goclaw.subagent_tasks(tenant_id, '
         'id) ON DELETE SET NULL (spawned_by)'),
        ('subagent_tasks_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''running''::character varying, '
         '''completed''::character varying, ''failed''::character varying, '
         '''cancelled''::character varying])::text[])))'),
        ('subagent_tasks_depth_ck', 'CHECK ((depth >= 0))'),
        ('subagent_tasks_usage_ck',
         'CHECK (((iterations >= 0) AND (input_tokens >= 0) AND (output_tokens >= 0)))') $$,
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
        ('subagent_tasks_parent_status_ix'::name, false,
         'btree (tenant_id, parent_agent_key, status)'),
        ('subagent_tasks_session_key_ix', false,
         'btree (tenant_id, session_key) WHERE (session_key IS NOT NULL)'),
        ('subagent_tasks_created_at_ix', false, 'btree (tenant_id, created_at DESC)'),
        ('subagent_tasks_metadata_ix', false, 'gin (metadata)'),
        ('subagent_tasks_spawned_by_ix', false,
         'btree (tenant_id, spawned_by) WHERE (spawned_by IS NOT NULL)'),
        ('subagent_tasks_archive_ix', false,
         'btree (status, completed_at) WHERE (((status)::text = ANY '
         '((ARRAY[''completed''::character varying, ''failed''::character varying, '
         '''cancelled''::character varying])::text[])) AND (archived_at IS NULL))') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('subagent_tasks_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.subagent_tasks FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'subagent_tasks', ARRAY[
        'subagent_tasks_tenant', 'subagent_tasks_tenant_guard', 'subagent_tasks_service'
    ],
    'no other policy widens access to subagent_tasks'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('subagent_tasks'::name, 'muniment_app', 'DELETE'),
        ('subagent_tasks', 'muniment_app', 'INSERT'),
        ('subagent_tasks', 'muniment_app', 'SELECT'),
        ('subagent_tasks', 'muniment_reader', 'SELECT') $$,
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
        ('subagent_tasks'::name, 'muniment_app', 'UPDATE',
         'parent_agent_key, session_key, subject, description, status, result, depth, '
         'model, provider, iterations, input_tokens, output_tokens, origin_channel, '
         'origin_chat_id, origin_peer_kind, origin_user_id, spawned_by, completed_at, '
         'archived_at, metadata, custom_scope, updated_at'),
        ('subagent_tasks', 'muniment_service', 'SELECT',
         'tenant_id, id, status, completed_at, archived_at'),
        ('subagent_tasks', 'muniment_service', 'UPDATE',
         'archived_at') $$,
    'the rights to columns are these'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT %I FROM goclaw.subagent_tasks', part), '42501', NULL,
    'muniment_service archives by age, and does not read: ' || part
)
FROM unnest(ARRAY['subject', 'description', 'result', 'metadata']) AS part;
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
