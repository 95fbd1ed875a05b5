-- Deploy agents:end_tool_calls to pg
-- requires: guard_tool_call
--
-- When a run ends before its calls: what was only asked for is cancelled, what waits for a person
-- has expired, and what was begun may have had an effect, unless the tool has none.
-- Locks: none.  Docs: docs/schema/agents.md#end-tool-calls

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.end_tool_calls(
    p_firm_id uuid,
    p_run_id uuid,
    p_run_started_at timestamptz,
    p_ended_at timestamptz
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
BEGIN
    UPDATE agents.tool_call AS c
    SET
        status = CASE
            WHEN c.status <> 'running' OR tool.side_effect IN ('none', 'read') THEN 'cancelled'
            ELSE 'unknown'
        END,
        ended_at = greatest(p_ended_at, c.requested_at, c.started_at),
        error_type = 'run_ended',
        approval_status = CASE
            WHEN c.approval_status = 'pending' THEN 'expired'
            ELSE c.approval_status
        END
    FROM agents.tool_registry AS tool
    WHERE c.firm_id = p_firm_id
        AND c.run_id = p_run_id
        AND c.requested_at >= p_run_started_at
        AND c.status IN ('requested', 'waiting_approval', 'running')
        AND tool.tool_name = c.tool_name
        AND tool.tool_version = c.tool_version;
END;
$function$;

COMMENT ON FUNCTION agents.end_tool_calls(uuid, uuid, timestamptz, timestamptz) IS
    'Ends the open calls of a run that ends: as cancelled, or unknown when an effect may have '
    'happened. Raises nothing.';

REVOKE ALL ON FUNCTION agents.end_tool_calls(uuid, uuid, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.end_tool_calls(uuid, uuid, timestamptz, timestamptz)
    TO muniment_app, muniment_service;

COMMIT;
