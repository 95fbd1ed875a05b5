-- Subject: goclaw.finish_webhook_call()    Docs: docs/schema/goclaw.md#finish-webhook-call
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'finish_webhook_call', ARRAY['uuid', 'uuid', 'text', 'jsonb'],
    'timestamp with time zone', 'it returns a time'
);
SELECT volatility_is(
    'goclaw', 'finish_webhook_call', ARRAY['uuid', 'uuid', 'text', 'jsonb'],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'finish_webhook_call', ARRAY['uuid', 'uuid', 'text', 'jsonb'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'finish_webhook_call', ARRAY['uuid', 'uuid', 'text', 'jsonb'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.webhooks (tenant_id, id, name, kind, secret_hash) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1',
        'w', 'llm', repeat('a', 64)
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        'w', 'llm', repeat('b', 64)
    );
INSERT INTO goclaw.webhook_calls (
    tenant_id, id, webhook_id, mode, status, attempts, lease_token, started_at, next_attempt_at,
    last_error, delivery_id
) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1',
        '3eb40000-0000-4000-8000-0000000000a1', 'async', 'running', 1, 'w:1', now(),
        now() + interval '1 minute', 'no answer', 'de110000-0000-4000-8000-0000000000a1'
    );

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT * FROM goclaw.finish_webhook_call(%L, %L, %L)', tenant, call, token),
    'MU342',
    format('p_lease_token: call %s is not the worker''s any more', coalesce(call, '<NULL>')),
    format('%s, %s, %s is refused, without a word about what is there', tenant, call, token)
)
FROM (
    VALUES
        ('00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1', 'w:2'),
        ('00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1', NULL),
        ('00000000-0000-4000-8000-00000000000b', 'ca110000-0000-4000-8000-0000000000a1', 'w:1'),
        ('00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000ff', 'w:1')
) AS attempt (tenant, call, token);
SELECT is(
    goclaw.finish_webhook_call(
        '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1',
        'w:1', '{"said": "yes"}'
    ),
    now(),
    'it returns when the call was done'
);
SELECT throws_ok(
    $$ SELECT goclaw.finish_webhook_call(
           '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1', 'w:1'
       ) $$,
    'MU342',
    NULL,
    'a call is done once'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT c.status, c.response, c.completed_at, c.lease_token, c.next_attempt_at, c.last_error
       FROM goclaw.webhook_calls AS c $$,
    $$ VALUES ('done', '{"said": "yes"}'::jsonb, now(), NULL::text, NULL::timestamptz,
               NULL::text) $$,
    'the row says so, and what was answered'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'finish_webhook_call' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'workers, and nobody else'
);

SELECT * FROM finish(true);
ROLLBACK;
