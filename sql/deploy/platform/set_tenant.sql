-- Deploy platform:set_tenant to pg
-- requires: schema
--
-- The one way to name the tenant. It ends with the transaction, so a pooled connection cannot hand
-- it on. It is a SET statement inside, not set_config(): only a SET reaches the workers of a
-- Citus cluster, and SET itself takes no parameter.
-- The database trusts whoever may call this: it guards against a forgotten WHERE, not against SQL
-- that an attacker writes.
-- Locks: none.  Docs: docs/schema/platform.md#set-tenant

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION platform.set_tenant(p_tenant_id uuid)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF p_tenant_id IS NULL THEN
        RAISE EXCEPTION 'tenant is null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Pass the id of the firm, account, organisation or department.';
    END IF;

    EXECUTE format('SET LOCAL app.tenant_id = %L', p_tenant_id);
END;
$function$;

COMMENT ON FUNCTION platform.set_tenant(uuid) IS
    'Sets the tenant until the transaction ends. Raises 22004 when it is null.';

REVOKE ALL ON FUNCTION platform.set_tenant(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.set_tenant(uuid) TO muniment_app, muniment_reader;

COMMIT;
