-- Deploy agents:redaction_digest to pg
-- requires: redaction
--
-- Every column of a redaction.
-- The text of an array of the columns, hashed: times as seconds since 1970 with six decimals and
-- bytes in hex, so that no setting of a session changes it; not of a row, which is quoted as the
-- locale of the server has it. Part of seal format 1: another list of columns is another format.
-- Locks: none.  Docs: docs/schema/agents.md#redaction-digest

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.redaction_digest(p_redaction agents.redaction)
RETURNS bytea
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN sha256(convert_to(
        ARRAY[
            p_redaction.firm_id::text, p_redaction.redaction_id::text, p_redaction.run_id::text,
            extract(epoch FROM p_redaction.run_started_at)::text, p_redaction.table_name,
            p_redaction.row_id::text, extract(epoch FROM p_redaction.row_at)::text,
            p_redaction.body, p_redaction.storage, p_redaction.s3_key,
            encode(p_redaction.sha256, 'hex'), p_redaction.bytes::text,
            encode(p_redaction.preview_sha256, 'hex'), p_redaction.redacted_by, p_redaction.reason,
            extract(epoch FROM p_redaction.redacted_at)::text
        ]::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.redaction_digest(agents.redaction) IS
    'SHA-256 of what a seal covers of a row of agents.redaction. Raises nothing.';

REVOKE ALL ON FUNCTION agents.redaction_digest(agents.redaction) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.redaction_digest(agents.redaction)
    TO muniment_app, muniment_reader, muniment_service;

COMMIT;
