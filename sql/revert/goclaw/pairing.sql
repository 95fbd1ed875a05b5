-- Revert goclaw:pairing from pg
--
-- Drops pairing_requests and paired_devices with all rows: configuration, which those who made it
-- can make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.paired_devices;
DROP TABLE goclaw.pairing_requests;

COMMIT;
