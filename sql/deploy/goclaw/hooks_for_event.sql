-- Deploy goclaw:hooks_for_event to pg
-- requires: hooks
-- requires: platform:set_tenant
--
-- The hooks that run for an agent of the tenant, those of the master tenant that are global among
-- them. The function acts as its caller, whom row security shows one tenant only; so it changes the
-- tenant for one look at the global hooks, and changes it back. VOLATILE for that reason. An error
-- in between takes the change back with everything else.
-- Locks: none.  Docs: docs/schema/goclaw.md#hooks-for-event

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.hooks_for_event(p_event text, p_agent_id uuid DEFAULT NULL)
RETURNS TABLE (
    id           uuid,
    scope        text,
    handler_type text,
    config       jsonb,
    script       text,
    builtin      text,
    name         text,
    matcher      text,
    if_expr      text,
    timeout_ms   integer,
    on_timeout   text,
    priority     integer,
    version      integer,
    source       text
)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_master_id CONSTANT uuid := '0193a5b0-7000-7000-8000-000000000001';
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_global    goclaw.hooks[];
BEGIN
    PERFORM platform.set_tenant(c_master_id);
    v_global := ARRAY(
        SELECT h
        FROM goclaw.hooks AS h
        WHERE h.tenant_id = c_master_id
            AND h.event = p_event
            AND h.enabled
            AND h.scope = 'global'
    );
    PERFORM platform.set_tenant(v_tenant_id);

    -- What people alone look at, and who made it, stays with the master.
    RETURN QUERY
    SELECT
        h.id,
        h.scope::text,
        h.handler_type::text,
        h.config,
        h.script,
        h.builtin,
        h.name::text,
        h.matcher::text,
        h.if_expr,
        h.timeout_ms,
        h.on_timeout::text,
        h.priority,
        h.version,
        h.source::text
    FROM (
        SELECT g.*
        FROM unnest(v_global) AS g
        UNION ALL
        SELECT o.*
        FROM goclaw.hooks AS o
        WHERE o.tenant_id = v_tenant_id
            AND o.event = p_event
            AND o.enabled
            AND (
                o.scope = 'tenant'
                OR (
                    o.scope = 'agent'
                    AND EXISTS (
                        SELECT
                        FROM goclaw.hook_agents AS a
                        WHERE a.tenant_id = v_tenant_id
                            AND a.hook_id = o.id
                            AND a.agent_id = p_agent_id
                    )
                )
            )
    ) AS h
    ORDER BY
        h.priority DESC,
        array_position(ARRAY['global', 'tenant', 'agent'], h.scope::text),
        h.created_at,
        h.id;
END;
$function$;

COMMENT ON FUNCTION goclaw.hooks_for_event(text, uuid) IS
    'The enabled hooks that run at an event, in the order in which they are asked: the highest '
    'priority first, among equals global before tenant before agent, then the oldest. p_event: '
    'the event; p_agent_id: the agent, whose own hooks are among them, NULL for none. Raises '
    '42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.hooks_for_event(text, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.hooks_for_event(text, uuid) TO muniment_app;

COMMIT;
