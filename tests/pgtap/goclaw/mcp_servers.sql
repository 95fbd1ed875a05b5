-- Subject: goclaw.mcp_servers    Docs: docs/schema/goclaw.md#mcp-servers
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(47);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.mcp_servers', 'goclaw.mcp_agent_grants', 'goclaw.mcp_user_grants',
    'goclaw.mcp_user_credentials', 'goclaw.mcp_access_requests'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('mcp_servers'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('mcp_servers', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('mcp_servers', 'name', 'character varying(255)', true, NULL),
        ('mcp_servers', 'display_name', 'character varying(255)', false, NULL),
        ('mcp_servers', 'transport', 'character varying(50)', true, NULL),
        ('mcp_servers', 'command', 'text', false, NULL),
        ('mcp_servers', 'args', 'jsonb', false, NULL),
        ('mcp_servers', 'url', 'text', false, NULL),
        ('mcp_servers', 'headers', 'jsonb', false, NULL),
        ('mcp_servers', 'env', 'jsonb', false, NULL),
        ('mcp_servers', 'api_key', 'text', false, NULL),
        ('mcp_servers', 'tool_prefix', 'character varying(50)', false, NULL),
        ('mcp_servers', 'timeout_sec', 'integer', true, '60'),
        ('mcp_servers', 'settings', 'jsonb', true, '''{}''::jsonb'),
        ('mcp_servers', 'enabled', 'boolean', true, 'true'),
        ('mcp_servers', 'created_by', 'character varying(255)', false, NULL),
        ('mcp_servers', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('mcp_servers', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('mcp_agent_grants', 'tenant_id', 'uuid', true, NULL),
        ('mcp_agent_grants', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('mcp_agent_grants', 'server_id', 'uuid', true, NULL),
        ('mcp_agent_grants', 'agent_id', 'uuid', true, NULL),
        ('mcp_agent_grants', 'tool_allow', 'jsonb', false, NULL),
        ('mcp_agent_grants', 'tool_deny', 'jsonb', false, NULL),
        ('mcp_agent_grants', 'enabled', 'boolean', true, 'true'),
        ('mcp_agent_grants', 'granted_by', 'character varying(255)', false, NULL),
        ('mcp_agent_grants', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('mcp_user_grants', 'tenant_id', 'uuid', true, NULL),
        ('mcp_user_grants', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('mcp_user_grants', 'server_id', 'uuid', true, NULL),
        ('mcp_user_grants', 'user_id', 'character varying(255)', true, NULL),
        ('mcp_user_grants', 'tool_allow', 'jsonb', false, NULL),
        ('mcp_user_grants', 'tool_deny', 'jsonb', false, NULL),
        ('mcp_user_grants', 'enabled', 'boolean', true, 'true'),
        ('mcp_user_grants', 'granted_by', 'character varying(255)', false, NULL),
        ('mcp_user_grants', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('mcp_user_credentials', 'tenant_id', 'uuid', true, NULL),
        ('mcp_user_credentials', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('mcp_user_credentials', 'server_id', 'uuid', true, NULL),
        ('mcp_user_credentials', 'user_id', 'character varying(255)', true, NULL),
        ('mcp_user_credentials', 'api_key', 'text', false, NULL),
        ('mcp_user_credentials', 'headers', 'bytea', false, NULL),
        ('mcp_user_credentials', 'env', 'bytea', false, NULL),
        ('mcp_user_credentials', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('mcp_user_credentials', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('mcp_access_requests', 'tenant_id', 'uuid', true, NULL),
        ('mcp_access_requests', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('mcp_access_requests', 'server_id', 'uuid', true, NULL),
        ('mcp_access_requests', 'agent_id', 'uuid', false, NULL),
        ('mcp_access_requests', 'user_id', 'character varying(255)', false, NULL),
        ('mcp_access_requests', 'status', 'character varying(20)', true,
         '''pending''::character varying'),
        ('mcp_access_requests', 'reason', 'text', false, NULL),
        ('mcp_access_requests', 'requested_by', 'character varying(255)', false, NULL),
        ('mcp_access_requests', 'reviewed_by', 'character varying(255)', false, NULL),
        ('mcp_access_requests', 'reviewed_at', 'timestamp with time zone', false, NULL),
        ('mcp_access_requests', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, regexp_replace(pg_get_constraintdef(oid), '\s+', ' ', 'g')
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('mcp_servers_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('mcp_servers_name_uq', 'UNIQUE (tenant_id, name)'),
        ('mcp_servers_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('mcp_servers_name_ck', 'CHECK (((name)::text <> ''''::text))'),
        ('mcp_servers_timeout_sec_ck', 'CHECK ((timeout_sec > 0))'),
        ('mcp_agent_grants_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('mcp_agent_grants_agent_id_uq', 'UNIQUE (tenant_id, server_id, agent_id)'),
        ('mcp_agent_grants_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('mcp_agent_grants_server_fk',
         'FOREIGN KEY (tenant_id, server_id) REFERENCES goclaw.mcp_servers(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('mcp_agent_grants_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('mcp_agent_grants_tool_allow_ck',
         'CHECK ((jsonb_typeof(tool_allow) = ''array''::text))'),
        ('mcp_agent_grants_tool_deny_ck',
         'CHECK ((jsonb_typeof(tool_deny) = ''array''::text))'),
        ('mcp_user_grants_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('mcp_user_grants_user_id_uq', 'UNIQUE (tenant_id, server_id, user_id)'),
        ('mcp_user_grants_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('mcp_user_grants_server_fk',
         'FOREIGN KEY (tenant_id, server_id) REFERENCES goclaw.mcp_servers(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('mcp_user_grants_tool_allow_ck',
         'CHECK ((jsonb_typeof(tool_allow) = ''array''::text))'),
        ('mcp_user_grants_tool_deny_ck', 'CHECK ((jsonb_typeof(tool_deny) = ''array''::text))'),
        ('mcp_user_credentials_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('mcp_user_credentials_user_id_uq', 'UNIQUE (tenant_id, server_id, user_id)'),
        ('mcp_user_credentials_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('mcp_user_credentials_server_fk',
         'FOREIGN KEY (tenant_id, server_id) REFERENCES goclaw.mcp_servers(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('mcp_access_requests_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('mcp_access_requests_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('mcp_access_requests_server_fk',
         'FOREIGN KEY (tenant_id, server_id) REFERENCES goclaw.mcp_servers(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('mcp_access_requests_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('mcp_access_requests_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''pending''::character varying, '
         '''approved''::character varying, ''rejected''::character varying])::text[])))'),
        ('mcp_access_requests_for_whom_ck',
         'CHECK (((agent_id IS NOT NULL) OR (user_id IS NOT NULL)))'),
        ('mcp_access_requests_reviewed_ck',
         'CHECK ((num_nulls(reviewed_by, reviewed_at) = CASE status WHEN ''pending''::text THEN 2 '
         'ELSE 0 END))') $$,
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
        ('mcp_agent_grants_agent_id_ix'::name, false, 'btree (tenant_id, agent_id)'),
        ('mcp_user_grants_user_id_ix', false, 'btree (tenant_id, user_id)'),
        ('mcp_user_credentials_user_id_ix', false, 'btree (tenant_id, user_id)'),
        ('mcp_access_requests_server_id_ix', false, 'btree (tenant_id, server_id)'),
        ('mcp_access_requests_agent_id_ix', false,
         'btree (tenant_id, agent_id) WHERE (agent_id IS NOT NULL)'),
        ('mcp_access_requests_pending_ix', false,
         'btree (tenant_id, created_at) WHERE ((status)::text = ''pending''::text)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('mcp_servers_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.mcp_servers FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('mcp_access_requests_decide_once_tg',
         'BEFORE UPDATE OF status, reviewed_by, reviewed_at ON goclaw.mcp_access_requests FOR EACH '
         'ROW WHEN (((old.status)::text <> ''pending''::text)) EXECUTE FUNCTION '
         'goclaw.refuse_second_decision()'),
        ('mcp_user_credentials_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.mcp_user_credentials FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.mcp_servers (tenant_id, id, name, transport) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '3c900000-0000-4000-8000-0000000000a1',
        'search', 'stdio'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '3c900000-0000-4000-8000-0000000000a2',
        'files', 'sse'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '3c900000-0000-4000-8000-0000000000b1',
        'search', 'stdio'
    );
INSERT INTO goclaw.mcp_agent_grants (tenant_id, server_id, agent_id)
SELECT tenant_id, id, 'a9e00000-0000-4000-8000-0000000000a1'
FROM goclaw.mcp_servers
WHERE tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO goclaw.mcp_user_grants (tenant_id, server_id, user_id)
SELECT tenant_id, id, 'u' FROM goclaw.mcp_servers;
INSERT INTO goclaw.mcp_user_credentials (tenant_id, server_id, user_id)
SELECT tenant_id, id, 'u' FROM goclaw.mcp_servers;
INSERT INTO goclaw.mcp_access_requests (tenant_id, server_id, agent_id)
SELECT tenant_id, server_id, agent_id FROM goclaw.mcp_agent_grants;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %s', table_name, change),
    '23514',
    NULL,
    format('in %s, this is refused: %s', table_name, change)
)
FROM (
    VALUES
        ('mcp_servers', 'name = '''''),
        ('mcp_servers', 'timeout_sec = 0'),
        ('mcp_agent_grants', 'tool_allow = ''{}'''),
        ('mcp_agent_grants', 'tool_deny = ''{}'''),
        ('mcp_user_grants', 'tool_allow = ''"search"'''),
        ('mcp_user_grants', 'tool_deny = ''null'''),
        ('mcp_access_requests', 'status = ''lost'', reviewed_by = ''u'', reviewed_at = now()'),
        ('mcp_access_requests', 'agent_id = NULL'),
        ('mcp_access_requests', 'status = ''approved'''),
        ('mcp_access_requests', 'status = ''rejected'', reviewed_by = ''u'''),
        ('mcp_access_requests', 'reviewed_at = now()')
) AS attempt (table_name, change);
SELECT lives_ok(
    $$ UPDATE goclaw.mcp_access_requests
       SET status = 'approved', reviewed_by = 'u', reviewed_at = now() $$,
    'a decision has somebody who made it, and a time'
);
SELECT throws_ok(
    format('UPDATE goclaw.mcp_access_requests SET %s', change),
    'MU313',
    NULL,
    format('a request that was decided stays so: %s', change)
)
FROM (
    VALUES
        ('status = ''rejected'''),
        ('status = ''pending'', reviewed_by = NULL, reviewed_at = NULL'),
        ('reviewed_by = ''v''')
) AS attempt (change);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.%I (tenant_id, server_id, %I) VALUES (%L, %L, %L)',
        table_name, grantee, '00000000-0000-4000-8000-00000000000a',
        '3c900000-0000-4000-8000-0000000000b1', value
    ),
    '23503',
    NULL,
    format('%s does not refer to a server of another tenant', table_name)
)
FROM (
    VALUES
        ('mcp_agent_grants', 'agent_id', 'a9e00000-0000-4000-8000-0000000000a1'),
        ('mcp_user_grants', 'user_id', 'u'),
        ('mcp_user_credentials', 'user_id', 'u'),
        ('mcp_access_requests', 'user_id', 'u')
) AS attempt (table_name, grantee, value);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.%I (tenant_id, server_id, %I) '
        'SELECT tenant_id, server_id, %I FROM goclaw.%I',
        table_name, grantee, grantee, table_name
    ),
    '23505',
    NULL,
    format('%s has one row for a server and its %s', table_name, grantee)
)
FROM (
    VALUES
        ('mcp_agent_grants', 'agent_id'), ('mcp_user_grants', 'user_id'),
        ('mcp_user_credentials', 'user_id')
) AS attempt (table_name, grantee);
SELECT throws_ok(
    $$ UPDATE goclaw.mcp_servers SET name = 'search' WHERE name = 'files' $$,
    '23505',
    NULL,
    'a name is that of one server of a tenant'
);
DELETE FROM goclaw.mcp_servers WHERE name = 'search';
SELECT results_eq(
    $$ SELECT server_id FROM goclaw.mcp_agent_grants
       UNION ALL SELECT server_id FROM goclaw.mcp_user_grants
       UNION ALL SELECT server_id FROM goclaw.mcp_user_credentials
       UNION ALL SELECT server_id FROM goclaw.mcp_access_requests $$,
    $$ SELECT '3c900000-0000-4000-8000-0000000000a2'::uuid FROM generate_series(1, 4) $$,
    'a server that is removed takes grants, credentials and requests'
);
DELETE FROM goclaw.agents;
SELECT is_empty(
    $$ SELECT FROM goclaw.mcp_agent_grants UNION ALL SELECT FROM goclaw.mcp_access_requests $$,
    'an agent that is removed takes what was granted to it and asked for it'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE goclaw.mcp_access_requests SET %I = NULL', name),
    '42501',
    'permission denied for table mcp_access_requests',
    format('a request keeps the %s for which it was decided', name)
)
FROM unnest(ARRAY['server_id', 'agent_id', 'user_id', 'reason', 'requested_by']) AS name;
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'mcp_servers', ARRAY['mcp_servers_tenant', 'mcp_servers_tenant_guard'],
    'no other policy widens access to mcp_servers'
);
SELECT policies_are(
    'goclaw', 'mcp_agent_grants', ARRAY[
        'mcp_agent_grants_tenant', 'mcp_agent_grants_tenant_guard'
    ],
    'no other policy widens access to mcp_agent_grants'
);
SELECT policies_are(
    'goclaw', 'mcp_user_grants', ARRAY[
        'mcp_user_grants_tenant', 'mcp_user_grants_tenant_guard'
    ],
    'no other policy widens access to mcp_user_grants'
);
SELECT policies_are(
    'goclaw', 'mcp_user_credentials', ARRAY[
        'mcp_user_credentials_tenant', 'mcp_user_credentials_tenant_guard'
    ],
    'no other policy widens access to mcp_user_credentials'
);
SELECT policies_are(
    'goclaw', 'mcp_access_requests', ARRAY[
        'mcp_access_requests_tenant', 'mcp_access_requests_tenant_guard'
    ],
    'no other policy widens access to mcp_access_requests'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('mcp_servers'::name, 'muniment_app', 'DELETE'),
        ('mcp_servers', 'muniment_app', 'INSERT'),
        ('mcp_servers', 'muniment_app', 'SELECT'),
        ('mcp_agent_grants', 'muniment_app', 'DELETE'),
        ('mcp_agent_grants', 'muniment_app', 'INSERT'),
        ('mcp_agent_grants', 'muniment_app', 'SELECT'),
        ('mcp_agent_grants', 'muniment_reader', 'SELECT'),
        ('mcp_user_grants', 'muniment_app', 'DELETE'),
        ('mcp_user_grants', 'muniment_app', 'INSERT'),
        ('mcp_user_grants', 'muniment_app', 'SELECT'),
        ('mcp_user_grants', 'muniment_reader', 'SELECT'),
        ('mcp_user_credentials', 'muniment_app', 'DELETE'),
        ('mcp_user_credentials', 'muniment_app', 'INSERT'),
        ('mcp_user_credentials', 'muniment_app', 'SELECT'),
        ('mcp_access_requests', 'muniment_app', 'DELETE'),
        ('mcp_access_requests', 'muniment_app', 'INSERT'),
        ('mcp_access_requests', 'muniment_app', 'SELECT'),
        ('mcp_access_requests', 'muniment_reader', 'SELECT') $$,
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
        ('mcp_servers'::name, 'muniment_app', 'UPDATE',
         'name, display_name, transport, command, args, url, headers, env, api_key, '
         'tool_prefix, timeout_sec, settings, enabled, created_by, updated_at'),
        ('mcp_servers', 'muniment_reader', 'SELECT',
         'tenant_id, id, name, display_name, transport, command, args, url, tool_prefix, '
         'timeout_sec, settings, enabled, created_by, created_at, updated_at'),
        ('mcp_agent_grants', 'muniment_app', 'UPDATE',
         'server_id, agent_id, tool_allow, tool_deny, enabled, granted_by'),
        ('mcp_user_grants', 'muniment_app', 'UPDATE',
         'server_id, user_id, tool_allow, tool_deny, enabled, granted_by'),
        ('mcp_user_credentials', 'muniment_app', 'UPDATE',
         'server_id, user_id, api_key, headers, env, updated_at'),
        ('mcp_user_credentials', 'muniment_reader', 'SELECT',
         'tenant_id, id, server_id, user_id, created_at, updated_at'),
        ('mcp_access_requests', 'muniment_app', 'UPDATE',
         'status, reviewed_by, reviewed_at') $$,
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
        ('mcp_servers', 'headers'),
        ('mcp_servers', 'env'),
        ('mcp_servers', 'api_key'),
        ('mcp_user_credentials', 'api_key'),
        ('mcp_user_credentials', 'headers'),
        ('mcp_user_credentials', 'env')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
