-- `muniment docs build` asks these, in one read-only transaction whose search_path is pg_catalog, so
-- that every name outside of it comes with its schema. What an extension brought is left out, and
-- so are partitions: a month is its table. Nothing here may depend on the version of the server:
-- constraints NOT NULL, which the catalog has since 18, are told by the columns.

-- schemas --
-- muniment_owner owns the schema of each project, and no other.
SELECT
    space.nspname AS schema_name,
    obj_description(space.oid, 'pg_namespace') AS description
FROM pg_catalog.pg_namespace AS space
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner';

-- schema_rights --
-- Of everybody but the owner, who has them all.
SELECT
    space.nspname AS schema_name,
    coalesce(role.rolname, 'PUBLIC') AS role_name,
    acl.privilege_type AS privilege
FROM pg_catalog.pg_namespace AS space
CROSS JOIN LATERAL aclexplode(space.nspacl) AS acl
LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = acl.grantee
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND acl.grantee <> space.nspowner;

-- tables --
-- Views too. The months of a table are told by their names, which a test of the catalog holds true.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    class.relkind::text AS kind,
    obj_description(class.oid, 'pg_class') AS description,
    class.relrowsecurity AS is_row_security_enabled,
    class.relforcerowsecurity AS is_row_security_forced,
    CASE WHEN class.relkind = 'p' THEN pg_get_partkeydef(class.oid) END AS partition_key,
    (
        SELECT bool_and(leaf.relname ~ '_p[0-9]{6}$')
        FROM pg_catalog.pg_inherits AS link
        INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = link.inhrelid
        WHERE link.inhparent = class.oid
    ) AS is_monthly
FROM pg_catalog.pg_class AS class
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND class.relkind IN ('r', 'p', 'v', 'm')
    AND NOT class.relispartition
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS member
        WHERE member.classid = 'pg_class'::regclass
            AND member.objid = class.oid
            AND member.deptype = 'e'
    );

-- columns --
-- In the order of the table; the expression is the default, or what a generated column is.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    attribute.attname AS name,
    format_type(attribute.atttypid, attribute.atttypmod) AS type,
    attribute.attnotnull AS is_not_null,
    attribute.attgenerated <> '' AS is_generated,
    attribute.attidentity <> '' AS is_identity,
    pg_get_expr(filled.adbin, filled.adrelid, true) AS expression,
    col_description(class.oid, attribute.attnum) AS description
FROM pg_catalog.pg_attribute AS attribute
INNER JOIN pg_catalog.pg_class AS class ON class.oid = attribute.attrelid
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
LEFT JOIN pg_catalog.pg_attrdef AS filled
    ON filled.adrelid = attribute.attrelid
    AND filled.adnum = attribute.attnum
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND class.relkind IN ('r', 'p', 'v', 'm')
    AND NOT class.relispartition
    AND attribute.attnum > 0
    AND NOT attribute.attisdropped
ORDER BY attribute.attnum;

-- constraints --
-- A reference to a partitioned table has a row for each of its partitions too: those have a parent.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    own.conname AS name,
    own.contype::text AS kind,
    pg_get_constraintdef(own.oid, true) AS definition,
    ARRAY(
        SELECT attribute.attname::text
        FROM unnest(own.conkey) WITH ORDINALITY AS key (attnum, place)
        INNER JOIN pg_catalog.pg_attribute AS attribute
            ON attribute.attrelid = own.conrelid
            AND attribute.attnum = key.attnum
        ORDER BY key.place
    ) AS columns,
    target_space.nspname AS target_schema,
    target.relname AS target_table
FROM pg_catalog.pg_constraint AS own
INNER JOIN pg_catalog.pg_class AS class ON class.oid = own.conrelid
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
LEFT JOIN pg_catalog.pg_class AS target ON target.oid = own.confrelid
LEFT JOIN pg_catalog.pg_namespace AS target_space ON target_space.oid = target.relnamespace
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND NOT class.relispartition
    AND own.contype IN ('p', 'u', 'f', 'x', 'c')
    AND own.conparentid = 0;

-- indexes --
-- But for those that a constraint brought, which the constraints tell.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    index_class.relname AS name,
    pg_get_indexdef(index.indexrelid, 0, true) AS definition
FROM pg_catalog.pg_index AS index
INNER JOIN pg_catalog.pg_class AS index_class ON index_class.oid = index.indexrelid
INNER JOIN pg_catalog.pg_class AS class ON class.oid = index.indrelid
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND NOT class.relispartition
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS own WHERE own.conindid = index.indexrelid
            AND own.contype IN ('p', 'u', 'x')
    );

-- triggers --
-- Those that foreign keys work by are internal.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    trigger.tgname AS name,
    pg_get_triggerdef(trigger.oid, true) AS definition
