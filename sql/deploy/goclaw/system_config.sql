-- Deploy goclaw:system_config to pg
-- requires: system_configs
-- requires: master_tenant
-- requires: platform:set_tenant
--
-- A setting of the tenant, else that of the master tenant. The function acts as its caller, whom
-- row security shows the rows of one tenant only; so it changes the tenant for one look at the
-- plain settings of the master, and changes it back. VOLATILE for that reason. An error in between
-- takes the change back with everything else.
-- Locks: none.  Docs: docs/schema/goclaw.md#system-config

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.system_config(p_key text)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    c_master_id CONSTANT uuid := '0193a5b0-7000-7000-8000-000000000001';
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_value     text;
BEGIN
    SELECT c.value
    INTO v_value
    FROM goclaw.system_configs AS c
    WHERE c.tenant_id = v_tenant_id
        AND c.key = p_key;
    IF FOUND THEN
        RETURN v_value;
    END IF;

    PERFORM platform.set_tenant(c_master_id);
    SELECT c.value
    INTO v_value
    FROM goclaw.system_configs AS c
    WHERE c.tenant_id = c_master_id
        AND c.key = p_key;
    PERFORM platform.set_tenant(v_tenant_id);

    RETURN v_value;
END;
$function$;

COMMENT ON FUNCTION goclaw.system_config(text) IS
    'A setting of the tenant, else that of the master tenant, else NULL. Raises 42501 when no '
    'tenant is set.';

REVOKE ALL ON FUNCTION goclaw.system_config(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.system_config(text) TO muniment_app, muniment_reader;

COMMIT;
