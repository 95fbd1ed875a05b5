-- Deploy open_agents:schema to pg
-- requires: platform:schema
--
-- Agents at work in sandboxes, for accounts: their sessions, the chats in them, and how long each
-- run of a workflow took. Tables and columns have the names that the source gives them.
-- Locks: none beyond the new schema.  Docs: docs/schema/open_agents.md#schema

BEGIN;

CREATE SCHEMA open_agents AUTHORIZATION muniment_owner;

SET LOCAL ROLE muniment_owner;

COMMENT ON SCHEMA open_agents IS
    'Agents at work in sandboxes: accounts, sessions, chats with their messages and how far they '
    'were read, runs of workflows and their steps.';

GRANT USAGE ON SCHEMA open_agents TO muniment_app, muniment_reader, muniment_service;

COMMIT;
