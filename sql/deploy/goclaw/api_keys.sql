-- Deploy goclaw:api_keys to pg
-- requires: tenants
--
-- A key is found by its hash before there is a tenant, so the hash is unique over all tenants: it
-- tells nobody anything but the holder of the key.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#api-keys

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.api_keys (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    name         varchar(100) NOT NULL,
    prefix       varchar(8)   NOT NULL,
    key_hash     varchar(64)  NOT NULL,
    scopes       text[]       NOT NULL DEFAULT '{}',
    expires_at   timestamptz,
    last_used_at timestamptz,
    revoked      boolean      NOT NULL DEFAULT false,
    created_by   varchar(255),
    owner_id     varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT api_keys_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT api_keys_key_hash_uq UNIQUE (key_hash),
    CONSTRAINT api_keys_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT api_keys_key_hash_ck CHECK (key_hash ~ '^[0-9a-f]{64}$')
);

-- Stated: the keys that begin so.
CREATE INDEX api_keys_prefix_ix ON goclaw.api_keys (tenant_id, prefix);

COMMENT ON TABLE goclaw.api_keys IS 'A key with which a program calls the gateway.';
COMMENT ON COLUMN goclaw.api_keys.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.api_keys.id IS 'The key''s identity, which is no secret.';
COMMENT ON COLUMN goclaw.api_keys.name IS 'For people.';
COMMENT ON COLUMN goclaw.api_keys.prefix IS 'The first characters of the key, to recognise it by.';
COMMENT ON COLUMN goclaw.api_keys.key_hash IS
    'SHA-256 of the key in hex; the reader has no right to it.';
COMMENT ON COLUMN goclaw.api_keys.scopes IS 'What it may be used for, for example operator.read.';
COMMENT ON COLUMN goclaw.api_keys.expires_at IS 'When it stops to work. NULL means never.';
COMMENT ON COLUMN goclaw.api_keys.last_used_at IS 'When it was last used.';
COMMENT ON COLUMN goclaw.api_keys.revoked IS 'Whether it was withdrawn.';
COMMENT ON COLUMN goclaw.api_keys.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.api_keys.owner_id IS
    'The user whom calls with this key act as. NULL leaves that to the call.';
COMMENT ON COLUMN goclaw.api_keys.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.api_keys.updated_at IS 'When the row was last changed; a trigger sets it.';

CREATE TRIGGER api_keys_set_updated_at_tg
    BEFORE UPDATE ON goclaw.api_keys
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.api_keys FORCE ROW LEVEL SECURITY;

CREATE POLICY api_keys_tenant ON goclaw.api_keys
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY api_keys_tenant_guard ON goclaw.api_keys AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- A key is looked up to learn the tenant.
CREATE POLICY api_keys_service ON goclaw.api_keys
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.api_keys TO muniment_app;
GRANT UPDATE (
    name, prefix, key_hash, scopes, expires_at, last_used_at, revoked, created_by, owner_id,
    updated_at
) ON goclaw.api_keys TO muniment_app;
GRANT SELECT (
    tenant_id, id, name, prefix, scopes, expires_at, last_used_at, revoked, created_by,
    owner_id, created_at, updated_at
) ON goclaw.api_keys TO muniment_reader;
GRANT SELECT ON goclaw.api_keys TO muniment_service;
GRANT UPDATE (last_used_at) ON goclaw.api_keys TO muniment_service;

COMMIT;
