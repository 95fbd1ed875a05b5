-- Deploy agents:tool_call_digest to pg
-- requires: redaction
--
-- Every column of a call. Its bodies count by hash and length, so that they can be redacted and the
-- seal still holds: where they were kept then comes from their redaction.
-- The text of the row, hashed: times as seconds since 1970 with six decimals and bytes in hex, so
-- that no setting of a session changes it. Part of seal format 1: another list of columns is
-- another format.
-- Locks: none.  Docs: docs/schema/agents.md#tool-call-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.tool_call_digest(p_call agents.tool_call)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_args text := ROW(
        p_call.args_storage, p_call.args_s3_key,
        encode(sha256(convert_to(p_call.args_preview, 'UTF8')), 'hex')
    )::text;
    v_result text := ROW(
        p_call.result_storage, p_call.result_s3_key,
        encode(sha256(convert_to(p_call.result_preview, 'UTF8')), 'hex')
    )::text;
BEGIN
    IF p_call.args_storage = 'redacted' THEN
        v_args := (
            SELECT ROW(d.storage, d.s3_key, encode(d.preview_sha256, 'hex'))::text
            FROM agents.redaction AS d
            WHERE d.firm_id = p_call.firm_id
                AND d.row_id = p_call.tool_call_id
                AND d.row_at = p_call.requested_at
                AND d.body = 'args'
        );
    END IF;
    IF p_call.result_storage = 'redacted' THEN
        v_result := (
            SELECT ROW(d.storage, d.s3_key, encode(d.preview_sha256, 'hex'))::text
            FROM agents.redaction AS d
            WHERE d.firm_id = p_call.firm_id
                AND d.row_id = p_call.tool_call_id
                AND d.row_at = p_call.requested_at
                AND d.body = 'result'
        );
    END IF;

    RETURN sha256(convert_to(
        ROW(
            p_call.firm_id, p_call.tool_call_id, extract(epoch FROM p_call.requested_at),
            p_call.run_id, extract(epoch FROM p_call.run_started_at), p_call.turn_id,
            p_call.call_no, p_call.attempt_no, p_call.provider_call_id, p_call.tool_name,
            p_call.tool_version, encode(p_call.definition_sha256, 'hex'), p_call.idempotency_key,
            p_call.status, extract(epoch FROM p_call.started_at),
            extract(epoch FROM p_call.ended_at), p_call.error_type, p_call.error_message,
            p_call.is_error_retryable, p_call.approval_status,
            extract(epoch FROM p_call.approval_expires_at), p_call.approval_decided_by,
            extract(epoch FROM p_call.approval_decided_at), p_call.approval_reason,
            encode(p_call.approval_args_sha256, 'hex'), p_call.child_run_id, p_call.external_ref,
            p_call.cost_usd, p_call.span_id, encode(p_call.args_sha256, 'hex'), p_call.args_bytes,
            encode(p_call.result_sha256, 'hex'), p_call.result_bytes, v_args, v_result
        )::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.tool_call_digest(agents.tool_call) IS
    'SHA-256 of what a seal covers of a row of agents.tool_call. Raises nothing.';

REVOKE ALL ON FUNCTION agents.tool_call_digest(agents.tool_call) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.tool_call_digest(agents.tool_call)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;
