-- Subject: goclaw.secure_cli_binaries    Docs: docs/schema/goclaw.md#secure-cli-binaries
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(26);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.secure_cli_binaries', 'goclaw.secure_cli_agent_grants',
    'goclaw.secure_cli_user_credentials'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('secure_cli_binaries'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('secure_cli_binaries', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('secure_cli_binaries', 'binary_name', 'text', true, NULL),
        ('secure_cli_binaries', 'binary_path', 'text', false, NULL),
        ('secure_cli_binaries', 'description', 'text', true, '''''::text'),
        ('secure_cli_binaries', 'encrypted_env', 'bytea', true, NULL),
        ('secure_cli_binaries', 'deny_args', 'jsonb', true, '''[]''::jsonb'),
        ('secure_cli_binaries', 'deny_verbose', 'jsonb', true, '''[]''::jsonb'),
        ('secure_cli_binaries', 'timeout_seconds', 'integer', true, '30'),
        ('secure_cli_binaries', 'tips', 'text', true, '''''::text'),
        ('secure_cli_binaries', 'is_global', 'boolean', true, 'true'),
        ('secure_cli_binaries', 'enabled', 'boolean', true, 'true'),
        ('secure_cli_binaries', 'adapter_name', 'text', false, NULL),
        ('secure_cli_binaries', 'created_by', 'text', true, '''''::text'),
        ('secure_cli_binaries', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('secure_cli_binaries', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('secure_cli_agent_grants', 'tenant_id', 'uuid', true, NULL),
        ('secure_cli_agent_grants', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('secure_cli_agent_grants', 'binary_id', 'uuid', true, NULL),
        ('secure_cli_agent_grants', 'agent_id', 'uuid', true, NULL),
        ('secure_cli_agent_grants', 'deny_args', 'jsonb', false, NULL),
        ('secure_cli_agent_grants', 'deny_verbose', 'jsonb', false, NULL),
        ('secure_cli_agent_grants', 'timeout_seconds', 'integer', false, NULL),
        ('secure_cli_agent_grants', 'tips', 'text', false, NULL),
        ('secure_cli_agent_grants', 'encrypted_env', 'bytea', false, NULL),
        ('secure_cli_agent_grants', 'enabled', 'boolean', true, 'true'),
        ('secure_cli_agent_grants', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('secure_cli_agent_grants', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('secure_cli_user_credentials', 'tenant_id', 'uuid', true, NULL),
        ('secure_cli_user_credentials', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('secure_cli_user_credentials', 'binary_id', 'uuid', true, NULL),
        ('secure_cli_user_credentials', 'user_id', 'character varying(255)', true, NULL),
        ('secure_cli_user_credentials', 'encrypted_env', 'bytea', true, NULL),
        ('secure_cli_user_credentials', 'credential_type', 'text', false, NULL),
        ('secure_cli_user_credentials', 'host_scope', 'text', false, NULL),
        ('secure_cli_user_credentials', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('secure_cli_user_credentials', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('secure_cli_user_credentials', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('secure_cli_binaries_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('secure_cli_binaries_binary_name_uq', 'UNIQUE (tenant_id, binary_name)'),
        ('secure_cli_binaries_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('secure_cli_binaries_binary_name_ck', 'CHECK ((binary_name <> ''''::text))'),
        ('secure_cli_binaries_binary_path_ck', 'CHECK ((binary_path ~~ ''/%''::text))'),
        ('secure_cli_binaries_deny_args_ck',
         'CHECK ((jsonb_typeof(deny_args) = ''array''::text))'),
        ('secure_cli_binaries_deny_verbose_ck',
         'CHECK ((jsonb_typeof(deny_verbose) = ''array''::text))'),
        ('secure_cli_binaries_timeout_seconds_ck', 'CHECK ((timeout_seconds > 0))'),
        ('secure_cli_agent_grants_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('secure_cli_agent_grants_agent_id_uq', 'UNIQUE (tenant_id, binary_id, agent_id)'),
        ('secure_cli_agent_grants_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('secure_cli_agent_grants_binary_fk',
         'FOREIGN KEY (tenant_id, binary_id) REFERENCES '
         'goclaw.secure_cli_binaries(tenant_id, id) ON DELETE CASCADE'),
        ('secure_cli_agent_grants_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('secure_cli_agent_grants_deny_args_ck',
         'CHECK ((jsonb_typeof(deny_args) = ''array''::text))'),
        ('secure_cli_agent_grants_deny_verbose_ck',
         'CHECK ((jsonb_typeof(deny_verbose) = ''array''::text))'),
        ('secure_cli_agent_grants_timeout_seconds_ck', 'CHECK ((timeout_seconds > 0))'),
        ('secure_cli_user_credentials_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('secure_cli_user_credentials_user_id_uq', 'UNIQUE (tenant_id, binary_id, user_id)'),
        ('secure_cli_user_credentials_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('secure_cli_user_credentials_binary_fk',
         'FOREIGN KEY (tenant_id, binary_id) REFERENCES '
         'goclaw.secure_cli_binaries(tenant_id, id) ON DELETE CASCADE'),
        ('secure_cli_user_credentials_user_id_ck', 'CHECK (((user_id)::text <> ''''::text))') $$,
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
        ('secure_cli_agent_grants_agent_id_ix'::name, false, 'btree (tenant_id, agent_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('secure_cli_binaries_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.secure_cli_binaries FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('secure_cli_agent_grants_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.secure_cli_agent_grants FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('secure_cli_user_credentials_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.secure_cli_user_credentials FOR EACH ROW EXECUTE FUNCTION'
         ' platform.set_updated_at()') $$,
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
INSERT INTO goclaw.secure_cli_binaries (tenant_id, id, binary_name, encrypted_env) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'b1a00000-0000-4000-8000-0000000000a1', 'gh',
        '\x01'
    );
INSERT INTO goclaw.secure_cli_agent_grants (tenant_id, binary_id, agent_id)
SELECT tenant_id, 'b1a00000-0000-4000-8000-0000000000a1', id FROM goclaw.agents;
INSERT INTO goclaw.secure_cli_user_credentials (tenant_id, binary_id, user_id, encrypted_env)
SELECT tenant_id, id, 'u', '\x02' FROM goclaw.secure_cli_binaries;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, part, value),
    '23514',
    NULL,
    format('%s of %s cannot be %s', part, name, value)
)
FROM (
    VALUES
        ('secure_cli_binaries', 'binary_name', ''),
        ('secure_cli_binaries', 'binary_path', 'bin/gh'),
        ('secure_cli_binaries', 'deny_args', '{}'),
        ('secure_cli_binaries', 'deny_verbose', 'null'),
        ('secure_cli_binaries', 'timeout_seconds', '0'),
        ('secure_cli_agent_grants', 'deny_args', 'null'),
        ('secure_cli_agent_grants', 'deny_verbose', '{}'),
        ('secure_cli_agent_grants', 'timeout_seconds', '0'),
        ('secure_cli_user_credentials', 'user_id', '')
) AS attempt (name, part, value);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.%1$I (%2$s) SELECT %2$s FROM goclaw.%1$I', name, columns
    ),
    '23505',
    NULL,
    promise
)
FROM (
    VALUES
        (
            'secure_cli_binaries', 'tenant_id, binary_name, encrypted_env',
            'a name is one binary'
        ),
        (
            'secure_cli_agent_grants', 'tenant_id, binary_id, agent_id',
            'an agent has one grant for a binary'
        ),
        (
            'secure_cli_user_credentials', 'tenant_id, binary_id, user_id, encrypted_env',
            'a user has one set of credentials for a binary'
        )
) AS attempt (name, columns, promise);
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT results_eq(
    $$ SELECT agent_id FROM goclaw.secure_cli_agent_grants $$,
    $$ VALUES ('a9e00000-0000-4000-8000-0000000000a1'::uuid) $$,
    'an agent that is removed takes its grants'
);
DELETE FROM goclaw.secure_cli_binaries;
SELECT is_empty(
    $$ SELECT tenant_id FROM goclaw.secure_cli_agent_grants
       UNION ALL
       SELECT tenant_id FROM goclaw.secure_cli_user_credentials $$,
    'a binary takes its grants and credentials along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'secure_cli_binaries', ARRAY[
        'secure_cli_binaries_tenant', 'secure_cli_binaries_tenant_guard'
    ],
    'no other policy widens access to secure_cli_binaries'
);
SELECT policies_are(
    'goclaw', 'secure_cli_agent_grants', ARRAY[
        'secure_cli_agent_grants_tenant', 'secure_cli_agent_grants_tenant_guard'
    ],
    'no other policy widens access to secure_cli_agent_grants'
);
SELECT policies_are(
    'goclaw', 'secure_cli_user_credentials', ARRAY[
        'secure_cli_user_credentials_tenant', 'secure_cli_user_credentials_tenant_guard'
    ],
    'no other policy widens access to secure_cli_user_credentials'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('secure_cli_binaries'::name, 'muniment_app', 'DELETE'),
        ('secure_cli_binaries', 'muniment_app', 'INSERT'),
        ('secure_cli_binaries', 'muniment_app', 'SELECT'),
        ('secure_cli_agent_grants', 'muniment_app', 'DELETE'),
        ('secure_cli_agent_grants', 'muniment_app', 'INSERT'),
        ('secure_cli_agent_grants', 'muniment_app', 'SELECT'),
        ('secure_cli_user_credentials', 'muniment_app', 'DELETE'),
        ('secure_cli_user_credentials', 'muniment_app', 'INSERT'),
        ('secure_cli_user_credentials', 'muniment_app', 'SELECT') $$,
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
        ('secure_cli_binaries'::name, 'muniment_app', 'UPDATE',
         'binary_name, binary_path, description, encrypted_env, deny_args, deny_verbose, '
         'timeout_seconds, tips, is_global, enabled, adapter_name, created_by, updated_at'),
        ('secure_cli_binaries', 'muniment_reader', 'SELECT',
         'tenant_id, id, binary_name, binary_path, description, deny_args, deny_verbose, '
         'timeout_seconds, tips, is_global, enabled, adapter_name, created_by, created_at, '
         'updated_at'),
        ('secure_cli_agent_grants', 'muniment_app', 'UPDATE',
         'deny_args, deny_verbose, timeout_seconds, tips, encrypted_env, enabled, updated_at'),
        ('secure_cli_agent_grants', 'muniment_reader', 'SELECT',
         'tenant_id, id, binary_id, agent_id, deny_args, deny_verbose, timeout_seconds, '
         'tips, enabled, created_at, updated_at'),
        ('secure_cli_user_credentials', 'muniment_app', 'UPDATE',
         'encrypted_env, credential_type, host_scope, metadata, updated_at'),
        ('secure_cli_user_credentials', 'muniment_reader', 'SELECT',
         'tenant_id, id, binary_id, user_id, credential_type, host_scope, metadata, '
         'created_at, updated_at') $$,
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
        ('secure_cli_binaries', 'encrypted_env'),
        ('secure_cli_agent_grants', 'encrypted_env'),
        ('secure_cli_user_credentials', 'encrypted_env')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
