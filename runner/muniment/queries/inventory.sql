-- `muniment shelf check` and `sweep` ask these. What a body's row says is read in one go, before the
-- shelf is listed; what then looks wrong is asked for again, by run, which has an index.

-- sees_all_firms --
-- Row security binds everybody else, who then have to say which firms they mean.
SELECT rolsuper OR rolbypassrls AS sees_all
FROM pg_catalog.pg_roles
WHERE rolname = current_user;

-- firms --
-- From one firm to the next by the primary key, whatever the number of runs.
WITH RECURSIVE firm (firm_id) AS (
    (SELECT key.firm_id FROM agents.agent_run_key AS key ORDER BY key.firm_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT key.firm_id
        FROM agents.agent_run_key AS key
        WHERE key.firm_id > firm.firm_id
        ORDER BY key.firm_id
        LIMIT 1
    )
    FROM firm
    WHERE firm.firm_id IS NOT NULL
)
SELECT firm_id
FROM firm
WHERE firm_id IS NOT NULL;

-- knows_firm --
-- A firm without a single run is more often another database than a firm whose runs all failed. And
-- a standby may lag behind by any time: rows that it has not got yet would make orphans.
SELECT
    EXISTS (
        SELECT FROM agents.agent_run_key AS key WHERE key.firm_id = %(firm_id)s
    ) AS is_known,
    pg_catalog.pg_is_in_recovery() AS is_standby;

-- bodies --
-- In the order in which S3 lists keys, so that the two lists can be read side by side.
SELECT DISTINCT
    body.s3_key COLLATE "C" AS s3_key,
    body.byte_count
FROM (
    SELECT content_s3_key, content_bytes
    FROM agents.chat_turn
    WHERE firm_id = %(firm_id)s AND starts_with(content_s3_key, %(prefix)s)
    UNION ALL
    SELECT args_s3_key, args_bytes
    FROM agents.tool_call
    WHERE firm_id = %(firm_id)s AND starts_with(args_s3_key, %(prefix)s)
    UNION ALL
    SELECT result_s3_key, result_bytes
    FROM agents.tool_call
    WHERE firm_id = %(firm_id)s AND starts_with(result_s3_key, %(prefix)s)
) AS body (s3_key, byte_count)
ORDER BY 1, 2;

-- standing_of --
-- Whether a row names the object by now, and whether a row that did may have left the database. Rows
-- lie in the month of their own time: that of the run, one before it for the question that began the
-- run, or any later one. So a month that is not attached may have had the row. A run without a key,
-- which stays for ever, never had any.
SELECT
    EXISTS (
        SELECT
        FROM agents.chat_turn AS turn
        WHERE turn.firm_id = %(firm_id)s
            AND turn.run_id = %(run_id)s
            AND turn.content_s3_key = %(s3_key)s
    ) OR EXISTS (
        SELECT
        FROM agents.tool_call AS call
        WHERE call.firm_id = %(firm_id)s
            AND call.run_id = %(run_id)s
            AND %(s3_key)s IN (call.args_s3_key, call.result_s3_key)
    ) AS is_named,
    EXISTS (
        SELECT
        FROM agents.agent_run_key AS key
        WHERE key.firm_id = %(firm_id)s
            AND key.run_id = %(run_id)s
            AND (
                key.archived_at IS NOT NULL
                OR EXISTS (
                    SELECT
                    FROM generate_series(
                        date_trunc('month', key.started_at AT TIME ZONE 'UTC')
                            - interval '1 month',
                        date_trunc('month', now() AT TIME ZONE 'UTC'),
                        interval '1 month'
                    ) AS month (begins_at)
                    CROSS JOIN (
                        VALUES ('agents.chat_turn'), ('agents.tool_call')
                    ) AS parent (name)
                    WHERE NOT EXISTS (
                        SELECT
                        FROM pg_catalog.pg_inherits AS part
                        WHERE part.inhparent = to_regclass(parent.name)
                            AND part.inhrelid
                                = to_regclass(parent.name || to_char(month.begins_at, '"_p"YYYYMM'))
                            AND NOT part.inhdetachpending
                    )
                )
            )
    ) AS is_archived;
