-- Deploy agentcore:accessible_departments to pg
-- requires: can_access_department
--
-- What a login offers. For the backend alone, because a department is not told which others there
-- are.
-- Locks: none.  Docs: docs/schema/agentcore.md#accessible-departments

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.accessible_departments(p_home_department_id uuid, p_user_id uuid)
RETURNS TABLE (department_id uuid, name text)
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT
        d.id,
        d.name
    FROM agentcore.department AS d
    WHERE NOT d.is_archived
        AND agentcore.can_access_department(p_home_department_id, p_user_id, d.id)
    ORDER BY d.name, d.id;
$function$;

COMMENT ON FUNCTION agentcore.accessible_departments(uuid, uuid) IS
    'The departments that a user, named by home department and id, may enter: those that are open '
    'and not archived, by name. Raises nothing.';

REVOKE ALL ON FUNCTION agentcore.accessible_departments(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.accessible_departments(uuid, uuid) TO muniment_service;

COMMIT;
