-- Subject: goclaw.model_price()    Docs: docs/schema/goclaw.md#model-price
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'model_price', ARRAY['uuid', 'text'], 'goclaw.model_prices', 'it returns all prices'
);
SELECT volatility_is(
    'goclaw', 'model_price', ARRAY['uuid', 'text'], 'stable', 'it only reads'
);
SELECT isnt_definer(
    'goclaw', 'model_price', ARRAY['uuid', 'text'], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'model_price', ARRAY['uuid', 'text'], 'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.llm_providers (tenant_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'one'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', 'two'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', 'one');
INSERT INTO goclaw.usage_pricing_catalog (
    model_id, canonical_model_id, input_price, output_price, cache_read_price, cache_write_price,
    reasoning_price, request_price, image_price, web_search_price, synced_at
)
VALUES
    ('m', 'c', 1, 2, 3, 4, 5, 6, 7, 8, '2026-11-01 00:00+00'),
    ('n', 'c', 11, 12, 13, 14, 15, 16, 17, 18, '2026-11-02 00:00+00'),
    ('d', 'm', 21, 22, 23, 24, 25, 26, 27, 28, '2026-11-03 00:00+00');
INSERT INTO goclaw.usage_pricing_overrides (
    tenant_id, provider_id, provider_type, model_id, input_price, output_price, enabled
)
VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 't', 'm', 0,
     NULL, true),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 't', 'n', 9,
     9, false),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 't', 'own', 9,
     NULL, true),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', 't', 'm', 99,
     99, true);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.model_price(NULL, 'm') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no price'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    goclaw.model_price(provider_id::uuid, model_id)::text, prices, reason
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-0000000000a1', 'm',
         ROW(0, 2, 3, 4, 5, 6, 7, 8), 'a price of the tenant, though it is 0, else the published'),
        ('00000000-0000-4000-8000-0000000000a2', 'm',
         ROW(1, 2, 3, 4, 5, 6, 7, 8), 'an override is for one provider'),
        ('00000000-0000-4000-8000-0000000000a1', 'n',
         ROW(11, 12, 13, 14, 15, 16, 17, 18), 'and only while it is enabled'),
        ('00000000-0000-4000-8000-0000000000a2', 'c',
         ROW(11, 12, 13, 14, 15, 16, 17, 18), 'by another name, what was read last'),
        (NULL, 'm',
         ROW(1, 2, 3, 4, 5, 6, 7, 8), 'without a provider, the catalogue, by the name of its own'),
        ('00000000-0000-4000-8000-0000000000b1', 'm',
         ROW(1, 2, 3, 4, 5, 6, 7, 8), 'a provider of another tenant is like none')
) AS sample (provider_id, model_id, row_of_prices, reason)
CROSS JOIN LATERAL (
    SELECT row_of_prices::text::goclaw.model_prices::text
) AS expected (prices);
SELECT is(
    goclaw.model_price('00000000-0000-4000-8000-0000000000a1', 'own')::text,
    '(9.000000000000000000,,,,,,,)',
    'what only the tenant knows has the prices that the tenant gave'
);
SELECT is(goclaw.model_price(NULL, 'own'), NULL, 'what nobody knows has none');

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.model_price(uuid, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may ask'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_type, aclexplode(typacl)
       WHERE pg_type.oid = 'goclaw.model_prices'::regtype AND grantee <> typowner $$,
    $$ VALUES ('muniment_app'), ('muniment_reader') $$,
    'and use what it returns'
);
SET LOCAL ROLE muniment_reader;
SELECT is(
    (goclaw.model_price('00000000-0000-4000-8000-0000000000a1', 'm')).input_price,
    0::numeric(30, 18),
    'a reader gets the same answer'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
