-- Revert goclaw:vault_documents from pg
--
-- What vault_documents, vault_links and vault_versions hold cannot be made again, so this
-- refuses while there is a row: it is exported first. Row security is lifted for the question,
-- because without a tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.vault_documents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.vault_links NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.vault_versions NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.vault_documents) THEN
        RAISE EXCEPTION 'goclaw.vault_documents holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.vault_links) THEN
        RAISE EXCEPTION 'goclaw.vault_links holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.vault_versions) THEN
        RAISE EXCEPTION 'goclaw.vault_versions holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.vault_versions;
DROP TABLE goclaw.vault_links;
DROP TABLE goclaw.vault_documents;
DROP FUNCTION goclaw.settle_vault_document();

COMMIT;
