-- Subject: open_agents.workflow_run_steps    Docs: docs/schema/open_agents.md#workflow-run-steps
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(27);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.workflow_run_steps']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('workflow_run_steps'::text, 'tenant_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('workflow_run_steps', 'id', 'text', true, NULL),
        ('workflow_run_steps', 'workflow_run_id', 'text', true, NULL),
        ('workflow_run_steps', 'step_number', 'integer', true, NULL),
        ('workflow_run_steps', 'started_at', 'timestamp with time zone', true, 'now()'),
        ('workflow_run_steps', 'finished_at', 'timestamp with time zone', false, NULL),
        ('workflow_run_steps', 'duration_ms', 'bigint', false, NULL),
        ('workflow_run_steps', 'finish_reason', 'text', false, NULL),
        ('workflow_run_steps', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('workflow_run_steps_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('workflow_run_steps_step_number_uq',
         'UNIQUE (tenant_id, workflow_run_id, step_number)'),
        ('workflow_run_steps_workflow_run_fk',
         'FOREIGN KEY (tenant_id, workflow_run_id) REFERENCES '
         'open_agents.workflow_runs(tenant_id, id) ON DELETE CASCADE'),
        ('workflow_run_steps_id_ck', 'CHECK ((id <> ''''::text))'),
        ('workflow_run_steps_step_number_ck', 'CHECK ((step_number >= 0))'),
        ('workflow_run_steps_times_ck',
         'CHECK ((isfinite(started_at) AND isfinite(finished_at) AND (finished_at >= '
         'started_at)))'),
        ('workflow_run_steps_duration_ms_ck',
         'CHECK ((NOT ((duration_ms)::numeric IS DISTINCT FROM floor((EXTRACT(epoch FROM '
         '(finished_at - started_at)) * (1000)::numeric)))))'),
        ('workflow_run_steps_finish_reason_ck',
         'CHECK (((finish_reason IS NULL) OR (finished_at IS NOT NULL)))') $$,
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
        ('workflow_run_steps_open_uq'::name, true,
         'btree (tenant_id, workflow_run_id) WHERE (finished_at IS NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('workflow_run_steps_forbid_update_tg'::name,
         'BEFORE UPDATE ON open_agents.workflow_run_steps FOR EACH ROW WHEN '
         '((old.finished_at IS NOT NULL)) EXECUTE FUNCTION platform.forbid_change()'),
        ('workflow_run_steps_admit_tg',
         'BEFORE INSERT ON open_agents.workflow_run_steps FOR EACH ROW WHEN '
         '((new.finished_at IS NULL)) EXECUTE FUNCTION open_agents.admit_step()') $$,
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
INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number) VALUES
    ('00000000-0000-4000-8000-00000000000a', 't1', 'r1', 0),
    ('00000000-0000-4000-8000-00000000000b', 't1', 'r1', 0);

SELECT throws_ok(
    format(
        'INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number, '
        'started_at, finished_at, duration_ms, finish_reason) '
        'VALUES (%L, %L, %L, %L, %L, %L, %L, %L)',
        '00000000-0000-4000-8000-00000000000a',
        id, 'r2', number, started_at, finished_at, duration, reason
    ),
    '23514',
    NULL,
    promise
)
FROM (
    VALUES
        ('', '1', '2026-06-10 12:00+00', NULL, NULL, NULL, 'a step has an id'),
        ('t', '-1', '2026-06-10 12:00+00', NULL, NULL, NULL, 'no step is before the first'),
        ('t', '1', '-infinity', NULL, NULL, NULL, 'a step has begun at some time'),
        (
            't', '1', '2026-06-10 12:01+00', '2026-06-10 12:00+00', '-60000', NULL,
            'it ends after it began'
        ),
        (
            't', '1', '2026-06-10 12:00+00', '2026-06-10 12:01+00', '60001', NULL,
            'its times add up'
        ),
        (
            't', '1', '2026-06-10 12:00+00', '2026-06-10 12:01+00', NULL, NULL,
            'its duration is noted'
        ),
        ('t', '1', '2026-06-10 12:00+00', NULL, '1', NULL, 'but not before it has ended'),
        ('t', '1', '2026-06-10 12:00+00', NULL, NULL, 'stop', 'nor is the reason')
) AS attempt (id, number, started_at, finished_at, duration, reason, promise);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number)
       VALUES ('00000000-0000-4000-8000-00000000000a', 't2', 'r1', 1) $$,
    '23505',
    NULL,
    'a run has one open step'
);
SELECT lives_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (
           tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms
       ) VALUES (
           '00000000-0000-4000-8000-00000000000a', 't2', 'r1', 1,
           '2026-06-10 12:00:00.0004+00', '2026-06-10 12:00:01.0013+00', 1000
       ) $$,
    'a step may be recorded when it is over'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (
           tenant_id, id, workflow_run_id, step_number, started_at, finished_at, duration_ms
       ) VALUES (
           '00000000-0000-4000-8000-00000000000a',
           't3', 'r1', 1, '2026-06-10 12:00+00', '2026-06-10 12:00+00', 0
       ) $$,
    '23505',
    NULL,
    'no two steps of a run have the same number'
);
SELECT throws_ok(
    $$ UPDATE open_agents.workflow_run_steps SET finish_reason = 'stop' WHERE id = 't2' $$,
    'MU001',
    NULL,
    'what has ended stays as it was'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (tenant_id, id, workflow_run_id, step_number)
       VALUES ('00000000-0000-4000-8000-00000000000b', 't4', 'r2', 1) $$,
    '23503',
    NULL,
    'a step is of a run of its account'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (id, workflow_run_id, step_number)
       VALUES ('t5', 'r2', 1) $$,
    'a client that does not know the tenant need not name it'
);
SELECT throws_ok(
    format('UPDATE open_agents.workflow_run_steps SET %I = %I', name, name),
    '42501',
    NULL,
    format('a runtime does not rewrite %s', name)
)
FROM (VALUES ('workflow_run_id'), ('step_number'), ('started_at')) AS attempt (name);
SELECT throws_ok(
    $$ DELETE FROM open_agents.workflow_run_steps $$,
    '42501',
    NULL,
    'nor does it remove a step, to write another one in its place'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.workflow_run_steps (id, workflow_run_id, step_number, created_at)
       VALUES ('t6', 'r2', 2, '2026-06-10 12:00+00') $$,
    '42501',
    NULL,
    'nor does it say when it wrote one'
);
RESET ROLE;

DELETE FROM open_agents.workflow_runs
WHERE tenant_id = '00000000-0000-4000-8000-00000000000a'
    AND id = 'r1';
SELECT results_eq(
    $$ SELECT tenant_id, id FROM open_agents.workflow_run_steps ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 't1'),
        ('00000000-0000-4000-8000-00000000000a', 't5') $$,
    'a run that is removed takes its steps'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'workflow_run_steps', ARRAY[
        'workflow_run_steps_tenant', 'workflow_run_steps_tenant_guard',
        'workflow_run_steps_service'
    ],
    'no other policy widens access to workflow_run_steps'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('workflow_run_steps'::name, 'muniment_app', 'SELECT'),
        ('workflow_run_steps', 'muniment_reader', 'SELECT'),
        ('workflow_run_steps', 'muniment_service', 'SELECT') $$,
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
        ('workflow_run_steps'::name, 'muniment_app', 'INSERT',
         'tenant_id, id, workflow_run_id, step_number, started_at, finished_at, '
         'duration_ms, finish_reason'),
        ('workflow_run_steps', 'muniment_app', 'UPDATE',
         'finished_at, duration_ms, finish_reason'),
        ('workflow_run_steps', 'muniment_service', 'INSERT',
         'tenant_id, id, workflow_run_id, step_number, started_at, finished_at, '
         'duration_ms, finish_reason'),
        ('workflow_run_steps', 'muniment_service', 'UPDATE',
         'finished_at, duration_ms, finish_reason') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
