-- Verify agents:ensure_partitions on pg

BEGIN;

DO $verify$
DECLARE
    v_function CONSTANT regprocedure := 'agents.ensure_partitions(date, integer)';
BEGIN
    IF NOT has_function_privilege('muniment_maintainer', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: muniment_maintainer cannot execute it', v_function;
    END IF;

    IF has_function_privilege('public', v_function, 'EXECUTE')
        OR has_function_privilege('muniment_app', v_function, 'EXECUTE')
    THEN
        RAISE EXCEPTION '%: others than muniment_maintainer can execute it', v_function;
    END IF;

    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = v_function
        AND prosecdef
        AND proowner = 'muniment_owner'::regrole
        AND proconfig @> ARRAY[
            'search_path=pg_catalog, pg_temp', 'TimeZone=UTC', 'lock_timeout=3s'
        ];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: not a pinned SECURITY DEFINER function of muniment_owner', v_function;
    END IF;
END;
$verify$;

ROLLBACK;
