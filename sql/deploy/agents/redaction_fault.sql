-- Deploy agents:redaction_fault to pg
-- requires: redaction_digest
-- requires: seal_fault
--
-- Looks at one redaction by itself: that it is what was sealed when it was made, and that the body
-- is still gone.
-- Locks: none.  Docs: docs/schema/agents.md#redaction-fault

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.redaction_fault(p_redaction agents.redaction)
RETURNS text
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
-- Planning for all months at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_seal    agents.run_seal;
    v_storage text;
BEGIN
    SELECT s.*
    INTO v_seal
    FROM agents.run_seal AS s
    WHERE s.firm_id = p_redaction.firm_id
        AND s.redaction_id = p_redaction.redaction_id;
    IF NOT FOUND THEN
        RETURN 'the redaction has no seal';
    END IF;
    IF v_seal.content_sha256 <> sha256(agents.redaction_digest(p_redaction)) THEN
        RETURN 'the redaction is not as it was sealed';
    END IF;

    IF p_redaction.table_name = 'chat_turn' THEN
        SELECT t.content_storage
        INTO v_storage
        FROM agents.chat_turn AS t
        WHERE t.firm_id = p_redaction.firm_id
            AND t.turn_id = p_redaction.row_id
            AND t.created_at = p_redaction.row_at;
    ELSE
        SELECT CASE p_redaction.body WHEN 'args' THEN c.args_storage ELSE c.result_storage END
        INTO v_storage
        FROM agents.tool_call AS c
        WHERE c.firm_id = p_redaction.firm_id
            AND c.tool_call_id = p_redaction.row_id
            AND c.requested_at = p_redaction.row_at;
    END IF;
    IF FOUND AND v_storage IS DISTINCT FROM 'redacted' THEN
        RETURN 'the body that was redacted is there again';
    END IF;

    RETURN agents.seal_fault(v_seal);
END;
$function$;

COMMENT ON FUNCTION agents.redaction_fault(agents.redaction) IS
    'What is wrong with a redaction, its seal or the row that it is about; NULL when nothing is. '
    'Raises 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.redaction_fault(agents.redaction) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.redaction_fault(agents.redaction)
    TO muniment_app, muniment_reader;

COMMIT;
