-- Verify goclaw:master_tenant on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    c_master_id CONSTANT uuid := '0193a5b0-7000-7000-8000-000000000001';
    v_offender  text;
BEGIN
    SELECT string_agg(want.name, ', ')
    INTO v_offender
    FROM (
        VALUES ('goclaw.protect_master_tenant()')
    ) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc
        WHERE oid = to_regprocedure(want.name)
            AND proowner = 'muniment_owner'::regrole
            AND NOT prosecdef
            AND NOT proleakproof
            AND provolatile = 'v'
            AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
            AND NOT EXISTS (
                SELECT
                FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
                WHERE acl.grantee <> proowner
            )
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing, or owner, security, search_path or rights differ: %', v_offender;
    END IF;

    PERFORM
    FROM pg_catalog.pg_trigger
    WHERE tgrelid = 'goclaw.tenants'::regclass
        AND tgname = 'tenants_protect_master_tg'
        AND tgfoid = 'goclaw.protect_master_tenant()'::regprocedure
        AND tgenabled = 'O';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'missing or disabled trigger: goclaw.tenants: tenants_protect_master_tg';
    END IF;

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
