-- Rule: a name says what a thing is, and a type fits the name.
--
-- Holds for every schema that muniment_owner owns. Partitions and what hangs on them get names from
-- their tables or from the server, see partitions.sql.
BEGIN;
SELECT plan(18);

-- Declared ------------------------------------------------------------------

-- Schemas that take the names of their columns from elsewhere: their boolean columns need not
-- begin with is_, nor their times end in _at. A name that does so still has to mean it.
CREATE TEMPORARY VIEW borrowed_schema AS
SELECT *
FROM (
    VALUES
        ('open_agents', 'columns as the sandbox service names them'),
        ('astra', 'columns as the goal planner names them'),
        ('agentcore', 'columns as the knowledge base names them'),
        ('goclaw', 'columns as the gateway names them')
) AS declared (schema_name, reason);

-- Columns that may have a type that is not used otherwise.
CREATE TEMPORARY VIEW odd_column AS
SELECT *
FROM (
    VALUES
        ('goclaw', 'sessions', 'memory_flush_at', 'clients write milliseconds since 1970')
) AS declared (schema_name, table_name, column_name, reason);

-- Views whose columns have the names of a standard, which only quotes can hold.
CREATE TEMPORARY VIEW standard_column AS
SELECT *
FROM (
    VALUES
        (
            'agents.genai_span', '(gen_ai|error)([.][a-z]+(_[a-z]+)*)+',
            'attributes of spans as the semantic conventions of OpenTelemetry have them'
        )
) AS declared (view_label, pattern, reason);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW muniment_schema AS
SELECT
    n.oid,
    n.nspname AS name
FROM pg_catalog.pg_namespace AS n
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner';

CREATE TEMPORARY VIEW extension_member AS
SELECT
    c.relname AS catalog,
    d.objid AS oid
FROM pg_catalog.pg_depend AS d
INNER JOIN pg_catalog.pg_class AS c ON c.oid = d.classid
WHERE d.deptype = 'e';

CREATE TEMPORARY VIEW relation AS
SELECT
    c.oid,
    s.name AS schema_name,
    c.relname AS name,
    format('%s.%s', s.name, c.relname) AS label,
    c.relkind AS kind
FROM pg_catalog.pg_class AS c
INNER JOIN muniment_schema AS s ON s.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')
    AND NOT c.relispartition
    AND ('pg_class', c.oid) NOT IN (SELECT catalog, oid FROM extension_member);

-- An array is judged by what it holds.
CREATE TEMPORARY VIEW table_column AS
SELECT
    r.oid AS table_oid,
    a.attnum,
    r.schema_name,
    r.name AS table_name,
    a.attname AS name,
    format('%s.%s', r.label, a.attname) AS label,
    coalesce(nullif(t.typelem, 0), t.oid) AS type,
    format_type(a.atttypid, a.atttypmod) AS shown_type,
    a.atttypmod AS modifier,
    a.attidentity AS identity,
    r.schema_name IN (SELECT b.schema_name FROM borrowed_schema AS b) AS is_borrowed,
    (r.schema_name, r.name, a.attname) IN (
        SELECT o.schema_name, o.table_name, o.column_name FROM odd_column AS o
    ) AS is_odd
FROM pg_catalog.pg_attribute AS a
INNER JOIN relation AS r ON r.oid = a.attrelid
INNER JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE a.attnum > 0
    AND NOT a.attisdropped;

-- Everything on a table that has a name of its own: constraints, other indexes, triggers.
-- NOT NULL has a row among the constraints from version 18 on, under a name of the server's.
CREATE TEMPORARY VIEW part AS
SELECT
    CASE k.contype
        WHEN 'p' THEN 'primary key'
        WHEN 'f' THEN 'foreign key'
        WHEN 'u' THEN 'unique key'
        WHEN 'c' THEN 'check'
        WHEN 'x' THEN 'exclusion'
        WHEN 't' THEN 'trigger'
    END AS kind,
    r.name AS table_name,
    r.label,
    k.conname AS name
FROM pg_catalog.pg_constraint AS k
INNER JOIN relation AS r ON r.oid = k.conrelid
WHERE k.contype <> 'n'
    AND k.conparentid = 0
