-- Rule: the ledger can be spread over the nodes of a Citus cluster by firm, without Citus here.
--
-- For the schema agents only. Of what Citus asks, other files hold more strictly:
-- a tenant column of one type that nobody changes, and one list of tables without (row_security.sql
-- and grants.sql); the tenant first in every key, a primary key, references that carry the tenant,
-- no action that empties one (keys.sql); no sequences (names.sql); no DEFAULT partition
-- (partitions.sql). Policies are in the form (SELECT f()) by design: the project citus swaps them.
BEGIN;
SELECT plan(11);

-- Declared ------------------------------------------------------------------

-- What a trigger of the ledger may be: it looks at no other row and table.
CREATE TEMPORARY VIEW harmless_trigger AS
SELECT *
FROM (
    VALUES
        ('forbid_delete_tg', 'platform.forbid_change()', 'refuses, whatever the row'),
        ('forbid_truncate_tg', 'platform.forbid_change()', 'refuses, whatever the rows'),
        ('forbid_update_tg', 'platform.forbid_change()', 'refuses, whatever the row'),
        ('guard_tg', 'agents.guard_agent_run()', 'compares the row with what it was'),
        ('guard_tg', 'agents.guard_chat_session()', 'compares the row with what it was'),
        ('guard_tg', 'agents.guard_chat_turn()', 'compares the row with what it was'),
        ('guard_tg', 'agents.guard_tool_call()', 'compares the row with what it was'),
        ('guard_tg', 'agents.guard_usage_daily()', 'asks the catalog for the month of the row')
) AS declared (ending, function_label, reason);

-- Functions that do not take the firm first.
CREATE TEMPORARY VIEW firmless_function AS
SELECT *
FROM (
    VALUES
        ('ensure_partitions', 'changes tables, not rows'),
        ('tool_definition_sha256', 'a tool belongs to no firm'),
        ('check_objects', 'looks at what it is given, at no row'),
        ('agent_run_key_digest', 'is given a row, which has the firm'),
        ('agent_run_digest', 'is given a row, which has the firm'),
        ('chat_session_digest', 'is given a row, which has the firm'),
        ('chat_turn_digest', 'is given a row, which has the firm'),
        ('tool_call_digest', 'is given a row, which has the firm'),
        ('redaction_digest', 'is given a row, which has the firm'),
        ('seal_fault', 'is given a row, which has the firm'),
        ('redaction_fault', 'is given a row, which has the firm'),
        ('reap_stale_runs', 'looks for dead workers of all firms')
) AS declared (name, reason);

-- Functions that may touch the setting of the tenant.
CREATE TEMPORARY VIEW tenant_function AS
SELECT *
FROM (
    VALUES
        ('platform.set_tenant(uuid)', 'sets it, by the one statement that reaches every node'),
        ('platform.current_tenant_id()', 'reads it'),
        ('platform.enter_tenant(uuid)', 'sets it unless it is set, and then compares'),
        (
            'agents.ensure_partitions(date,integer)',
            'attaches empty months under a tenant that nobody is, and gives the own one back'
        ),
        (
            'goclaw.recount_team_tasks()',
            'asks whether there is one: what a reference deletes is deleted without'
        ),
        (
            'agentcore.read_pii(uuid,uuid,text)',
            'reads one department for the backend, and gives back what was set, also nothing'
        )
) AS declared (label, reason);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY VIEW ledger_table AS
SELECT
    c.oid,
    c.relname AS name,
    c.relkind AS kind,
    c.relpersistence AS persistence,
    c.relispartition AS is_leaf
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'agents'::regnamespace
    AND c.relkind IN ('r', 'p');

-- Comments and strings can hold any word, so comments are cut out; strings are run by EXECUTE.
CREATE TEMPORARY VIEW function AS
SELECT
    p.oid,
    p.proname AS name,
    p.oid::regprocedure::text AS label,
    n.nspname AS schema_name,
    p.prorettype AS result,
    p.proargnames[1] AS first_name,
    p.proargtypes[0] AS first_type,
    regexp_replace(
        regexp_replace(p.prosrc, '--[^\n]*', '', 'g'),
        '/\*.*?\*/', '', 'g'
    ) AS source
