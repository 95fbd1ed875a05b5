-- Deploy platform:schema to pg
-- requires: roles
--
-- PostgreSQL lets PUBLIC execute every new function. Taking that away once for all that
-- muniment_owner will make means that a forgotten REVOKE cannot open a door.
-- Locks: none beyond the new schema.  Docs: docs/schema/platform.md#schema

BEGIN;

CREATE SCHEMA platform AUTHORIZATION muniment_owner;

SET LOCAL ROLE muniment_owner;

COMMENT ON SCHEMA platform IS
    'What every project shares: the tenant of a transaction, ids, trigger functions.';

ALTER DEFAULT PRIVILEGES FOR ROLE muniment_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

GRANT USAGE ON SCHEMA platform
    TO muniment_app, muniment_reader, muniment_service, muniment_maintainer;

COMMIT;
