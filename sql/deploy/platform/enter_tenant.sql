-- Deploy platform:enter_tenant to pg
-- requires: current_tenant_id
-- requires: set_tenant
--
-- What a function calls that is told its tenant: it may be the first and only statement of a
-- transaction, or one among others of the same tenant, and never changes whose rows are in reach.
-- Locks: none.  Docs: docs/schema/platform.md#enter-tenant

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION platform.enter_tenant(p_tenant_id uuid)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- After a transaction that set it, the setting is an empty string rather than absent.
    IF coalesce(current_setting('app.tenant_id', true), '') = '' THEN
        PERFORM platform.set_tenant(p_tenant_id);
    ELSIF p_tenant_id IS NULL OR p_tenant_id <> platform.current_tenant_id() THEN
        RAISE EXCEPTION 'the transaction acts for another tenant'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'A transaction acts for one tenant. Begin another.';
    END IF;
END;
$function$;

COMMENT ON FUNCTION platform.enter_tenant(uuid) IS
    'Sets the tenant until the transaction ends, unless that is the tenant already. Raises 42501 '
    'when the transaction acts for another tenant, 22004 when it is null, 22023 when the one that '
    'is set is not a canonical UUID.';

REVOKE ALL ON FUNCTION platform.enter_tenant(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.enter_tenant(uuid) TO muniment_app, muniment_reader;

COMMIT;
