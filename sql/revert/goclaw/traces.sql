-- Revert goclaw:traces from pg
--
-- What traces and spans hold cannot be made again, so this refuses while there is a row: it is
-- exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.traces NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.spans NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.traces) THEN
        RAISE EXCEPTION 'goclaw.traces holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.spans) THEN
        RAISE EXCEPTION 'goclaw.spans holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.spans;
DROP TABLE goclaw.traces;

COMMIT;
