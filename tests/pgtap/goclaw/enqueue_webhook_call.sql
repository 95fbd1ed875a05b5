-- Subject: goclaw.enqueue_webhook_call()    Docs: docs/schema/goclaw.md#enqueue-webhook-call
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(28);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'enqueue_webhook_call', ARRAY[
        'uuid', 'jsonb', 'text', 'text', 'text', 'uuid', 'interval'
    ],
    'setof record', 'it returns a call'
);
SELECT volatility_is(
    'goclaw', 'enqueue_webhook_call', ARRAY[
        'uuid', 'jsonb', 'text', 'text', 'text', 'uuid', 'interval'
    ],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'enqueue_webhook_call', ARRAY[
        'uuid', 'jsonb', 'text', 'text', 'text', 'uuid', 'interval'
    ],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'enqueue_webhook_call', ARRAY[
        'uuid', 'jsonb', 'text', 'text', 'text', 'uuid', 'interval'
    ],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.webhooks (tenant_id, id, agent_id, name, kind, secret_hash, revoked) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1',
        'a9e00000-0000-4000-8000-0000000000a1', 'the planner''s', 'llm', repeat('a', 64), false
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a2',
        NULL, 'revoked', 'llm', repeat('b', 64), true
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a3',
        NULL, 'anybody''s', 'llm', repeat('c', 64), false
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '3eb40000-0000-4000-8000-0000000000b1',
        NULL, 'of b', 'llm', repeat('d', 64), false
    );

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT * FROM goclaw.enqueue_webhook_call('3eb40000-0000-4000-8000-0000000000a1', '{}') $$,
    '42501',
    'tenant is not set',
    'a tenant has to be set'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT throws_ok(
    format('SELECT * FROM goclaw.enqueue_webhook_call(%L, %L)', webhook, '{}'),
    'MU341',
    'p_webhook_id: the webhook is not there or is revoked',
    format('%s is refused like any other that is not to be called', webhook)
)
FROM unnest(ARRAY[
    '3eb40000-0000-4000-8000-0000000000a2', '3eb40000-0000-4000-8000-0000000000b1',
    '3eb40000-0000-4000-8000-0000000000ff', NULL
]) AS webhook;
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.enqueue_webhook_call(%L, %L, %s)',
        '3eb40000-0000-4000-8000-0000000000a1', '{}', rest
    ),
    state,
    NULL,
    format('%s is refused', rest)
)
FROM (
    VALUES
        ('p_idempotency_key => ''''', '23514'),
        ('p_mode => ''later''', '23514'),
        ('p_mode => NULL', '23502'),
        ('p_agent_id => ''a9e00000-0000-4000-8000-0000000000a2''', '22023'),
        ('p_timeout => ''0''', '22023'),
        ('p_timeout => ''300000 years''', '22023'),
        ('p_timeout => NULL', '22023')
) AS attempt (rest, state);
SELECT throws_ok(
    $$ SELECT * FROM goclaw.enqueue_webhook_call(
           '3eb40000-0000-4000-8000-0000000000a3', '{}',
           p_agent_id => 'a9e00000-0000-4000-8000-0000000000b1'
       ) $$,
    '23503',
    NULL,
    'an agent has to be there'
);
CREATE TEMPORARY TABLE first AS
SELECT *
FROM goclaw.enqueue_webhook_call(
    '3eb40000-0000-4000-8000-0000000000a1', '{"n": 1}', 'k', 'async', 'https://example.org/cb'
);
SELECT results_eq(
    $$ SELECT c.id, c.tenant_id, c.webhook_id, c.agent_id, c.mode, c.callback_url, c.status,
           c.attempts, c.next_attempt_at, c.started_at, c.request_payload
       FROM goclaw.webhook_calls AS c $$,
    $$ SELECT f.id, '00000000-0000-4000-8000-00000000000a'::uuid,
           '3eb40000-0000-4000-8000-0000000000a1'::uuid,
           'a9e00000-0000-4000-8000-0000000000a1'::uuid, 'async', 'https://example.org/cb',
           'queued', 0, now(), NULL::timestamptz, '{"n": 1}'::jsonb
       FROM first AS f $$,
    'a call is due at once, for the agent of the webhook'
);
SELECT ok((SELECT f.is_new FROM first AS f), 'and is new');
SELECT isnt(
    (SELECT e.id FROM goclaw.enqueue_webhook_call(
        '3eb40000-0000-4000-8000-0000000000a3', '{}', 'k'
    ) AS e),
    (SELECT f.id FROM first AS f),
    'the same key at another webhook is another call'
);
SELECT results_eq(
    $$ SELECT * FROM goclaw.enqueue_webhook_call(
           '3eb40000-0000-4000-8000-0000000000a1', '{"n": 2}', 'k', 'sync'
       ) $$,
    $$ SELECT f.id, f.delivery_id, f.status, f.response, false FROM first AS f $$,
    'the same key gives the same call back'
);
UPDATE goclaw.webhooks SET revoked = true
WHERE id = '3eb40000-0000-4000-8000-0000000000a1';
SELECT results_eq(
    $$ SELECT * FROM goclaw.enqueue_webhook_call(
           '3eb40000-0000-4000-8000-0000000000a1', NULL, 'k', 'later', NULL,
           'a9e00000-0000-4000-8000-0000000000a2', '-1 second'
       ) $$,
    $$ SELECT f.id, f.delivery_id, f.status, f.response, false FROM first AS f $$,
    'whatever else is passed, and whatever has become of the webhook'
);
UPDATE goclaw.webhooks SET revoked = false
WHERE id = '3eb40000-0000-4000-8000-0000000000a1';
SELECT is(
    (SELECT count(*)
     FROM generate_series(1, 2)
     CROSS JOIN goclaw.enqueue_webhook_call('3eb40000-0000-4000-8000-0000000000a1', '{}') AS e
     WHERE e.is_new),
    2::bigint,
    'without a key, every call is one'
);
SELECT ok(
    (SELECT e.is_new FROM goclaw.enqueue_webhook_call(
        '3eb40000-0000-4000-8000-0000000000a1', '{}', 's', 'sync', p_timeout => '1 minute'
    ) AS e),
    'a caller may wait'
);
SELECT results_eq(
    $$ SELECT c.status, c.attempts, c.started_at, c.next_attempt_at, c.lease_token
       FROM goclaw.webhook_calls AS c
       WHERE c.idempotency_key = 's' $$,
    $$ VALUES ('running', 1, now(), now() + interval '1 minute', NULL::text) $$,
    'its call is running then, under nobody''s lease'
);
UPDATE goclaw.webhook_calls AS c
SET status = 'done', response = '{"said": "yes"}', completed_at = now()
WHERE c.idempotency_key = 's';
SELECT results_eq(
    $$ SELECT e.status, e.response, e.is_new
       FROM goclaw.enqueue_webhook_call(
           '3eb40000-0000-4000-8000-0000000000a1', '{}', 's', 'sync'
       ) AS e $$,
    $$ VALUES ('done', '{"said": "yes"}'::jsonb, false) $$,
    'a caller that did not hear the answer gets it when it asks again'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT ok(
    (SELECT e.is_new FROM goclaw.enqueue_webhook_call(
        '3eb40000-0000-4000-8000-0000000000b1', '{}', 'k'
    ) AS e),
    'another tenant has keys of its own'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'enqueue_webhook_call' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes record calls'
);

SELECT * FROM finish(true);
ROLLBACK;
