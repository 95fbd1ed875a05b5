-- Subject: goclaw.claim_heartbeats()    Docs: docs/schema/goclaw.md#claim-heartbeats
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'claim_heartbeats', ARRAY['integer', 'interval'],
    'setof goclaw.agent_heartbeats', 'it returns heartbeats'
);
SELECT volatility_is(
    'goclaw', 'claim_heartbeats', ARRAY['integer', 'interval'],
    'volatile', 'it changes what it returns'
);
SELECT isnt_definer(
    'goclaw', 'claim_heartbeats', ARRAY['integer', 'interval'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'claim_heartbeats', ARRAY['integer', 'interval'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug, status) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a', 'active'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b', 'active'),
    ('00000000-0000-4000-8000-00000000000c', 'C', 'c', 'suspended');
INSERT INTO goclaw.agents (tenant_id, agent_key, owner_id, model)
SELECT t.id, h.name, 'u', 'm'
FROM goclaw.tenants AS t
INNER JOIN (
    VALUES
        ('a', 'an hour'), ('b', 'two hours'), ('b', 'lost'), ('a', 'running'), ('a', 'off'),
        ('a', 'later'), ('a', 'never'), ('c', 'suspended'), ('b', 'asleep'), ('a', 'lost asleep'),
        ('b', 'now'), ('b', 'inactive'), ('b', 'deleted'), ('b', 'nowhere')
) AS h (slug, name) ON h.slug = t.slug;
INSERT INTO goclaw.agent_heartbeats (
    tenant_id, id, agent_id, prompt, enabled, next_run_at, last_status, last_run_at, last_error
)
SELECT
    a.tenant_id,
    -- Tenants may have the same ids.
    CASE
        WHEN h.name IN ('two hours', 'later') THEN '00000000-0000-4000-8000-00000000004b'
        ELSE platform.uuid_generate_v7()
    END,
    a.id, h.name, h.enabled, now() + h.due, h.status, now() + h.claimed, h.error
FROM goclaw.agents AS a
INNER JOIN (
    VALUES
        ('an hour', true, interval '-1 hour', 'error', interval '-2 hours', 'no model'),
        ('two hours', true, '-2 hours', 'ok', '-3 hours', NULL),
        ('lost', true, '-3 hours', 'running', '-20 minutes', NULL),
        ('running', true, '-4 hours', 'running', '-5 minutes', NULL),
        ('off', false, '-5 hours', NULL, NULL, NULL),
        ('later', true, '1 hour', NULL, NULL, NULL),
        ('never', true, NULL, NULL, NULL, NULL),
        ('suspended', true, '-6 hours', NULL, NULL, NULL),
        ('asleep', true, '-7 hours', 'ok', '-8 hours', NULL),
        ('lost asleep', true, '-8 hours', 'running', '-9 hours', NULL),
        ('now', true, '0', NULL, NULL, NULL),
        ('inactive', true, '-10 hours', NULL, NULL, NULL),
        ('deleted', true, '-11 hours', NULL, NULL, NULL),
        ('nowhere', true, '-12 hours', NULL, NULL, NULL)
) AS h (name, enabled, due, status, claimed, error) ON h.name = a.agent_key
ORDER BY h.name = 'lost', h.name DESC;
-- Hours that are over for today, or that begin only now.
UPDATE goclaw.agent_heartbeats
SET active_hours_start = to_char(now() AT TIME ZONE 'UTC' - interval '2 hours', 'HH24:MI'),
    active_hours_end = to_char(now() AT TIME ZONE 'UTC' - interval '1 hour', 'HH24:MI')
WHERE prompt IN ('asleep', 'lost asleep');
UPDATE goclaw.agent_heartbeats
SET active_hours_start = to_char(now() AT TIME ZONE 'UTC', 'HH24:MI'),
    active_hours_end = to_char(now() AT TIME ZONE 'UTC' + interval '1 hour', 'HH24:MI')
WHERE prompt = 'an hour';
UPDATE goclaw.agent_heartbeats SET suppress_count = 2147483647 WHERE prompt = 'asleep';
UPDATE goclaw.agents SET status = 'inactive' WHERE agent_key = 'inactive';
UPDATE goclaw.agents SET deleted_at = now() WHERE agent_key = 'deleted';
-- A zone that the server had when the row was written.
DO $$
DECLARE
    v_rule CONSTANT text := (
        SELECT pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE conname = 'agent_heartbeats_timezone_ck'
    );
BEGIN
    ALTER TABLE goclaw.agent_heartbeats DROP CONSTRAINT agent_heartbeats_timezone_ck;
    UPDATE goclaw.agent_heartbeats
    SET timezone = 'Europe/Atlantis', active_hours_start = '08:00', active_hours_end = '18:00'
    WHERE prompt = 'nowhere';
    EXECUTE format(
        'ALTER TABLE goclaw.agent_heartbeats ADD CONSTRAINT agent_heartbeats_timezone_ck %s '
        'NOT VALID',
        v_rule
    );
END;
$$;
-- It is passed by with a warning.
SET LOCAL client_min_messages = error;
CREATE TEMPORARY TABLE before AS TABLE goclaw.agent_heartbeats;
GRANT SELECT ON before TO PUBLIC;
-- No order comes from an index by chance.
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;

SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format('SELECT goclaw.claim_heartbeats(%s)', arguments),
    '22023',
    message,
    format('%s: %s', arguments, message)
)
FROM (
    VALUES
        ('0', 'p_limit is not a number of heartbeats'),
        ('NULL', 'p_limit is not a number of heartbeats'),
        ('1, ''0''', 'p_lease is not a time of up to a year'),
        ('1, NULL', 'p_lease is not a time of up to a year'),
        ('1, ''300000 years''', 'p_lease is not a time of up to a year'),
        ('1, ''366 days''', 'p_lease is not a time of up to a year')
) AS attempt (arguments, message);
SELECT results_eq(
    $$ SELECT prompt, last_status::text, last_run_at > now(), last_error
       FROM goclaw.claim_heartbeats(1) $$,
    $$ VALUES ('lost', 'running', true, 'the run before this one did not end') $$,
    'first comes what is due longest and awake, here after a claim that lapsed, and it says so'
);
SELECT results_eq(
    $$ SELECT prompt, last_status::text, last_run_at > now(), last_error
       FROM goclaw.claim_heartbeats(10) $$,
    $$ VALUES
        ('two hours', 'running', true, NULL),
        ('an hour', 'running', true, 'no model'),
        ('now', 'running', true, NULL) $$,
    'then the others that are due, of all tenants'
);
SELECT is_empty(
    $$ SELECT FROM goclaw.claim_heartbeats(10) $$, 'what is claimed is not claimed again'
);
SELECT results_eq(
    $$ SELECT prompt, next_run_at, run_count, suppress_count
       FROM goclaw.agent_heartbeats
       WHERE last_run_at > now()
       ORDER BY next_run_at $$,
    $$ SELECT prompt, next_run_at, 0, 0
       FROM before
       WHERE prompt IN ('lost', 'two hours', 'an hour', 'now')
       ORDER BY next_run_at $$,
    'a claim leaves when a heartbeat was due, and counts nothing'
);
SELECT set_eq(
    $$ SELECT * FROM goclaw.agent_heartbeats
       WHERE prompt IN (
           'running', 'off', 'later', 'never', 'suspended', 'inactive', 'deleted', 'nowhere'
       ) $$,
    $$ SELECT * FROM before
       WHERE prompt IN (
           'running', 'off', 'later', 'never', 'suspended', 'inactive', 'deleted', 'nowhere'
       ) $$,
    'what runs, is off, is not due, not served or in a zone that is gone stays as it was'
);
SELECT results_eq(
    $$ SELECT h.prompt, h.last_status::text, h.last_run_at, h.suppress_count, h.last_error,
           h.next_run_at > now(), h.next_run_at < now() + interval '1 day'
       FROM goclaw.agent_heartbeats AS h
       WHERE h.prompt IN ('asleep', 'lost asleep')
       ORDER BY h.prompt $$,
    $$ VALUES
        ('asleep', 'skipped', now() - interval '8 hours', 2147483647, NULL, true, true),
        (
            'lost asleep', 'skipped', now() - interval '9 hours', 1,
            'the run before this one did not end', true, true
        ) $$,
    'what is due outside of its hours is skipped, until they open'
);
SELECT results_eq(
    $$ SELECT prompt FROM goclaw.claim_heartbeats(10, '5 minutes') $$,
    $$ VALUES ('running') $$,
    'whoever says that a claim holds for less gets what is claimed for longer'
);
CREATE TEMPORARY TABLE claim AS
SELECT clock_timestamp() AS began, last_run_at
FROM goclaw.agent_heartbeats
WHERE prompt = 'running';
SELECT results_eq(
    $$ SELECT prompt, h.last_run_at > c.last_run_at, h.last_run_at > c.began
       FROM claim AS c
       CROSS JOIN goclaw.claim_heartbeats(10, '1 microsecond') AS h
       WHERE h.prompt = 'running' $$,
    $$ VALUES ('running', true, true) $$,
    'each claim has a name of its own, and a whole lease, also in an old transaction'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.claim_heartbeats(integer, interval)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'only the backend claims heartbeats'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.claim_heartbeats(1) $$,
    '42501',
    'permission denied for function claim_heartbeats',
    'who works for one tenant has no business with the others'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
