-- Deploy agentcore:enter_department to pg
-- requires: can_access_department
-- requires: user_permissions
-- requires: platform:set_tenant
--
-- The door to a department. Policies compare one setting, the department; this sets it for a user,
-- and only if it is open to that user. It looks at the account under the home department, so it
-- changes the department twice; an error takes both changes back. SECURITY DEFINER, because a
-- runtime must not write itself who belongs to a department; row security binds the owner, so it
-- sees and writes rows of the two departments only. Whoever may run SQL can set the setting without
-- it: it guards against a program's mistake, as platform.set_tenant() does.
-- Locks: none.  Docs: docs/schema/agentcore.md#enter-department

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.enter_department(
    p_home_department_id uuid, p_user_id uuid, p_token_version integer, p_department_id uuid
)
RETURNS text[]
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_name        text;
    v_permissions text[];
    v_is_open     boolean;
BEGIN
    PERFORM platform.set_tenant(p_home_department_id);

    SELECT u.name
    INTO v_name
    FROM agentcore.users AS u
    WHERE u.department_id = p_home_department_id
        AND u.id = p_user_id
        AND u.token_version = p_token_version
        AND u.is_active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'session is void: no active user has this home, id and token version'
            USING ERRCODE = 'MU431',
                  HINT = 'Let the user log in again.';
    END IF;

    v_permissions := agentcore.user_permissions(p_home_department_id, p_user_id);

    v_is_open := agentcore.can_access_department(
        p_home_department_id, p_user_id, p_department_id
    );

    -- From here on as the department that is entered: only it sees whether it is archived.
    IF v_is_open THEN
        PERFORM platform.set_tenant(p_department_id);
        v_is_open := EXISTS (
            SELECT
            FROM agentcore.department AS d
            WHERE d.id = p_department_id
                AND NOT d.is_archived
        );
    END IF;
    IF NOT v_is_open THEN
        RAISE EXCEPTION 'department is not open to the user'
            USING ERRCODE = 'MU432',
                  HINT = 'Offer the departments of agentcore.accessible_departments() only.';
    END IF;

    -- Looked for first, so that entering as usual writes nothing and waits for nobody.
    PERFORM
    FROM agentcore.department_member AS m
    WHERE m.department_id = p_department_id
        AND m.user_id = p_user_id
        AND m.name = v_name;
    IF NOT FOUND THEN
        INSERT INTO agentcore.department_member AS m (department_id, user_id, name)
        VALUES (p_department_id, p_user_id, v_name)
        ON CONFLICT (department_id, user_id) DO UPDATE
        SET name = excluded.name;
    END IF;

    EXECUTE format(
        'SET LOCAL app.acting_user = %L',
        jsonb_build_object(
            'department_id', p_department_id,
            'user_id', p_user_id,
            'permissions', v_permissions
        )
    );
    RETURN v_permissions;
END;
$function$;

COMMENT ON FUNCTION agentcore.enter_department(uuid, uuid, integer, uuid) IS
    'Enters a department for a user until the transaction ends: sets the tenant and the acting '
    'user. The user is named by home department and id, and the token version is that of the '
    'session. Returns what the user is allowed. Raises MU431 when the session is void (no such '
    'user, not active, another token version), MU432 when the department is not open to the user, '
    'not there or archived, 22004 when the home is NULL, 25006 when the department does not know '
    'the user by this name yet and the transaction is read-only.';

REVOKE ALL ON FUNCTION agentcore.enter_department(uuid, uuid, integer, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.enter_department(uuid, uuid, integer, uuid) TO muniment_app;

COMMIT;
