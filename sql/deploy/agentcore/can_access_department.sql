-- Deploy agentcore:can_access_department to pg
-- requires: users
--
-- The one place that says which departments are open to a user: those of the role, all or listed,
-- and home and extra ones, without the revoked ones. The arrays hold no NULL, which would make the
-- answer unknown. Whether a department is archived is asked elsewhere, by those who can see it.
-- Locks: none.  Docs: docs/schema/agentcore.md#can-access-department

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.can_access_department(
    p_home_department_id uuid, p_user_id uuid, p_department_id uuid
)
RETURNS boolean
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT coalesce(
        (
            SELECT
                u.is_active
                AND p_department_id IS NOT NULL
                AND p_department_id <> ALL (u.revoked_department_ids)
                AND (
                    p_department_id = u.department_id
                    OR p_department_id = ANY (u.extra_department_ids)
                    OR r.all_departments
                    OR p_department_id = ANY (r.department_ids)
                )
            FROM agentcore.users AS u
            LEFT JOIN agentcore.system_role AS r ON r.id = u.role_id
            WHERE u.department_id = p_home_department_id
                AND u.id = p_user_id
        ),
        false
    );
$function$;

COMMENT ON FUNCTION agentcore.can_access_department(uuid, uuid, uuid) IS
    'Whether a department is open to an active user, who is named by home department and id. '
    'False for a user who is not there. Raises nothing.';

REVOKE ALL ON FUNCTION agentcore.can_access_department(uuid, uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.can_access_department(uuid, uuid, uuid) TO muniment_service;

COMMIT;
