-- Imports run in these.

-- present_keys --
-- What is already there needs no partition, no tool and no try.
SELECT idempotency_key
FROM agents.agent_run_key
WHERE firm_id = %(firm_id)s
    AND idempotency_key = ANY (%(keys)s);

-- attached_partitions --
-- By what is attached, not by what exists: a month that was detached takes no rows.
SELECT leaf.relname AS partition_name
FROM pg_catalog.pg_inherits AS link
INNER JOIN pg_catalog.pg_class AS leaf ON leaf.oid = link.inhrelid
WHERE link.inhparent IN (
    'agents.agent_run'::regclass, 'agents.chat_turn'::regclass, 'agents.tool_call'::regclass
);

-- ensure_month --
-- One month at a time: the months of a transcript need not be neighbours.
SELECT agents.ensure_partitions(%(month)s, 1) AS partition_name;

-- unregistered_tools --
-- A transcript does not tell which definition the model saw, so an active version does not count.
SELECT seen.tool_name
FROM unnest(%(tool_names)s::text[]) AS seen (tool_name)
WHERE NOT EXISTS (
    SELECT
    FROM agents.tool_registry AS tool
    WHERE tool.tool_name = seen.tool_name
        AND tool.tool_version = 'imported'
)
ORDER BY seen.tool_name;

-- register_tools --
-- Nothing is known of these but that they were called, so they may neither run nor be replayed.
INSERT INTO agents.tool_registry (
    tool_name, tool_version, description, input_schema, side_effect, replay, approval
)
SELECT
    seen.tool_name,
    'imported',
    'Seen in an imported transcript; its definition is not known.',
    '{}',
    'unknown',
    'never',
    'always'
FROM unnest(%(tool_names)s::text[]) AS seen (tool_name)
ORDER BY seen.tool_name
ON CONFLICT (tool_name, tool_version) DO NOTHING
RETURNING tool_name;

-- import_runs --
-- Keys, sessions, runs, turns, calls and seals of a batch, in one transaction.
SELECT run_id
FROM agents.import_runs(%(firm_id)s, %(runs)s, %(turns)s, %(tool_calls)s) AS run_id;
