-- Revert agentcore:conversation from pg
--
-- What conversation and message hold cannot be made again, so this refuses while there is a row: it
-- is exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agentcore.conversation NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agentcore.message NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agentcore.conversation) THEN
        RAISE EXCEPTION 'agentcore.conversation holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM agentcore.message) THEN
        RAISE EXCEPTION 'agentcore.message holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agentcore.message;
DROP TABLE agentcore.conversation;

COMMIT;