UNION ALL
SELECT
    CASE WHEN i.indisunique THEN 'unique key' ELSE 'index' END,
    r.name,
    r.label,
    c.relname
FROM pg_catalog.pg_index AS i
INNER JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
INNER JOIN relation AS r ON r.oid = i.indrelid
WHERE NOT EXISTS (
    SELECT
    FROM pg_catalog.pg_constraint AS k
    WHERE k.conindid = i.indexrelid
        AND k.contype IN ('p', 'u', 'x')
)
UNION ALL
SELECT
    'trigger',
    r.name,
    r.label,
    g.tgname
FROM pg_catalog.pg_trigger AS g
INNER JOIN relation AS r ON r.oid = g.tgrelid
WHERE NOT g.tgisinternal
    AND g.tgconstraint = 0;

CREATE TEMPORARY VIEW all_names AS
SELECT
    'schema' AS kind,
    s.name AS label,
    s.name
FROM muniment_schema AS s
UNION ALL
SELECT
    'relation',
    r.label,
    r.name
FROM relation AS r
UNION ALL
SELECT
    'column',
    c.label,
    c.name
FROM table_column AS c
UNION ALL
SELECT
    p.kind,
    p.label,
    p.name
FROM part AS p
UNION ALL
SELECT
    'policy',
    r.label,
    p.polname
FROM pg_catalog.pg_policy AS p
INNER JOIN relation AS r ON r.oid = p.polrelid
UNION ALL
SELECT
    'function',
    p.oid::regprocedure::text,
    p.proname
FROM pg_catalog.pg_proc AS p
INNER JOIN muniment_schema AS s ON s.oid = p.pronamespace
WHERE ('pg_proc', p.oid) NOT IN (SELECT catalog, oid FROM extension_member)
UNION ALL
-- What a function gives back has the names of the columns that it comes from. Without modes, every
-- argument is handed in.
SELECT
    CASE WHEN argument.mode IN ('o', 't') THEN 'result' ELSE 'parameter' END,
    p.oid::regprocedure::text,
    argument.name::name
FROM pg_catalog.pg_proc AS p
INNER JOIN muniment_schema AS s ON s.oid = p.pronamespace
CROSS JOIN LATERAL unnest(p.proargnames, p.proargmodes) AS argument (name, mode)
WHERE ('pg_proc', p.oid) NOT IN (SELECT catalog, oid FROM extension_member);

-- Names ---------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT n.kind, n.label, n.name
    FROM all_names AS n
    WHERE n.name !~ '^[a-z][a-z0-9_]*$'
        AND NOT EXISTS (
            SELECT
            FROM standard_column AS s
            WHERE n.kind = 'column'
                AND n.label = format('%s.%s', s.view_label, n.name)
                AND n.name ~ ('^' || s.pattern || '$')
        )
    $$,
    'a name is of small letters, digits and underscores, or declared to be that of a standard'
);
SELECT is_empty(
    $$
    SELECT kind, label, name
    FROM all_names
    WHERE name ~ '^[a-z][a-z0-9_]*$'
        AND quote_ident(name) <> name
    $$,
    'no name is a word of SQL that would need quotes'
);
-- PostgreSQL cuts off what is longer, without an error: a name of the full length may be a stump.
SELECT is_empty(
    $$ SELECT kind, label, name FROM all_names WHERE octet_length(name) >= 63 $$,
    'no name is so long that it may have been cut off'
);
SELECT is_empty(
    $$
    SELECT kind, label, name
    FROM part
    WHERE left(name, length(table_name) + 1) <> table_name || '_'
    $$,
    'the names of constraints, indexes and triggers begin with that of the table'
);
SELECT is_empty(
    $$
    SELECT kind, label, name
    FROM part
    WHERE right(name, 3) <> CASE kind
        WHEN 'primary key' THEN '_pk'
        WHEN 'foreign key' THEN '_fk'
        WHEN 'unique key' THEN '_uq'
        WHEN 'check' THEN '_ck'
        WHEN 'exclusion' THEN '_ex'
        WHEN 'index' THEN '_ix'
        WHEN 'trigger' THEN '_tg'
    END
    $$,
    'they end in _pk, _fk, _uq, _ck, _ex, _ix or _tg, as what they are'
);
SELECT is_empty(
    $$ SELECT label, name FROM all_names WHERE kind = 'parameter' AND name !~ '^p_' $$,
    'parameters begin with p_'
);

