-- Deploy platform:uuid_generate_v7 to pg
-- requires: schema
--
-- RFC 9562, section 5.7. From version 18 on the server has uuidv7(); before, the same layout is
-- made here: 48 bits of milliseconds, 12 bits of the fraction of the millisecond (section 6.2,
-- method 3), 62 random bits. The server is asked at each call, so that an upgrade takes effect.
-- Locks: none.  Docs: docs/schema/platform.md#uuid-generate-v7

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION platform.uuid_generate_v7()
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_micros   bigint;
    v_fraction integer;
    v_bytes    bytea;
BEGIN
    -- plpgsql plans a statement when it is first reached, so older servers never see this name.
    IF current_setting('server_version_num')::integer >= 180000 THEN
        RETURN uuidv7();
    END IF;

    v_micros := floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
    v_fraction := ((v_micros % 1000) * 4096 / 1000)::integer;

    -- gen_random_uuid() has set the variant bits of byte 8; only time and version are replaced.
    v_bytes := overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send(v_micros / 1000) FROM 3 FOR 6)
        FROM 1 FOR 6
    );
    v_bytes := set_byte(v_bytes, 6, 112 | (v_fraction >> 8));
    v_bytes := set_byte(v_bytes, 7, v_fraction & 255);

    RETURN encode(v_bytes, 'hex')::uuid;
END;
$function$;

COMMENT ON FUNCTION platform.uuid_generate_v7() IS
    'A UUID of version 7 (RFC 9562): ordered by time, to the millisecond and a fraction of it. '
    'Raises nothing.';

REVOKE ALL ON FUNCTION platform.uuid_generate_v7() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION platform.uuid_generate_v7() TO muniment_app, muniment_service;

COMMIT;
