-- Subject: goclaw.workstations    Docs: docs/schema/goclaw.md#workstations
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(35);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.workstations', 'goclaw.agent_workstation_links', 'goclaw.workstation_permissions',
    'goclaw.workstation_activity'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('workstations'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('workstations', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('workstations', 'workstation_key', 'character varying(100)', true, NULL),
        ('workstations', 'name', 'character varying(255)', true, NULL),
        ('workstations', 'backend_type', 'character varying(20)', true, NULL),
        ('workstations', 'metadata', 'bytea', true, NULL),
        ('workstations', 'default_cwd', 'character varying(500)', true,
         '''''::character varying'),
        ('workstations', 'default_env', 'bytea', true, NULL),
        ('workstations', 'active', 'boolean', true, 'true'),
        ('workstations', 'created_by', 'character varying(255)', true, '''''::character varying'),
        ('workstations', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('workstations', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('agent_workstation_links', 'tenant_id', 'uuid', true, NULL),
        ('agent_workstation_links', 'agent_id', 'uuid', true, NULL),
        ('agent_workstation_links', 'workstation_id', 'uuid', true, NULL),
        ('agent_workstation_links', 'is_default', 'boolean', true, 'false'),
        ('agent_workstation_links', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('workstation_permissions', 'tenant_id', 'uuid', true, NULL),
        ('workstation_permissions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('workstation_permissions', 'workstation_id', 'uuid', true, NULL),
        ('workstation_permissions', 'pattern', 'character varying(500)', true, NULL),
        ('workstation_permissions', 'enabled', 'boolean', true, 'true'),
        ('workstation_permissions', 'created_by', 'character varying(255)', true,
         '''''::character varying'),
        ('workstation_permissions', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('workstation_activity', 'tenant_id', 'uuid', true, NULL),
        ('workstation_activity', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('workstation_activity', 'workstation_id', 'uuid', true, NULL),
        ('workstation_activity', 'agent_id', 'character varying(255)', true,
         '''''::character varying'),
        ('workstation_activity', 'action', 'character varying(20)', true, NULL),
        ('workstation_activity', 'cmd_hash', 'character varying(64)', true,
         '''''::character varying'),
        ('workstation_activity', 'cmd_preview', 'character varying(200)', true,
         '''''::character varying'),
        ('workstation_activity', 'exit_code', 'integer', false, NULL),
        ('workstation_activity', 'duration_ms', 'integer', false, NULL),
        ('workstation_activity', 'deny_reason', 'character varying(200)', true,
         '''''::character varying'),
        ('workstation_activity', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('workstations_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('workstations_workstation_key_uq', 'UNIQUE (tenant_id, workstation_key)'),
        ('workstations_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('workstations_workstation_key_ck', 'CHECK (((workstation_key)::text <> ''''::text))'),
        ('workstations_backend_type_ck',
         'CHECK (((backend_type)::text = ANY ((ARRAY[''ssh''::character varying, '
         '''docker''::character varying])::text[])))'),
        ('agent_workstation_links_pk', 'PRIMARY KEY (tenant_id, agent_id, workstation_id)'),
        ('agent_workstation_links_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_workstation_links_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_workstation_links_workstation_fk',
         'FOREIGN KEY (tenant_id, workstation_id) REFERENCES goclaw.workstations(tenant_id,'
         ' id) ON DELETE CASCADE'),
        ('workstation_permissions_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('workstation_permissions_pattern_uq', 'UNIQUE (tenant_id, workstation_id, pattern)'),
        ('workstation_permissions_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('workstation_permissions_workstation_fk',
         'FOREIGN KEY (tenant_id, workstation_id) REFERENCES goclaw.workstations(tenant_id,'
         ' id) ON DELETE CASCADE'),
        ('workstation_permissions_pattern_ck',
         'CHECK ((((pattern)::text ~ ''^([A-Za-z0-9_./][A-Za-z0-9_./+@-]*)?[*]?$''::text) '
         'AND ((pattern)::text <> ''''::text)))'),
        ('workstation_activity_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('workstation_activity_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('workstation_activity_workstation_fk',
         'FOREIGN KEY (tenant_id, workstation_id) REFERENCES goclaw.workstations(tenant_id,'
         ' id) ON DELETE CASCADE'),
        ('workstation_activity_action_ck',
         'CHECK (((action)::text = ANY ((ARRAY[''exec''::character varying, '
         '''deny''::character varying])::text[])))'),
        ('workstation_activity_cmd_hash_ck',
         'CHECK (((cmd_hash)::text ~ ''^([0-9a-f]{64})?$''::text))'),
        ('workstation_activity_denied_ck',
         'CHECK (((((action)::text = ''deny''::text) OR ((deny_reason)::text = ''''::text)) '
         'AND (((action)::text = ''exec''::text) OR ((exit_code IS NULL) AND (duration_ms IS '
         'NULL)))))'),
        ('workstation_activity_duration_ms_ck', 'CHECK ((duration_ms >= 0))') $$,
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
        ('workstations_active_ix'::name, false, 'btree (tenant_id, active) WHERE active'),
        ('agent_workstation_links_default_uq', true,
         'btree (tenant_id, agent_id) WHERE is_default'),
        ('agent_workstation_links_workstation_id_ix', false,
         'btree (tenant_id, workstation_id)'),
        ('workstation_permissions_workstation_id_ix', false,
         'btree (tenant_id, workstation_id) WHERE enabled'),
        ('workstation_activity_workstation_time_ix', false,
         'btree (tenant_id, workstation_id, created_at DESC)'),
        ('workstation_activity_tenant_time_ix', false, 'btree (tenant_id, created_at DESC)'),
        ('workstation_activity_retention_ix', false, 'btree (created_at)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('workstations_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.workstations FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('workstation_activity_forbid_update_tg',
         'BEFORE UPDATE ON goclaw.workstation_activity FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('workstation_activity_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.workstation_activity FOR EACH STATEMENT EXECUTE '
         'FUNCTION platform.forbid_change()') $$,
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
INSERT INTO goclaw.workstations (
    tenant_id, id, workstation_key, name, backend_type, metadata, default_env
)
SELECT
    '00000000-0000-4000-8000-00000000000a', id, key, key, 'ssh', '\x01', '\x02'
FROM (
    VALUES
        ('30500000-0000-4000-8000-0000000000a1'::uuid, 'build'),
        ('30500000-0000-4000-8000-0000000000a2', 'spare')
) AS made (id, key);
INSERT INTO goclaw.agent_workstation_links (tenant_id, agent_id, workstation_id, is_default)
SELECT a.tenant_id, a.id, w.id, w.workstation_key = 'build'
FROM goclaw.agents AS a
CROSS JOIN goclaw.workstations AS w;
INSERT INTO goclaw.workstation_permissions (tenant_id, workstation_id, pattern)
SELECT tenant_id, id, 'python*' FROM goclaw.workstations;
INSERT INTO goclaw.workstation_activity (tenant_id, workstation_id, action)
SELECT tenant_id, id, action
FROM goclaw.workstations
CROSS JOIN unnest(ARRAY['exec', 'deny']) AS action;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, part, value),
    '23514',
    NULL,
    format('%s of %s cannot be %s', part, name, value)
)
FROM (
    VALUES
        ('workstations', 'workstation_key', ''), ('workstations', 'backend_type', 'telnet'),
        ('workstation_permissions', 'pattern', ''), ('workstation_permissions', 'pattern', '**'),
        ('workstation_permissions', 'pattern', 'py*n'),
        ('workstation_permissions', 'pattern', 'py?hon'),
        ('workstation_permissions', 'pattern', 'git %'),
        ('workstation_permissions', 'pattern', 'ls;'),
        ('workstation_permissions', 'pattern', '-x'),
        ('workstation_permissions', 'pattern', E'ls\nrm')
) AS attempt (name, part, value);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.workstation_activity '
        '(tenant_id, workstation_id, action, cmd_hash, exit_code, duration_ms, deny_reason) '
        'SELECT tenant_id, id, %L, %L, %L, %L, %L FROM goclaw.workstations',
        action, hash, code, duration, reason
    ),
    '23514',
    NULL,
    promise
)
FROM (
    VALUES
        ('run', '', NULL, NULL, '', 'a command is run or refused'),
        ('exec', 'AB', NULL, NULL, '', 'a hash is 64 hexadecimal digits'),
        ('deny', '', 0, NULL, '', 'what was refused returned nothing'),
        ('deny', '', NULL, 5000, '', 'and took no time'),
        ('exec', '', NULL, NULL, 'no pattern', 'what was run has no reason for a refusal'),
        ('exec', '', NULL, -1, '', 'nothing takes less than no time')
) AS attempt (action, hash, code, duration, reason, promise);
SELECT throws_ok(
    $$ UPDATE goclaw.agent_workstation_links SET is_default = true $$,
    '23505',
    NULL,
    'an agent has one default'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.workstation_permissions (tenant_id, workstation_id, pattern)
       SELECT tenant_id, workstation_id, pattern FROM goclaw.workstation_permissions $$,
    '23505',
    NULL,
    'a workstation has a pattern once'
);
SELECT throws_ok(
    statement, 'MU001', NULL, 'not even a superuser: ' || statement
)
FROM unnest(ARRAY[
    'UPDATE goclaw.workstation_activity SET exit_code = 1', 'TRUNCATE goclaw.workstation_activity'
]) AS statement;
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
DELETE FROM goclaw.workstations WHERE workstation_key = 'spare';
SELECT results_eq(
    $$ SELECT agent_id, workstation_id FROM goclaw.agent_workstation_links $$,
    $$ VALUES (
        'a9e00000-0000-4000-8000-0000000000a1'::uuid,
        '30500000-0000-4000-8000-0000000000a1'::uuid
    ) $$,
    'an agent takes its links along, and a workstation does'
);
SELECT is_empty(
    $$ SELECT id FROM goclaw.workstation_permissions
       WHERE workstation_id = '30500000-0000-4000-8000-0000000000a2'
       UNION ALL
       SELECT id FROM goclaw.workstation_activity
       WHERE workstation_id = '30500000-0000-4000-8000-0000000000a2' $$,
    'a workstation takes its permissions and its log along'
);
DELETE FROM goclaw.agent_workstation_links;
DELETE FROM goclaw.agents;
DELETE FROM goclaw.tenants WHERE slug = 'a';
SELECT is_empty(
    $$ SELECT tenant_id FROM goclaw.workstations
       UNION ALL
       SELECT tenant_id FROM goclaw.workstation_permissions
       UNION ALL
       SELECT tenant_id FROM goclaw.workstation_activity $$,
    'a tenant takes its workstations along, with what was run there'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'workstations', ARRAY['workstations_tenant', 'workstations_tenant_guard'],
    'no other policy widens access to workstations'
);
SELECT policies_are(
    'goclaw', 'agent_workstation_links', ARRAY[
        'agent_workstation_links_tenant', 'agent_workstation_links_tenant_guard'
    ],
    'no other policy widens access to agent_workstation_links'
);
SELECT policies_are(
    'goclaw', 'workstation_permissions', ARRAY[
        'workstation_permissions_tenant', 'workstation_permissions_tenant_guard'
    ],
    'no other policy widens access to workstation_permissions'
);
SELECT policies_are(
    'goclaw', 'workstation_activity', ARRAY[
        'workstation_activity_tenant', 'workstation_activity_tenant_guard',
        'workstation_activity_service'
    ],
    'no other policy widens access to workstation_activity'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('workstations'::name, 'muniment_app', 'DELETE'),
        ('workstations', 'muniment_app', 'INSERT'),
        ('workstations', 'muniment_app', 'SELECT'),
        ('agent_workstation_links', 'muniment_app', 'DELETE'),
        ('agent_workstation_links', 'muniment_app', 'INSERT'),
        ('agent_workstation_links', 'muniment_app', 'SELECT'),
        ('agent_workstation_links', 'muniment_reader', 'SELECT'),
        ('workstation_permissions', 'muniment_app', 'DELETE'),
        ('workstation_permissions', 'muniment_app', 'INSERT'),
        ('workstation_permissions', 'muniment_app', 'SELECT'),
        ('workstation_permissions', 'muniment_reader', 'SELECT'),
        ('workstation_activity', 'muniment_app', 'INSERT'),
        ('workstation_activity', 'muniment_app', 'SELECT'),
        ('workstation_activity', 'muniment_reader', 'SELECT'),
        ('workstation_activity', 'muniment_service', 'DELETE') $$,
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
        ('workstations'::name, 'muniment_app', 'UPDATE',
         'workstation_key, name, backend_type, metadata, default_cwd, default_env, active, '
         'created_by, updated_at'),
        ('workstations', 'muniment_reader', 'SELECT',
         'tenant_id, id, workstation_key, name, backend_type, default_cwd, active, '
         'created_by, created_at, updated_at'),
        ('agent_workstation_links', 'muniment_app', 'UPDATE',
         'is_default'),
        ('workstation_permissions', 'muniment_app', 'UPDATE',
         'pattern, enabled, created_by'),
        ('workstation_activity', 'muniment_service', 'SELECT',
         'tenant_id, id, created_at'),
        ('workstation_activity', 'muniment_service', 'UPDATE',
         'duration_ms') $$,
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
        ('workstations', 'metadata'),
        ('workstations', 'default_env')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
