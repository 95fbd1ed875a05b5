-- `muniment doctor` asks these in READ ONLY transactions, many of them in one round trip, so they
-- have no parameters. They are asked with search_path = pg_catalog, in UTC. All but the last few
-- read what every role may read; what a role may not see of others' sessions is NULL.

-- session --
-- Who asks, where, and how far it may look. Asked before the search_path is set.
SELECT
    current_user AS role,
    current_database() AS database,
    current_schema() AS schema,
    pg_backend_pid() AS pid,
    pg_is_in_recovery() AS is_standby,
    pg_has_role('pg_read_all_stats', 'USAGE') AS sees_sessions;

-- server --
-- What the server is and what it was started with.
SELECT
    current_setting('server_version_num')::integer AS version_num,
    current_setting('server_version') AS version,
    -- Windows cannot watch a socket while it works.
    current_setting('client_connection_check_interval', true) IS NOT NULL
    AND version() !~* 'msvc|visual c|mingw' AS notices_dead_clients,
    current_setting('data_checksums') = 'on' AS has_checksums;

-- settings --
-- Whether what is committed survives a crash.
SELECT name, setting, source
FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')
ORDER BY name;

-- asynchronous --
-- Roles and databases that begin their sessions without waiting for the disk.
SELECT role.rolname AS role, database.datname AS database
FROM pg_db_role_setting AS preset
LEFT JOIN pg_roles AS role ON role.oid = preset.setrole
LEFT JOIN pg_database AS database ON database.oid = preset.setdatabase
CROSS JOIN unnest(preset.setconfig) AS config
WHERE lower(config) ~ '^synchronous_commit=(off|false|no|0)$'
    AND coalesce(database.datname, current_database()) = current_database()
ORDER BY role.rolname, database.datname;

-- deploy_lock --
-- Who holds the lock of migrate/locks.py: sqitch's key, a bigint that pg_locks splits in two.
SELECT locks.pid
FROM pg_locks AS locks
WHERE locks.locktype = 'advisory'
    AND locks.objid = 75474063
    AND locks.classid = 0
    AND locks.objsubid = 1
    AND locks.granted
    AND locks.database = (SELECT oid FROM pg_database WHERE datname = current_database());

-- sessions --
-- The other clients of this database, what they hold, and whether they have written.
SELECT
    activity.pid,
    coalesce(nullif(activity.application_name, ''), 'unnamed') AS application,
    activity.usename AS role,
    activity.state,
    activity.backend_start,
    activity.state_change,
    extract(epoch FROM clock_timestamp() - activity.state_change)::float8 AS seconds,
    activity.xact_start IS NOT NULL AS is_in_transaction,
    activity.backend_xmin IS NOT NULL AS has_snapshot,
    activity.query,
    coalesce(held.relations, '{}') AS relations,
    coalesce(held.is_writer, false) AS is_writer