FROM pg_catalog.pg_trigger AS trigger
INNER JOIN pg_catalog.pg_class AS class ON class.oid = trigger.tgrelid
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND NOT class.relispartition
    AND NOT trigger.tgisinternal;

-- policies --
-- Without a role of its own, a policy is for PUBLIC.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    policy.polname AS name,
    policy.polpermissive AS is_permissive,
    policy.polcmd::text AS command,
    ARRAY(
        SELECT coalesce(role.rolname::text, 'PUBLIC')
        FROM unnest(policy.polroles) WITH ORDINALITY AS named (oid, place)
        LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = named.oid
        ORDER BY named.place
    ) AS roles,
    pg_get_expr(policy.polqual, policy.polrelid, true) AS using_expression,
    pg_get_expr(policy.polwithcheck, policy.polrelid, true) AS check_expression
FROM pg_catalog.pg_policy AS policy
INNER JOIN pg_catalog.pg_class AS class ON class.oid = policy.polrelid
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND NOT class.relispartition;

-- table_rights --
-- On the whole table, where the column is NULL, and on single columns. Not those of the owner.
SELECT
    space.nspname AS schema_name,
    class.relname AS table_name,
    coalesce(role.rolname, 'PUBLIC') AS role_name,
    acl.privilege_type AS privilege,
    NULL AS column_name,
    0 AS place
FROM pg_catalog.pg_class AS class
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
CROSS JOIN LATERAL aclexplode(class.relacl) AS acl
LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = acl.grantee
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND class.relkind IN ('r', 'p', 'v', 'm')
    AND NOT class.relispartition
    AND acl.grantee <> class.relowner
UNION ALL
SELECT
    space.nspname,
    class.relname,
    coalesce(role.rolname, 'PUBLIC'),
    acl.privilege_type,
    attribute.attname,
    attribute.attnum
FROM pg_catalog.pg_attribute AS attribute
INNER JOIN pg_catalog.pg_class AS class ON class.oid = attribute.attrelid
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = class.relnamespace
CROSS JOIN LATERAL aclexplode(attribute.attacl) AS acl
LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = acl.grantee
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND NOT class.relispartition
    AND acl.grantee <> class.relowner
ORDER BY place;

-- functions --
-- A function without rights of its own has the server's default, by which PUBLIC may execute it.
SELECT
    space.nspname AS schema_name,
    function.proname AS name,
    pg_get_function_identity_arguments(function.oid) AS identity_arguments,
    pg_get_function_arguments(function.oid) AS arguments,
    pg_get_function_result(function.oid) AS result,
    function.prokind::text AS kind,
    language.lanname AS language,
    function.provolatile::text AS volatility,
    function.proparallel::text AS parallel,
    function.proisstrict AS is_strict,
    function.prosecdef AS is_security_definer,
    pg_get_userbyid(function.proowner) AS owner,
    coalesce(function.proconfig, '{}') AS settings,
    obj_description(function.oid, 'pg_proc') AS description,
    ARRAY(
        SELECT coalesce(role.rolname::text, 'PUBLIC')
        FROM aclexplode(
            coalesce(function.proacl, acldefault('f', function.proowner))
        ) AS acl
        LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = acl.grantee
        WHERE acl.privilege_type = 'EXECUTE'
            AND acl.grantee <> function.proowner
    ) AS executors
FROM pg_catalog.pg_proc AS function
INNER JOIN pg_catalog.pg_namespace AS space ON space.oid = function.pronamespace
INNER JOIN pg_catalog.pg_language AS language ON language.oid = function.prolang
WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS member
        WHERE member.classid = 'pg_proc'::regclass
            AND member.objid = function.oid
            AND member.deptype = 'e'
    );

-- roles --
-- Who owns the schemas or may use one: a cluster can hold other roles, which are none of ours.
SELECT
    role.rolname AS name,
    role.rolcanlogin AS can_login,
    role.rolsuper OR role.rolbypassrls AS is_above_row_security,
    shobj_description(role.oid, 'pg_authid') AS description
FROM pg_catalog.pg_roles AS role
WHERE role.rolname = 'muniment_owner'
    OR role.oid IN (
        SELECT acl.grantee
        FROM pg_catalog.pg_namespace AS space
        CROSS JOIN LATERAL aclexplode(space.nspacl) AS acl
        WHERE pg_get_userbyid(space.nspowner) = 'muniment_owner'
    );

-- matter_chat_tools --
-- The rows of agents:matter_chat_tools. Tools seen in imported transcripts are not the schema's.
SELECT
    tool_name,
    tool_version,
    description,
    side_effect,
    replay,
    approval
FROM agents.tool_registry
WHERE tool_version <> 'imported';
