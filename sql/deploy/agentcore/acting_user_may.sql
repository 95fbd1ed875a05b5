-- Deploy agentcore:acting_user_may to pg
-- requires: acting_user_id
--
-- What the user was allowed on entering the department. A permission that is taken away counts from
-- the next transaction on.
-- Locks: none.  Docs: docs/schema/agentcore.md#acting-user-may

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.acting_user_may(p_permission text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Refuses where nobody acts; the setting is that user's after it.
    PERFORM agentcore.acting_user_id();
    RETURN coalesce(
        current_setting('app.acting_user', true)::jsonb -> 'permissions' ? p_permission, false
    );
END;
$function$;

COMMENT ON FUNCTION agentcore.acting_user_may(text) IS
    'Whether the acting user has a permission, for example approval.decide. Raises 42501 when no '
    'user has entered the department.';

REVOKE ALL ON FUNCTION agentcore.acting_user_may(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.acting_user_may(text) TO muniment_app;

COMMIT;
