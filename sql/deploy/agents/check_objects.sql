-- Deploy agents:check_objects to pg
-- requires: schema
--
-- A key that is spelled wrong must not be a value that is lost. Whoever takes objects asks this
-- first: it knows which keys there are, and which of them are times that cannot be yet to come.
-- Locks: none.  Docs: docs/schema/agents.md#check-objects

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.check_objects(
    p_name text,
    p_objects jsonb,
    p_keys text[],
    p_times text[],
    p_is_one boolean DEFAULT false
)
RETURNS void
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    -- Clocks of writers differ by so much at most.
    v_latest  CONSTANT timestamptz := clock_timestamp() + interval '5 minutes';
    v_objects CONSTANT jsonb := CASE
        WHEN p_is_one THEN jsonb_build_array(p_objects) ELSE p_objects
    END;
    v_object  jsonb;
    v_name    text;
    v_rest    jsonb;
    v_time    text;
BEGIN
    IF jsonb_typeof(v_objects) IS DISTINCT FROM 'array' THEN
        RAISE EXCEPTION '%: is not an array of objects', p_name
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass [] for none.';
    END IF;

    FOR v_place IN 0 .. jsonb_array_length(v_objects) - 1 LOOP
        v_object := v_objects -> v_place;
        v_name := CASE WHEN p_is_one THEN p_name ELSE format('%s[%s]', p_name, v_place) END;
        IF jsonb_typeof(v_object) <> 'object' THEN
            RAISE EXCEPTION '%: is not an object', v_name
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('Its keys are %s.', array_to_string(p_keys, ', '));
        END IF;

        v_rest := v_object - p_keys;
        IF v_rest <> '{}' THEN
            RAISE EXCEPTION '%.%: is no key',
                v_name, (SELECT min(key) FROM jsonb_object_keys(v_rest) AS key)
                USING ERRCODE = 'invalid_parameter_value',
                      HINT = format('The keys are %s.', array_to_string(p_keys, ', '));
        END IF;

        FOREACH v_time IN ARRAY p_times LOOP
            IF (v_object ->> v_time)::timestamptz > v_latest THEN
                RAISE EXCEPTION '%.%: % lies in the future',
                    v_name, v_time, v_object ->> v_time
                    USING ERRCODE = 'MU112',
                          HINT = 'Look at the clock of the writer, or leave it to the database.';
            END IF;
        END LOOP;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION agents.check_objects(text, jsonb, text[], text[], boolean) IS
    'Refuses what is not an array of objects, or one object, with these keys and times that have '
    'come. Raises 22023 and names the place, 22007 when a time is none, MU112 when one is more '
    'than five minutes ahead.';

REVOKE ALL ON FUNCTION agents.check_objects(text, jsonb, text[], text[], boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.check_objects(text, jsonb, text[], text[], boolean)
    TO muniment_app;

COMMIT;
