-- Deploy goclaw:system_configs to pg
-- requires: tenants
--
-- Settings of a tenant, and secrets that override those of the configuration file. A setting that a
-- tenant has not is that of the master tenant: see goclaw.system_config().
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#system-configs

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.system_configs (
    key        varchar(100) NOT NULL,
    tenant_id  uuid         NOT NULL,
    value      text         NOT NULL,
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT system_configs_pk PRIMARY KEY (key, tenant_id),
    CONSTRAINT system_configs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT system_configs_key_ck CHECK (key <> '')
);

-- Stated: all settings of a tenant. Serves the reference too.
CREATE INDEX system_configs_tenant_id_ix ON goclaw.system_configs (tenant_id);

COMMENT ON TABLE goclaw.system_configs IS 'A setting of a tenant, in plain text: never a secret.';
COMMENT ON COLUMN goclaw.system_configs.key IS 'Name of the setting.';
COMMENT ON COLUMN goclaw.system_configs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.system_configs.value IS 'What it is set to.';
COMMENT ON COLUMN goclaw.system_configs.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER system_configs_set_updated_at_tg
    BEFORE UPDATE ON goclaw.system_configs
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.system_configs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.system_configs FORCE ROW LEVEL SECURITY;

CREATE POLICY system_configs_tenant ON goclaw.system_configs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY system_configs_tenant_guard ON goclaw.system_configs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.system_configs TO muniment_app;
GRANT UPDATE (value, updated_at) ON goclaw.system_configs TO muniment_app;
GRANT SELECT ON goclaw.system_configs TO muniment_reader;

CREATE TABLE goclaw.config_secrets (
    tenant_id  uuid         NOT NULL,
    key        varchar(100) NOT NULL,
    value      bytea        NOT NULL,
    created_at timestamptz  NOT NULL DEFAULT now(),
    updated_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT config_secrets_pk PRIMARY KEY (tenant_id, key),
    CONSTRAINT config_secrets_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT config_secrets_key_ck CHECK (key <> '')
);

COMMENT ON TABLE goclaw.config_secrets IS
    'A secret that overrides a value of the configuration file.';
COMMENT ON COLUMN goclaw.config_secrets.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.config_secrets.key IS 'Name of the value that it overrides.';
COMMENT ON COLUMN goclaw.config_secrets.value IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.config_secrets.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.config_secrets.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER config_secrets_set_updated_at_tg
    BEFORE UPDATE ON goclaw.config_secrets
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.config_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.config_secrets FORCE ROW LEVEL SECURITY;

CREATE POLICY config_secrets_tenant ON goclaw.config_secrets
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY config_secrets_tenant_guard ON goclaw.config_secrets AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.config_secrets TO muniment_app;
GRANT UPDATE (value, updated_at) ON goclaw.config_secrets TO muniment_app;
GRANT SELECT (tenant_id, key, created_at, updated_at) ON goclaw.config_secrets TO muniment_reader;

COMMIT;
