-- Deploy goclaw:model_price to pg
-- requires: usage_pricing
--
-- Prices of the tenant lie on top of the published ones, each by itself: who has another price for
-- tokens given to a model need not copy the rest. A model that the catalogue does not know by its
-- own name is looked for by its other one, where the entry that was read last wins.
-- The rows are named by a type of their own, because no table has just these columns.
-- Locks: none.  Docs: docs/schema/goclaw.md#model-price

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TYPE goclaw.model_prices AS (
    input_price       numeric(30,18),
    output_price      numeric(30,18),
    cache_read_price  numeric(30,18),
    cache_write_price numeric(30,18),
    reasoning_price   numeric(30,18),
    request_price     numeric(30,18),
    image_price       numeric(30,18),
    web_search_price  numeric(30,18)
);

COMMENT ON TYPE goclaw.model_prices IS 'What a model costs, in US dollars. NULL means unknown.';
COMMENT ON COLUMN goclaw.model_prices.input_price IS 'For a token given to the model.';
COMMENT ON COLUMN goclaw.model_prices.output_price IS 'For a token received from it.';
COMMENT ON COLUMN goclaw.model_prices.cache_read_price IS
    'For a token that was in the cache of the provider.';
COMMENT ON COLUMN goclaw.model_prices.cache_write_price IS 'For a token that was put there.';
COMMENT ON COLUMN goclaw.model_prices.reasoning_price IS 'For a token of reasoning.';
COMMENT ON COLUMN goclaw.model_prices.request_price IS 'For a request.';
COMMENT ON COLUMN goclaw.model_prices.image_price IS 'For an image.';
COMMENT ON COLUMN goclaw.model_prices.web_search_price IS 'For a search.';

REVOKE ALL ON TYPE goclaw.model_prices FROM PUBLIC;
GRANT USAGE ON TYPE goclaw.model_prices TO muniment_app, muniment_reader;

CREATE FUNCTION goclaw.model_price(p_provider_id uuid, p_model_id text)
RETURNS goclaw.model_prices
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_override  goclaw.usage_pricing_overrides;
    v_published goclaw.usage_pricing_catalog;
    v_is_known  boolean;
BEGIN
    SELECT o.*
    INTO v_override
    FROM goclaw.usage_pricing_overrides AS o
    WHERE o.tenant_id = v_tenant_id
        AND o.provider_id = p_provider_id
        AND o.model_id = p_model_id
        AND o.enabled;
    v_is_known := FOUND;

    SELECT c.*
    INTO v_published
    FROM goclaw.usage_pricing_catalog AS c
    WHERE c.model_id = p_model_id;
    IF NOT FOUND THEN
        SELECT c.*
        INTO v_published
        FROM goclaw.usage_pricing_catalog AS c
        WHERE c.canonical_model_id = p_model_id
        ORDER BY c.synced_at DESC, c.model_id
        LIMIT 1;
    END IF;

    IF NOT (FOUND OR v_is_known) THEN
        RETURN NULL;
    END IF;
    RETURN ROW(
        coalesce(v_override.input_price, v_published.input_price),
        coalesce(v_override.output_price, v_published.output_price),
        coalesce(v_override.cache_read_price, v_published.cache_read_price),
        coalesce(v_override.cache_write_price, v_published.cache_write_price),
        coalesce(v_override.reasoning_price, v_published.reasoning_price),
        coalesce(v_override.request_price, v_published.request_price),
        coalesce(v_override.image_price, v_published.image_price),
        coalesce(v_override.web_search_price, v_published.web_search_price)
    )::goclaw.model_prices;
END;
$function$;

COMMENT ON FUNCTION goclaw.model_price(uuid, text) IS
    'What p_model_id costs the tenant at p_provider_id, in US dollars: each price from its '
    'override that is enabled, else from the catalogue. p_provider_id may be NULL for the '
    'catalogue alone. Returns the columns input_price to web_search_price of '
    'usage_pricing_catalog, and NULL for a model that neither knows. Raises 42501 when no tenant '
    'is set.';

REVOKE ALL ON FUNCTION goclaw.model_price(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.model_price(uuid, text) TO muniment_app, muniment_reader;

COMMIT;
