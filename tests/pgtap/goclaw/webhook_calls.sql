-- Subject: goclaw.webhook_calls    Docs: docs/schema/goclaw.md#webhook-calls
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(38);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.webhook_calls']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('webhook_calls'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('webhook_calls', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('webhook_calls', 'webhook_id', 'uuid', true, NULL),
        ('webhook_calls', 'agent_id', 'uuid', false, NULL),
        ('webhook_calls', 'idempotency_key', 'text', false, NULL),
        ('webhook_calls', 'mode', 'text', true, NULL),
        ('webhook_calls', 'callback_url', 'text', false, NULL),
        ('webhook_calls', 'status', 'text', true, '''queued''::text'),
        ('webhook_calls', 'attempts', 'integer', true, '0'),
        ('webhook_calls', 'delivery_id', 'uuid', true, 'gen_random_uuid()'),
        ('webhook_calls', 'lease_token', 'text', false, NULL),
        ('webhook_calls', 'next_attempt_at', 'timestamp with time zone', false, 'now()'),
        ('webhook_calls', 'started_at', 'timestamp with time zone', false, NULL),
        ('webhook_calls', 'request_payload', 'jsonb', false, NULL),
        ('webhook_calls', 'response', 'jsonb', false, NULL),
        ('webhook_calls', 'last_error', 'text', false, NULL),
        ('webhook_calls', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('webhook_calls', 'completed_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('webhook_calls_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('webhook_calls_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('webhook_calls_webhook_fk',
         'FOREIGN KEY (tenant_id, webhook_id) REFERENCES goclaw.webhooks(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('webhook_calls_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE SET NULL (agent_id)'),
        ('webhook_calls_idempotency_key_ck', 'CHECK ((idempotency_key <> ''''::text))'),
        ('webhook_calls_mode_ck',
         'CHECK ((mode = ANY (ARRAY[''sync''::text, ''async''::text])))'),
        ('webhook_calls_status_ck',
         'CHECK ((status = ANY (ARRAY[''queued''::text, ''running''::text, ''done''::text, '
         '''failed''::text, ''dead''::text])))'),
        ('webhook_calls_attempts_ck', 'CHECK ((attempts >= 0))'),
        ('webhook_calls_leased_ck',
         'CHECK (((lease_token IS NOT NULL) = ((mode = ''async''::text) AND (status = '
         '''running''::text))))'),
        ('webhook_calls_due_ck',
         'CHECK (((status <> ALL (ARRAY[''queued''::text, ''running''::text])) OR '
         '((next_attempt_at IS NOT NULL) AND isfinite(next_attempt_at))))'),
        ('webhook_calls_queued_ck',
         'CHECK (((mode = ''async''::text) OR (status <> ''queued''::text)))'),
        ('webhook_calls_started_ck',
         'CHECK (((status <> ''running''::text) OR (started_at IS NOT NULL)))'),
        ('webhook_calls_completed_ck',
         'CHECK (((completed_at IS NOT NULL) = (status = ANY (ARRAY[''done''::text, '
         '''failed''::text, ''dead''::text]))))') $$,
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
        ('webhook_calls_created_at_ix'::name, false, 'btree (tenant_id, created_at DESC)'),
        ('webhook_calls_status_ix', false, 'btree (status, next_attempt_at)'),
        ('webhook_calls_queue_ix', false,
         'btree (tenant_id, next_attempt_at) WHERE ((status = ''queued''::text) AND (mode ='
         ' ''async''::text))'),
        ('webhook_calls_idempotency_key_uq', true,
         'btree (tenant_id, webhook_id, idempotency_key) WHERE (idempotency_key IS NOT '
         'NULL)'),
        ('webhook_calls_webhook_id_ix', false, 'btree (tenant_id, webhook_id)'),
        ('webhook_calls_agent_id_ix', false,
         'btree (tenant_id, agent_id) WHERE (agent_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('webhook_calls_forbid_update_tg'::name,
         'BEFORE UPDATE ON goclaw.webhook_calls FOR EACH ROW WHEN (((old.completed_at IS NOT '
         'NULL) AND (((to_jsonb(old.*) - ''agent_id''::text) IS DISTINCT FROM '
         '(to_jsonb(new.*) - ''agent_id''::text)) OR ((new.agent_id IS NOT NULL) AND '
         '(new.agent_id IS DISTINCT FROM old.agent_id))))) EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    );
INSERT INTO goclaw.webhooks (tenant_id, id, name, kind, secret_hash) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1',
        'w', 'llm', repeat('a', 64)
    );
INSERT INTO goclaw.webhook_calls (tenant_id, webhook_id, agent_id, idempotency_key, mode) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '3eb40000-0000-4000-8000-0000000000a1',
        'a9e00000-0000-4000-8000-0000000000a1', 'k', 'async'
    );

SELECT throws_ok(
    format('UPDATE goclaw.webhook_calls SET %s', change),
    '23514',
    format(
        'new row for relation "webhook_calls" violates check constraint "webhook_calls_%s"', rule
    ),
    format('%s is refused', change)
)
FROM (
    VALUES
        ($$ idempotency_key = '' $$, 'idempotency_key_ck'),
        ($$ mode = 'later' $$, 'mode_ck'),
        ($$ attempts = -1 $$, 'attempts_ck'),
        ($$ status = 'running', started_at = now() $$, 'leased_ck'),
        ($$ lease_token = 'w:1' $$, 'leased_ck'),
        ($$ mode = 'sync', status = 'running', started_at = now(), lease_token = 'w:1' $$,
         'leased_ck'),
        ($$ next_attempt_at = NULL $$, 'due_ck'),
        ($$ next_attempt_at = 'infinity' $$, 'due_ck'),
        ($$ mode = 'sync', status = 'running', started_at = now(), next_attempt_at = NULL $$,
         'due_ck'),
        ($$ mode = 'sync' $$, 'queued_ck'),
        ($$ status = 'running', lease_token = 'w:1' $$, 'started_ck'),
        ($$ status = 'done' $$, 'completed_ck'),
        ($$ status = 'failed' $$, 'completed_ck'),
        ($$ status = 'dead' $$, 'completed_ck'),
        ($$ completed_at = now() $$, 'completed_ck')
) AS attempt (change, rule);
SELECT throws_ok(
    $$ UPDATE goclaw.webhook_calls SET status = 'lost' $$,
    '23514',
    NULL,
    'a state is one of five'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.webhook_calls (tenant_id, webhook_id, idempotency_key, mode)
       SELECT tenant_id, id, 'k', 'async' FROM goclaw.webhooks $$,
    '23505',
    'duplicate key value violates unique constraint "webhook_calls_idempotency_key_uq"',
    'the same key at the same webhook is the same call'
);

-- A worker has it.
UPDATE goclaw.webhook_calls
SET status = 'running', lease_token = 'w:1', started_at = now();
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE goclaw.webhook_calls SET status = 'done', completed_at = now() $$,
    '23514',
    'new row for relation "webhook_calls" violates check constraint "webhook_calls_leased_ck"',
    'a runtime does not end a call that a worker has'
);
SELECT throws_ok(
    $$ UPDATE goclaw.webhook_calls SET lease_token = NULL $$,
    '42501',
    'permission denied for table webhook_calls',
    'nor does it take it from the worker'
);
SELECT throws_ok(
    $$ DELETE FROM goclaw.webhook_calls $$,
    '42501',
    'permission denied for table webhook_calls',
    'nor delete it'
);
RESET ROLE;

-- It has ended.
UPDATE goclaw.webhook_calls
SET status = 'done', lease_token = NULL, response = '{"said": "yes"}', completed_at = now();
SELECT throws_ok(
    format('UPDATE goclaw.webhook_calls SET %s', change),
    'MU001',
    NULL,
    format('nobody rewrites a call that has ended: %s', change)
)
FROM unnest(ARRAY[
    $$ response = '{"said": "no"}' $$, $$ status = 'failed' $$,
    $$ completed_at = completed_at - interval '1 day' $$,
    $$ status = 'queued', completed_at = NULL $$, $$ attempts = 7 $$, $$ request_payload = '{}' $$
]) AS change;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE goclaw.webhook_calls SET response = NULL $$, 'MU001', NULL, 'nor does a runtime'
);
RESET ROLE;
DELETE FROM goclaw.agents;
SELECT results_eq(
    $$ SELECT tenant_id, agent_id FROM goclaw.webhook_calls $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid) $$,
    'a call outlives its agent, and stays with its tenant'
);
DELETE FROM goclaw.webhooks;
SELECT is_empty($$ SELECT FROM goclaw.webhook_calls $$, 'a webhook takes its calls along');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'webhook_calls', ARRAY[
        'webhook_calls_tenant', 'webhook_calls_tenant_guard', 'webhook_calls_service'
    ],
    'no other policy widens access to webhook_calls'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('webhook_calls'::name, 'muniment_app', 'INSERT'),
        ('webhook_calls', 'muniment_app', 'SELECT') $$,
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
        ('webhook_calls'::name, 'muniment_app', 'UPDATE',
         'agent_id, status, started_at, response, last_error, completed_at'),
        ('webhook_calls', 'muniment_reader', 'SELECT',
         'tenant_id, id, webhook_id, agent_id, idempotency_key, mode, callback_url, status, '
         'attempts, delivery_id, next_attempt_at, started_at, request_payload, response, '
         'last_error, created_at, completed_at'),
        ('webhook_calls', 'muniment_service', 'SELECT',
         'tenant_id, id, webhook_id, agent_id, mode, callback_url, status, attempts, '
         'delivery_id, lease_token, next_attempt_at, started_at, request_payload'),
        ('webhook_calls', 'muniment_service', 'UPDATE',
         'status, attempts, lease_token, next_attempt_at, started_at, response, last_error,'
         ' completed_at') $$,
    'the rights to columns are these'
);

SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT lease_token FROM goclaw.webhook_calls $$,
    '42501',
    'permission denied for table webhook_calls',
    'a reader does not get what a worker proves its lease with'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT response FROM goclaw.webhook_calls $$,
    '42501',
    'permission denied for table webhook_calls',
    'a worker writes an answer and reads none'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
