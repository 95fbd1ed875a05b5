-- Deploy goclaw:is_config_permitted to pg
-- requires: agent_config_permissions
--
-- One answer to who may change a part of an agent, so that no client has an order of its own. Who
-- is denied anywhere is denied, and what nobody allowed is not allowed.
-- Locks: none.  Docs: docs/schema/goclaw.md#is-config-permitted

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.is_config_permitted(
    p_agent_id uuid, p_scope text, p_config_type text, p_user_id text
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    PERFORM
    FROM goclaw.agents AS a
    WHERE a.tenant_id = v_tenant_id
        AND a.id = p_agent_id
        AND a.deleted_at IS NULL;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    -- A scope is a pattern of its own making: only * is special in it, LIKE's characters are not.
    RETURN (
        SELECT coalesce(bool_and(p.permission = 'allow'), false)
        FROM goclaw.agent_config_permissions AS p
        WHERE p.tenant_id = v_tenant_id
            AND p.agent_id = p_agent_id
            AND p.config_type = p_config_type
            AND p.user_id = p_user_id
            AND p_scope LIKE replace(
                replace(replace(replace(p.scope, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%'
            )
    );
END;
$function$;

COMMENT ON FUNCTION goclaw.is_config_permitted(uuid, text, text, text) IS
    'Whether a user may change the part p_config_type of an agent in the group or chat p_scope. In '
    'the scope of a permission, * stands for any characters. One that denies goes before all that '
    'allow, however narrow; false where none matches, also for an agent that is not there or is '
    'deleted. Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.is_config_permitted(uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.is_config_permitted(uuid, text, text, text)
    TO muniment_app, muniment_reader;

COMMIT;