-- Types ---------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE type::regtype::text IN (
        'character varying', 'character', '"char"', 'name',
        'timestamp without time zone', 'time without time zone', 'time with time zone',
        'real', 'double precision', 'money', 'json', 'xml', 'oid'
    )
        AND NOT is_odd
        -- Clients were told these types; a timestamp without its zone is a trap for them too.
        AND NOT (
            is_borrowed
            AND type::regtype::text IN ('character varying', 'character', 'double precision')
        )
    $$,
    'no column has a type with a trap: text, timestamptz, numeric and jsonb do without'
);
SELECT is_empty(
    $$
    SELECT c.label, c.shown_type
    FROM table_column AS c
    INNER JOIN pg_catalog.pg_type AS t ON t.oid = c.type
    WHERE t.typtype IN ('e', 'd')
    $$,
    'states are text and a CHECK: the value of an enumeration could not be taken back'
);
SELECT is_empty(
    $$
    SELECT label FROM relation WHERE kind = 'S'
    UNION ALL
    SELECT label FROM table_column WHERE identity <> ''
    UNION ALL
    SELECT format('%s.%s', r.label, a.attname)
    FROM pg_catalog.pg_attrdef AS d
    INNER JOIN relation AS r ON r.oid = d.adrelid
    INNER JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE pg_get_expr(d.adbin, d.adrelid) ~ 'nextval'
    $$,
    'nothing is counted by a sequence: it would tell tenants about each other'
);
SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE name ~ '_at$'
        AND type <> 'timestamptz'::regtype
        AND NOT is_odd
    $$,
    'a column named _at is a point in time, with its zone'
);
SELECT is_empty(
    $$
    SELECT label
    FROM table_column
    WHERE name !~ '_at$'
        AND type = 'timestamptz'::regtype
        AND NOT is_borrowed
    $$,
    'a point in time is named _at'
);
SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE name ~ '^is_'
        AND type <> 'boolean'::regtype
    $$,
    'a column named is_ is true or false'
);
SELECT is_empty(
    $$
    SELECT label
    FROM table_column
    WHERE name !~ '^is_'
        AND type = 'boolean'::regtype
        AND NOT is_borrowed
    $$,
    'what is true or false is named is_'
);
SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE name ~ '_(no|count)$'
        AND type::regtype::text NOT IN ('smallint', 'integer', 'bigint')
    $$,
    'a column named _no or _count is a whole number'
);
SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE name ~ '_(usd|eur|gbp|chf|jpy|inr)$'
        AND (type <> 'numeric'::regtype OR modifier = -1)
    $$,
    'money is exact: numeric, with its digits said'
);
SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE name !~ '_(usd|eur|gbp|chf|jpy|inr)$'
        AND NOT is_borrowed
        AND (
            name ~ '(^|_)(cost|price|amount|fee)s?$'
            OR (
                name ~ '(^|_)(cost|price|amount|fee)s?(_|$)'
                AND type::regtype::text IN ('smallint', 'integer', 'bigint', 'numeric')
            )
        )
    $$,
    'money has its unit in its name'
);
SELECT is_empty(
    $$
    SELECT label, shown_type
    FROM table_column
    WHERE name ~ '(^|_)(sha\d*|md5|hash|digest|checksum)$'
        AND type <> 'bytea'::regtype
        AND NOT is_borrowed
        AND NOT is_odd
    $$,
    'a hash is bytes, not their spelling'
);
SELECT is_empty(
    $$
    SELECT o.schema_name, o.table_name, o.column_name
    FROM odd_column AS o
    WHERE to_regnamespace(o.schema_name) IS NOT NULL
        AND NOT EXISTS (
            SELECT
            FROM table_column AS c
            WHERE c.schema_name = o.schema_name
                AND c.table_name = o.table_name
                AND c.name = o.column_name
        )
    $$,
    'a column that is declared to have an unusual type is there'
);

SELECT * FROM finish(true);
ROLLBACK;
