-- Deploy astra:allowed_tools to pg
-- requires: tool_definitions
--
-- A tool is in use if it is defined and allowed; a name in allowed_tools that nothing defines opens
-- nothing.
-- Locks: none.  Docs: docs/schema/astra.md#allowed-tools

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.allowed_tools(p_agent_id uuid)
RETURNS TABLE (name text, description text, input_schema jsonb, requires_approval boolean)
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        d.name,
        d.description,
        d.input_schema,
        d.requires_approval
    FROM astra.agents AS a
    INNER JOIN astra.tool_definitions AS d ON d.org_id = a.org_id AND d.agent_id = a.id
    WHERE a.org_id = (SELECT platform.current_tenant_id())
        AND a.id = p_agent_id
        AND (a.allowed_tools IS NULL OR d.name = ANY (a.allowed_tools))
    ORDER BY d.name;
$function$;

COMMENT ON FUNCTION astra.allowed_tools(uuid) IS
    'The tools that an agent may use, by name: those of its catalogue that agents.allowed_tools '
    'names, or all where that is NULL. Returns no row for an agent that is not there. Raises '
    '42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.allowed_tools(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.allowed_tools(uuid) TO muniment_app, muniment_reader;

COMMIT;
