-- Revert agents:chat_turn from pg
--
-- Destroys every recorded message, so it refuses while there is one: evidence is
-- exported and archived first. Row security is lifted for the question, because without a tenant
-- the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agents.chat_turn NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agents.chat_turn) THEN
        RAISE EXCEPTION 'agents.chat_turn holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export and archive them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agents.chat_turn;

COMMIT;
