-- Revert agentcore:template from pg
--
-- Drops template and document_template with all rows: configuration, which those who made it can
-- make again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE agentcore.document_template;
DROP TABLE agentcore.template;

COMMIT;
