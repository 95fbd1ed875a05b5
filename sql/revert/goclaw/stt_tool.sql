-- Revert goclaw:stt_tool from pg
--
-- What tenants changed about the tool goes with it.

BEGIN;

SET LOCAL ROLE muniment_owner;

DELETE FROM goclaw.builtin_tools
WHERE name = 'stt';

COMMIT;
