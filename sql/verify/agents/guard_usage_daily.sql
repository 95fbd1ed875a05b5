-- Verify agents:guard_usage_daily on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    v_function  CONSTANT regprocedure := 'agents.guard_usage_daily()';
    v_executors text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = v_function
        AND proowner = 'muniment_owner'::regrole
        AND NOT prosecdef
        AND NOT proleakproof
        AND provolatile = 'v'
        AND proconfig = ARRAY['search_path=pg_catalog, pg_temp'];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: owner, security, volatility or search_path differ', v_function;
    END IF;

    v_executors := ARRAY(
        SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
        FROM pg_catalog.pg_proc
        CROSS JOIN aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pg_proc.oid = v_function
            AND acl.grantee <> proowner
        ORDER BY 1
    );
    IF v_executors <> '{}' THEN
        RAISE EXCEPTION '%: may be executed by %', v_function, v_executors;
    END IF;

    PERFORM
    FROM pg_catalog.pg_trigger
    WHERE tgrelid = 'agents.usage_daily'::regclass
        AND tgname = 'usage_daily_guard_tg'
        AND tgfoid = v_function
        AND tgenabled = 'O';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.usage_daily: usage_daily_guard_tg missing, disabled or changed';
    END IF;
END;
$verify$;

ROLLBACK;
