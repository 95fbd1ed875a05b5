-- Deploy goclaw:llm_providers to pg
-- requires: tenants
--
-- Where models are. The API key is ciphertext that only the gateway can open; the reader is granted
-- every column but that one.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#llm-providers

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.llm_providers (
    tenant_id     uuid         NOT NULL,
    id            uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    name          varchar(50)  NOT NULL,
    display_name  varchar(255),
    provider_type varchar(30)  NOT NULL DEFAULT 'openai_compat',
    api_base      text,
    api_key       text,
    enabled       boolean      NOT NULL DEFAULT true,
    settings      jsonb        NOT NULL DEFAULT '{}',
    created_at    timestamptz  NOT NULL DEFAULT now(),
    updated_at    timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT llm_providers_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT llm_providers_name_uq UNIQUE (tenant_id, name),
    CONSTRAINT llm_providers_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT llm_providers_name_ck CHECK (name <> '')
);

COMMENT ON TABLE goclaw.llm_providers IS 'A provider of language models that a tenant may use.';
COMMENT ON COLUMN goclaw.llm_providers.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.llm_providers.id IS 'The provider.';
COMMENT ON COLUMN goclaw.llm_providers.name IS 'Identifier, for example openrouter.';
COMMENT ON COLUMN goclaw.llm_providers.display_name IS 'For people.';
COMMENT ON COLUMN goclaw.llm_providers.provider_type IS
    'The protocol, for example openai_compat or anthropic.';
COMMENT ON COLUMN goclaw.llm_providers.api_base IS
    'Address of the endpoint. NULL means that of the provider type.';
COMMENT ON COLUMN goclaw.llm_providers.api_key IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.llm_providers.enabled IS 'Whether agents may use it.';
COMMENT ON COLUMN goclaw.llm_providers.settings IS 'Further settings of the provider.';
COMMENT ON COLUMN goclaw.llm_providers.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.llm_providers.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER llm_providers_set_updated_at_tg
    BEFORE UPDATE ON goclaw.llm_providers
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.llm_providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.llm_providers FORCE ROW LEVEL SECURITY;

CREATE POLICY llm_providers_tenant ON goclaw.llm_providers
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY llm_providers_tenant_guard ON goclaw.llm_providers AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.llm_providers TO muniment_app;
GRANT UPDATE (
    name, display_name, provider_type, api_base, api_key, enabled, settings, updated_at
) ON goclaw.llm_providers TO muniment_app;
GRANT SELECT (
    tenant_id, id, name, display_name, provider_type, api_base, enabled, settings, created_at,
    updated_at
) ON goclaw.llm_providers TO muniment_reader;

COMMIT;
