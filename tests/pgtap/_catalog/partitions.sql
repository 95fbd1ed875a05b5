-- Rule: a partitioned table is cut by whole months of UTC, and each month is like every other.
--
-- Holds for every schema that muniment_owner owns. Months that have yet to be made are made here
-- first, from a session in another time zone, so that they are held to the rules too.
BEGIN;
SELECT plan(16);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW parent AS
SELECT
    c.oid,
    n.nspname AS schema_name,
    c.relname AS name,
    format('%s.%s', n.nspname, c.relname) AS label,
    p.partstrat AS strategy,
    p.partnatts AS key_size,
    p.partattrs[0] AS key_column,
    p.partdefid AS default_oid
FROM pg_catalog.pg_partitioned_table AS p
INNER JOIN pg_catalog.pg_class AS c ON c.oid = p.partrelid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner';

-- Bounds as the server prints them in UTC; anything but two points in time gives NULLs.
CREATE TEMPORARY VIEW leaf AS
SELECT
    c.oid,
    n.nspname AS schema_name,
    c.relname AS name,
    format('%s.%s', n.nspname, c.relname) AS label,
    c.relkind AS kind,
    c.relowner AS owner,
    c.relpersistence AS persistence,
    c.reloptions AS options,
    parent.oid AS parent_oid,
    parent.name AS parent_name,
    parent.label AS parent_label,
    bound.shown AS shown_bound,
    bound.parts[1]::timestamp AS lower_bound,
    bound.parts[2]::timestamp AS upper_bound
FROM parent
INNER JOIN pg_catalog.pg_inherits AS i ON i.inhparent = parent.oid
INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
CROSS JOIN LATERAL (
    SELECT
        pg_get_expr(c.relpartbound, c.oid) AS shown,
        regexp_match(
            pg_get_expr(c.relpartbound, c.oid),
            '^FOR VALUES FROM \(''([^'']+)\+00''\) TO \(''([^'']+)\+00''\)$'
        ) AS parts
) AS bound;

-- One line for each thing that a table has, in words that do not name the table.
CREATE TEMPORARY VIEW feature AS
SELECT
    a.attrelid AS table_oid,
    'column' AS kind,
    format(
        '%s %s not null %s default %s generated %s storage %s compression %s',
        a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attstorage, a.attcompression
    ) AS feature
FROM pg_catalog.pg_attribute AS a
LEFT JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attnum > 0
    AND NOT a.attisdropped
UNION ALL
-- Of keys the columns and of references the target: their names differ from table to table.
SELECT
    k.conrelid,
    'constraint',
    CASE k.contype
        WHEN 'c' THEN format('%s %s', k.conname, pg_get_constraintdef(k.oid))
        ELSE pg_get_constraintdef(k.oid)
    END
FROM pg_catalog.pg_constraint AS k
-- NOT NULL has a row here from version 18 on; above it is a property of the column.
WHERE k.contype <> 'n'
UNION ALL
SELECT
    i.indrelid,
    'index',
    format(
        'unique %s %s',
        i.indisunique,
        regexp_replace(pg_get_indexdef(i.indexrelid), '^.* USING ', '')
    )
FROM pg_catalog.pg_index AS i
UNION ALL
SELECT
    g.tgrelid,
    'trigger',
    format(
        '%s %s %s %s %s',
        g.tgname, g.tgtype, g.tgfoid::regprocedure, g.tgenabled,
        pg_get_expr(g.tgqual, g.tgrelid)
    )
FROM pg_catalog.pg_trigger AS g
-- A trigger that fires once a statement does so for the table that the statement names.
WHERE NOT g.tgisinternal
    AND g.tgtype & 1 = 1;

SET LOCAL timezone = 'America/St_Johns';
SELECT lives_ok(
    $$ SELECT agents.ensure_partitions('2026-07-01', 8) $$,
    'the months to come can be made, from any time zone'
);
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';

-- Parents -------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT label FROM parent WHERE strategy <> 'r' OR key_size <> 1 OR key_column = 0 $$,
    'a table is partitioned by the range of one column'
);
SELECT is_empty(
    $$
    SELECT p.label, a.attname
    FROM parent AS p
    INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = p.oid AND a.attnum = p.key_column
    WHERE a.atttypid <> 'timestamptz'::regtype
        OR NOT a.attnotnull
    $$,
    'that column is a point in time that every row has'
);
SELECT is_empty(
    $$ SELECT label, default_oid::regclass FROM parent WHERE default_oid <> 0 $$,
    'no partition takes what has no month: it would stand in the way of the month'
);
SELECT is_empty(
    $$ SELECT label FROM parent WHERE oid NOT IN (SELECT parent_oid FROM leaf) $$,
    'every partitioned table has months'
);

