-- Revert agents:redaction from pg
--
-- What redaction hold cannot be made again, so this refuses while there is a row: it is exported
-- first. Row security is lifted for the question, because without a tenant the owner cannot see
-- whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.redaction NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.redaction) THEN
        RAISE EXCEPTION 'agents.redaction holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.redaction;

COMMIT;
