-- Deploy agents:agent_run_key_digest to pg
-- requires: agent_run_key
--
-- The identity of a run. Not archived_at, which is set when the month leaves, long after the seal:
-- agents.verify_seal() holds that against what is here.
-- The text of an array of the columns, hashed: times as seconds since 1970 with six decimals and
-- bytes in hex, so that no setting of a session changes it; not of a row, which is quoted as the
-- locale of the server has it. Part of seal format 1: another list of columns is another format.
-- Locks: none.  Docs: docs/schema/agents.md#agent-run-key-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.agent_run_key_digest(p_key agents.agent_run_key)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN sha256(convert_to(
        ARRAY[
            p_key.firm_id::text, p_key.run_id::text, extract(epoch FROM p_key.started_at)::text,
            p_key.idempotency_key, encode(p_key.request_sha256, 'hex'),
            extract(epoch FROM p_key.created_at)::text
        ]::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.agent_run_key_digest(agents.agent_run_key) IS
    'SHA-256 of what a seal covers of a row of agents.agent_run_key. Raises nothing.';

REVOKE ALL ON FUNCTION agents.agent_run_key_digest(agents.agent_run_key) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.agent_run_key_digest(agents.agent_run_key)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;
