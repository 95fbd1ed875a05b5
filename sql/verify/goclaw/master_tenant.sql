-- Verify goclaw:master_tenant on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    c_master_id CONSTANT uuid := '0193a5b0-7000-7000-8000-000000000001';
BEGIN
    PERFORM platform.set_tenant(c_master_id);

    PERFORM
    FROM goclaw.tenants
    WHERE id = c_master_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'goclaw.tenants: the master tenant % is missing', c_master_id;
    END IF;

    -- The deploy script lifts it for one row.
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'goclaw.tenants'::regclass
        AND relforcerowsecurity;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'goclaw.tenants: row security is not forced';
    END IF;
END;
$verify$;

ROLLBACK;
