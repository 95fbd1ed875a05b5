-- Deploy agents:seal_sha256 to pg
-- requires: schema
--
-- What a seal is: the hash of all that is written on it, the seal before it included. Times count
-- as microseconds, so no setting of a session changes the text that is hashed.
-- IMMUTABLE is true though casting a row to text is not marked so: only uuid, numbers, text and
-- bytea in hex go in.
-- Locks: none.  Docs: docs/schema/agents.md#seal-sha256

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.seal_sha256(
    p_firm_id uuid,
    p_chain_no smallint,
    p_seal_no bigint,
    p_format_no smallint,
    p_kind text,
    p_run_id uuid,
    p_run_started_at timestamptz,
    p_redaction_id uuid,
    p_sealed_at timestamptz,
    p_row_count integer,
    p_row_digests bytea,
    p_content_sha256 bytea,
    p_previous_sha256 bytea
)
RETURNS bytea
LANGUAGE plpgsql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN sha256(convert_to(
        ROW(
            p_firm_id, p_chain_no, p_seal_no, p_format_no, p_kind, p_run_id,
            extract(epoch FROM p_run_started_at), p_redaction_id, extract(epoch FROM p_sealed_at),
            p_row_count, encode(p_row_digests, 'hex'), encode(p_content_sha256, 'hex'),
            encode(p_previous_sha256, 'hex')
        )::text,
        'UTF8'
    ));
END;
$function$;

COMMENT ON FUNCTION agents.seal_sha256(
    uuid, smallint, bigint, smallint, text, uuid, timestamptz, uuid, timestamptz, integer, bytea,
    bytea, bytea
) IS
    'SHA-256 over the text of a seal: (firm_id, chain_no, seal_no, format_no, kind, run_id, '
    'run_started_at, redaction_id, sealed_at, row_count, row_digests, content_sha256, '
    'previous_sha256), times as seconds since 1970 with six decimals, bytes in hex. Raises '
    'nothing.';

REVOKE ALL ON FUNCTION agents.seal_sha256(
    uuid, smallint, bigint, smallint, text, uuid, timestamptz, uuid, timestamptz, integer, bytea,
    bytea, bytea
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.seal_sha256(
    uuid, smallint, bigint, smallint, text, uuid, timestamptz, uuid, timestamptz, integer, bytea,
    bytea, bytea
) TO muniment_app, muniment_reader, muniment_service;

COMMIT;
