-- Deploy agentcore:schema to pg
-- requires: platform:schema
--
-- Assistants that answer the people of an organisation: from the knowledge of a department, under
-- its control, and with the evidence of what they read and who let it pass.
-- Locks: none beyond the new schema.  Docs: docs/schema/agentcore.md#schema

BEGIN;

CREATE SCHEMA agentcore AUTHORIZATION muniment_owner;

SET LOCAL ROLE muniment_owner;

COMMENT ON SCHEMA agentcore IS
    'Assistants of departments: who may enter, what they know, what was said, what was approved, '
    'what was generated, and what was read for an answer.';

GRANT USAGE ON SCHEMA agentcore
    TO muniment_app, muniment_reader, muniment_service, muniment_maintainer;

COMMIT;
