-- Verify agents:schema on pg

BEGIN;

DO $verify$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_missing
    FROM unnest(
        ARRAY['muniment_app', 'muniment_reader', 'muniment_service', 'muniment_maintainer']
    ) AS want (name)
    WHERE NOT has_schema_privilege(want.name, 'agents', 'USAGE');
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema agents: no USAGE for %', v_missing;
    END IF;

    IF has_schema_privilege('public', 'agents', 'USAGE, CREATE') THEN
        RAISE EXCEPTION 'schema agents: PUBLIC has rights on it';
    END IF;

    PERFORM
    FROM pg_catalog.pg_namespace
    WHERE nspname = 'agents'
        AND nspowner = 'muniment_owner'::regrole;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'schema agents: not owned by muniment_owner';
    END IF;
END;
$verify$;

ROLLBACK;
