-- Verify platform:set_tenant on pg

BEGIN;

DO $verify$
DECLARE
    v_function CONSTANT regprocedure := 'platform.set_tenant(uuid)';
BEGIN
    IF NOT has_function_privilege('muniment_app', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: muniment_app cannot execute it', v_function;
    END IF;

    IF NOT has_function_privilege('muniment_reader', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: muniment_reader cannot execute it', v_function;
    END IF;

    IF has_function_privilege('public', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: PUBLIC can execute it', v_function;
    END IF;

    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = v_function
        AND NOT prosecdef
        AND provolatile = 'v'
        AND proconfig = ARRAY['search_path=pg_catalog, pg_temp'];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: not a volatile invoker function with a pinned search_path', v_function;
    END IF;
END;
$verify$;

ROLLBACK;
