-- Subject: goclaw.prune_expired()    Docs: docs/schema/goclaw.md#prune-expired
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'prune_expired', ARRAY['integer'],
    'setof record', 'it tells what it did to each table'
);
SELECT volatility_is(
    'goclaw', 'prune_expired', ARRAY['integer'],
    'volatile', 'it changes rows'
);
SELECT isnt_definer(
    'goclaw', 'prune_expired', ARRAY['integer'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'prune_expired', ARRAY['integer'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT id, 'a9e00000-0000-4000-8000-000000000001', 'drafter', 'u', 'm'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');

-- One row each, named after when it ends. Tenants may have the same ids.
CREATE TEMPORARY TABLE due (name text, ends_at timestamptz, id uuid);
INSERT INTO due VALUES
    ('never', NULL, '00000000-0000-4000-8000-000000000005'),
    ('an hour ago', now() - interval '1 hour', '00000000-0000-4000-8000-000000000001'),
    ('a day ago', now() - interval '1 day', '00000000-0000-4000-8000-000000000002'),
    ('now', now(), '00000000-0000-4000-8000-000000000003'),
    ('soon', now() + interval '1 second', '00000000-0000-4000-8000-000000000004');
INSERT INTO goclaw.browser_cookies (
    tenant_id, id, user_id, agent_id, domain, name, encrypted_value, expires_at
)
SELECT t.id, d.id, 'u', 'drafter', 'example.org', d.name, 'x', d.ends_at
FROM goclaw.tenants AS t
CROSS JOIN due AS d
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.channel_pending_messages (
    tenant_id, id, channel_name, history_key, sender, body, created_at, is_summary
)
SELECT t.id, d.id, 'c', 'h', 's', d.name, d.ends_at - interval '7 days', d.name = 'a day ago'
FROM goclaw.tenants AS t
CROSS JOIN due AS d
WHERE t.slug IN ('a', 'b')
    AND d.name <> 'never';
INSERT INTO goclaw.episodic_summaries (
    tenant_id, id, agent_id, session_key, summary, expires_at
)
SELECT t.id, d.id, 'a9e00000-0000-4000-8000-000000000001', 's', d.name, d.ends_at
FROM goclaw.tenants AS t
CROSS JOIN due AS d
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.paired_devices (tenant_id, id, sender_id, channel, chat_id, expires_at)
SELECT t.id, d.id, d.name, 'c', 'h', d.ends_at
FROM goclaw.tenants AS t
CROSS JOIN due AS d
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.pairing_requests (
    tenant_id, id, code, sender_id, channel, chat_id, expires_at
)
SELECT t.id, d.id, right(d.id::text, 8), d.name, 'c', 'h', d.ends_at
FROM goclaw.tenants AS t
CROSS JOIN due AS d
WHERE t.slug IN ('a', 'b')
    AND d.name <> 'never';
CREATE TEMPORARY VIEW kept AS
SELECT 'browser_cookies' AS table_name, tenant_id, name::text FROM goclaw.browser_cookies
UNION ALL
SELECT 'channel_pending_messages', tenant_id, body FROM goclaw.channel_pending_messages
UNION ALL
SELECT 'episodic_summaries', tenant_id, summary FROM goclaw.episodic_summaries
UNION ALL
SELECT 'paired_devices', tenant_id, sender_id::text FROM goclaw.paired_devices
UNION ALL
SELECT 'pairing_requests', tenant_id, sender_id::text FROM goclaw.pairing_requests;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT * FROM goclaw.prune_expired(%s)', p_limit),
    '22023',
    'p_limit is not a number of rows',
    format('a limit is not %s', p_limit)
)
FROM unnest(ARRAY['0', '-1', 'NULL']) AS p_limit;
SELECT results_eq(
    $$ SELECT * FROM goclaw.prune_expired(2) $$,
    $$ VALUES
        ('browser_cookies', 2::bigint),
        ('channel_pending_messages', 2),
        ('episodic_summaries', 2),
        ('paired_devices', 2),
        ('pairing_requests', 2) $$,
    'no more rows than the limit leave each table'
);
RESET ROLE;
SELECT is_empty(
    $$ SELECT * FROM kept WHERE name = 'a day ago' $$,
    'of all tenants, and those first that expired first'
);
SELECT is(
    (SELECT count(*) FROM kept WHERE name IN ('an hour ago', 'now')),
    20::bigint,
    'which others have to wait for'
);
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT * FROM goclaw.prune_expired() $$,
    $$ VALUES
        ('browser_cookies', 4::bigint),
        ('channel_pending_messages', 2),
        ('episodic_summaries', 4),
        ('paired_devices', 4),
        ('pairing_requests', 4) $$,
    'the next call takes the rest'
);
SELECT results_eq(
    $$ SELECT DISTINCT pruned FROM goclaw.prune_expired() $$,
    $$ VALUES (0::bigint) $$,
    'and tells when nothing is left'
);
RESET ROLE;
SELECT set_eq(
    $$ SELECT DISTINCT name FROM kept WHERE table_name = 'channel_pending_messages' $$,
    $$ VALUES ('now'), ('soon') $$,
    'a message is kept for seven days to the end'
);
SELECT set_eq(
    $$ SELECT DISTINCT name FROM kept WHERE table_name <> 'channel_pending_messages' $$,
    $$ VALUES ('soon'), ('never') $$,
    'what ends, ends at the time that it says; what ends later or never stays'
);
SELECT is(
    (SELECT count(*) FROM kept), (2 * (2 + 2 + 2 + 2 + 1))::bigint, 'in each table, of each tenant'
);

-- What the backend does not see, and does not change --------------------------

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT %I FROM goclaw.%I', column_name, name),
    '42501',
    NULL,
    format('whoever prunes does not see %s.%s', name, column_name)
)
FROM (
    VALUES
        ('browser_cookies', 'encrypted_value'),
        ('channel_pending_messages', 'body'),
        ('pairing_requests', 'code')
) AS attempt (name, column_name);
SELECT throws_ok(
    $$ UPDATE goclaw.pairing_requests SET expires_at = now() + interval '1 year' $$,
    '42501',
    NULL,
    'nor puts off the end of what is to be pruned'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.prune_expired(integer)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend prunes'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.prune_expired() $$,
    '42501',
    'permission denied for function prune_expired',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
