-- Revert agents:usage_daily from pg
--
-- Destroys what agents used, so it refuses while there is a row: what came from a month that has
-- left cannot be counted again. Row security is lifted for the question, because without a tenant
-- the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.usage_daily NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.usage_daily) THEN
        RAISE EXCEPTION 'agents.usage_daily holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export and archive them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.usage_daily;

COMMIT;
