-- Revert goclaw:memory_documents from pg
--
-- What memory_documents and memory_chunks hold cannot be made again, so this refuses while there is
-- a row: it is exported first. Row security is lifted for the question, because without a tenant
-- the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.memory_documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.memory_chunks NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.memory_documents) THEN
        RAISE EXCEPTION 'goclaw.memory_documents holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.memory_chunks) THEN
        RAISE EXCEPTION 'goclaw.memory_chunks holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.memory_chunks;
DROP TABLE goclaw.memory_documents;
DROP FUNCTION goclaw.pass_on_document_scope();
DROP FUNCTION goclaw.take_document_scope();

COMMIT;
