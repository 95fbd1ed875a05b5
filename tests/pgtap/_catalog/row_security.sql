-- Rule: no row of one tenant is in reach of another.
--
-- Holds for every schema that muniment_owner owns. Months that have yet to be made are made here
-- first, so that the function that makes them is held to the rules too.
BEGIN;
SELECT plan(19);

-- Declared ------------------------------------------------------------------

-- The column that holds the tenant, one a schema: whatever it is called, it is compared with the
-- one setting app.tenant_id.
CREATE TEMPORARY VIEW tenant_column AS
SELECT *
FROM (
    VALUES
        ('agents', 'firm_id', 'the firm that the agent works for'),
        ('open_agents', 'account_id', 'the account that owns the sandbox'),
        ('astra', 'org_id', 'the organisation that set the goal'),
        ('agentcore', 'department_id', 'the department that owns the knowledge'),
        ('goclaw', 'tenant_id', 'the tenant of the gateway')
) AS declared (schema_name, column_name, reason);

-- Tables that call it otherwise.
CREATE TEMPORARY VIEW other_tenant_column AS
SELECT *
FROM (
    VALUES
        ('open_agents', 'workflow_runs', 'tenant_id', 'the source took account_id off this table'),
        ('open_agents', 'workflow_run_steps', 'tenant_id', 'as in its run')
) AS declared (schema_name, table_name, column_name, reason);

-- Tables without a tenant. Runtimes only read them, see grants.sql.
CREATE TEMPORARY VIEW global_table AS
SELECT *
FROM (
    VALUES
        ('agents', 'tool_registry', 'says what tools are, not what a firm did with them'),
        ('goclaw', 'builtin_tools', 'says what the gateway can do, not what a tenant did with it'),
        ('goclaw', 'usage_pricing_catalog', 'prices that providers publish'),
        ('agentcore', 'system_role', 'says what roles allow, not who has one')
) AS declared (schema_name, table_name, reason);

-- Tables whose rows are the tenants: the key itself is compared.
CREATE TEMPORARY VIEW tenant_root AS
SELECT *
FROM (
    VALUES
        ('open_agents', 'accounts', 'id', 'a row is an account'),
        ('goclaw', 'tenants', 'id', 'a row is a tenant of the gateway'),
        ('agentcore', 'department', 'id', 'a row is a department'),
        ('astra', 'organizations', 'id', 'a row is a tenant of the planner')
) AS declared (schema_name, table_name, column_name, reason);

-- Tables whose clients know no tenant column: its default is the tenant that is set, or an error.
-- And one whose rows are everybody's unless somebody claims them.
CREATE TEMPORARY VIEW tenant_default AS
SELECT
    'open_agents' AS schema_name,
    unnest(ARRAY['chats', 'chat_messages', 'workflow_runs', 'workflow_run_steps']) AS table_name,
    'platform.current_tenant_id()' AS expression
UNION ALL
SELECT
    'goclaw' AS schema_name,
    unnest(ARRAY[
        'agent_heartbeats', 'cron_run_logs', 'heartbeat_run_logs', 'hook_agents',
        'hook_executions', 'usage_cap_counters', 'usage_cap_reservations', 'vault_links',
        'vault_versions'
    ]) AS table_name,
    'platform.current_tenant_id()' AS expression
UNION ALL
SELECT
    'agentcore',
    unnest(ARRAY[
        'audit_log', 'notification', 'document', 'chunk', 'chunk_question', 'namespace_plugin',
        'conversation', 'message', 'pii_redaction_map', 'intent_trust', 'intent_example',
        'approval', 'document_generation', 'employee_profile', 'agent_task', 'agent_tool_call',
        'agent_run', 'retrieval_hit'
    ]),
    'platform.current_tenant_id()'
