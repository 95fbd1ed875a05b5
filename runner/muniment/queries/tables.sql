-- What the tables of some schemas are, as the catalog spells it. For a worker that refuses to start on
-- a wrong schema, and to write muniment.tables from. {schemas} stands for a list of names; there are
-- no parameters, so that any driver can run these. Partitions are left out: they are like their table.

-- columns --
SELECT
    namespace.nspname AS schema_name,
    class.relname AS table_name,
    column_.attname AS column_name,
    pg_catalog.format_type(column_.atttypid, column_.atttypmod) AS type_name,
    NOT column_.attnotnull AS is_nullable,
    CASE WHEN column_.attgenerated = '' AND column_.attidentity = '' THEN
        pg_catalog.pg_get_expr(default_.adbin, default_.adrelid)
    END AS default_expression,
    CASE WHEN column_.attgenerated <> '' THEN
        pg_catalog.pg_get_expr(default_.adbin, default_.adrelid)
    END AS generated_expression,
    column_.attidentity::text AS identity_kind,
    pg_catalog.pg_get_partkeydef(class.oid) AS partition_key
FROM pg_catalog.pg_class AS class
INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
INNER JOIN pg_catalog.pg_attribute AS column_ ON column_.attrelid = class.oid
LEFT JOIN pg_catalog.pg_attrdef AS default_
    ON default_.adrelid = class.oid AND default_.adnum = column_.attnum
WHERE namespace.nspname IN ({schemas})
    AND class.relkind IN ('r', 'p')
    AND NOT class.relispartition
    AND column_.attnum > 0
    AND NOT column_.attisdropped
ORDER BY namespace.nspname, class.relname, column_.attnum;

-- constraints --
-- NOT NULL is a constraint too from PostgreSQL 18 on; here it is a property of the column. Those
-- that a partitioned table makes for itself on the side of each partition have a parent.
SELECT
    namespace.nspname AS schema_name,
    class.relname AS table_name,
    constraint_.conname AS constraint_name,
    constraint_.contype::text AS kind,
    (
        SELECT pg_catalog.string_agg(column_.attname, ',' ORDER BY key.place)
        FROM pg_catalog.unnest(constraint_.conkey) WITH ORDINALITY AS key (attnum, place)
        INNER JOIN pg_catalog.pg_attribute AS column_
            ON column_.attrelid = constraint_.conrelid AND column_.attnum = key.attnum
    ) AS column_names,
    other_namespace.nspname AS other_schema,
    other.relname AS other_table,
    (
        SELECT pg_catalog.string_agg(column_.attname, ',' ORDER BY key.place)
        FROM pg_catalog.unnest(constraint_.confkey) WITH ORDINALITY AS key (attnum, place)
        INNER JOIN pg_catalog.pg_attribute AS column_
            ON column_.attrelid = constraint_.confrelid AND column_.attnum = key.attnum
    ) AS other_columns,
    constraint_.confdeltype::text AS on_delete,
    constraint_.confupdtype::text AS on_update,
    constraint_.condeferrable AS is_deferrable,
    constraint_.condeferred AS is_deferred,
    CASE WHEN constraint_.contype = 'c' THEN
        pg_catalog.pg_get_expr(constraint_.conbin, constraint_.conrelid)
    END AS expression,
    pg_catalog.pg_get_constraintdef(constraint_.oid) ~ 'NULLS NOT DISTINCT' AS is_nulls_equal
FROM pg_catalog.pg_constraint AS constraint_
INNER JOIN pg_catalog.pg_class AS class ON class.oid = constraint_.conrelid
INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
LEFT JOIN pg_catalog.pg_class AS other ON other.oid = constraint_.confrelid
LEFT JOIN pg_catalog.pg_namespace AS other_namespace ON other_namespace.oid = other.relnamespace
WHERE namespace.nspname IN ({schemas})
    AND class.relkind IN ('r', 'p')
    AND NOT class.relispartition
    AND constraint_.conparentid = 0
    AND constraint_.contype IN ('p', 'u', 'f', 'c')
ORDER BY namespace.nspname, class.relname, constraint_.conname;

-- indexes --
-- Without those that a constraint made. Each part as CREATE INDEX takes it.
SELECT
    namespace.nspname AS schema_name,
    class.relname AS table_name,
    index_class.relname AS index_name,
    method.amname AS method,
    index_.indisunique AS is_unique,
    (
        SELECT pg_catalog.string_agg(
            pg_catalog.pg_get_indexdef(index_.indexrelid, place, false)
            || CASE WHEN opclass.opcdefault THEN '' ELSE ' ' || opclass.opcname END
            || CASE index_.indoption[place - 1] & 3
                WHEN 1 THEN ' DESC NULLS LAST'
                WHEN 2 THEN ' NULLS FIRST'
                WHEN 3 THEN ' DESC'
                ELSE ''
            END,
            chr(10)
            ORDER BY place
        )
        FROM pg_catalog.generate_series(1, index_.indnkeyatts) AS place
        INNER JOIN pg_catalog.pg_opclass AS opclass ON opclass.oid = index_.indclass[place - 1]
    ) AS parts,
    (
        SELECT pg_catalog.string_agg(
            pg_catalog.pg_get_indexdef(index_.indexrelid, place, false), ',' ORDER BY place
        )
        FROM pg_catalog.generate_series(index_.indnkeyatts + 1, index_.indnatts) AS place
    ) AS included,
    pg_catalog.pg_get_expr(index_.indpred, index_.indrelid) AS predicate
FROM pg_catalog.pg_index AS index_
INNER JOIN pg_catalog.pg_class AS index_class ON index_class.oid = index_.indexrelid
INNER JOIN pg_catalog.pg_am AS method ON method.oid = index_class.relam
INNER JOIN pg_catalog.pg_class AS class ON class.oid = index_.indrelid
INNER JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = class.relnamespace
WHERE namespace.nspname IN ({schemas})
    AND class.relkind IN ('r', 'p')
    AND NOT class.relispartition
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_constraint AS made WHERE made.conindid = index_.indexrelid
            AND made.contype IN ('p', 'u', 'x')
    )
ORDER BY namespace.nspname, class.relname, index_class.relname;
