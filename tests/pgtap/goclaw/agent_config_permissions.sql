-- Subject: goclaw.agent_config_permissions    Docs: docs/schema/goclaw.md#agent-config-permissions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.agent_config_permissions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_config_permissions'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agent_config_permissions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_config_permissions', 'agent_id', 'uuid', true, NULL),
        ('agent_config_permissions', 'scope', 'character varying(255)', true, NULL),
        ('agent_config_permissions', 'config_type', 'character varying(50)', true, NULL),
        ('agent_config_permissions', 'user_id', 'character varying(255)', true, NULL),
        ('agent_config_permissions', 'permission', 'character varying(10)', true, NULL),
        ('agent_config_permissions', 'granted_by', 'character varying(255)', false, NULL),
        ('agent_config_permissions', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('agent_config_permissions', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_config_permissions', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_config_permissions_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_config_permissions_user_id_uq',
         'UNIQUE (tenant_id, agent_id, scope, config_type, user_id)'),
        ('agent_config_permissions_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_config_permissions_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_config_permissions_permission_ck',
         'CHECK (((permission)::text = ANY ((ARRAY[''allow''::character varying, '
         '''deny''::character varying])::text[])))') $$,
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
        ('agent_config_permissions_scope_ix'::name, false,
         'btree (tenant_id, agent_id, scope, config_type)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_config_permissions_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.agent_config_permissions FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_config_permissions', ARRAY[
        'agent_config_permissions_tenant', 'agent_config_permissions_tenant_guard'
    ],
    'no other policy widens access to agent_config_permissions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_config_permissions'::name, 'muniment_app', 'DELETE'),
        ('agent_config_permissions', 'muniment_app', 'INSERT'),
        ('agent_config_permissions', 'muniment_app', 'SELECT'),
        ('agent_config_permissions', 'muniment_reader', 'SELECT') $$,
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
        ('agent_config_permissions'::name, 'muniment_app', 'UPDATE',
         'agent_id, scope, config_type, user_id, permission, granted_by, metadata, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
