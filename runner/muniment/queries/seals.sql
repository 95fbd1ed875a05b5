-- `muniment seal verify` and `export` ask these, as muniment_reader of one firm. Seals are verified in
-- the database, a page at a time; here it is only told where to go on.

-- settled --
-- Waits for a month that is just leaving, in the order in which its tables leave. A statement that
-- waited for it in its midst would know the keys from before, and miss the rows.
LOCK TABLE ONLY agents.tool_call, ONLY agents.chat_turn, ONLY agents.agent_run
IN ACCESS SHARE MODE;

-- firms --
-- Besides those that have keys: whoever removes runs may remove their keys, too. Asked as superuser.
SELECT DISTINCT firm_id
FROM agents.seal_chain;

-- expected --
-- How many seals there are to verify, for the bar.
SELECT count(*) AS seals
FROM agents.run_seal
WHERE firm_id = %(firm_id)s
    AND sealed_at >= %(sealed_from)s
    AND sealed_at < %(sealed_to)s;

-- page --
-- Short, so that no transaction is open for long and the bar moves.
SELECT
    v.verdict,
    v.chain_no,
    v.seal_no,
    v.run_id,
    v.table_name,
    v.row_id,
    v.row_no,
    v.reason,
    (
        SELECT s.kind
        FROM agents.run_seal AS s
        WHERE s.firm_id = %(firm_id)s
            AND s.chain_no = v.chain_no
            AND s.seal_no = v.seal_no
    ) AS kind
FROM agents.verify_seals(
    %(firm_id)s, %(sealed_from)s, %(sealed_to)s, %(chain_no)s::smallint, %(seal_no)s, %(page)s
) AS v;

-- unsealed --
-- What no seal leads to; asked last, so that what ends meanwhile has its seal.
SELECT verdict, chain_no, seal_no, run_id, table_name, row_id, row_no, reason
FROM agents.verify_unsealed(%(firm_id)s, %(sealed_from)s, %(sealed_to)s);

-- run --
-- One run by itself, in the same columns.
SELECT
    verdict,
    NULL::smallint AS chain_no,
    NULL::bigint AS seal_no,
    %(run_id)s::uuid AS run_id,
    table_name,
    row_id,
    row_no,
    reason,
    'run' AS kind
FROM agents.verify_seal(%(firm_id)s, %(run_id)s);

-- bodies --
-- What the rows of some runs have on the shelf: what they say of it is what was sealed.
SELECT
    turn.run_id,
    'chat_turn' AS table_name,
    turn.turn_id AS row_id,
    turn.turn_no AS row_no,
    turn.content_s3_key AS s3_key,
    turn.content_sha256 AS sha256,
    turn.content_bytes AS byte_count
FROM agents.chat_turn AS turn
WHERE turn.firm_id = %(firm_id)s
    AND turn.run_id = ANY (%(run_ids)s)
    AND turn.content_storage = 's3'
UNION ALL
SELECT
    call.run_id,
    'tool_call',
    call.tool_call_id,
    call.call_no,
    body.s3_key,
    body.sha256,
    body.byte_count
FROM agents.tool_call AS call
CROSS JOIN LATERAL (
    VALUES
        (call.args_storage, call.args_s3_key, call.args_sha256, call.args_bytes),
        (call.result_storage, call.result_s3_key, call.result_sha256, call.result_bytes)
) AS body (storage, s3_key, sha256, byte_count)
WHERE call.firm_id = %(firm_id)s
    AND call.run_id = ANY (%(run_ids)s)
    AND body.storage = 's3';

-- heads --
-- The document that is to be kept elsewhere.
SELECT agents.chain_heads(%(firm_id)s) AS heads;

-- kept_heads --
-- Such a document against the chains as they are now.
SELECT verdict, chain_no, seal_no, reason
FROM agents.verify_heads(%(firm_id)s, %(heads)s::jsonb);
