-- Verify platform:vector on pg

BEGIN;

DO $verify$
BEGIN
    PERFORM
    FROM pg_catalog.pg_extension
    WHERE extname = 'vector'
        AND extnamespace = 'platform'::regnamespace;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'extension vector: not installed in schema platform';
    END IF;
END;
$verify$;

ROLLBACK;
