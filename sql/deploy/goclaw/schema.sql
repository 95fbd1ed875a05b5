-- Deploy goclaw:schema to pg
-- requires: platform:schema
--
-- A gateway between people and agents, for many tenants: what it is told, what it keeps, what it
-- spends. Tables and columns have the names that its clients know.
-- Locks: none beyond the new schema.  Docs: docs/schema/goclaw.md#schema

BEGIN;

CREATE SCHEMA goclaw AUTHORIZATION muniment_owner;

SET LOCAL ROLE muniment_owner;

COMMENT ON SCHEMA goclaw IS
    'The agent gateway: tenants, agents, sessions, memory, skills, schedules, channels, traces, '
    'tools, teams, knowledge, hooks, workstations and what all that costs.';

GRANT USAGE ON SCHEMA goclaw
    TO muniment_app, muniment_reader, muniment_service, muniment_maintainer;

COMMIT;
