-- Subject: goclaw.claim_webhook_calls()    Docs: docs/schema/goclaw.md#claim-webhook-calls
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'claim_webhook_calls', ARRAY['text', 'integer', 'interval'],
    'setof record', 'it returns calls'
);
SELECT volatility_is(
    'goclaw', 'claim_webhook_calls', ARRAY['text', 'integer', 'interval'],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'claim_webhook_calls', ARRAY['text', 'integer', 'interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'claim_webhook_calls', ARRAY['text', 'integer', 'interval'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b'),
    ('00000000-0000-4000-8000-00000000000c', 'C', 'c');
UPDATE goclaw.tenants SET status = 'suspended' WHERE slug = 'c';
INSERT INTO goclaw.webhooks (tenant_id, id, name, kind, secret_hash) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a2',
        'revoked', 'llm', repeat('d', 64)
    ),
    (
        '00000000-0000-4000-8000-00000000000c', '3eb40000-0000-4000-8000-0000000000c1',
        'w', 'llm', repeat('c', 64)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1',
        'w', 'llm', repeat('a', 64)
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        'w', 'llm', repeat('b', 64)
    );

-- Five calls of a, the oldest of all; one of b; and what is nobody's to claim.
INSERT INTO goclaw.webhook_calls (
    tenant_id, webhook_id, idempotency_key, mode, callback_url, request_payload, next_attempt_at
)
SELECT
    '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1', 'a' || n,
    'async', 'https://example.org/cb',
    '{"n": 1}', now() - interval '1 hour' + n * interval '1 minute'
FROM generate_series(1, 5) AS n;
INSERT INTO goclaw.webhook_calls (
    tenant_id, webhook_id, idempotency_key, mode, status, started_at, next_attempt_at
) VALUES
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        'b1', 'async', 'queued', NULL, now()
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a2',
        'revoked', 'async', 'queued', NULL, now() - interval '1 day'
    ),
    (
        '00000000-0000-4000-8000-00000000000c', '3eb40000-0000-4000-8000-0000000000c1',
        'suspended', 'async', 'queued', NULL, now() - interval '1 day'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        'later', 'async', 'queued', NULL, now() + interval '1 second'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        'sync', 'sync', 'running', now(), now() - interval '1 day'
    );