-- Months --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT label, kind FROM leaf WHERE kind <> 'r' $$,
    'a month is a table and is not divided further'
);
SELECT is_empty(
    $$
    SELECT label, shown_bound
    FROM leaf
    WHERE (
            lower_bound = date_trunc('month', lower_bound)
            AND upper_bound = lower_bound + interval '1 month'
        ) IS NOT TRUE
        -- A DEFAULT partition has a rule of its own.
        AND shown_bound <> 'DEFAULT'
    $$,
    'a partition is one month of UTC, from its first instant to that of the next'
);
SELECT is_empty(
    $$
    SELECT label, shown_bound
    FROM leaf
    WHERE name <> parent_name || to_char(lower_bound, '"_p"YYYYMM')
        OR schema_name <> split_part(parent_label, '.', 1)
    $$,
    'a partition is named after its table and month, and stands in the schema of the table'
);
SELECT is_empty(
    $$
    SELECT parent_label, upper_bound, next_bound
    FROM (
        SELECT
            parent_label,
            upper_bound,
            lead(lower_bound) OVER (PARTITION BY parent_oid ORDER BY lower_bound) AS next_bound
        FROM leaf
        WHERE lower_bound IS NOT NULL
    ) AS month
    WHERE upper_bound <> next_bound
    $$,
    'no month is missing between the first and the last'
);

-- Shape ---------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label, owner::regrole, persistence
    FROM leaf
    WHERE owner::regrole::text <> 'muniment_owner'
        OR persistence <> 'p'
    $$,
    'a month belongs to the owner and survives a crash'
);
SELECT is_empty(
    $$
    SELECT parent_label, count(DISTINCT coalesce(options, '{}'))
    FROM leaf
    GROUP BY parent_label
    HAVING count(DISTINCT coalesce(options, '{}')) > 1
    $$,
    'the months of a table are stored alike'
);
SELECT is_empty(
    $$
    SELECT leaf.label, given.word, difference.feature
    FROM leaf
    CROSS JOIN LATERAL (
        VALUES ('lacks', leaf.parent_oid, leaf.oid), ('adds', leaf.oid, leaf.parent_oid)
    ) AS given (word, one, other)
    CROSS JOIN LATERAL (
        SELECT feature FROM feature WHERE table_oid = given.one AND kind = 'column'
        EXCEPT ALL
        SELECT feature FROM feature WHERE table_oid = given.other AND kind = 'column'
    ) AS difference
    $$,
    'a month has the columns of its table'
);
SELECT is_empty(
    $$
    SELECT leaf.label, given.word, difference.feature
    FROM leaf
    CROSS JOIN LATERAL (
        VALUES ('lacks', leaf.parent_oid, leaf.oid), ('adds', leaf.oid, leaf.parent_oid)
    ) AS given (word, one, other)
    CROSS JOIN LATERAL (
        SELECT feature FROM feature WHERE table_oid = given.one AND kind = 'constraint'
        EXCEPT ALL
        SELECT feature FROM feature WHERE table_oid = given.other AND kind = 'constraint'
    ) AS difference
    $$,
    'a month has the constraints of its table'
);
SELECT is_empty(
    $$
    SELECT leaf.label, given.word, difference.feature
    FROM leaf
    CROSS JOIN LATERAL (
        VALUES ('lacks', leaf.parent_oid, leaf.oid), ('adds', leaf.oid, leaf.parent_oid)
    ) AS given (word, one, other)
    CROSS JOIN LATERAL (
        SELECT feature FROM feature WHERE table_oid = given.one AND kind = 'index'
        EXCEPT ALL
        SELECT feature FROM feature WHERE table_oid = given.other AND kind = 'index'
    ) AS difference
    $$,
    'a month has the indexes of its table'
);
SELECT is_empty(
    $$
    SELECT i.indexrelid::regclass
    FROM pg_catalog.pg_index AS i
    INNER JOIN leaf ON leaf.oid = i.indrelid
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhrelid = i.indexrelid
    )
    $$,
    'each index of a month is attached to that of the table'
);
SELECT is_empty(
    $$
    SELECT leaf.label, given.word, difference.feature
    FROM leaf
    CROSS JOIN LATERAL (
        VALUES ('lacks', leaf.parent_oid, leaf.oid), ('adds', leaf.oid, leaf.parent_oid)
    ) AS given (word, one, other)
    CROSS JOIN LATERAL (
        SELECT feature FROM feature WHERE table_oid = given.one AND kind = 'trigger'
        EXCEPT ALL
        SELECT feature FROM feature WHERE table_oid = given.other AND kind = 'trigger'
    ) AS difference
    $$,
    'a month has the triggers of its table that fire for each row'
);

SELECT * FROM finish(true);
ROLLBACK;
