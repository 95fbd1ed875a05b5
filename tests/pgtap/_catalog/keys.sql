-- Rule: keys hold within a tenant, and a reference never leaves it.
--
-- Holds for every schema that muniment_owner owns. Partitions have the keys of their tables, see
-- partitions.sql.
BEGIN;
SELECT plan(17);

-- Declared ------------------------------------------------------------------

-- Foreign keys that no index serves.
CREATE TEMPORARY VIEW unindexed_reference AS
SELECT *
FROM (
    VALUES
        (
            'agents', 'agent_run_root_fk',
            'a root finds itself by its primary key, so the index leaves roots out; keys are never '
            'deleted'
        ),
        (
            'agents', 'run_seal_run_fk',
            'the index on runs is of their own seals, the one on redactions of theirs; keys are '
            'never deleted'
        ),
        (
            'agents', 'tool_call_definition_fk',
            'the index starts with the firm, which the registry has not; a version that was called '
            'is never deleted'
        )
) AS declared (schema_name, constraint_name, reason);

-- Unique keys outside of agents that are unique over all tenants.
CREATE TEMPORARY VIEW key_over_all_tenants AS
SELECT *
FROM (
    VALUES
        ('goclaw', 'tenants_slug_uq', 'a tenant is named so in addresses; only the backend writes it'),
        (
            'goclaw', 'api_keys_key_hash_uq',
            'a key is found before its tenant is known; who can meet its hash holds the key'
        ),
        (
            'goclaw', 'bitrix_portals_domain_uq',
            'a callback names a domain before its tenant is known; a domain is no secret, and that '
            'it is taken is what its second claimant must learn'
        ),
        (
            'goclaw', 'webhooks_secret_hash_uq',
            'a webhook is found before its tenant is known; who can meet the hash holds the secret'
        ),
        (
            'agentcore', 'department_slug_uq',
            'a department is named so in addresses; only the backend writes it'
        ),
        (
            'agentcore', 'users_id_uq',
            'departments know a user of another home by the id; only the backend writes it'
        ),
        (
            'agentcore', 'users_email_uq',
            'an account is found before its department is known; only the backend writes it'
        ),
        (
            'agentcore', 'password_reset_token_token_uq',
            'a link is found before its department is known; who can meet its hash holds the link'
        ),
        (
            'astra', 'organizations_slug_uq',
            'an organisation is named so in addresses; only the backend writes it'
        )
) AS declared (schema_name, index_name, reason);

-- Found in the catalog ------------------------------------------------------

-- The tenant is what the policy <table>_tenant compares; row_security.sql sees to it that every
-- tenant table has one.
CREATE TEMPORARY VIEW base_table AS
SELECT
    c.oid,
    n.nspname AS schema_name,
    c.relname AS name,
    format('%s.%s', n.nspname, c.relname) AS label,
    (
        SELECT min(d.refobjsubid)::smallint
        FROM pg_catalog.pg_policy AS p
        INNER JOIN pg_catalog.pg_depend AS d
            ON d.classid = 'pg_policy'::regclass
            AND d.objid = p.oid
            AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = c.oid
        WHERE p.polrelid = c.oid
            AND p.polname = c.relname || '_tenant'
            AND d.refobjsubid > 0
    ) AS tenant
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND c.relkind IN ('r', 'p')
    AND NOT c.relispartition
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_class'::regclass
            AND d.objid = c.oid
            AND d.deptype = 'e'
    );

-- indkey counts from 0, and goes on with the columns of INCLUDE after those of the key. The slice
-- counts from 1.
CREATE TEMPORARY VIEW table_index AS
SELECT
    i.indexrelid AS oid,
    c.relname AS name,
    t.oid AS table_oid,
    t.schema_name,
    t.label,
    t.tenant,
    i.indisunique OR i.indisexclusion AS is_key,
    i.indisprimary AS is_primary,
    i.indisvalid AND i.indisready AND i.indislive AS is_valid,
    (i.indkey::smallint[])[0:i.indnkeyatts - 1] AS key_columns,
    pg_get_expr(i.indpred, i.indrelid) AS predicate,
    format(
        '%s/%s/%s/%s/%s/%s/%s',
        i.indkey, i.indnkeyatts, i.indclass, i.indcollation, i.indoption,
        pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid)
    ) AS shape
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
INNER JOIN base_table AS t ON t.oid = i.indrelid;

