-- Deploy goclaw:tenants to pg
-- requires: schema
-- requires: platform:current_tenant_id
-- requires: platform:uuid_generate_v7
-- requires: platform:set_updated_at
--
-- Whoever the gateway works for. A tenant sees its own row only; tenants are made by the backend,
-- which is why muniment_service has a policy of its own here.
-- Locks: none beyond the new tables.  Docs: docs/schema/goclaw.md#tenants

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.tenants (
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    name       varchar(255) NOT NULL,
    slug       varchar(100) NOT NULL,
    status     varchar(20)  NOT NULL DEFAULT 'active',
    settings   jsonb        NOT NULL DEFAULT '{}',
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT tenants_pk PRIMARY KEY (id),
    CONSTRAINT tenants_slug_uq UNIQUE (slug),
    CONSTRAINT tenants_slug_ck CHECK (slug <> ''),
    -- No list is stated; but only active is served, and Active would not be.
    CONSTRAINT tenants_status_ck CHECK (status ~ '^[a-z][a-z_]*$')
);

COMMENT ON TABLE goclaw.tenants IS
    'A customer of the gateway. What belongs to a tenant has its id.';
COMMENT ON COLUMN goclaw.tenants.id IS 'The tenant.';
COMMENT ON COLUMN goclaw.tenants.name IS 'For people.';
COMMENT ON COLUMN goclaw.tenants.slug IS 'Short name in addresses, unique over all tenants.';
COMMENT ON COLUMN goclaw.tenants.status IS
    'Whether the gateway serves the tenant: active, or a word for why not.';
COMMENT ON COLUMN goclaw.tenants.settings IS 'Settings of the tenant as a whole.';
COMMENT ON COLUMN goclaw.tenants.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.tenants.updated_at IS 'When the row was last changed; a trigger sets it.';

CREATE TRIGGER tenants_set_updated_at_tg
    BEFORE UPDATE ON goclaw.tenants
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.tenants FORCE ROW LEVEL SECURITY;

CREATE POLICY tenants_tenant ON goclaw.tenants
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));
CREATE POLICY tenants_tenant_guard ON goclaw.tenants AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));

-- Tenants are made and looked up before there is a tenant.
CREATE POLICY tenants_service ON goclaw.tenants
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON goclaw.tenants TO muniment_app;
GRANT SELECT ON goclaw.tenants TO muniment_reader;
GRANT SELECT, INSERT, DELETE ON goclaw.tenants TO muniment_service;
GRANT UPDATE (name, slug, status, settings, updated_at) ON goclaw.tenants TO muniment_service;

CREATE TABLE goclaw.tenant_users (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id      varchar(255) NOT NULL,
    display_name varchar(255),
    role         varchar(20)  NOT NULL DEFAULT 'member',
    metadata     jsonb        NOT NULL DEFAULT '{}',
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT tenant_users_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT tenant_users_user_id_uq UNIQUE (tenant_id, user_id),
    CONSTRAINT tenant_users_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT tenant_users_user_id_ck CHECK (user_id <> ''),
    CONSTRAINT tenant_users_role_ck CHECK (role ~ '^[a-z][a-z_]*$')
);

-- The tenants of a user, at login: asked across tenants.
CREATE INDEX tenant_users_user_id_ix ON goclaw.tenant_users (user_id);

COMMENT ON TABLE goclaw.tenant_users IS 'A user who may work in a tenant.';
COMMENT ON COLUMN goclaw.tenant_users.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.tenant_users.id IS 'The membership.';
COMMENT ON COLUMN goclaw.tenant_users.user_id IS 'The user, as the channel or the login names it.';
COMMENT ON COLUMN goclaw.tenant_users.display_name IS 'For people.';
COMMENT ON COLUMN goclaw.tenant_users.role IS
    'What the user may do in the tenant, as the gateway understands it.';
COMMENT ON COLUMN goclaw.tenant_users.metadata IS 'Further facts about the membership.';
COMMENT ON COLUMN goclaw.tenant_users.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.tenant_users.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER tenant_users_set_updated_at_tg
    BEFORE UPDATE ON goclaw.tenant_users
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.tenant_users ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.tenant_users FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant_users_tenant ON goclaw.tenant_users
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY tenant_users_tenant_guard ON goclaw.tenant_users AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- A login asks for the tenants of a user before there is a tenant.
CREATE POLICY tenant_users_service ON goclaw.tenant_users
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.tenant_users TO muniment_app;
GRANT UPDATE (
    user_id, display_name, role, metadata, updated_at
) ON goclaw.tenant_users TO muniment_app;
GRANT SELECT ON goclaw.tenant_users TO muniment_reader;
GRANT SELECT, INSERT ON goclaw.tenant_users TO muniment_service;

COMMIT;
