-- Verify platform:set_updated_at on pg

BEGIN;

DO $verify$
DECLARE
    v_function CONSTANT regprocedure := 'platform.set_updated_at()';
BEGIN
    IF has_function_privilege('public', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: PUBLIC can execute it', v_function;
    END IF;

    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = v_function
        AND NOT prosecdef
        AND prorettype = 'trigger'::regtype
        AND proconfig = ARRAY['search_path=pg_catalog, pg_temp'];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: not a trigger function with a pinned search_path', v_function;
    END IF;
END;
$verify$;

ROLLBACK;