-- References to a partitioned table have a copy for each partition; those have a parent.
CREATE TEMPORARY VIEW reference AS
SELECT
    k.oid,
    k.conname AS name,
    t.schema_name,
    t.label,
    t.oid AS table_oid,
    t.tenant,
    k.conkey AS columns,
    k.confkey AS target_columns,
    k.confdeltype AS on_delete,
    k.confupdtype AS on_update,
    k.confdelsetcols AS set_columns,
    target.oid AS target_oid,
    target.tenant AS target_tenant
FROM pg_catalog.pg_constraint AS k
INNER JOIN base_table AS t ON t.oid = k.conrelid
LEFT JOIN base_table AS target ON target.oid = k.confrelid
WHERE k.contype = 'f'
    AND k.conparentid = 0;

-- An index serves a reference if its first columns are those of the reference, in any order, or
-- its tenant and one more of them. Its predicate may only leave out rows that refer to nothing.
CREATE TEMPORARY VIEW served_reference AS
SELECT r.oid
FROM reference AS r
INNER JOIN table_index AS i ON i.table_oid = r.table_oid
WHERE i.is_valid
    AND (
        (
            i.key_columns[1:cardinality(r.columns)] @> r.columns
            AND i.key_columns[1:cardinality(r.columns)] <@ r.columns
        )
        OR (
            r.tenant = ANY (r.columns)
            AND i.key_columns[1] = r.tenant
            AND i.key_columns[2] = ANY (r.columns)
        )
    )
    AND (
        i.predicate IS NULL
        OR EXISTS (
            SELECT
            FROM pg_catalog.pg_attribute AS a
            WHERE a.attrelid = r.table_oid
                AND a.attnum = ANY (r.columns)
                AND i.predicate = format('(%I IS NOT NULL)', a.attname)
        )
    );

-- Primary and unique keys ---------------------------------------------------

SELECT isnt_empty(
    $$ SELECT label FROM base_table WHERE tenant IS NOT NULL $$,
    'tenant tables are found by their policies'
);
SELECT is_empty(
    $$
    SELECT label
    FROM base_table AS t
    WHERE NOT EXISTS (SELECT FROM table_index AS i WHERE i.table_oid = t.oid AND i.is_primary)
    $$,
    'every table has a primary key'
);
SELECT is_empty(
    $$
    SELECT label, name
    FROM table_index
    WHERE schema_name = 'agents'
        AND is_key
        AND tenant IS DISTINCT FROM key_columns[1]
        AND tenant IS NOT NULL
    $$,
    'in agents, every primary key, unique key and exclusion starts with the tenant'
);
SELECT is_empty(
    $$
    SELECT label, name
    FROM table_index
    WHERE schema_name <> 'agents'
        AND is_key
        AND NOT tenant = ANY (key_columns)
        AND (schema_name, name) NOT IN (SELECT schema_name, index_name FROM key_over_all_tenants)
    $$,
    'elsewhere, every key contains the tenant, or is declared to hold over all tenants'
);
SELECT is_empty(
    $$
    SELECT schema_name, index_name
    FROM key_over_all_tenants AS d
    WHERE to_regnamespace(d.schema_name) IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM table_index AS i
            WHERE i.schema_name = d.schema_name
                AND i.name = d.index_name
                AND NOT i.tenant = ANY (i.key_columns)
        )
    $$,
    'a key that is declared to hold over all tenants is there and does'
);
SELECT is_empty(
    $$
    SELECT k.conrelid::regclass, k.conname
    FROM pg_catalog.pg_constraint AS k
    INNER JOIN base_table AS t ON t.oid = k.conrelid
    WHERE k.contype IN ('p', 'u', 'x')
        AND k.condeferrable
    $$,
    'every key is checked at once: a deferrable one cannot settle ON CONFLICT'
);

