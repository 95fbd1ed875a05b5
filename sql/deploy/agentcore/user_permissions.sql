-- Deploy agentcore:user_permissions to pg
-- requires: users
--
-- The one place that says what a user is allowed: what the role allows and what is allowed beyond
-- it, without what was revoked.
-- Locks: none.  Docs: docs/schema/agentcore.md#user-permissions

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.user_permissions(p_home_department_id uuid, p_user_id uuid)
RETURNS text[]
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(array_agg(DISTINCT p.permission ORDER BY p.permission), '{}')
    FROM agentcore.users AS u
    LEFT JOIN agentcore.system_role AS r ON r.id = u.role_id
    CROSS JOIN LATERAL unnest(r.permissions || u.extra_permissions) AS p (permission)
    WHERE u.department_id = p_home_department_id
        AND u.id = p_user_id
        AND u.is_active
        AND p.permission <> ALL (u.revoked_permissions);
$function$;

COMMENT ON FUNCTION agentcore.user_permissions(uuid, uuid) IS
    'The permissions of an active user, who is named by home department and id, each once and in '
    'order of the alphabet. Empty for a user who is not there or not active. Raises nothing.';

REVOKE ALL ON FUNCTION agentcore.user_permissions(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.user_permissions(uuid, uuid) TO muniment_service;

COMMIT;
