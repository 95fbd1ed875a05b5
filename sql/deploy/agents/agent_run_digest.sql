-- Deploy agents:agent_run_digest to pg
-- requires: agent_run
--
-- Every column of a run.
-- The text of an array of the columns, hashed: times as seconds since 1970 with six decimals and
-- bytes in hex, so that no setting of a session changes it; not of a row, which is quoted as the
-- locale of the server has it. Part of seal format 1: another list of columns is another format.
-- Locks: none.  Docs: docs/schema/agents.md#agent-run-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.agent_run_digest(p_run agents.agent_run)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN sha256(convert_to(
        ARRAY[
            p_run.firm_id::text, p_run.run_id::text, extract(epoch FROM p_run.started_at)::text,
            p_run.session_id::text, p_run.parent_run_id::text, p_run.root_run_id::text,
            p_run.depth::text, p_run.operation, p_run.agent_name, p_run.agent_version,
            p_run.prompt_name, p_run.prompt_version, p_run.subject_type, p_run.subject_id,
            p_run.actor_type, p_run.actor_id, p_run.provider_name, p_run.request_model,
            p_run.response_model, p_run.status, p_run.attempt_no::text, p_run.worker_id,
            extract(epoch FROM p_run.heartbeat_at)::text,
            extract(epoch FROM p_run.lease_expires_at)::text,
            extract(epoch FROM p_run.cancel_requested_at)::text,
            extract(epoch FROM p_run.ended_at)::text, p_run.finish_reason, p_run.error_type,
            p_run.error_message, p_run.is_error_retryable::text, p_run.input_tokens::text,
            p_run.output_tokens::text, p_run.cache_read_tokens::text,
            p_run.cache_write_tokens::text, p_run.reasoning_tokens::text, p_run.cost_usd::text,
            p_run.price_ref, p_run.first_token_ms::text, p_run.trace_id, p_run.span_id,
            p_run.metadata::text
        ]::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.agent_run_digest(agents.agent_run) IS
    'SHA-256 of what a seal covers of a row of agents.agent_run. Raises nothing.';

REVOKE ALL ON FUNCTION agents.agent_run_digest(agents.agent_run) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.agent_run_digest(agents.agent_run)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;
