-- Revert astra:renew_leases from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION astra.renew_leases(uuid, interval);

COMMIT;
