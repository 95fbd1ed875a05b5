-- Revert astra:chat_sessions from pg
--
-- What chat_sessions and chat_messages hold cannot be made again, so this refuses while there is a
-- row: it is exported first. Row security is lifted for the question, because without a tenant the
-- owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE astra.chat_sessions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE astra.chat_messages NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM astra.chat_sessions) THEN
        RAISE EXCEPTION 'astra.chat_sessions holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM astra.chat_messages) THEN
        RAISE EXCEPTION 'astra.chat_messages holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE astra.chat_messages;
DROP TABLE astra.chat_sessions;

COMMIT;
