-- Revert agentcore:knowledge_base from pg
--
-- What knowledge_base and document hold cannot be made again, so this refuses while there is a row:
-- it is exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agentcore.knowledge_base NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agentcore.document NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agentcore.knowledge_base) THEN
        RAISE EXCEPTION 'agentcore.knowledge_base holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM agentcore.document) THEN
        RAISE EXCEPTION 'agentcore.document holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agentcore.document;
DROP TABLE agentcore.knowledge_base;

COMMIT;
