-- Revert agentcore:chunk from pg
--
-- What chunk and chunk_question hold cannot be made again, so this refuses while there is a row: it
-- is exported first. Row security is lifted for the question, because without a tenant the owner
-- cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE agentcore.chunk NO FORCE ROW LEVEL SECURITY;
ALTER TABLE agentcore.chunk_question NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM agentcore.chunk) THEN
        RAISE EXCEPTION 'agentcore.chunk holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM agentcore.chunk_question) THEN
        RAISE EXCEPTION 'agentcore.chunk_question holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE agentcore.chunk_question;
DROP TABLE agentcore.chunk;

COMMIT;
