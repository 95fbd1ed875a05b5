-- Subject: open_agents.workflow_runs    Docs: docs/schema/open_agents.md#workflow-runs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(26);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.workflow_runs']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('workflow_runs'::text, 'tenant_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('workflow_runs', 'id', 'text', true, NULL),
        ('workflow_runs', 'chat_id', 'text', true, NULL),
        ('workflow_runs', 'status', 'text', true, '''running''::text'),
        ('workflow_runs', 'started_at', 'timestamp with time zone', true, 'now()'),
        ('workflow_runs', 'finished_at', 'timestamp with time zone', false, NULL),
        ('workflow_runs', 'total_duration_ms', 'bigint', false, NULL),
        ('workflow_runs', 'model_id', 'text', false, NULL),
        ('workflow_runs', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('workflow_runs_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('workflow_runs_chat_fk',
         'FOREIGN KEY (tenant_id, chat_id) REFERENCES open_agents.chats(account_id, id) ON '
         'DELETE CASCADE'),
        ('workflow_runs_id_ck', 'CHECK ((id <> ''''::text))'),
        ('workflow_runs_status_ck',
         'CHECK ((status = ANY (ARRAY[''running''::text, ''completed''::text, '
         '''aborted''::text, ''failed''::text])))'),
        ('workflow_runs_finished_ck',
         'CHECK (((status = ''running''::text) = (finished_at IS NULL)))'),
        ('workflow_runs_times_ck',
         'CHECK ((isfinite(started_at) AND isfinite(finished_at) AND (finished_at >= '
         'started_at)))'),
        ('workflow_runs_total_duration_ms_ck',
         'CHECK ((NOT ((total_duration_ms)::numeric IS DISTINCT FROM floor((EXTRACT(epoch '
         'FROM (finished_at - started_at)) * (1000)::numeric)))))') $$,
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
        ('workflow_runs_running_ix'::name, false,
         'btree (started_at) WHERE (status = ''running''::text)'),
        ('workflow_runs_chat_id_ix', false, 'btree (tenant_id, chat_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('workflow_runs_forbid_update_tg'::name,
         'BEFORE UPDATE ON open_agents.workflow_runs FOR EACH ROW WHEN ((old.finished_at IS'
         ' NOT NULL)) EXECUTE FUNCTION platform.forbid_change()'),
        ('workflow_runs_forbid_open_end_tg',
         'BEFORE UPDATE ON open_agents.workflow_runs FOR EACH ROW WHEN (((old.finished_at IS'
         ' NULL) AND (new.finished_at IS NOT NULL))) EXECUTE FUNCTION '
         'open_agents.forbid_open_end()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000a', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 's1');
INSERT INTO open_agents.chats (account_id, id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 's1'),
    ('00000000-0000-4000-8000-00000000000a', 'c2', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 'c1', 's1');
INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'r1', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 'r2', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000b', 'r1', 'c1', '2026-06-10 12:00+00');

SELECT throws_ok(
    format(
        'INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id, status, started_at, '
        'finished_at, total_duration_ms) VALUES (%L, %L, %L, %L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a', id, 'c1', status, started_at, finished_at, duration
    ),
    '23514',
    NULL,
    promise
)
FROM (
    VALUES
        ('', 'running', '2026-06-10 12:00+00', NULL, NULL, 'a run has an id'),
        ('r', 'paused', '2026-06-10 12:00+00', '2026-06-10 12:01+00', '60000', 'no other status'),
        (
            'r', 'running', '2026-06-10 12:00+00', '2026-06-10 12:01+00', '60000',
            'a run that runs has not ended'
        ),
        ('r', 'failed', '2026-06-10 12:00+00', NULL, NULL, 'one that failed has'),
        ('r', 'running', '-infinity', NULL, NULL, 'a run has begun at some time'),
        (
            'r', 'failed', '2026-06-10 12:01+00', '2026-06-10 12:00+00', '-60000',
            'it ends after it began'
        ),
        ('r', 'failed', '2026-06-10 12:00+00', '2026-06-10 12:01+00', '59999', 'its times add up'),
        (
            'r', 'failed', '2026-06-10 12:00+00', '2026-06-10 12:01+00', NULL,
            'its duration is noted'
        ),
        ('r', 'running', '2026-06-10 12:00+00', NULL, '1', 'but not before it has ended')
) AS attempt (id, status, started_at, finished_at, duration, promise);
SELECT lives_ok(
    $$ INSERT INTO open_agents.workflow_runs (
           tenant_id, id, chat_id, status, started_at, finished_at, total_duration_ms
       ) VALUES (
           '00000000-0000-4000-8000-00000000000a', 'r3', 'c2', 'completed',
           '2026-06-10 12:00:00.0004+00', '2026-07-10 12:00:00.0013+00', 2592000000
       ) $$,
    'a run may be recorded when it is over, even if it took a month'
);
SELECT throws_ok(
    $$ UPDATE open_agents.workflow_runs SET status = 'failed' WHERE id = 'r3' $$,
    'MU001',
    NULL,
    'what has ended stays as it was'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_runs (tenant_id, id, chat_id)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'r3', 'c2') $$,
    '23503',
    NULL,
    'a run is for a chat of its account'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ INSERT INTO open_agents.workflow_runs (id, chat_id) VALUES ('r4', 'c1') $$,
    'a client that does not know the tenant need not name it'
);
SELECT throws_ok(
    format('UPDATE open_agents.workflow_runs SET %I = %I', name, name),
    '42501',
    NULL,
    format('a runtime does not rewrite %s', name)
)
FROM (VALUES ('chat_id'), ('started_at'), ('model_id')) AS attempt (name);
SELECT throws_ok(
    $$ DELETE FROM open_agents.workflow_runs $$,
    '42501',
    NULL,
    'nor does it remove a run, to write another one in its place'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_runs (id, chat_id, created_at)
       VALUES ('r5', 'c1', '2026-06-10 12:00+00') $$,
    '42501',
    NULL,
    'nor does it say when it wrote one'
);
RESET ROLE;

DELETE FROM open_agents.chats
WHERE account_id = '00000000-0000-4000-8000-00000000000a'
    AND id = 'c1';
SELECT results_eq(
    $$ SELECT tenant_id, id FROM open_agents.workflow_runs ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'r1'),
        ('00000000-0000-4000-8000-00000000000a', 'r3') $$,
    'a chat that is removed takes its runs'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'workflow_runs', ARRAY[
        'workflow_runs_tenant', 'workflow_runs_tenant_guard', 'workflow_runs_service'
    ],
    'no other policy widens access to workflow_runs'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('workflow_runs'::name, 'muniment_app', 'SELECT'),
        ('workflow_runs', 'muniment_reader', 'SELECT'),
        ('workflow_runs', 'muniment_service', 'SELECT') $$,
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
        ('workflow_runs'::name, 'muniment_app', 'INSERT',
         'tenant_id, id, chat_id, status, started_at, finished_at, total_duration_ms, '
         'model_id'),
        ('workflow_runs', 'muniment_app', 'UPDATE',
         'status, finished_at, total_duration_ms'),
        ('workflow_runs', 'muniment_service', 'INSERT',
         'tenant_id, id, chat_id, status, started_at, finished_at, total_duration_ms, '
         'model_id'),
        ('workflow_runs', 'muniment_service', 'UPDATE',
         'status, finished_at, total_duration_ms') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
