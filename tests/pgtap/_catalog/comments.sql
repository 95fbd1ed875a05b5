-- Rule: whoever meets an object can ask the database what it is.
--
-- Holds for every schema that muniment_owner owns; the data dictionary is made from it. Partitions
-- are their tables, and what an extension brought is not ours to explain.
BEGIN;
SELECT plan(6);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW extension_member AS
SELECT
    c.relname AS catalog,
    d.objid AS oid
FROM pg_catalog.pg_depend AS d
INNER JOIN pg_catalog.pg_class AS c ON c.oid = d.classid
WHERE d.deptype = 'e';

CREATE TEMPORARY VIEW described AS
WITH muniment_schema AS (
    SELECT
        n.oid,
        n.nspname AS name
    FROM pg_catalog.pg_namespace AS n
    WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
),
relation AS (
    SELECT
        c.oid,
        c.relkind AS kind,
        format('%s.%s', s.name, c.relname) AS label
    FROM pg_catalog.pg_class AS c
    INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
        AND NOT c.relispartition
        AND ('pg_class', c.oid) NOT IN (SELECT catalog, oid FROM extension_member)
)
SELECT
    'schema' AS kind,
    s.name AS label,
    obj_description(s.oid, 'pg_namespace') AS description
FROM muniment_schema AS s
UNION ALL
SELECT
    'table',
    r.label,
    obj_description(r.oid, 'pg_class')
FROM relation AS r
WHERE r.kind <> 'c'
UNION ALL
SELECT
    'column',
    format('%s.%s', r.label, a.attname),
    col_description(r.oid, a.attnum)
FROM pg_catalog.pg_attribute AS a
INNER JOIN relation AS r ON r.oid = a.attrelid
WHERE a.attnum > 0
    AND NOT a.attisdropped
UNION ALL
SELECT
    'function',
    p.oid::regprocedure::text,
    obj_description(p.oid, 'pg_proc')
FROM pg_catalog.pg_proc AS p
INNER JOIN muniment_schema AS s ON s.oid = p.pronamespace
WHERE ('pg_proc', p.oid) NOT IN (SELECT catalog, oid FROM extension_member)
UNION ALL
-- Without the row types of tables and the arrays of types: nobody made those.
SELECT
    'type',
    format('%s.%s', s.name, t.typname),
    obj_description(t.oid, 'pg_type')
FROM pg_catalog.pg_type AS t
INNER JOIN muniment_schema AS s ON s.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_class AS c ON c.oid = t.typrelid
WHERE ('pg_type', t.oid) NOT IN (SELECT catalog, oid FROM extension_member)
    AND (c.relkind IS NULL OR c.relkind = 'c')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)
UNION ALL
SELECT
    'role',
    r.rolname,
    shobj_description(r.oid, 'pg_authid')
FROM pg_catalog.pg_roles AS r
WHERE r.rolname ~ '^muniment_';

-- Rules ---------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT label FROM described WHERE kind = 'schema' AND description IS NULL $$,
    'every schema says what is in it'
);
SELECT is_empty(
    $$ SELECT label FROM described WHERE kind = 'table' AND description IS NULL $$,
    'every table and view says what a row is'
);
SELECT is_empty(
    $$ SELECT label FROM described WHERE kind = 'column' AND description IS NULL $$,
    'every column says what it holds'
);
SELECT is_empty(
    $$ SELECT label FROM described WHERE kind IN ('function', 'type') AND description IS NULL $$,
    'every function and type says what it does'
);
SELECT is_empty(
    $$ SELECT label FROM described WHERE kind = 'role' AND description IS NULL $$,
    'every role says who it is for'
);
SELECT is_empty(
    $$
    SELECT kind, label, description
    FROM described
    WHERE description !~ '^\S(.*\S)?\.$'
    $$,
    'what they say ends with a period'
);

SELECT * FROM finish(true);
ROLLBACK;
