-- Subject: goclaw.agent_context_files    Docs: docs/schema/goclaw.md#agent-context-files
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.agent_context_files', 'goclaw.user_context_files']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_context_files'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agent_context_files', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_context_files', 'agent_id', 'uuid', true, NULL),
        ('agent_context_files', 'file_name', 'character varying(255)', true, NULL),
        ('agent_context_files', 'content', 'text', true, '''''::text'),
        ('agent_context_files', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_context_files', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('user_context_files', 'tenant_id', 'uuid', true, NULL),
        ('user_context_files', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('user_context_files', 'agent_id', 'uuid', true, NULL),
        ('user_context_files', 'user_id', 'character varying(255)', true, NULL),
        ('user_context_files', 'file_name', 'character varying(255)', true, NULL),
        ('user_context_files', 'content', 'text', true, '''''::text'),
        ('user_context_files', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('user_context_files', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_context_files_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_context_files_file_name_uq', 'UNIQUE (tenant_id, agent_id, file_name)'),
        ('agent_context_files_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_context_files_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_context_files_file_name_ck', 'CHECK (((file_name)::text <> ''''::text))'),
        ('user_context_files_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('user_context_files_file_name_uq', 'UNIQUE (tenant_id, agent_id, user_id, file_name)'),
        ('user_context_files_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('user_context_files_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('user_context_files_file_name_ck', 'CHECK (((file_name)::text <> ''''::text))') $$,
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
        ('agent_context_files_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.agent_context_files FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('user_context_files_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.user_context_files FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_context_files', ARRAY[
        'agent_context_files_tenant', 'agent_context_files_tenant_guard'
    ],
    'no other policy widens access to agent_context_files'
);
SELECT policies_are(
    'goclaw', 'user_context_files', ARRAY[
        'user_context_files_tenant', 'user_context_files_tenant_guard'
    ],
    'no other policy widens access to user_context_files'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_context_files'::name, 'muniment_app', 'DELETE'),
        ('agent_context_files', 'muniment_app', 'INSERT'),
        ('agent_context_files', 'muniment_app', 'SELECT'),
        ('agent_context_files', 'muniment_reader', 'SELECT'),
        ('user_context_files', 'muniment_app', 'DELETE'),
        ('user_context_files', 'muniment_app', 'INSERT'),
        ('user_context_files', 'muniment_app', 'SELECT'),
        ('user_context_files', 'muniment_reader', 'SELECT') $$,
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
        ('agent_context_files'::name, 'muniment_app', 'UPDATE',
         'agent_id, file_name, content, updated_at'),
        ('user_context_files', 'muniment_app', 'UPDATE',
         'agent_id, user_id, file_name, content, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
