-- Subject: goclaw.reclaim_webhook_calls()    Docs: docs/schema/goclaw.md#reclaim-webhook-calls
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'reclaim_webhook_calls', ARRAY['integer', 'integer'],
    'integer', 'it returns how many'
);
SELECT volatility_is(
    'goclaw', 'reclaim_webhook_calls', ARRAY['integer', 'integer'],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'reclaim_webhook_calls', ARRAY['integer', 'integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'reclaim_webhook_calls', ARRAY['integer', 'integer'],
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
    tenant_id, webhook_id, idempotency_key, mode, status, attempts, lease_token, started_at,
    next_attempt_at
)
SELECT
    '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1', name, mode,
    'running', attempts, token, now(), now() + ends
FROM (
    VALUES
        ('busy', 'async', 1, 'w:1', interval '1 second'),
        ('stale', 'async', 1, 'w:2', interval '0'),
        ('worn', 'async', 8, 'w:3', interval '-1 minute'),
        ('left', 'sync', 1, NULL, interval '-1 minute'),
        ('waits', 'sync', 1, NULL, interval '1 minute')
) AS call (name, mode, attempts, token, ends);
INSERT INTO goclaw.webhook_calls (tenant_id, webhook_id, idempotency_key, mode, next_attempt_at)
VALUES
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        'queued', 'async', now() - interval '1 day'
    );

INSERT INTO goclaw.webhooks (tenant_id, id, name, kind, secret_hash, revoked) VALUES
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b2',
        'revoked', 'llm', repeat('c', 64), true
    );
INSERT INTO goclaw.webhook_calls (tenant_id, webhook_id, idempotency_key, mode, next_attempt_at)
VALUES
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b2',
        'revoked', 'async', now() + interval '1 day'
    );

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.reclaim_webhook_calls(%s)', parameters),
    '22023',
    'p_limit or p_max_attempts is not a number from 1',
    format('%s is refused', parameters)
)
FROM unnest(ARRAY['0', 'NULL', '1, 0', '1, NULL']) AS parameters;
SELECT is(goclaw.reclaim_webhook_calls(1), 1, 'it takes no more than it was asked for');
SELECT is(goclaw.reclaim_webhook_calls(2), 2, 'and more the next time');
SELECT is(goclaw.reclaim_webhook_calls(), 1, 'last what waits for a webhook that is revoked');
SELECT is(goclaw.reclaim_webhook_calls(), 0, 'until nothing is stale');
RESET ROLE;
SELECT results_eq(
    $$ SELECT c.idempotency_key, c.status, c.attempts, c.lease_token, c.next_attempt_at,
           c.completed_at, c.last_error
       FROM goclaw.webhook_calls AS c
       ORDER BY c.idempotency_key $$,
    $$ VALUES
        ('busy', 'running', 1, 'w:1', now() + interval '1 second', NULL::timestamptz, NULL),
        ('left', 'failed', 1, NULL, NULL, now(), 'its time ran out'),
        ('queued', 'queued', 0, NULL, now() - interval '1 day', NULL, NULL),
        ('revoked', 'failed', 0, NULL, NULL, now(), 'the webhook is revoked'),
        ('stale', 'queued', 1, NULL, now(), NULL, 'its time ran out'),
        ('waits', 'running', 1, NULL, now() + interval '1 minute', NULL, NULL),
        ('worn', 'dead', 8, NULL, NULL, now(), 'its time ran out') $$,
    'a lease that ran out is taken back; who has used up the attempts, or waited, is given up'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE goclaw.webhook_calls
       SET status = 'done', response = '{}', completed_at = now()
       WHERE idempotency_key = 'left' $$,
    'MU001',
    NULL,
    'who comes late to a call that was given up does not end it again'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format(
        'SELECT goclaw.finish_webhook_call(%L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', c.id, 'w:2'
    ),
    'MU342',
    NULL,
    'the worker that had it is refused'
)
FROM goclaw.webhook_calls AS c
WHERE c.status = 'queued' AND c.attempts = 1;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'reclaim_webhook_calls' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'workers, and nobody else'
);

SELECT * FROM finish(true);
ROLLBACK;
