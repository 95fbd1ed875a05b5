-- Deploy agentcore:acting_user_id to pg
-- requires: schema
-- requires: platform:current_tenant_id
--
-- Who acts, for what is recorded about a decision. The user was let into one department; after
-- platform.set_tenant() with another one, nobody acts. What enter_department() noted is a setting,
-- which whoever may run SQL can also write: it is as good as the program.
-- Locks: none.  Docs: docs/schema/agentcore.md#acting-user-id

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.acting_user_id()
RETURNS uuid
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_user CONSTANT jsonb := nullif(current_setting('app.acting_user', true), '')::jsonb;
BEGIN
    IF (v_user ->> 'department_id')::uuid IS DISTINCT FROM platform.current_tenant_id()
        OR v_user ->> 'user_id' IS NULL
    THEN
        RAISE EXCEPTION 'no user has entered the department'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Call agentcore.enter_department() first, inside the transaction.';
    END IF;

    RETURN (v_user ->> 'user_id')::uuid;
END;
$function$;

COMMENT ON FUNCTION agentcore.acting_user_id() IS
    'The user who entered the department of this transaction. Raises 42501 when no user has.';

REVOKE ALL ON FUNCTION agentcore.acting_user_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.acting_user_id() TO muniment_app;

COMMIT;
