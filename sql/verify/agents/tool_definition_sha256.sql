-- Verify agents:tool_definition_sha256 on pg

BEGIN;

DO $verify$
DECLARE
    v_function CONSTANT regprocedure :=
        'agents.tool_definition_sha256(text, text, text, jsonb, jsonb, jsonb)';
BEGIN
    IF NOT has_function_privilege('muniment_service', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: muniment_service cannot execute it', v_function;
    END IF;

    IF has_function_privilege('public', v_function, 'EXECUTE') THEN
        RAISE EXCEPTION '%: PUBLIC can execute it', v_function;
    END IF;

    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = v_function
        AND NOT prosecdef
        AND provolatile = 'i'
        AND proconfig = ARRAY['search_path=pg_catalog, pg_temp'];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: not an immutable invoker function with a pinned search_path',
            v_function;
    END IF;
END;
$verify$;

ROLLBACK;
