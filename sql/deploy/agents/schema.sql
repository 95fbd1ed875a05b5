-- Deploy agents:schema to pg
-- requires: platform:schema
--
-- The ledger of agent runs: who asked, in which firm, about which matter, what ran, what it cost,
-- which tools were called and what failed.
-- Locks: none beyond the new schema.  Docs: docs/schema/agents.md#schema

BEGIN;

CREATE SCHEMA agents AUTHORIZATION muniment_owner;

SET LOCAL ROLE muniment_owner;

COMMENT ON SCHEMA agents IS
    'The agent ledger: runs, sessions, turns, tool calls and the tools that may be called.';

GRANT USAGE ON SCHEMA agents
    TO muniment_app, muniment_reader, muniment_service, muniment_maintainer;

COMMIT;
