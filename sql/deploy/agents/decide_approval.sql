-- Deploy agents:decide_approval to pg
-- requires: guard_tool_call
-- requires: platform:enter_tenant
--
-- A person decides, so no lease is asked for; but the run is locked before the call, as everywhere.
-- The hash says what the person saw. Who comes too late is told so by the status that comes back:
-- an error would take back that the approval has expired. The run waits on until its worker begins.
-- Locks: none.  Docs: docs/schema/agents.md#decide-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.decide_approval(
    p_firm_id uuid,
    p_tool_call_id uuid,
    p_requested_at timestamptz,
    p_decision text,
    p_decided_by text,
    p_args_sha256 bytea,
    p_reason text DEFAULT NULL
)
RETURNS text
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now    timestamptz;
    v_status text;
    v_call   agents.tool_call;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF (p_decision IN ('approved', 'denied')) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_decision: % is neither approved nor denied', coalesce(p_decision, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass approved or denied.';
    END IF;
    IF coalesce(p_decided_by, '') = '' THEN
        RAISE EXCEPTION 'p_decided_by: is null or empty'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Pass who decides, as their own system names them.';
    END IF;

    PERFORM
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND (r.run_id, r.started_at) = (
            SELECT c.run_id, c.run_started_at
            FROM agents.tool_call AS c
            WHERE c.firm_id = p_firm_id
                AND c.tool_call_id = p_tool_call_id
                AND c.requested_at = p_requested_at
        )
    FOR NO KEY UPDATE;

    SELECT c.*
    INTO v_call
    FROM agents.tool_call AS c
    WHERE c.firm_id = p_firm_id
        AND c.tool_call_id = p_tool_call_id
        AND c.requested_at = p_requested_at
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_tool_call_id: tool call % is not there', p_tool_call_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm, id and p_requested_at, and whether its month is archived.';
    END IF;

    IF p_args_sha256 IS DISTINCT FROM v_call.args_sha256 THEN
        RAISE EXCEPTION 'p_args_sha256: tool call % has other arguments', p_tool_call_id
            USING ERRCODE = 'MU109',
                  HINT = 'Show the person the arguments of this call, and let them decide again.';
    END IF;

    -- After the locks: whoever waited for them may have been overtaken by the time.
    v_now := clock_timestamp();
    v_status := CASE
        WHEN v_call.approval_status <> 'pending' THEN NULL
        WHEN v_call.approval_expires_at <= v_now THEN 'cancelled'
        WHEN p_decision = 'approved' THEN 'requested'
        ELSE 'denied'
    END;

    IF v_status IS NULL THEN
        IF v_call.approval_status = 'expired'
            OR (v_call.approval_status, v_call.approval_decided_by) = (p_decision, p_decided_by)
        THEN
            RETURN v_call.status;
        END IF;
        RAISE EXCEPTION 'p_tool_call_id: approval of tool call % is %',
            p_tool_call_id, v_call.approval_status
            USING ERRCODE = 'MU108',
                  HINT = 'Read the call: somebody was faster, or it needs no approval.';
    END IF;

    UPDATE agents.tool_call AS c
    SET
        status = v_status,
        ended_at = CASE WHEN v_status <> 'requested' THEN greatest(v_now, c.requested_at) END,
        approval_status = CASE v_status WHEN 'cancelled' THEN 'expired' ELSE p_decision END,
        approval_decided_by = CASE WHEN v_status <> 'cancelled' THEN p_decided_by END,
        approval_decided_at = CASE WHEN v_status <> 'cancelled' THEN v_now END,
        approval_reason = CASE WHEN v_status <> 'cancelled' THEN p_reason END,
        approval_args_sha256 = CASE WHEN v_status <> 'cancelled' THEN p_args_sha256 END
    WHERE c.firm_id = p_firm_id
        AND c.tool_call_id = p_tool_call_id
        AND c.requested_at = p_requested_at;

    RETURN v_status;
END;
$function$;

COMMENT ON FUNCTION agents.decide_approval(
    uuid, uuid, timestamptz, text, text, bytea, text
) IS
    'Notes that a person approved or denied a call with the arguments of this hash, and returns '
    'the status of the call: requested, denied, or cancelled when the approval had expired. The '
    'same decision of the same person again changes nothing and returns the status as it is by '
    'now. Raises P0002 when the call is not there; MU108 when it is decided already, by another or '
    'otherwise, or needs no approval; MU109 when its arguments have another hash; 22023 when '
    'p_decision is neither approved nor denied; 22004 without p_decided_by; 40001 above READ '
    'COMMITTED when somebody else decided or wrote below the run meanwhile; 42501 as '
    'platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.decide_approval(
    uuid, uuid, timestamptz, text, text, bytea, text
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.decide_approval(
    uuid, uuid, timestamptz, text, text, bytea, text
) TO muniment_app;

COMMIT;
