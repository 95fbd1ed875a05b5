-- Deploy agents:redact_turn to pg
-- requires: append_seal
-- requires: chat_turn_digest
-- requires: guard_chat_turn
-- requires: redaction_digest
--
-- Takes the body of a turn away and leaves its hash and length, with who did it, why and when,
-- sealed in the chain of the firm. An object on the shelf goes with the next sweep, unless another
-- row of the run has the same text and so still names it.
-- Locks: none.  Docs: docs/schema/agents.md#redact-turn

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.redact_turn(
    p_firm_id uuid,
    p_turn_id uuid,
    p_created_at timestamptz,
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
    v_turn      agents.chat_turn;
    v_redaction agents.redaction;
BEGIN
    SELECT t.*
    INTO v_turn
    FROM agents.chat_turn AS t
    WHERE t.firm_id = p_firm_id
        AND t.turn_id = p_turn_id
        AND t.created_at = p_created_at
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_turn_id: turn % is not there', p_turn_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm, id and created_at.';
    END IF;
    IF v_turn.content_storage IS NULL OR v_turn.content_storage = 'redacted' THEN
        RAISE EXCEPTION 'p_turn_id: turn % has no body', p_turn_id
            USING ERRCODE = 'MU114',
                  HINT = 'It never had one, or agents.redaction tells who took it.';
    END IF;

    INSERT INTO agents.redaction AS d (
        firm_id, run_id, run_started_at, table_name, row_id, row_at, body, storage, s3_key,
        sha256, bytes, preview_sha256, redacted_by, reason
    )
    VALUES (
        p_firm_id, v_turn.run_id, v_turn.run_started_at, 'chat_turn', p_turn_id, p_created_at,
        'content', v_turn.content_storage, v_turn.content_s3_key, v_turn.content_sha256,
        v_turn.content_bytes, sha256(convert_to(v_turn.content_preview, 'UTF8')), p_redacted_by,
        p_reason
    )
    RETURNING d.*
    INTO v_redaction;

    UPDATE agents.chat_turn AS t
    SET
        content_storage = 'redacted',
        content_inline = NULL,
        content_s3_key = NULL,
        content_preview = NULL
    WHERE t.firm_id = p_firm_id
        AND t.turn_id = p_turn_id
        AND t.created_at = p_created_at;

    PERFORM agents.append_seal(
        p_firm_id, 'redaction', v_turn.run_id, v_turn.run_started_at, v_redaction.redaction_id,
        ARRAY[agents.redaction_digest(v_redaction)]
    );
    RETURN v_redaction.redaction_id;
END;
$function$;

COMMENT ON FUNCTION agents.redact_turn(uuid, uuid, timestamptz, text, text) IS
    'Takes the body of a turn away, seals who did it and why, and returns the id of the redaction.'
    ' Raises P0002 when the turn is not there, MU114 when it has no body, 23502 and 23514 when it '
    'is not said who and why; 40001 above READ COMMITTED.';

REVOKE ALL ON FUNCTION agents.redact_turn(uuid, uuid, timestamptz, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.redact_turn(uuid, uuid, timestamptz, text, text)
    TO muniment_service;

COMMIT;
