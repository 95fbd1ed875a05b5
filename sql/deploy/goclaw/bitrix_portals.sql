-- Deploy goclaw:bitrix_portals to pg
-- requires: tenants
--
-- A callback of Bitrix24 names the domain of a portal and nothing that tells the tenant, so a
-- domain is of one tenant only, and the backend may look it up: by four columns, none of them a
-- secret.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#bitrix-portals

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.bitrix_portals (
    tenant_id   uuid         NOT NULL,
    id          uuid         NOT NULL DEFAULT gen_random_uuid(),
    name        varchar(100) NOT NULL,
    domain      varchar(255) NOT NULL,
    credentials bytea,
    state       bytea,
    created_at  timestamptz  NOT NULL DEFAULT now(),
    updated_at  timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT bitrix_portals_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT bitrix_portals_name_uq UNIQUE (tenant_id, name),
    CONSTRAINT bitrix_portals_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT bitrix_portals_domain_ck CHECK (TRIM(domain) <> '')
);

-- Stated: a callback finds the portal by its domain, before there is a tenant.
CREATE UNIQUE INDEX bitrix_portals_domain_uq ON goclaw.bitrix_portals (LOWER(TRIM(domain)));

COMMENT ON TABLE goclaw.bitrix_portals IS 'A Bitrix24 portal that a tenant has connected.';
COMMENT ON COLUMN goclaw.bitrix_portals.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.bitrix_portals.id IS 'The portal.';
COMMENT ON COLUMN goclaw.bitrix_portals.name IS 'For people.';
COMMENT ON COLUMN goclaw.bitrix_portals.domain IS
    'Where the portal is, for example example.bitrix24.com.';
COMMENT ON COLUMN goclaw.bitrix_portals.credentials IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.bitrix_portals.state IS
    'Ciphertext of tokens and bots, AES-256-GCM: the gateway holds the key, the reader has no '
    'right to it.';
COMMENT ON COLUMN goclaw.bitrix_portals.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.bitrix_portals.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER bitrix_portals_set_updated_at_tg
    BEFORE UPDATE ON goclaw.bitrix_portals
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.bitrix_portals ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.bitrix_portals FORCE ROW LEVEL SECURITY;

CREATE POLICY bitrix_portals_tenant ON goclaw.bitrix_portals
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY bitrix_portals_tenant_guard ON goclaw.bitrix_portals AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- A portal is looked up by its domain to learn the tenant.
CREATE POLICY bitrix_portals_service ON goclaw.bitrix_portals
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.bitrix_portals TO muniment_app;
GRANT UPDATE (
    name, domain, credentials, state, updated_at
) ON goclaw.bitrix_portals TO muniment_app;
GRANT SELECT (
    tenant_id, id, name, domain, created_at, updated_at
) ON goclaw.bitrix_portals TO muniment_reader;
GRANT SELECT (tenant_id, id, name, domain) ON goclaw.bitrix_portals TO muniment_service;

COMMIT;
