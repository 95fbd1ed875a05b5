-- Subject: goclaw.user_agent_profiles    Docs: docs/schema/goclaw.md#user-agent-profiles
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.user_agent_profiles', 'goclaw.user_agent_overrides']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('user_agent_profiles'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('user_agent_profiles', 'agent_id', 'uuid', true, NULL),
        ('user_agent_profiles', 'user_id', 'character varying(255)', true, NULL),
        ('user_agent_profiles', 'workspace', 'text', false, NULL),
        ('user_agent_profiles', 'first_seen_at', 'timestamp with time zone', true, 'now()'),
        ('user_agent_profiles', 'last_seen_at', 'timestamp with time zone', true, 'now()'),
        ('user_agent_profiles', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('user_agent_overrides', 'tenant_id', 'uuid', true, NULL),
        ('user_agent_overrides', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('user_agent_overrides', 'agent_id', 'uuid', true, NULL),
        ('user_agent_overrides', 'user_id', 'character varying(255)', true, NULL),
        ('user_agent_overrides', 'provider', 'character varying(50)', false, NULL),
        ('user_agent_overrides', 'model', 'character varying(200)', false, NULL),
        ('user_agent_overrides', 'settings', 'jsonb', false, NULL),
        ('user_agent_overrides', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('user_agent_overrides', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('user_agent_profiles_pk'::name, 'PRIMARY KEY (tenant_id, agent_id, user_id)'),
        ('user_agent_profiles_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('user_agent_profiles_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('user_agent_overrides_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('user_agent_overrides_user_id_uq', 'UNIQUE (tenant_id, agent_id, user_id)'),
        ('user_agent_overrides_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('user_agent_overrides_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE') $$,
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
        ('user_agent_overrides_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.user_agent_overrides FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'user_agent_profiles', ARRAY[
        'user_agent_profiles_tenant', 'user_agent_profiles_tenant_guard'
    ],
    'no other policy widens access to user_agent_profiles'
);
SELECT policies_are(
    'goclaw', 'user_agent_overrides', ARRAY[
        'user_agent_overrides_tenant', 'user_agent_overrides_tenant_guard'
    ],
    'no other policy widens access to user_agent_overrides'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('user_agent_profiles'::name, 'muniment_app', 'DELETE'),
        ('user_agent_profiles', 'muniment_app', 'INSERT'),
        ('user_agent_profiles', 'muniment_app', 'SELECT'),
        ('user_agent_profiles', 'muniment_reader', 'SELECT'),
        ('user_agent_overrides', 'muniment_app', 'DELETE'),
        ('user_agent_overrides', 'muniment_app', 'INSERT'),
        ('user_agent_overrides', 'muniment_app', 'SELECT'),
        ('user_agent_overrides', 'muniment_reader', 'SELECT') $$,
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
        ('user_agent_profiles'::name, 'muniment_app', 'UPDATE',
         'workspace, first_seen_at, last_seen_at, metadata'),
        ('user_agent_overrides', 'muniment_app', 'UPDATE',
         'agent_id, user_id, provider, model, settings, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
