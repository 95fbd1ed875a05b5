-- Subject: astra.tasks    Docs: docs/schema/astra.md#tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(26);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.tasks']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('tasks'::text, 'org_id'::text, 'uuid', true, NULL),
        ('tasks', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('tasks', 'goal_id', 'uuid', true, NULL),
        ('tasks', 'graph_id', 'uuid', false, NULL),
        ('tasks', 'agent_id', 'uuid', false, NULL),
        ('tasks', 'type', 'text', true, NULL),
        ('tasks', 'status', 'text', true, '''pending''::text'),
        ('tasks', 'blockers', 'integer', true, '0'),
        ('tasks', 'priority', 'integer', true, NULL),
        ('tasks', 'payload', 'jsonb', true, '''{}''::jsonb'),
        ('tasks', 'result', 'jsonb', false, NULL),
        ('tasks', 'error', 'text', false, NULL),
        ('tasks', 'attempts', 'integer', true, '0'),
        ('tasks', 'max_attempts', 'integer', true, '3'),
        ('tasks', 'worker_id', 'uuid', false, NULL),
        ('tasks', 'lease_expires_at', 'timestamp with time zone', false, NULL),
        ('tasks', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('tasks', 'started_at', 'timestamp with time zone', false, NULL),
        ('tasks', 'finished_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('tasks_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('tasks_goal_id_uq', 'UNIQUE (org_id, goal_id, id)'),
        ('tasks_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('tasks_goal_fk',
         'FOREIGN KEY (org_id, goal_id) REFERENCES astra.goals(org_id, id) ON DELETE '
         'CASCADE'),
        ('tasks_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'RESTRICT'),
        ('tasks_worker_fk',
         'FOREIGN KEY (org_id, worker_id) REFERENCES astra.workers(org_id, id) ON DELETE '
         'RESTRICT'),
        ('tasks_type_ck', 'CHECK ((type <> ''''::text))'),
        ('tasks_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''running''::text, '
         '''completed''::text, ''failed''::text, ''cancelled''::text])))'),
        ('tasks_blockers_ck', 'CHECK ((blockers >= 0))'),
        ('tasks_unblocked_ck',
         'CHECK (((blockers = 0) OR (status <> ALL (ARRAY[''running''::text, '
         '''completed''::text]))))'),
        ('tasks_attempts_ck', 'CHECK (((attempts >= 0) AND (attempts <= max_attempts)))'),
        ('tasks_attempts_left_ck',
         'CHECK (((status <> ''pending''::text) OR (attempts < max_attempts)))'),
        ('tasks_lease_ck',
         'CHECK (((status = ''running''::text) = (lease_expires_at IS NOT NULL)))'),
        ('tasks_worker_ck',
         'CHECK (((status <> ''running''::text) OR (worker_id IS NOT NULL)))'),
        ('tasks_finished_at_ck',
         'CHECK (((status = ANY (ARRAY[''completed''::text, ''failed''::text, '
         '''cancelled''::text])) = (finished_at IS NOT NULL)))') $$,
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
        ('tasks_ready_ix'::name, false,
         'btree (org_id, priority DESC, id) WHERE ((status = ''pending''::text) AND '
         '(blockers = 0))'),
        ('tasks_open_ix', false,
         'btree (org_id, goal_id) WHERE (status = ANY (ARRAY[''pending''::text, '
         '''running''::text]))'),
        ('tasks_running_ix', false,
         'btree (org_id, worker_id) WHERE (status = ''running''::text)'),
        ('tasks_worker_id_ix', false,
         'btree (org_id, worker_id) WHERE (worker_id IS NOT NULL)'),
        ('tasks_agent_id_ix', false, 'btree (org_id, agent_id) WHERE (agent_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('tasks_guard_tg'::name,
         'BEFORE INSERT OR UPDATE ON astra.tasks FOR EACH ROW EXECUTE FUNCTION '
         'astra.guard_task()'),
        ('tasks_forbid_by_hand_tg',
         'BEFORE UPDATE OF blockers ON astra.tasks FOR EACH ROW WHEN (((pg_trigger_depth() '
         '= 0) AND (old.blockers <> new.blockers))) EXECUTE FUNCTION astra.forbid_by_hand()'),
        ('tasks_record_event_tg',
         'AFTER INSERT OR UPDATE OF status ON astra.tasks FOR EACH ROW EXECUTE FUNCTION '
         'astra.record_event(''task'')'),
        ('tasks_settle_tg',
         'AFTER UPDATE OF status ON astra.tasks FOR EACH ROW WHEN ((old.status <> '
         'new.status)) EXECUTE FUNCTION astra.settle_task()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'helper');
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000061', 'host');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.tasks (org_id, id, goal_id, agent_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000032', 'write');

ALTER TABLE astra.tasks DISABLE TRIGGER USER;
SELECT throws_ok(
    format('UPDATE astra.tasks SET %s', change),
    '23514',
    format('new row for relation "tasks" violates check constraint "tasks_%s_ck"', name),
    promise
)
FROM (
    VALUES
        ('type = ''''', 'type', 'a task is of a kind'),
        ('status = ''dreamt''', 'status', 'a state is one of five'),
        ('blockers = -1', 'blockers', 'nothing waits for less than nothing'),
        (
            'status = ''running'', worker_id = ''00000000-0000-4000-8000-000000000061'', '
            'lease_expires_at = now()', 'unblocked',
            'nothing runs while it waits for something'
        ),
        (
            'status = ''completed'', finished_at = now()', 'unblocked',
            'nor is it completed'
        ),
        ('attempts = 4', 'attempts', 'nobody tries more often than allowed'),
        ('max_attempts = 0', 'attempts_left', 'what can never be claimed is not pending'),
        ('attempts = 3', 'attempts_left', 'nor is what cannot be claimed any more'),
        (
            'blockers = 0, status = ''running'', worker_id = '
            '''00000000-0000-4000-8000-000000000061''', 'lease',
            'what runs has a lease'
        ),
        ('lease_expires_at = now()', 'lease', 'and what does not has none'),
        (
            'blockers = 0, status = ''running'', lease_expires_at = now()', 'worker',
            'what runs has a worker'
        ),
        ('status = ''cancelled''', 'finished_at', 'what has ended says when'),
        ('finished_at = now()', 'finished_at', 'and what has not does not')
) AS attempt (change, name, promise);
ALTER TABLE astra.tasks ENABLE TRIGGER USER;

