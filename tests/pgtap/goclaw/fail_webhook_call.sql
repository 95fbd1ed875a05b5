-- Subject: goclaw.fail_webhook_call()    Docs: docs/schema/goclaw.md#fail-webhook-call
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(26);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'fail_webhook_call', ARRAY[
        'uuid', 'uuid', 'text', 'text', 'boolean', 'integer', 'interval', 'interval'
    ],
    'setof record', 'it returns what became of the call'
);
SELECT volatility_is(
    'goclaw', 'fail_webhook_call', ARRAY[
        'uuid', 'uuid', 'text', 'text', 'boolean', 'integer', 'interval', 'interval'
    ],
    'volatile', 'it changes something'
);
SELECT isnt_definer(
    'goclaw', 'fail_webhook_call', ARRAY[
        'uuid', 'uuid', 'text', 'text', 'boolean', 'integer', 'interval', 'interval'
    ],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'fail_webhook_call', ARRAY[
        'uuid', 'uuid', 'text', 'text', 'boolean', 'integer', 'interval', 'interval'
    ],
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

-- What the attempt of that number leads to; done as a worker does it, and taken back.
CREATE FUNCTION pg_temp.after_attempt(
    p_attempt integer, OUT status text, OUT least_share numeric, OUT wait interval
)
LANGUAGE plpgsql
AS $function$
BEGIN
    UPDATE goclaw.webhook_calls AS c
    SET status = 'running', attempts = p_attempt, lease_token = 'w:1', next_attempt_at = now();
    SET LOCAL ROLE muniment_service;
    SELECT f.status, f.next_attempt_at - now()
    INTO status, wait
    FROM goclaw.fail_webhook_call(
        '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1',
        'w:1', 'no answer', p_base => '1 minute', p_cap => '20 minutes'
    ) AS f;
    RESET ROLE;
END;
$function$;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.fail_webhook_call(%L, %L, %L, ''no answer'')', tenant, call, token
    ),
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
SELECT throws_ok(
    format(
        'SELECT * FROM goclaw.fail_webhook_call(%L, %L, %L, %L, %s)',
        '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1',
        'w:1', 'no answer', rest
    ),
    '22023',
    NULL,
    format('%s is refused', rest)
)
FROM unnest(ARRAY[
    'p_is_final => NULL', 'p_max_attempts => NULL', 'p_max_attempts => 0', 'p_base => NULL',
    'p_base => ''0''', 'p_cap => NULL', 'p_base => ''2 hours''', 'p_cap => ''300000 years''',
    'p_base => ''300000 years'', p_cap => ''300001 years'''
]) AS rest;
RESET ROLE;
SELECT results_eq(
    $$ SELECT attempt, f.status,
           f.wait BETWEEN 0.75 * least(interval '1 minute' * power(2, attempt - 1), '20 minutes')
               AND least(interval '1 minute' * power(2, attempt - 1), '20 minutes')
       FROM generate_series(1, 7) AS attempt
       CROSS JOIN LATERAL pg_temp.after_attempt(attempt) AS f
       ORDER BY attempt $$,
    $$ SELECT attempt, 'queued', true FROM generate_series(1, 7) AS attempt $$,
    'the wait doubles up to the cap, and is shortened by a quarter at most'
);
SELECT is(
    (SELECT f.wait FROM pg_temp.after_attempt(3) AS f),
    (SELECT f.wait FROM pg_temp.after_attempt(3) AS f),
    'by how much follows from the call and the attempt'
);
SELECT cmp_ok(
    (SELECT count(DISTINCT 1 - f.wait / least(power(2, attempt - 1), 20)) FROM (
        SELECT attempt, extract(epoch FROM (pg_temp.after_attempt(attempt)).wait) / 60 AS wait
        FROM generate_series(1, 7) AS attempt
    ) AS f),
    '>',
    5::bigint,
    'and is not the same for all'
);
SELECT pg_temp.after_attempt(1);
SELECT results_eq(
    $$ SELECT c.lease_token, c.last_error, c.completed_at, c.next_attempt_at > now()
       FROM goclaw.webhook_calls AS c $$,
    $$ VALUES (NULL::text, 'no answer', NULL::timestamptz, true) $$,
    'a call that is tried again waits without a lease'
);
SELECT throws_ok(
    $$ SELECT * FROM goclaw.fail_webhook_call(
           '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a1',
           'w:1', 'e'
       ) $$,
    'MU342',
    NULL,
    'an attempt fails once'
);
SELECT is(
    (SELECT f.status FROM pg_temp.after_attempt(8) AS f),
    'dead',
    'after the last attempt it is dead'
);
SELECT results_eq(
    $$ SELECT c.status, c.lease_token, c.completed_at, c.next_attempt_at
       FROM goclaw.webhook_calls AS c $$,
    $$ VALUES ('dead', NULL::text, now(), NULL::timestamptz) $$,
    'and is not due any more'
);
INSERT INTO goclaw.webhook_calls (
    tenant_id, id, webhook_id, mode, status, attempts, lease_token, started_at, next_attempt_at
) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a2',
        '3eb40000-0000-4000-8000-0000000000a1', 'async', 'running', 1, 'w:2', now(),
        now() + interval '1 minute'
    );
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT * FROM goclaw.fail_webhook_call(
           '00000000-0000-4000-8000-00000000000a', 'ca110000-0000-4000-8000-0000000000a2',
           'w:2', 'gone', p_is_final => true
       ) $$,
    $$ VALUES ('failed', NULL::timestamptz) $$,
    'what is of no use to try again has failed at once'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'fail_webhook_call' AND pronamespace = 'goclaw'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'workers, and nobody else'
);

SELECT * FROM finish(true);
ROLLBACK;
