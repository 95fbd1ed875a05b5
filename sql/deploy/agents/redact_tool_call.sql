-- Deploy agents:redact_tool_call to pg
-- requires: append_seal
-- requires: guard_tool_call
-- requires: redaction_digest
-- requires: tool_call_digest
--
-- As agents.redact_turn(), for the arguments or the result of a call that has ended.
-- Locks: none.  Docs: docs/schema/agents.md#redact-tool-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.redact_tool_call(
    p_firm_id uuid,
    p_tool_call_id uuid,
    p_requested_at timestamptz,
    p_body text,
    p_redacted_by text,
    p_reason text
)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_call      agents.tool_call;
    v_body      record;
    v_redaction agents.redaction;
BEGIN
    IF p_body IS NULL OR p_body NOT IN ('args', 'result') THEN
        RAISE EXCEPTION 'p_body: % is no body of a call', coalesce(quote_literal(p_body), 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A call has args and a result.';
    END IF;

    SELECT c.*
    INTO v_call
    FROM agents.tool_call AS c
    WHERE c.firm_id = p_firm_id
        AND c.tool_call_id = p_tool_call_id
        AND c.requested_at = p_requested_at
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_tool_call_id: call % is not there', p_tool_call_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm, id and requested_at.';
    END IF;

    SELECT b.*
    INTO v_body
    FROM (
        VALUES
            (
                'args', v_call.args_storage, v_call.args_s3_key, v_call.args_sha256,
                v_call.args_bytes, v_call.args_preview
            ),
            (
                'result', v_call.result_storage, v_call.result_s3_key, v_call.result_sha256,
                v_call.result_bytes, v_call.result_preview
            )
    ) AS b (name, storage, s3_key, sha256, bytes, preview)
    WHERE b.name = p_body;
    IF v_body.storage IS NULL OR v_body.storage = 'redacted' THEN
        RAISE EXCEPTION 'p_body: call % has no %', p_tool_call_id, p_body
            USING ERRCODE = 'MU114',
                  HINT = 'It never had one, or agents.redaction tells who took it.';
    END IF;

    INSERT INTO agents.redaction AS d (
        firm_id, run_id, run_started_at, table_name, row_id, row_at, body, storage, s3_key,
        sha256, bytes, preview_sha256, redacted_by, reason
    )
    VALUES (
        p_firm_id, v_call.run_id, v_call.run_started_at, 'tool_call', p_tool_call_id,
        p_requested_at, p_body, v_body.storage, v_body.s3_key, v_body.sha256, v_body.bytes,
        sha256(convert_to(v_body.preview, 'UTF8')), p_redacted_by, p_reason
    )
    RETURNING d.*
    INTO v_redaction;

    IF p_body = 'args' THEN
        UPDATE agents.tool_call AS c
        SET args_storage = 'redacted', args_inline = NULL, args_s3_key = NULL, args_preview = NULL
        WHERE c.firm_id = p_firm_id
            AND c.tool_call_id = p_tool_call_id
            AND c.requested_at = p_requested_at;
    ELSE
        UPDATE agents.tool_call AS c
        SET
            result_storage = 'redacted',
            result_inline = NULL,
            result_s3_key = NULL,
            result_preview = NULL
        WHERE c.firm_id = p_firm_id
            AND c.tool_call_id = p_tool_call_id
            AND c.requested_at = p_requested_at;
    END IF;

    PERFORM agents.append_seal(
        p_firm_id, 'redaction', v_call.run_id, v_call.run_started_at, v_redaction.redaction_id,
        ARRAY[agents.redaction_digest(v_redaction)]
    );
    RETURN v_redaction.redaction_id;
END;
$function$;

COMMENT ON FUNCTION agents.redact_tool_call(uuid, uuid, timestamptz, text, text, text) IS
    'Takes the args or the result of a call away, seals who did it and why, and returns the id of '
    'the redaction. Raises 22023 when p_body is neither, P0002 when the call is not there, MU114 '
    'when it has no such body, MU110 when it has not ended, 23502 and 23514 when it is not said '
    'who and why; 40001 above READ COMMITTED.';

REVOKE ALL ON FUNCTION agents.redact_tool_call(uuid, uuid, timestamptz, text, text, text)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.redact_tool_call(uuid, uuid, timestamptz, text, text, text)
    TO muniment_service;

COMMIT;
