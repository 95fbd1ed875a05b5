-- Subject: goclaw.usage_pricing_catalog    Docs: docs/schema/goclaw.md#usage-pricing-catalog
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(48);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.usage_pricing_catalog', 'goclaw.usage_pricing_overrides']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('usage_pricing_catalog'::text, 'id'::text, 'uuid', true, 'gen_random_uuid()'),
        ('usage_pricing_catalog', 'model_id', 'text', true, NULL),
        ('usage_pricing_catalog', 'canonical_model_id', 'text', false, NULL),
        ('usage_pricing_catalog', 'raw_pricing', 'jsonb', true, '''{}''::jsonb'),
        ('usage_pricing_catalog', 'raw_model', 'jsonb', true, '''{}''::jsonb'),
        ('usage_pricing_catalog', 'input_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'output_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'cache_read_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'cache_write_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'reasoning_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'request_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'image_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'web_search_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_catalog', 'synced_at', 'timestamp with time zone', true, 'now()'),
        ('usage_pricing_catalog', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('usage_pricing_catalog', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('usage_pricing_overrides', 'tenant_id', 'uuid', true, NULL),
        ('usage_pricing_overrides', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('usage_pricing_overrides', 'provider_id', 'uuid', true, NULL),
        ('usage_pricing_overrides', 'provider_type', 'text', true, NULL),
        ('usage_pricing_overrides', 'model_id', 'text', true, NULL),
        ('usage_pricing_overrides', 'input_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'output_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'cache_read_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'cache_write_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'reasoning_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'request_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'image_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'web_search_price', 'numeric(30,18)', false, NULL),
        ('usage_pricing_overrides', 'enabled', 'boolean', true, 'true'),
        ('usage_pricing_overrides', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('usage_pricing_overrides', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('usage_pricing_catalog_pk'::name, 'PRIMARY KEY (id)'),
        ('usage_pricing_catalog_model_id_uq', 'UNIQUE (model_id)'),
        ('usage_pricing_catalog_model_id_ck', 'CHECK ((model_id <> ''''::text))'),
        ('usage_pricing_catalog_input_price_ck',
         'CHECK (((input_price >= (0)::numeric) AND '
         '(input_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_output_price_ck',
         'CHECK (((output_price >= (0)::numeric) AND '
         '(output_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_cache_read_price_ck',
         'CHECK (((cache_read_price >= (0)::numeric) AND '
         '(cache_read_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_cache_write_price_ck',
         'CHECK (((cache_write_price >= (0)::numeric) AND '
         '(cache_write_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_reasoning_price_ck',
         'CHECK (((reasoning_price >= (0)::numeric) AND '
         '(reasoning_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_request_price_ck',
         'CHECK (((request_price >= (0)::numeric) AND '
         '(request_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_image_price_ck',
         'CHECK (((image_price >= (0)::numeric) AND '
         '(image_price < ''NaN''::numeric)))'),
        ('usage_pricing_catalog_web_search_price_ck',
         'CHECK (((web_search_price >= (0)::numeric) AND '
         '(web_search_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('usage_pricing_overrides_model_id_uq', 'UNIQUE (tenant_id, provider_id, model_id)'),
        ('usage_pricing_overrides_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('usage_pricing_overrides_provider_fk',
         'FOREIGN KEY (tenant_id, provider_id) REFERENCES goclaw.llm_providers(tenant_id, '
         'id) ON DELETE CASCADE'),
        ('usage_pricing_overrides_model_id_ck', 'CHECK ((model_id <> ''''::text))'),
        ('usage_pricing_overrides_input_price_ck',
         'CHECK (((input_price >= (0)::numeric) AND '
         '(input_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_output_price_ck',
         'CHECK (((output_price >= (0)::numeric) AND '
         '(output_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_cache_read_price_ck',
         'CHECK (((cache_read_price >= (0)::numeric) AND '
         '(cache_read_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_cache_write_price_ck',
         'CHECK (((cache_write_price >= (0)::numeric) AND '
         '(cache_write_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_reasoning_price_ck',
         'CHECK (((reasoning_price >= (0)::numeric) AND '
         '(reasoning_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_request_price_ck',
         'CHECK (((request_price >= (0)::numeric) AND '
         '(request_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_image_price_ck',
         'CHECK (((image_price >= (0)::numeric) AND '
         '(image_price < ''NaN''::numeric)))'),
        ('usage_pricing_overrides_web_search_price_ck',
         'CHECK (((web_search_price >= (0)::numeric) AND '
         '(web_search_price < ''NaN''::numeric)))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('usage_pricing_catalog_synced_at_ix'::name, false, 'btree (synced_at DESC)'),
        ('usage_pricing_catalog_canonical_model_id_ix', false,
         'btree (canonical_model_id, synced_at DESC) WHERE (canonical_model_id IS NOT NULL)'),
        ('usage_pricing_overrides_enabled_ix', false,
         'btree (tenant_id, provider_id, model_id) WHERE enabled') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('usage_pricing_catalog_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.usage_pricing_catalog FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('usage_pricing_overrides_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.usage_pricing_overrides FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.llm_providers (tenant_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'one'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', 'one');
INSERT INTO goclaw.usage_pricing_catalog (model_id, input_price) VALUES
    ('m', 0.000000000000000001);
INSERT INTO goclaw.usage_pricing_overrides (tenant_id, provider_id, provider_type, model_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'anthropic',
     'm');

SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_pricing_catalog (model_id) VALUES ('m') $$,
    '23505',
    NULL,
    'a model is in the catalogue once'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_pricing_overrides (tenant_id, provider_id, provider_type, model_id)
       SELECT tenant_id, provider_id, 'openai_compat', model_id
       FROM goclaw.usage_pricing_overrides $$,
    '23505',
    NULL,
    'a model has one override at a provider'
);
SELECT throws_ok(
    format($$ UPDATE goclaw.%I SET model_id = '' $$, name),
    '23514',
    NULL,
    format('a model has a name: %s', name)
)
FROM unnest(ARRAY['usage_pricing_catalog', 'usage_pricing_overrides']) AS name;
SELECT throws_ok(
    format($$ UPDATE goclaw.%I SET %I = %L $$, name, price, value),
    '23514',
    NULL,
    format('%s of %s is not %s', price, name, value)
)
FROM unnest(ARRAY['usage_pricing_catalog', 'usage_pricing_overrides']) AS name
CROSS JOIN unnest(ARRAY[
    'input_price', 'output_price', 'cache_read_price', 'cache_write_price', 'reasoning_price',
    'request_price', 'image_price', 'web_search_price'
]) AS price
CROSS JOIN unnest(ARRAY['-0.000000000000000001', 'NaN']) AS value;
SELECT is(
    (SELECT input_price FROM goclaw.usage_pricing_catalog), 0.000000000000000001,
    'a price keeps 18 digits behind the point'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_pricing_overrides (tenant_id, provider_id, provider_type, model_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000b1',
               'anthropic', 'm') $$,
    '23503',
    NULL,
    'a tenant overrides prices of its own providers only'
);
UPDATE goclaw.usage_pricing_overrides SET updated_at = 'epoch';
UPDATE goclaw.usage_pricing_catalog SET updated_at = 'epoch';
SELECT results_eq(
    $$ SELECT updated_at FROM goclaw.usage_pricing_overrides
       UNION ALL
       SELECT updated_at FROM goclaw.usage_pricing_catalog $$,
    $$ VALUES (now()), (now()) $$,
    'a trigger says when a row was last changed'
);
DELETE FROM goclaw.llm_providers WHERE tenant_id = '00000000-0000-4000-8000-00000000000a';
SELECT is_empty(
    $$ SELECT id FROM goclaw.usage_pricing_overrides $$, 'a provider takes its overrides along'
);
INSERT INTO goclaw.usage_pricing_overrides (tenant_id, provider_id, provider_type, model_id) VALUES
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', 'anthropic',
     'm');
-- The provider would refuse.
ALTER TABLE goclaw.llm_providers DROP CONSTRAINT llm_providers_tenant_fk;
DELETE FROM goclaw.tenants WHERE slug = 'b';
SELECT is_empty(
    $$ SELECT id FROM goclaw.usage_pricing_overrides $$, 'and so does a tenant'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'usage_pricing_overrides', ARRAY[
        'usage_pricing_overrides_tenant', 'usage_pricing_overrides_tenant_guard'
    ],
    'no other policy widens access to usage_pricing_overrides'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('usage_pricing_catalog'::name, 'muniment_app', 'SELECT'),
        ('usage_pricing_catalog', 'muniment_reader', 'SELECT'),
        ('usage_pricing_catalog', 'muniment_service', 'DELETE'),
        ('usage_pricing_catalog', 'muniment_service', 'INSERT'),
        ('usage_pricing_catalog', 'muniment_service', 'SELECT'),
        ('usage_pricing_overrides', 'muniment_app', 'DELETE'),
        ('usage_pricing_overrides', 'muniment_app', 'INSERT'),
        ('usage_pricing_overrides', 'muniment_app', 'SELECT'),
        ('usage_pricing_overrides', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('usage_pricing_catalog'::name, 'muniment_service', 'UPDATE',
         'model_id, canonical_model_id, raw_pricing, raw_model, input_price, output_price, '
         'cache_read_price, cache_write_price, reasoning_price, request_price, image_price,'
         ' web_search_price, synced_at, updated_at'),
        ('usage_pricing_overrides', 'muniment_app', 'UPDATE',
         'provider_id, provider_type, model_id, input_price, output_price, '
         'cache_read_price, cache_write_price, reasoning_price, request_price, image_price,'
         ' web_search_price, enabled, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