FROM pg_stat_activity AS activity
LEFT JOIN (
    SELECT
        locks.pid,
        array_agg(
            DISTINCT coalesce(
                quote_ident(namespace.nspname) || '.' || quote_ident(class.relname),
                'something that is being made'
            )
        ) FILTER (WHERE locks.locktype = 'relation') AS relations,
        -- A transaction has an id of its own from its first write on. Else the lock tells.
        bool_or(
            locks.locktype = 'transactionid' AND locks.mode = 'ExclusiveLock'
            OR locks.locktype IN ('relation', 'object')
            AND locks.mode NOT IN ('AccessShareLock', 'RowShareLock', 'SIReadLock')
        ) AS is_writer
    FROM pg_locks AS locks
    LEFT JOIN pg_class AS class ON locks.locktype = 'relation' AND class.oid = locks.relation
    LEFT JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE locks.granted
        AND (
            locks.locktype = 'transactionid'
            OR locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
        AND (
            class.oid IS NULL
            OR class.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
            AND namespace.nspname !~ '^(pg_|information_schema$)'
        )
    GROUP BY locks.pid
) AS held USING (pid)
WHERE activity.datname = current_database()
    AND activity.pid <> pg_backend_pid()
    AND activity.usesysid IS NOT NULL
    AND coalesce(activity.backend_type, 'client backend') = 'client backend'
ORDER BY activity.pid;

-- prepared --
-- Transactions that were prepared: they hold their locks until somebody decides, if ever.
SELECT
    prepared.gid,
    prepared.prepared AS since,
    extract(epoch FROM clock_timestamp() - prepared.prepared)::float8 AS seconds,
    coalesce(
        (
            SELECT array_agg(DISTINCT format('%I.%I', namespace.nspname, class.relname))
            FROM pg_locks AS own
            -- Without a process, its locks have in common what stands for its transaction.
            INNER JOIN pg_locks AS locks USING (virtualtransaction)
            INNER JOIN pg_class AS class ON class.oid = locks.relation
            INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
            WHERE own.locktype = 'transactionid'
                AND own.transactionid = prepared.transaction
                AND own.pid IS NULL
                AND locks.pid IS NULL
                AND locks.locktype = 'relation'
                AND class.relkind IN ('r', 'p', 'm', 'v', 'f', 'S')
                AND namespace.nspname !~ '^(pg_|information_schema$)'
        ),
        '{}'
    ) AS relations
FROM pg_prepared_xacts AS prepared
WHERE prepared.database = current_database()
ORDER BY prepared.prepared;

-- invalid_indexes --
-- Indexes that no query uses. A partitioned one is not ill: it waits for its leaves. Nor is one
-- that is being built; whose progress a role may not see, it knows by the lock on the table.
SELECT
    format('%I.%I', namespace.nspname, class.relname) AS name,
    class.relname AS bare_name,
    class.relname ~ '_cc(new|old)[0-9]*$' OR NOT index.indislive AS is_leftover,
    index.indisexclusion AS is_exclusion,
    EXISTS (
        SELECT
        FROM pg_stat_progress_create_index AS progress
        LEFT JOIN pg_locks AS locks
            ON locks.pid = progress.pid
            AND locks.locktype = 'relation'
            AND locks.mode = 'ShareUpdateExclusiveLock'
            AND locks.granted
        WHERE index.indexrelid = progress.index_relid
            OR index.indrelid = locks.relation AND progress.datname = current_database()
    ) AS is_being_built
FROM pg_index AS index
INNER JOIN pg_class AS class ON class.oid = index.indexrelid
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE NOT index.indisvalid
    AND class.relkind = 'i'
ORDER BY 1;

-- pending_detachments --
-- Partitions whose DETACH CONCURRENTLY was interrupted. One that goes on waits for those who still
-- read the partition and holds nothing meanwhile, so that only its statement tells which it is.
SELECT
    format('%I.%I', parent_namespace.nspname, parent.relname) AS parent,
    format('%I.%I', namespace.nspname, class.relname) AS name,
    waiting.is_detaching AS is_going_on,
    waiting.is_hidden AS may_go_on
FROM pg_inherits AS inherits
CROSS JOIN (
    SELECT
        coalesce(bool_or(activity.query ~* '\mdetach\s+partition\M'), false) AS is_detaching,
        coalesce(bool_or(activity.state IS NULL), false) AS is_hidden
    FROM pg_locks AS locks
    INNER JOIN pg_stat_activity AS activity USING (pid)
    WHERE locks.locktype = 'virtualxid'
        AND NOT locks.granted
        AND activity.datname = current_database()
) AS waiting
INNER JOIN pg_class AS parent ON parent.oid = inherits.inhparent
INNER JOIN pg_namespace AS parent_namespace ON parent_namespace.oid = parent.relnamespace
INNER JOIN pg_class AS class ON class.oid = inherits.inhrelid
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE inherits.inhdetachpending
ORDER BY 1, 2;

-- unproven_constraints --
-- NOT VALID: old rows may break them. One that is NOT ENFORCED (version 18) promises nothing.
SELECT
    format('%I', constr.conname) AS name,
    CASE WHEN class.oid IS NULL THEN 'DOMAIN' ELSE 'TABLE' END AS kind,
    format('%I.%I', namespace.nspname, coalesce(class.relname, domain.typname)) AS owner
FROM pg_constraint AS constr
LEFT JOIN pg_class AS class ON class.oid = constr.conrelid
LEFT JOIN pg_type AS domain ON domain.oid = constr.contypid
INNER JOIN pg_namespace AS namespace ON namespace.oid = constr.connamespace
WHERE NOT constr.convalidated
    -- Whoever validates that of a whole table validates those of its partitions.
    AND constr.conparentid = 0
    AND constr.coninhcount = 0
    AND coalesce((to_jsonb(constr) ->> 'conenforced')::boolean, true)
    AND namespace.nspname !~ '^(pg_|information_schema$)'
ORDER BY 3, 1;

-- roles --
-- The group roles of platform:roles, and the attributes that they must not have.
SELECT
    want.name,
    role.oid IS NOT NULL AS is_there,
    array_remove(
        ARRAY[
            CASE WHEN role.rolsuper THEN 'SUPERUSER' END,
            CASE WHEN role.rolbypassrls THEN 'BYPASSRLS' END,
            CASE WHEN role.rolcanlogin THEN 'LOGIN' END,
            CASE WHEN role.rolcreaterole THEN 'CREATEROLE' END,
            CASE WHEN role.rolcreatedb THEN 'CREATEDB' END,
            CASE WHEN role.rolreplication THEN 'REPLICATION' END
        ],
        NULL
    ) AS surplus
FROM (
    VALUES
        ('muniment_owner'), ('muniment_app'), ('muniment_reader'), ('muniment_service'),
        ('muniment_maintainer')
) AS want (name)
LEFT JOIN pg_roles AS role ON role.rolname = want.name
ORDER BY want.name;

-- memberships --
-- What the group roles are members of, which is to be nothing.
SELECT member.rolname AS member, granted.rolname AS granted, grantor.rolname AS grantor
FROM pg_auth_members AS membership
INNER JOIN pg_roles AS member ON member.oid = membership.member
INNER JOIN pg_roles AS granted ON granted.oid = membership.roleid
LEFT JOIN pg_roles AS grantor ON grantor.oid = membership.grantor
WHERE member.rolname ~ '^muniment_(owner|app|reader|service|maintainer)$'
ORDER BY 1, 2;

-- role_settings --
-- Settings with which sessions of the group roles would begin; there are to be none.
SELECT role.rolname AS role, database.datname AS database, preset.setconfig AS settings
FROM pg_db_role_setting AS preset
INNER JOIN pg_roles AS role ON role.oid = preset.setrole
LEFT JOIN pg_database AS database ON database.oid = preset.setdatabase
WHERE role.rolname ~ '^muniment_(owner|app|reader|service|maintainer)$'
ORDER BY 1, 2;

-- deployer --
-- Whether the role that asks could deploy: act as muniment_owner, and write into the registry.
SELECT
    role.rolsuper AS is_superuser,
    owner.oid IS NOT NULL AS has_owner,
    coalesce(
        pg_has_role(
            role.oid,
            owner.oid,
            -- From version 16 on a membership need not allow SET ROLE.
            CASE
                WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET'
                ELSE 'MEMBER'
            END
        ),
        false
    ) AS can_act_as_owner,
    coalesce(pg_has_role(role.oid, owner.oid, 'MEMBER'), false) AS is_member,
    (
        SELECT bool_and(
            has_schema_privilege(namespace.oid, 'USAGE')
            AND has_table_privilege(class.oid, 'SELECT')
            AND has_table_privilege(class.oid, 'INSERT')
            AND has_table_privilege(class.oid, 'UPDATE')
            AND has_table_privilege(class.oid, 'DELETE')
        )
        FROM pg_class AS class
        INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE namespace.nspname IN ('sqitch', 'muniment')
            AND class.relkind = 'r'
    ) AS can_write_registry
FROM pg_roles AS role
LEFT JOIN pg_roles AS owner ON owner.rolname = 'muniment_owner'
WHERE role.rolname = current_user;

-- strangers --
-- What stands in a schema of muniment_owner and belongs to somebody else, and the other way round.
SELECT
    CASE class.relkind
        WHEN 'v' THEN 'VIEW'
        WHEN 'm' THEN 'MATERIALIZED VIEW'
        WHEN 'S' THEN 'SEQUENCE'
        WHEN 'f' THEN 'FOREIGN TABLE'
        ELSE 'TABLE'
    END AS kind,
    format('%I.%I', namespace.nspname, class.relname) AS name,
    pg_get_userbyid(class.relowner) AS owner
FROM pg_class AS class
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE pg_get_userbyid(namespace.nspowner) = 'muniment_owner'
    AND pg_get_userbyid(class.relowner) <> 'muniment_owner'
    AND class.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    -- An extension's own are not ours, and a column's sequence goes with its table.
    AND NOT EXISTS (
        SELECT
        FROM pg_depend AS depend
        WHERE depend.classid = 'pg_class'::regclass
            AND depend.objid = class.oid
            AND depend.deptype IN ('e', 'a', 'i')
            AND (depend.deptype = 'e' OR class.relkind = 'S')
    )
UNION ALL
SELECT
    CASE routine.prokind
        WHEN 'p' THEN 'PROCEDURE'
        WHEN 'a' THEN 'AGGREGATE'
        ELSE 'FUNCTION'
    END,
    format(
        '%I.%I(%s)',
        namespace.nspname, routine.proname, pg_get_function_identity_arguments(routine.oid)
    ),
    pg_get_userbyid(routine.proowner)
FROM pg_proc AS routine
INNER JOIN pg_namespace AS namespace ON namespace.oid = routine.pronamespace
WHERE pg_get_userbyid(namespace.nspowner) = 'muniment_owner'
    AND pg_get_userbyid(routine.proowner) <> 'muniment_owner'
    AND NOT EXISTS (
        SELECT
        FROM pg_depend AS depend
        WHERE depend.classid = 'pg_proc'::regclass
            AND depend.objid = routine.oid
            AND depend.deptype = 'e'
    )
UNION ALL
SELECT 'SCHEMA', format('%I', namespace.nspname), pg_get_userbyid(namespace.nspowner)
FROM pg_namespace AS namespace
WHERE pg_get_userbyid(namespace.nspowner) <> 'muniment_owner'
    AND EXISTS (
        SELECT
        FROM pg_class AS class
        WHERE class.relnamespace = namespace.oid
            AND class.relkind IN ('r', 'p')
            AND pg_get_userbyid(class.relowner) = 'muniment_owner'
    )
ORDER BY 1, 2;

-- policies --
-- What the two policies of each tenant table and the one of each partition are to be, and are not.
-- They compare one column with one thing and name the same roles throughout a schema, so that most
-- of them say what the others must be: a policy that was altered is outvoted, not taken as model.
-- And the tables with policies, or with tenants, that somebody is not held to them on.
WITH policy AS (
    SELECT
        class.oid AS table_oid,
        class.relnamespace AS schema_oid,
        class.relispartition AS is_partition,
        policy.polname AS name,
        policy.polpermissive AS is_permissive,
        policy.polcmd AS command,
        (
            SELECT string_agg(
                coalesce(quote_ident(role.rolname), 'PUBLIC'), ', ' ORDER BY role.rolname
            )
            FROM unnest(policy.polroles) AS member (oid)
            LEFT JOIN pg_roles AS role ON role.oid = member.oid
        ) AS roles,
        pg_get_expr(policy.polqual, policy.polrelid) AS visible,
        pg_get_expr(policy.polwithcheck, policy.polrelid) AS writable
    FROM pg_policy AS policy
    INNER JOIN pg_class AS class ON class.oid = policy.polrelid
    INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    WHERE pg_get_userbyid(namespace.nspowner) = 'muniment_owner'
),
compared AS (
    SELECT policy.*, parts[1] AS column_name, parts[2] AS compared_with
    FROM policy
    CROSS JOIN LATERAL regexp_match(
        policy.visible, '^\(([a-z_][a-z0-9_]*|"(?:[^"]|"")+") = (.*)\)$'
    ) AS parts
),
majority AS (
    SELECT
        schema_oid,
        mode() WITHIN GROUP (ORDER BY compared_with) AS compared_with,
        mode() WITHIN GROUP (ORDER BY column_name) AS column_name,
        mode() WITHIN GROUP (ORDER BY roles) FILTER (WHERE NOT is_partition) AS roles
    FROM compared
    GROUP BY schema_oid
),
-- A table whose rows are the tenants compares its key, and its own policies say so.
tenant_table AS (
    SELECT
        class.oid AS table_oid,
        class.relname AS name,
        class.relispartition AS is_partition,
        format('%I.%I', namespace.nspname, class.relname) AS label,
        majority.roles,
        format(
            '(%s = %s)', coalesce(own.column_name, majority.column_name), majority.compared_with
        ) AS expression
    FROM majority
    INNER JOIN pg_class AS class ON class.relnamespace = majority.schema_oid
    INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
    CROSS JOIN LATERAL (
        SELECT mode() WITHIN GROUP (ORDER BY compared.column_name) AS column_name
        FROM compared
        WHERE compared.table_oid = class.oid
            AND compared.compared_with = majority.compared_with
    ) AS own
    WHERE class.relkind IN ('r', 'p')
        AND majority.roles IS NOT NULL
        AND EXISTS (
            SELECT
            FROM pg_attribute AS attribute
            WHERE attribute.attrelid = class.oid
                AND quote_ident(attribute.attname) = coalesce(
                    own.column_name, majority.column_name
                )
                AND NOT attribute.attisdropped
        )
),
want AS (
    SELECT
        tenant_table.*,
        left(tenant_table.name || given.suffix, 63) AS policy_name,
        given.is_permissive,
        coalesce(given.roles, tenant_table.roles) AS policy_roles
    FROM tenant_table
    INNER JOIN (
        VALUES
            (false, '_tenant', true, NULL),
            (false, '_tenant_guard', false, NULL),
            (true, '_owner', true, 'muniment_owner')
    ) AS given (is_partition, suffix, is_permissive, roles) USING (is_partition)
    -- A month that was detached is a table of its own, and keeps the policy that it had.
    WHERE tenant_table.is_partition
        OR NOT EXISTS (
            SELECT
            FROM policy
            WHERE policy.table_oid = tenant_table.table_oid
                AND policy.name = left(tenant_table.name || '_owner', 63)
        )
)
SELECT
    want.label AS table_name,
    want.policy_name AS name,
    CASE WHEN policy.name IS NULL THEN 'missing' ELSE 'altered' END AS state,
    concat_ws(
        ' ',
        CASE
            WHEN policy.name IS NOT NULL
            THEN format('DROP POLICY %I ON %s;', want.policy_name, want.label)
        END,
        format('CREATE POLICY %I ON %s', want.policy_name, want.label),
        CASE WHEN NOT want.is_permissive THEN 'AS RESTRICTIVE' END,
        format(
            'TO %s USING %s WITH CHECK %s;', want.policy_roles, want.expression, want.expression
        )
    ) AS command
FROM want
LEFT JOIN policy ON policy.table_oid = want.table_oid AND policy.name = want.policy_name
WHERE (
        policy.is_permissive, policy.command, policy.roles, policy.visible, policy.writable
    ) IS DISTINCT FROM (
        want.is_permissive, '*'::"char", want.policy_roles, want.expression, want.expression
    )
UNION ALL
SELECT
    tenant_table.label,
    policy.name,
    'surplus',
    format('DROP POLICY %I ON %s;', policy.name, tenant_table.label)
FROM policy
INNER JOIN tenant_table USING (table_oid)
WHERE policy.is_partition
    AND policy.name <> left(tenant_table.name || '_owner', 63)
UNION ALL
SELECT
    table_name.label,
    NULL,
    CASE WHEN class.relrowsecurity THEN 'unforced' ELSE 'disabled' END,
    concat_ws(
        ' ',
        CASE
            WHEN NOT class.relrowsecurity
            THEN format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', table_name.label)
        END,
        format('ALTER TABLE %s FORCE ROW LEVEL SECURITY;', table_name.label)
    )
FROM pg_class AS class
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
CROSS JOIN LATERAL (
    SELECT format('%I.%I', namespace.nspname, class.relname)
) AS table_name (label)
WHERE pg_get_userbyid(namespace.nspowner) = 'muniment_owner'
    AND class.relkind IN ('r', 'p')
    AND NOT (class.relrowsecurity AND class.relforcerowsecurity)
    AND class.oid IN (
        SELECT table_oid FROM tenant_table
        UNION ALL
        SELECT table_oid FROM policy
    )
ORDER BY 1, 2;

-- partition_grants --
-- Rights on a partition, by which somebody reaches rows past the policies of the whole table.
SELECT DISTINCT
    format('%I.%I', namespace.nspname, class.relname) AS name,
    coalesce(quote_ident(role.rolname), 'PUBLIC') AS grantee
FROM pg_class AS class
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
CROSS JOIN LATERAL (
    SELECT (aclexplode(class.relacl)).grantee
    UNION
    SELECT (aclexplode(attribute.attacl)).grantee
    FROM pg_attribute AS attribute
    WHERE attribute.attrelid = class.oid
) AS acl
LEFT JOIN pg_roles AS role ON role.oid = acl.grantee
WHERE pg_get_userbyid(namespace.nspowner) = 'muniment_owner'
    AND class.relkind = 'r'
    AND class.relispartition
    AND acl.grantee <> class.relowner
ORDER BY 1, 2;

-- calendar --
-- Which of this month and the next two the tables by month have no partition for. `ensure` is the
-- function of the schema that makes them.
SELECT
    format('%I.%I', namespace.nspname, parent.relname) AS name,
    (
        SELECT format('%I.%I', namespace.nspname, routine.proname)
        FROM pg_proc AS routine
        WHERE routine.pronamespace = namespace.oid
            AND routine.proname = 'ensure_partitions'
            AND pg_get_function_identity_arguments(routine.oid) ~ '^(\w+ )?date, (\w+ )?integer$'
    ) AS ensure,
    (
        SELECT format('%I.%I', namespace.nspname, class.relname)
        FROM pg_class AS class
        INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
        WHERE class.oid = partitioned.partdefid
    ) AS default_partition,
    CASE WHEN partitioned.partdefid <> 0 THEN pg_relation_size(partitioned.partdefid) END
    AS default_size,
    ARRAY(
        SELECT to_char(month.first, 'YYYY-MM-DD')
        FROM (
            SELECT date_trunc('month', now()) + make_interval(months => number) AS first
            FROM generate_series(0, 2) AS number
        ) AS month
        WHERE NOT EXISTS (
            SELECT
            FROM pg_inherits AS inherits
            INNER JOIN pg_class AS leaf ON leaf.oid = inherits.inhrelid
            CROSS JOIN LATERAL regexp_match(
                pg_get_expr(leaf.relpartbound, leaf.oid),
                '^FOR VALUES FROM \((?:''([^'']+)''|MINVALUE)\) TO \((?:''([^'']+)''|MAXVALUE)\)$'
            ) AS bound
            WHERE inherits.inhparent = parent.oid
                AND NOT inherits.inhdetachpending
                AND bound IS NOT NULL
                AND coalesce(bound[1]::timestamptz, '-infinity') <= month.first
                AND coalesce(bound[2]::timestamptz, 'infinity') >= month.first + interval '1 month'
        )
        ORDER BY month.first
    ) AS missing
FROM pg_partitioned_table AS partitioned
INNER JOIN pg_class AS parent ON parent.oid = partitioned.partrelid
INNER JOIN pg_namespace AS namespace ON namespace.oid = parent.relnamespace
INNER JOIN pg_attribute AS attribute
    ON attribute.attrelid = parent.oid AND attribute.attnum = partitioned.partattrs[0]
WHERE pg_get_userbyid(namespace.nspowner) = 'muniment_owner'
    AND NOT parent.relispartition
    AND partitioned.partstrat = 'r'
    AND partitioned.partnatts = 1
    AND attribute.atttypid = 'timestamptz'::regtype
ORDER BY 1;

-- yoyo --
-- What yoyo-migrations has or finds here, in whatever schema; and the text of the view's guard.
SELECT
    namespace.nspname AS schema,
    class.relname AS name,
    class.relkind::text AS kind,
    format('%I.%I', namespace.nspname, class.relname) AS quoted,
    (
        SELECT routine.prosrc
        FROM pg_trigger AS guard
        INNER JOIN pg_proc AS routine ON routine.oid = guard.tgfoid
        WHERE guard.tgrelid = class.oid
            AND guard.tgname = 'yoyo_migration_guard_tg'
    ) AS guard
FROM pg_class AS class
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE class.relname = '_yoyo_migration' AND class.relkind IN ('r', 'p', 'v')
    OR class.relname = 'yoyo_lock' AND class.relkind = 'r'
ORDER BY 1, 2;

-- registry_tables --
-- Which tables of muniment's own are there.
SELECT class.relname AS name
FROM pg_class AS class
INNER JOIN pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE namespace.nspname = 'muniment'
    AND class.relkind = 'r';

-- progress --
-- Changes whose script is not one transaction, and has not come to its end.
SELECT
    progress.change_id,
    progress.project,
    progress.change AS name,
    progress.action,
    cardinality(progress.statement_hashes) AS done,
    progress.started_at,
    EXISTS (
        SELECT FROM sqitch.changes AS changes WHERE changes.change_id = progress.change_id
    ) AS is_deployed
FROM muniment.change_progress AS progress
ORDER BY progress.started_at;

-- stray_details --
-- Details of changes that are gone: the foreign key forbids it, a careless restore does not.
SELECT detail.change_id
FROM muniment.change_detail AS detail
WHERE NOT EXISTS (
        SELECT FROM sqitch.changes AS changes WHERE changes.change_id = detail.change_id
    )
ORDER BY detail.change_id;