UPDATE goclaw.webhooks SET revoked = true WHERE name = 'revoked';
CREATE TEMPORARY TABLE claimed (
    round           integer,
    tenant_id       uuid,
    id              uuid,
    webhook_id      uuid,
    agent_id        uuid,
    delivery_id     uuid,
    callback_url    text,
    request_payload jsonb,
    attempts        integer,
    lease_token     text,
    lease_ends_at   timestamptz
);
GRANT SELECT, INSERT ON claimed TO muniment_service;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT * FROM goclaw.claim_webhook_calls(%s)', parameters),
    '22023',
    message,
    format('%s is refused', parameters)
)
FROM (
    VALUES
        ('NULL', 'p_worker is empty'),
        ('''''', 'p_worker is empty'),
        ('''w'', 0', 'p_limit is not a number from 1 to 1000'),
        ('''w'', 1001', 'p_limit is not a number from 1 to 1000'),
        ('''w'', NULL', 'p_limit is not a number from 1 to 1000'),
        ('''w'', 1, ''0''', 'p_lease is not a time above zero, up to 1 year'),
        ('''w'', 1, ''300000 years''', 'p_lease is not a time above zero, up to 1 year'),
        ('''w'', 1, NULL', 'p_lease is not a time above zero, up to 1 year')
) AS attempt (parameters, message);
INSERT INTO claimed SELECT 1, * FROM goclaw.claim_webhook_calls('w');
INSERT INTO claimed SELECT 2, * FROM goclaw.claim_webhook_calls('w');
SELECT is(
    (SELECT count(DISTINCT c.tenant_id) FROM claimed AS c),
    2::bigint,
    'who has nothing under way is served before who has, however long that one has waited'
);
INSERT INTO claimed SELECT 3, * FROM goclaw.claim_webhook_calls('w', 3, '1 minute');
INSERT INTO claimed SELECT 4, * FROM goclaw.claim_webhook_calls('v', 1000);
RESET ROLE;
SELECT results_eq(
    $$ SELECT w.idempotency_key
       FROM claimed AS c
       INNER JOIN goclaw.webhook_calls AS w USING (tenant_id, id)
       WHERE c.tenant_id = '00000000-0000-4000-8000-00000000000a'
       ORDER BY c.round, c.lease_ends_at, w.idempotency_key $$,
    $$ VALUES ('a1'), ('a2'), ('a3'), ('a4'), ('a5') $$,
    'within a tenant the oldest goes first'
);
SELECT results_eq(
    $$ SELECT c.round, count(*) FROM claimed AS c WHERE c.round > 2 GROUP BY 1 ORDER BY 1 $$,
    $$ VALUES (3, 3::bigint), (4, 1::bigint) $$,
    'a worker gets no more than it asked for'
);
SELECT is(
    (SELECT count(*) FROM goclaw.webhook_calls AS c
     WHERE c.attempts = 0 AND c.idempotency_key IN ('later', 'sync')),
    2::bigint,
    'what is not due stays, and so does what a caller waits for'
);
SELECT results_eq(
    $$ SELECT c.idempotency_key, c.status
       FROM goclaw.webhook_calls AS c
       WHERE c.idempotency_key IN ('revoked', 'suspended')
       ORDER BY 1 $$,
    $$ VALUES ('revoked', 'queued'), ('suspended', 'queued') $$,
    'nobody delivers for a webhook that is revoked, or a tenant that is not active'
);
SELECT is(
    (SELECT count(DISTINCT c.id) FROM claimed AS c), 6::bigint, 'nothing is given out twice'
);
SELECT results_eq(
    $$ SELECT w.status, w.attempts, w.started_at, w.lease_token, w.next_attempt_at
       FROM goclaw.webhook_calls AS w
       WHERE w.idempotency_key = 'a3' $$,
    $$ SELECT 'running', 1, now(), c.lease_token, now() + interval '1 minute'
       FROM claimed AS c
       INNER JOIN goclaw.webhook_calls AS w USING (tenant_id, id)
       WHERE w.idempotency_key = 'a3' $$,
    'the row says who has it, and until when'
);
SELECT is(
    (SELECT count(DISTINCT c.lease_token) FROM claimed AS c
     WHERE c.lease_token ~ '^[vw]:[0-9a-f-]{36}$'),
    6::bigint,
    'each call has a token of its own, which begins with the worker'
);
SELECT results_eq(
    $$ SELECT DISTINCT c.webhook_id, c.callback_url, c.request_payload, c.attempts
       FROM claimed AS c
       WHERE c.tenant_id = '00000000-0000-4000-8000-00000000000a' $$,
    $$ VALUES ('3eb40000-0000-4000-8000-0000000000a1'::uuid, 'https://example.org/cb',
               '{"n": 1}'::jsonb, 1) $$,
    'the worker is told what it needs'
);

-- One worker that ends each call before it claims the next: nobody has anything under way then. By
-- lot, 64 claims pass over b once in 2 to the 64th.
INSERT INTO goclaw.webhook_calls (tenant_id, webhook_id, mode, next_attempt_at)
SELECT w.tenant_id, w.id, 'async', now() - interval '1 day'
FROM goclaw.webhooks AS w
CROSS JOIN generate_series(1, 100)
WHERE w.tenant_id = '00000000-0000-4000-8000-00000000000a';
UPDATE goclaw.webhook_calls SET next_attempt_at = now() WHERE idempotency_key = 'later';
DO $$
BEGIN
    FOR v_round IN 1..64 LOOP
        UPDATE goclaw.webhook_calls
        SET status = 'done', completed_at = now(), lease_token = NULL
        WHERE status = 'running';
        PERFORM goclaw.claim_webhook_calls('w');
    END LOOP;
END;
$$;
SELECT is(
    (SELECT c.attempts FROM goclaw.webhook_calls AS c WHERE c.idempotency_key = 'later'),
    1,
    'a tenant with one call is served, however many another has that are older'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'claim_webhook_calls' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'workers, and nobody else'
);

SELECT * FROM finish(true);
ROLLBACK;
