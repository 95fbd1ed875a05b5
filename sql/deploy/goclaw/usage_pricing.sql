-- Deploy goclaw:usage_pricing to pg
-- requires: llm_providers
--
-- What models cost. The catalogue is global: providers publish it, and the backend copies it. A
-- tenant overrides it for a provider with which it has other prices. Prices are for one unit, not
-- for a million, so they have many digits. NaN is above every number, hence the second bound.
-- Locks: SHARE ROW EXCLUSIVE on llm_providers, tenants.
-- Docs: docs/schema/goclaw.md#usage-pricing

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.usage_pricing_catalog (
    id                 uuid           NOT NULL DEFAULT gen_random_uuid(),
    model_id           text           NOT NULL,
    canonical_model_id text,
    raw_pricing        jsonb          NOT NULL DEFAULT '{}',
    raw_model          jsonb          NOT NULL DEFAULT '{}',
    input_price        numeric(30,18),
    output_price       numeric(30,18),
    cache_read_price   numeric(30,18),
    cache_write_price  numeric(30,18),
    reasoning_price    numeric(30,18),
    request_price      numeric(30,18),
    image_price        numeric(30,18),
    web_search_price   numeric(30,18),
    synced_at          timestamptz    NOT NULL DEFAULT now(),
    created_at         timestamptz    NOT NULL DEFAULT now(),
    updated_at         timestamptz    NOT NULL DEFAULT now(),

    CONSTRAINT usage_pricing_catalog_pk PRIMARY KEY (id),
    CONSTRAINT usage_pricing_catalog_model_id_uq UNIQUE (model_id),
    CONSTRAINT usage_pricing_catalog_model_id_ck CHECK (model_id <> ''),
    CONSTRAINT usage_pricing_catalog_input_price_ck
        CHECK (input_price >= 0 AND input_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_output_price_ck
        CHECK (output_price >= 0 AND output_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_cache_read_price_ck
        CHECK (cache_read_price >= 0 AND cache_read_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_cache_write_price_ck
        CHECK (cache_write_price >= 0 AND cache_write_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_reasoning_price_ck
        CHECK (reasoning_price >= 0 AND reasoning_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_request_price_ck
        CHECK (request_price >= 0 AND request_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_image_price_ck
        CHECK (image_price >= 0 AND image_price < 'NaN'),
    CONSTRAINT usage_pricing_catalog_web_search_price_ck
        CHECK (web_search_price >= 0 AND web_search_price < 'NaN')
);

-- Stated: what was read last.
CREATE INDEX usage_pricing_catalog_synced_at_ix ON goclaw.usage_pricing_catalog (synced_at DESC);

-- The latest entry under another name, for model_price().
CREATE INDEX usage_pricing_catalog_canonical_model_id_ix
    ON goclaw.usage_pricing_catalog (canonical_model_id, synced_at DESC)
    WHERE canonical_model_id IS NOT NULL;

COMMENT ON TABLE goclaw.usage_pricing_catalog IS
    'What a model costs, as published. Global: no tenant data.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.id IS 'The entry.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.model_id IS
    'The model, as the source of the prices names it.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.canonical_model_id IS
    'Another name of the model, which several entries may share.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.raw_pricing IS 'The prices as they were read.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.raw_model IS 'The model as it was read.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.input_price IS
    'US dollars for a token given to the model. NULL means unknown, here and below.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.output_price IS
    'US dollars for a token received from it.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.cache_read_price IS
    'US dollars for a token that was in the cache of the provider.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.cache_write_price IS
    'US dollars for a token that was put there.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.reasoning_price IS
    'US dollars for a token of reasoning.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.request_price IS 'US dollars for a request.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.image_price IS 'US dollars for an image.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.web_search_price IS 'US dollars for a search.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.synced_at IS 'When the prices were last read.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.usage_pricing_catalog.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER usage_pricing_catalog_set_updated_at_tg
    BEFORE UPDATE ON goclaw.usage_pricing_catalog
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

GRANT SELECT ON goclaw.usage_pricing_catalog TO muniment_app;
GRANT SELECT ON goclaw.usage_pricing_catalog TO muniment_reader;
GRANT SELECT, INSERT, DELETE ON goclaw.usage_pricing_catalog TO muniment_service;
GRANT UPDATE (
    model_id, canonical_model_id, raw_pricing, raw_model, input_price, output_price,
    cache_read_price, cache_write_price, reasoning_price, request_price, image_price,
    web_search_price, synced_at, updated_at
) ON goclaw.usage_pricing_catalog TO muniment_service;

CREATE TABLE goclaw.usage_pricing_overrides (
    tenant_id         uuid           NOT NULL,
    id                uuid           NOT NULL DEFAULT gen_random_uuid(),
    provider_id       uuid           NOT NULL,
    provider_type     text           NOT NULL,
    model_id          text           NOT NULL,
    input_price       numeric(30,18),
    output_price      numeric(30,18),
    cache_read_price  numeric(30,18),
    cache_write_price numeric(30,18),
    reasoning_price   numeric(30,18),
    request_price     numeric(30,18),
    image_price       numeric(30,18),
    web_search_price  numeric(30,18),
    enabled           boolean        NOT NULL DEFAULT true,
    created_at        timestamptz    NOT NULL DEFAULT now(),
    updated_at        timestamptz    NOT NULL DEFAULT now(),

    CONSTRAINT usage_pricing_overrides_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT usage_pricing_overrides_model_id_uq UNIQUE (tenant_id, provider_id, model_id),
    CONSTRAINT usage_pricing_overrides_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT usage_pricing_overrides_provider_fk FOREIGN KEY (tenant_id, provider_id)
        REFERENCES goclaw.llm_providers (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT usage_pricing_overrides_model_id_ck CHECK (model_id <> ''),
    CONSTRAINT usage_pricing_overrides_input_price_ck
        CHECK (input_price >= 0 AND input_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_output_price_ck
        CHECK (output_price >= 0 AND output_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_cache_read_price_ck
        CHECK (cache_read_price >= 0 AND cache_read_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_cache_write_price_ck
        CHECK (cache_write_price >= 0 AND cache_write_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_reasoning_price_ck
        CHECK (reasoning_price >= 0 AND reasoning_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_request_price_ck
        CHECK (request_price >= 0 AND request_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_image_price_ck
        CHECK (image_price >= 0 AND image_price < 'NaN'),
    CONSTRAINT usage_pricing_overrides_web_search_price_ck
        CHECK (web_search_price >= 0 AND web_search_price < 'NaN')
);

-- Stated: the overrides in force.
CREATE INDEX usage_pricing_overrides_enabled_ix
    ON goclaw.usage_pricing_overrides (tenant_id, provider_id, model_id)
    WHERE enabled;

COMMENT ON TABLE goclaw.usage_pricing_overrides IS 'What a model costs a tenant at one provider.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.id IS 'The override.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.provider_id IS 'The provider.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.provider_type IS
    'The protocol of the provider, for example openai_compat.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.model_id IS 'The model.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.input_price IS
    'US dollars for a token given to the model. NULL leaves it to the catalogue, here and below.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.output_price IS
    'US dollars for a token received from it.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.cache_read_price IS
    'US dollars for a token that was in the cache of the provider.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.cache_write_price IS
    'US dollars for a token that was put there.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.reasoning_price IS
    'US dollars for a token of reasoning.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.request_price IS 'US dollars for a request.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.image_price IS 'US dollars for an image.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.web_search_price IS 'US dollars for a search.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.enabled IS 'Whether it is in force.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.usage_pricing_overrides.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER usage_pricing_overrides_set_updated_at_tg
    BEFORE UPDATE ON goclaw.usage_pricing_overrides
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.usage_pricing_overrides ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_pricing_overrides FORCE ROW LEVEL SECURITY;

CREATE POLICY usage_pricing_overrides_tenant ON goclaw.usage_pricing_overrides
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_pricing_overrides_tenant_guard ON goclaw.usage_pricing_overrides AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.usage_pricing_overrides TO muniment_app;
GRANT UPDATE (
    provider_id, provider_type, model_id, input_price, output_price, cache_read_price,
    cache_write_price, reasoning_price, request_price, image_price, web_search_price, enabled,
    updated_at
) ON goclaw.usage_pricing_overrides TO muniment_app;
GRANT SELECT ON goclaw.usage_pricing_overrides TO muniment_reader;

COMMIT;
