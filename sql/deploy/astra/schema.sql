-- Deploy astra:schema to pg
-- requires: platform:schema
--
-- A planner of goals: agents of an organisation split goals into graphs of tasks, workers do them,
-- people approve what is risky. Tables and columns have the names that its clients know.
-- Locks: none beyond the new schema.  Docs: docs/schema/astra.md#schema

BEGIN;

CREATE SCHEMA astra AUTHORIZATION muniment_owner;

SET LOCAL ROLE muniment_owner;

COMMENT ON SCHEMA astra IS
    'The goal planner: organisations, agents, goals, graphs of tasks, workers, approvals, '
    'memories, chats and the tokens that all that uses.';

GRANT USAGE ON SCHEMA astra
    TO muniment_app, muniment_reader, muniment_service, muniment_maintainer;

COMMIT;
