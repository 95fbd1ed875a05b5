-- Deploy platform:current_tenant_id to pg
-- requires: schema
--
-- Every row policy compares with this. It refuses where a lenient form would answer NULL: a session
-- without a tenant must fail, not quietly see nothing. After a transaction that set it, the setting
-- is an empty string rather than absent, so both are tested.
-- STABLE, never IMMUTABLE: a cached plan would keep the tenant of the one who made it.
-- Locks: none.  Docs: docs/schema/platform.md#current-tenant-id

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION platform.current_tenant_id()
RETURNS uuid
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_setting CONSTANT text := current_setting('app.tenant_id', true);
BEGIN
    IF v_setting IS NULL OR v_setting = '' THEN
        RAISE EXCEPTION 'tenant is not set'
            USING ERRCODE = 'insufficient_privilege',
                  HINT = 'Call platform.set_tenant(uuid) first, inside the transaction.';
    END IF;

    -- The canonical form only, and never the value in the message: it may be someone's attempt.
    -- Without a regular expression, because every policy of every statement asks this.
    IF v_setting NOT LIKE '________-____-____-____-____________'
        OR translate(v_setting, '0123456789abcdef', '') <> '----'
    THEN
        RAISE EXCEPTION 'tenant is malformed'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Set it with platform.set_tenant(uuid).';
    END IF;

    RETURN v_setting::uuid;
END;
$function$;

COMMENT ON FUNCTION platform.current_tenant_id() IS
    'The tenant of this transaction (firm, tenant, organisation, account or department). Raises '
    '42501 when it is not set, 22023 when it is not a canonical UUID.';

REVOKE ALL ON FUNCTION platform.current_tenant_id() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.current_tenant_id() TO muniment_app, muniment_reader;

COMMIT;
