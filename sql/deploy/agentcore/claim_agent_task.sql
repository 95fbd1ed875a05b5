-- Deploy agentcore:claim_agent_task to pg
-- requires: agent_task
--
-- Workers take the oldest queued task of any department. Each passes over what another one is just
-- taking, so none waits and no task is taken twice.
-- Locks: none.  Docs: docs/schema/agentcore.md#claim-agent-task

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.claim_agent_task(p_adapter_type text)
RETURNS SETOF agentcore.agent_task
LANGUAGE sql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    WITH next AS (
        SELECT
            q.department_id,
            q.id
        FROM agentcore.agent_task AS q
        WHERE q.status = 'queued'
            AND q.adapter_type = p_adapter_type
        ORDER BY q.created_at
        LIMIT 1
        FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE agentcore.agent_task AS t
    SET status = 'running',
        started_at = clock_timestamp()
    FROM next
    WHERE t.department_id = next.department_id
        AND t.id = next.id
    RETURNING t.*;
$function$;

COMMENT ON FUNCTION agentcore.claim_agent_task(text) IS
    'Takes the oldest queued task for an adapter, which is running from then on, and returns it; '
    'no row when there is none. Raises nothing.';

REVOKE ALL ON FUNCTION agentcore.claim_agent_task(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.claim_agent_task(text) TO muniment_service;

COMMIT;
