-- Revert agentcore:finish_document_generation from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION agentcore.finish_document_generation(uuid, text, uuid, text);

COMMIT;