SELECT throws_ok(
    $$ DELETE FROM astra.agents WHERE id = '00000000-0000-4000-8000-000000000032' $$,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'an agent that has tasks stays'
);
UPDATE astra.goals SET status = 'active';
UPDATE astra.tasks
SET status = 'running', worker_id = '00000000-0000-4000-8000-000000000061',
lease_expires_at = now() + interval '1 minute';
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
UPDATE astra.tasks SET status = 'completed';
SELECT throws_ok(
    $$ DELETE FROM astra.workers $$,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a worker that had a task stays: who did it is on record'
);
INSERT INTO astra.workers (org_id, id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000062', 'idle');
SELECT lives_ok(
    $$ DELETE FROM astra.workers WHERE id = '00000000-0000-4000-8000-000000000062' $$,
    'one that never had any goes'
);
DELETE FROM astra.goals;
SELECT is_empty($$ SELECT FROM astra.tasks $$, 'a goal takes its tasks along');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'tasks', ARRAY['tasks_tenant', 'tasks_tenant_guard'],
    'no other policy widens access to tasks'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('tasks'::name, 'muniment_app', 'SELECT'),
        ('tasks', 'muniment_reader', 'SELECT') $$,
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
        ('tasks'::name, 'muniment_app', 'INSERT',
         'org_id, id, goal_id, graph_id, agent_id, type, status, priority, payload, max_attempts'),
        ('tasks', 'muniment_app', 'UPDATE',
         'graph_id, agent_id, type, status, blockers, priority, payload, result, error, '
         'max_attempts, worker_id, lease_expires_at') $$,
    'the rights to columns are these'
);
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.tasks (org_id, id, goal_id, type)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
    '00000000-0000-4000-8000-000000000041', 'write');
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE astra.tasks SET blockers = 0 $$,
    'MU419',
    'astra.tasks is written by triggers: update by hand refused',
    'a runtime does not take a blocker away'
);
SELECT throws_ok(
    $$ DELETE FROM astra.tasks $$,
    '42501',
    'permission denied for table tasks',
    'a runtime cancels tasks, and never deletes one'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
