-- Deploy platform:vector to pg
-- requires: schema
--
-- A change of its own and the last of this plan, so that a server without pgvector can run every
-- project that stores no embeddings. Its types are found as platform.vector, whatever the
-- search_path. Where the extension is there already, move it first:
-- ALTER EXTENSION vector SET SCHEMA platform. Unless the server trusts it, a superuser is needed.
-- Locks: none.  Docs: docs/schema/platform.md#vector

BEGIN;

CREATE EXTENSION vector WITH SCHEMA platform;

COMMIT;
