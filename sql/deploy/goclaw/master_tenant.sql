-- Deploy goclaw:master_tenant to pg
-- requires: tenants
--
-- The tenant that everybody falls back to: settings and hooks of all tenants are rows of its own.
-- Its id is known to clients and never changes. Row security is lifted for the one row, because
-- under FORCE the owner writes rows of the tenant that it has set, and no other.
-- Locks: ACCESS EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#master-tenant

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.tenants NO FORCE ROW LEVEL SECURITY;

INSERT INTO goclaw.tenants (id, name, slug)
VALUES ('0193a5b0-7000-7000-8000-000000000001', 'Master', 'master');

ALTER TABLE goclaw.tenants FORCE ROW LEVEL SECURITY;

COMMIT;
