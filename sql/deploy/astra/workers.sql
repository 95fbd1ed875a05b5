-- Deploy astra:workers to pg
-- requires: organizations
--
-- A process that does tasks. It says by its heartbeats that it lives; what it has claimed is taken
-- from it when the lease of the claim ends, not when heartbeats stop. One that has had a task is
-- stopped and stays, since the task says who did it.
-- Locks: SHARE ROW EXCLUSIVE on organizations.  Docs: docs/schema/astra.md#workers

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.workers (
    org_id         uuid        NOT NULL,
    id             uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    hostname       text        NOT NULL,
    status         text        NOT NULL DEFAULT 'active',
    last_heartbeat timestamptz NOT NULL DEFAULT now(),
    created_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT workers_pk PRIMARY KEY (org_id, id),
    CONSTRAINT workers_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT workers_status_ck CHECK (status IN ('active', 'draining', 'stopped')),
    CONSTRAINT workers_hostname_ck CHECK (hostname <> '')
);

-- Workers that were not heard of for long.
CREATE INDEX workers_last_heartbeat_ix ON astra.workers (org_id, status, last_heartbeat);

COMMENT ON TABLE astra.workers IS 'A process that does tasks for the organisation.';
COMMENT ON COLUMN astra.workers.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.workers.id IS 'The worker.';
COMMENT ON COLUMN astra.workers.hostname IS 'Where it runs.';
COMMENT ON COLUMN astra.workers.status IS
    'active, draining or stopped. Only an active one gets tasks.';
COMMENT ON COLUMN astra.workers.last_heartbeat IS 'When it was last heard of.';
COMMENT ON COLUMN astra.workers.created_at IS 'When it started.';

ALTER TABLE astra.workers ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.workers FORCE ROW LEVEL SECURITY;

CREATE POLICY workers_tenant ON astra.workers
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY workers_tenant_guard ON astra.workers AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, DELETE ON astra.workers TO muniment_app;
GRANT INSERT (org_id, id, hostname, status, last_heartbeat) ON astra.workers TO muniment_app;
GRANT UPDATE (hostname, status, last_heartbeat) ON astra.workers TO muniment_app;
GRANT SELECT ON astra.workers TO muniment_reader;

COMMIT;
