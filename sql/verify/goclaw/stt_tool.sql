-- Verify goclaw:stt_tool on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
BEGIN
    PERFORM
    FROM goclaw.builtin_tools
    WHERE name = 'stt';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'goclaw.builtin_tools: stt is missing';
    END IF;
END;
$verify$;

ROLLBACK;