UNION ALL
SELECT
    'goclaw',
    'hooks',
    '''0193a5b0-7000-7000-8000-000000000001''::uuid';

-- Tables with a third policy, <table>_service, for the backend that works across tenants.
CREATE TEMPORARY VIEW service_table AS
SELECT *
FROM (
    VALUES
        ('agents', 'agent_run_key', 'the backend seals the runs that it ends'),
        ('agents', 'agent_run', 'the backend ends the runs of dead workers'),
        ('agents', 'chat_session', 'the backend seals the runs that it ends'),
        ('agents', 'chat_turn', 'the backend seals the runs that it ends, and redacts'),
        ('agents', 'redaction', 'the backend redacts'),
        ('agents', 'seal_chain', 'the backend seals the runs that it ends'),
        ('agents', 'run_seal', 'the backend seals the runs that it ends'),
        ('agents', 'tool_call', 'the backend ends the calls of dead workers, and redacts'),
        ('open_agents', 'accounts', 'made before there is one to act for'),
        ('open_agents', 'sessions', 'the backend serves all accounts'),
        ('open_agents', 'chats', 'the backend serves all accounts'),
        ('open_agents', 'chat_messages', 'the backend serves all accounts'),
        ('open_agents', 'chat_reads', 'the backend serves all accounts'),
        ('open_agents', 'workflow_runs', 'the backend serves all accounts'),
        ('open_agents', 'workflow_run_steps', 'the backend serves all accounts'),
        ('goclaw', 'tenants', 'made and looked up before there is a tenant'),
        ('goclaw', 'tenant_users', 'a login asks for the tenants of a user'),
        ('goclaw', 'api_keys', 'a key is looked up to learn the tenant'),
        ('goclaw', 'subagent_tasks', 'tasks of all tenants are archived by age'),
        ('goclaw', 'team_tasks', 'locks are taken back and reminders sent in all tenants'),
        ('goclaw', 'workstation_activity', 'entries of all tenants leave by age'),
        ('goclaw', 'episodic_summaries', 'episodes of all tenants are pruned when they expire'),
        ('goclaw', 'channel_pending_messages', 'messages of all tenants are pruned by age'),
        ('goclaw', 'pairing_requests', 'codes of all tenants are pruned when they have ended'),
        ('goclaw', 'paired_devices', 'pairings of all tenants are pruned when they have ended'),
        ('goclaw', 'browser_cookies', 'cookies of all tenants are pruned when they have ended'),
        ('goclaw', 'agents', 'claims pass by those that do not work, in all tenants'),
        ('goclaw', 'skills', 'skills of the gateway are put into all tenants'),
        ('goclaw', 'cron_jobs', 'due jobs of all tenants are claimed'),
        ('goclaw', 'cron_run_logs', 'runs of all tenants are logged'),
        ('goclaw', 'agent_heartbeats', 'due heartbeats of all tenants are claimed'),
        ('goclaw', 'heartbeat_run_logs', 'runs of all tenants are logged'),
        ('goclaw', 'bitrix_portals', 'a portal is looked up to learn the tenant'),
        ('goclaw', 'usage_cap_policies', 'are locked while reservations expire'),
        ('goclaw', 'usage_cap_counters', 'get back what expired reservations held'),
        ('goclaw', 'usage_cap_reservations', 'those of all tenants expire by age'),
        ('goclaw', 'usage_cap_events', 'each that expires is noted'),
        ('goclaw', 'webhooks', 'a secret is looked up to learn the tenant'),
        ('goclaw', 'webhook_calls', 'workers deliver the calls of all tenants'),
        ('agentcore', 'department', 'made and looked up before one is entered'),
        ('agentcore', 'department_member', 'a user who is made or transferred is known at home'),
        ('agentcore', 'users', 'a login looks for the account before there is a department'),
        ('agentcore', 'password_reset_token', 'a link is looked up to learn whose it is'),
        ('agentcore', 'audit_log', 'what the backend reads is logged where the department sees it'),
        ('agentcore', 'intent_trust', 'the backend says what it takes to answer alone'),
        ('agentcore', 'agent_task', 'workers take the tasks of all departments'),
        ('astra', 'organizations', 'made and looked up before there is a tenant'),
        ('astra', 'users', 'a login asks which organisations know an address'),
        ('astra', 'org_memberships', 'a login asks for the organisations of a person'),
        ('astra', 'memories', 'what has expired is deleted for all at once'),
        ('astra', 'chat_sessions', 'old messages are deleted for all at once'),
        ('astra', 'chat_messages', 'old messages are deleted for all at once')
) AS declared (schema_name, table_name, reason);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW relation AS
SELECT
    c.oid,
    n.nspname AS schema_name,
    c.relname AS name,
    format('%s.%s', n.nspname, c.relname) AS label,
    c.relkind AS kind,
    c.relowner AS owner,
    c.relacl AS acl,
    c.reloptions AS options,
    c.relispartition AS is_leaf,
    c.relrowsecurity AS is_enabled,
    c.relforcerowsecurity AS is_forced
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_class'::regclass
            AND d.objid = c.oid
            AND d.deptype = 'e'
    );

CREATE TEMPORARY VIEW tenant_table AS
SELECT
    r.*,
    a.attname AS tenant_name,
    a.atttypid AS tenant_type,
    a.attnotnull AS is_tenant_required,
    a.attgenerated AS tenant_generated,
    a.atthasdef AS has_tenant_default,
    (
        SELECT pg_get_expr(d.adbin, d.adrelid)
        FROM pg_catalog.pg_attrdef AS d
        WHERE d.adrelid = a.attrelid
            AND d.adnum = a.attnum
    ) AS tenant_default
FROM relation AS r
LEFT JOIN tenant_root AS root ON root.schema_name = r.schema_name AND root.table_name = r.name
LEFT JOIN other_tenant_column AS other
    ON other.schema_name = r.schema_name AND other.table_name = r.name
LEFT JOIN tenant_column AS t ON t.schema_name = r.schema_name
INNER JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = r.oid
    AND a.attname = coalesce(root.column_name, other.column_name, t.column_name)
WHERE r.kind IN ('r', 'p')
    AND NOT a.attisdropped;

-- As the server prints it back. The sub-select makes it one call a statement.
CREATE TEMPORARY VIEW policy AS
SELECT
    p.polrelid AS table_oid,
    p.polname AS name,
    p.polpermissive AS is_permissive,
    p.polcmd AS command,
    ARRAY(
        SELECT coalesce(r.rolname, 'public')
        FROM unnest(p.polroles) AS member (oid)
        LEFT JOIN pg_catalog.pg_roles AS r ON r.oid = member.oid
        ORDER BY 1
    ) AS roles,
    pg_get_expr(p.polqual, p.polrelid) AS visible,
    pg_get_expr(p.polwithcheck, p.polrelid) AS writable
FROM pg_catalog.pg_policy AS p;

SELECT lives_ok(
    $$ SELECT agents.ensure_partitions('2026-07-01', 3) $$,
    'the months to come can be made, without a tenant'
);

-- Every table is known ------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label, owner::regrole
    FROM relation
    WHERE owner <> 'muniment_owner'::regrole
    $$,
    'muniment_owner owns every table and view'
);
SELECT is_empty(
    $$
    SELECT label
    FROM relation
    WHERE kind IN ('r', 'p')
        AND oid NOT IN (SELECT oid FROM tenant_table)
        AND (schema_name, name) NOT IN (SELECT schema_name, table_name FROM global_table)
    $$,
    'every table has the tenant column of its schema, or is declared global'
);
SELECT is_empty(
    $$
    SELECT g.schema_name, g.table_name
    FROM global_table AS g
    LEFT JOIN relation AS r ON r.schema_name = g.schema_name AND r.name = g.table_name
    WHERE to_regnamespace(g.schema_name) IS NOT NULL
        AND (
            r.oid IS NULL
            OR r.is_enabled
            OR r.oid IN (SELECT oid FROM tenant_table)
            OR r.oid IN (SELECT table_oid FROM policy)
        )
    $$,
    'a table that is declared global is there, and has neither tenant nor row security'
);
SELECT is_empty(
    $$
    SELECT label, tenant_name, format_type(tenant_type, NULL)
    FROM tenant_table
    WHERE tenant_type <> 'uuid'::regtype
        OR NOT is_tenant_required
        OR tenant_generated <> ''
    $$,
    'the tenant is a uuid that every row has and no expression makes'
);
SELECT is_empty(
    $$
    SELECT label
    FROM tenant_table
    WHERE has_tenant_default
        AND tenant_generated = ''
        AND (schema_name, name) NOT IN (SELECT schema_name, table_name FROM tenant_root)
        AND (schema_name, name, tenant_default) NOT IN (
            SELECT schema_name, table_name, expression FROM tenant_default
        )
    $$,
    'the writer names the tenant: no default does it, but for those declared'
);

-- Tables --------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label
    FROM tenant_table
    WHERE NOT is_leaf
        AND NOT (is_enabled AND is_forced)
    $$,
    'row security is enabled and forced on every tenant table'
);
SELECT is_empty(
    $$
    SELECT t.label, want.name
    FROM tenant_table AS t
    CROSS JOIN LATERAL (
        VALUES
            (t.name || '_tenant', true),
            (t.name || '_tenant_guard', false)
    ) AS want (name, is_permissive)
    WHERE NOT t.is_leaf
        AND NOT EXISTS (
            SELECT
            FROM policy AS p
            WHERE p.table_oid = t.oid
                AND p.name = want.name
                AND p.is_permissive = want.is_permissive
                AND p.command = '*'
        )
    $$,
    'every tenant table has the policy, and the restrictive guard that no later one can widen'
);
SELECT is_empty(
    $$
    SELECT t.label, p.name
    FROM policy AS p
    INNER JOIN tenant_table AS t ON t.oid = p.table_oid
    WHERE NOT t.is_leaf
        AND p.name NOT IN (t.name || '_tenant', t.name || '_tenant_guard')
        AND NOT (
            p.name = t.name || '_service'
            AND p.roles = ARRAY['muniment_service']::name[]
            AND (t.schema_name, t.name) IN (SELECT schema_name, table_name FROM service_table)
        )
    $$,
    'no other policy is there, but for the declared ones of muniment_service'
);
SELECT is_empty(
    $$
    SELECT t.label, p.name, p.roles
    FROM policy AS p
    INNER JOIN tenant_table AS t ON t.oid = p.table_oid
    WHERE p.name IN (t.name || '_tenant', t.name || '_tenant_guard')
        AND p.roles <> ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']::name[]
    $$,
    'both policies name the runtimes and the owner, who would silently see nothing otherwise'
);
SELECT is_empty(
    $$
    SELECT t.label, p.name, p.visible, p.writable
    FROM policy AS p
    INNER JOIN tenant_table AS t ON t.oid = p.table_oid
    CROSS JOIN LATERAL (
        SELECT format(
            '(%I = ( SELECT platform.current_tenant_id() AS current_tenant_id))', t.tenant_name
        )
    ) AS want (expression)
    WHERE p.name IN (t.name || '_tenant', t.name || '_tenant_guard')
        AND (
            p.visible IS DISTINCT FROM want.expression
            OR p.writable IS DISTINCT FROM want.expression
        )
    $$,
    'both policies compare the tenant, for reading and for writing, and nothing else'
);

-- Partitions ----------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label
    FROM tenant_table
    WHERE is_leaf
        AND NOT (is_enabled AND is_forced)
    $$,
    'row security is enabled and forced on every partition'
);
SELECT is_empty(
    $$
    SELECT t.label, p.names
    FROM tenant_table AS t
    CROSS JOIN LATERAL (
        SELECT array_agg(policy.name)
        FROM policy
        WHERE policy.table_oid = t.oid
    ) AS p (names)
    WHERE t.is_leaf
        AND p.names IS DISTINCT FROM ARRAY[t.name || '_owner']::name[]
    $$,
    'a partition has the policy of the owner and no other'
);
SELECT is_empty(
    $$
    SELECT t.label, p.roles, p.visible, p.writable
    FROM policy AS p
    INNER JOIN tenant_table AS t ON t.oid = p.table_oid
    CROSS JOIN LATERAL (
        SELECT format(
            '(%I = ( SELECT platform.current_tenant_id() AS current_tenant_id))', t.tenant_name
        )
    ) AS want (expression)
    WHERE t.is_leaf
        AND p.name = t.name || '_owner'
        AND (
            NOT p.is_permissive
            OR p.command <> '*'
            OR p.roles <> ARRAY['muniment_owner']::name[]
            OR p.visible IS DISTINCT FROM want.expression
            OR p.writable IS DISTINCT FROM want.expression
        )
    $$,
    'on a partition the owner is held to the tenant, and nobody else is named'
);
SELECT is_empty(
    $$
    SELECT r.label, acl.grantee::regrole, acl.privilege_type
    FROM relation AS r
    CROSS JOIN LATERAL (
        SELECT (aclexplode(r.acl)).*
        UNION ALL
        SELECT (aclexplode(a.attacl)).*
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = r.oid
    ) AS acl
    WHERE r.is_leaf
        AND acl.grantee <> r.owner
    $$,
    'nobody is granted a partition: rows are reached through the whole table only'
);

-- Ways around ---------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label, options
    FROM relation
    WHERE kind = 'v'
        AND NOT coalesce(options, '{}') && ARRAY['security_invoker=true', 'security_invoker=on']
    $$,
    'a view reads with the rights of whoever asks'
);
SELECT is_empty(
    $$
    SELECT label
    FROM relation
    WHERE kind IN ('m', 'f')
    $$,
    'no materialized view and no foreign table: neither can have row security'
);
SELECT is_empty(
    $$
    SELECT r.label, rule.rulename
    FROM pg_catalog.pg_rewrite AS rule
    INNER JOIN relation AS r ON r.oid = rule.ev_class
    WHERE NOT (r.kind IN ('v', 'm') AND rule.rulename = '_RETURN')
    $$,
    'no rule rewrites a statement'
);
SELECT is_empty(
    $$
    SELECT p.pubname, p.schemaname, p.tablename
    FROM pg_catalog.pg_publication_tables AS p
    INNER JOIN relation AS r ON r.schema_name = p.schemaname AND r.name = p.tablename
    $$,
    'no publication carries rows past row security'
);

SELECT * FROM finish(true);
ROLLBACK;