FROM pg_catalog.pg_proc AS p
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_proc'::regclass
            AND d.objid = p.oid
            AND d.deptype = 'e'
    );

-- Tables --------------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT t.name, a.attname, format_type(a.atttypid, a.atttypmod)
    FROM ledger_table AS t
    INNER JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid AND i.indisprimary
    INNER JOIN pg_catalog.pg_attribute AS a
        ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey::smallint[])
    WHERE a.attname ~ '_id$'
        AND a.atttypid <> 'uuid'::regtype
    $$,
    'ids are uuids, which any node can make'
);
SELECT is_empty(
    $$ SELECT name FROM ledger_table WHERE persistence <> 'p' $$,
    'every table survives a crash'
);
SELECT is_empty(
    $$
    SELECT i.inhrelid::regclass, i.inhparent::regclass
    FROM pg_catalog.pg_inherits AS i
    INNER JOIN ledger_table AS t ON t.oid = i.inhrelid
    WHERE NOT t.is_leaf
    $$,
    'no table inherits from another'
);
SELECT is_empty(
    $$
    SELECT t.name, g.tgname, g.tgfoid::regprocedure
    FROM pg_catalog.pg_trigger AS g
    INNER JOIN ledger_table AS t ON t.oid = g.tgrelid
    WHERE NOT g.tgisinternal
        AND g.tgparentid = 0
        AND (g.tgname, g.tgfoid::regprocedure::text) NOT IN (
            SELECT t.name || '_' || h.ending, h.function_label FROM harmless_trigger AS h
        )
    $$,
    'a trigger forbids and does nothing else'
);

-- Functions -----------------------------------------------------------------

SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE schema_name = 'agents'
        AND result <> 'trigger'::regtype
        AND (first_name IS DISTINCT FROM 'p_firm_id' OR first_type <> 'uuid'::regtype)
        AND name NOT IN (SELECT name FROM firmless_function)
    $$,
    'a function of the ledger takes the firm first, so that a call can be sent to its node'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE source ~* '\mapp\.tenant_id\M'
        AND label NOT IN (SELECT label FROM tenant_function)
    $$,
    'the tenant is set and read in one place each'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE schema_name IN ('agents', 'platform')
        AND source ~* '\mcurrent_tenant_id\M'
        AND label NOT IN (SELECT label FROM tenant_function)
    $$,
    'no statement narrows rows by the setting: only a parameter leads to one node'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE schema_name = 'agents'
        AND source ~* (
            '\mupdate\s[^;]*\m(clock_timestamp|statement_timestamp|timeofday|random'
            || '|gen_random_uuid|uuid_generate_v7|uuidv7|nextval)\s*\('
        )
    $$,
    'an UPDATE calls nothing volatile: the value comes from a variable'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE schema_name = 'agents'
        AND source ~* '\m(do\s+update\s+set|returning)\s[^;]*\m(now|current_setting)\s*\('
    $$,
    'neither DO UPDATE SET nor RETURNING asks the clock'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE schema_name = 'agents'
        AND source ~* (
            '(^|;|\mthen|\mbegin|\melse|\mloop)\s*(listen|notify)\M|\mpg_notify\s*\('
            || '|\mcreate\s+(temp|temporary)\M|\mpg_(try_)?advisory'
        )
    $$,
    'no function notifies, makes temporary tables or takes advisory locks: a node has its own'
);
SELECT is_empty(
    $$
    SELECT label
    FROM function
    WHERE schema_name = 'agents'
        AND source ~* '\mdetach\s+partition\M[^;]*\mconcurrently\M'
    $$,
    'a month is detached in the transaction'
);

SELECT * FROM finish(true);
ROLLBACK;