-- Foreign keys --------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label, name
    FROM reference
    WHERE oid NOT IN (SELECT oid FROM served_reference)
        AND (schema_name, name) NOT IN (
            SELECT schema_name, constraint_name FROM unindexed_reference
        )
    $$,
    'every foreign key is served by an index, or is declared to need none'
);
SELECT is_empty(
    $$
    SELECT d.schema_name, d.constraint_name
    FROM unindexed_reference AS d
    WHERE to_regnamespace(d.schema_name) IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM reference AS r
            WHERE r.schema_name = d.schema_name
                AND r.name = d.constraint_name
                AND r.oid NOT IN (SELECT oid FROM served_reference)
        )
    $$,
    'a foreign key that is declared to need no index is there and has none'
);
SELECT is_empty(
    $$
    SELECT r.label, r.name
    FROM reference AS r
    WHERE r.tenant IS NOT NULL
        AND r.target_tenant IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM generate_subscripts(r.columns, 1) AS place
            WHERE r.columns[place] = r.tenant
                AND r.target_columns[place] = r.target_tenant
        )
    $$,
    'a reference from tenant table to tenant table carries the tenant'
);
SELECT is_empty(
    $$
    SELECT label, name
    FROM reference
    WHERE tenant IS NULL
        AND (target_tenant IS NOT NULL OR target_oid IS NULL)
    $$,
    'no table without tenant refers to one with, or to a table that is not of muniment'
);
SELECT is_empty(
    $$
    SELECT r.label, r.name, optional.columns
    FROM reference AS r
    CROSS JOIN LATERAL (
        SELECT array_agg(a.attnum) AS columns
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = r.table_oid
            AND a.attnum = ANY (r.columns)
            AND NOT a.attnotnull
    ) AS optional
    WHERE cardinality(optional.columns) > 1
        AND NOT EXISTS (
            SELECT
            FROM pg_catalog.pg_constraint AS k
            WHERE k.conrelid = r.table_oid
                AND k.contype = 'c'
                AND k.conkey @> optional.columns
                AND k.conkey <@ optional.columns
        )
    $$,
    'a reference is there or not: half of one would not be checked, so a CHECK forbids it'
);
SELECT is_empty(
    $$
    SELECT label, name, on_delete
    FROM reference
    WHERE schema_name = 'agents'
        AND on_delete NOT IN ('a', 'r')
    $$,
    'in agents, nothing disappears or changes because something else was deleted'
);
SELECT is_empty(
    $$
    SELECT label, name, on_delete
    FROM reference
    WHERE on_delete IN ('n', 'd')
        AND (cardinality(set_columns) > 0 AND NOT tenant = ANY (set_columns)) IS NOT TRUE
    $$,
    'what a deletion empties is named, and is never the tenant'
);
SELECT is_empty(
    $$ SELECT label, name, on_update FROM reference WHERE on_update <> 'a' $$,
    'no key changes, so no reference follows one'
);

-- In force ------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT k.conrelid::regclass, k.conname
    FROM pg_catalog.pg_constraint AS k
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = k.connamespace
    WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
        -- NOT ENFORCED is of version 18, where the column is.
        AND NOT (k.convalidated AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true))
    $$,
    'every constraint is enforced and was checked against all rows'
);
SELECT is_empty(
    $$
    SELECT i.indexrelid::regclass
    FROM pg_catalog.pg_index AS i
    INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
    INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
    WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
        AND NOT (i.indisvalid AND i.indisready AND i.indislive)
    $$,
    'every index is complete'
);
SELECT is_empty(
    $$
    SELECT label, array_agg(name)
    FROM table_index
    GROUP BY label, shape
    HAVING count(*) > 1
    $$,
    'no two indexes are the same'
);

SELECT * FROM finish(true);
ROLLBACK;
