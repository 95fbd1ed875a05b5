-- Deploy astra:organizations to pg
-- requires: schema
-- requires: platform:current_tenant_id
-- requires: platform:uuid_generate_v7
--
-- An organisation is the tenant: it owns the agents, and everything else hangs on it. It sees its
-- own row only; organisations are made by the backend, which is why muniment_service has a policy
-- of its own here.
-- Locks: none beyond the new table.  Docs: docs/schema/astra.md#organizations

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.organizations (
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name       text        NOT NULL,
    slug       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT organizations_pk PRIMARY KEY (id),
    CONSTRAINT organizations_slug_uq UNIQUE (slug),
    CONSTRAINT organizations_slug_ck CHECK (slug <> '')
);

COMMENT ON TABLE astra.organizations IS
    'An organisation that sets goals. What belongs to it has its id.';
COMMENT ON COLUMN astra.organizations.id IS 'The organisation.';
COMMENT ON COLUMN astra.organizations.name IS 'For people.';
COMMENT ON COLUMN astra.organizations.slug IS
    'Short name in addresses, unique over all organisations.';
COMMENT ON COLUMN astra.organizations.created_at IS 'When the row was made.';

ALTER TABLE astra.organizations ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.organizations FORCE ROW LEVEL SECURITY;

CREATE POLICY organizations_tenant ON astra.organizations
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));
CREATE POLICY organizations_tenant_guard ON astra.organizations AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));

-- Organisations are made and looked up before there is a tenant.
CREATE POLICY organizations_service ON astra.organizations
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON astra.organizations TO muniment_app;
GRANT SELECT ON astra.organizations TO muniment_reader;
GRANT SELECT, INSERT, DELETE ON astra.organizations TO muniment_service;
GRANT UPDATE (name, slug) ON astra.organizations TO muniment_service;

COMMIT;
