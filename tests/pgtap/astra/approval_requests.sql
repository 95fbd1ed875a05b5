-- Subject: astra.approval_requests    Docs: docs/schema/astra.md#approval-requests
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(34);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.approval_requests', 'astra.approval_decisions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('approval_requests'::text, 'org_id'::text, 'uuid', true, NULL),
        ('approval_requests', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('approval_requests', 'request_type', 'text', true, NULL),
        ('approval_requests', 'goal_id', 'uuid', true, NULL),
        ('approval_requests', 'task_id', 'uuid', false, NULL),
        ('approval_requests', 'graph_id', 'uuid', false, NULL),
        ('approval_requests', 'plan_payload', 'jsonb', false, NULL),
        ('approval_requests', 'requested_by', 'uuid', false, NULL),
        ('approval_requests', 'required_approvals', 'integer', true, '1'),
        ('approval_requests', 'approvals', 'jsonb', true, '''[]''::jsonb'),
        ('approval_requests', 'status', 'text', true, '''pending''::text'),
        ('approval_requests', 'created_at', 'timestamp with time zone', true,
         'clock_timestamp()'),
        ('approval_requests', 'decided_at', 'timestamp with time zone', false, NULL),
        ('approval_decisions', 'org_id', 'uuid', true, NULL),
        ('approval_decisions', 'request_id', 'uuid', true, NULL),
        ('approval_decisions', 'user_id', 'uuid', true, NULL),
        ('approval_decisions', 'decision', 'text', true, NULL),
        ('approval_decisions', 'decided_at', 'timestamp with time zone', true,
         'clock_timestamp()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('approval_requests_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('approval_requests_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('approval_requests_goal_fk',
         'FOREIGN KEY (org_id, goal_id) REFERENCES astra.goals(org_id, id) ON DELETE '
         'RESTRICT'),
        ('approval_requests_task_fk',
         'FOREIGN KEY (org_id, goal_id, task_id) REFERENCES astra.tasks(org_id, goal_id, '
         'id) ON DELETE RESTRICT'),
        ('approval_requests_requested_by_fk',
         'FOREIGN KEY (org_id, requested_by) REFERENCES astra.users(org_id, id) ON DELETE '
         'RESTRICT'),
        ('approval_requests_request_type_ck',
         'CHECK ((request_type = ANY (ARRAY[''plan''::text, ''risky_task''::text])))'),
        ('approval_requests_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''approved''::text, '
         '''rejected''::text])))'),
        ('approval_requests_task_ck',
         'CHECK (((request_type = ''risky_task''::text) = (task_id IS NOT NULL)))'),
        ('approval_requests_required_approvals_ck', 'CHECK ((required_approvals >= 1))'),
        ('approval_requests_approvals_ck',
         'CHECK ((jsonb_array_length(approvals) <= required_approvals))'),
        ('approval_requests_approved_ck',
         'CHECK (((status <> ''approved''::text) OR (jsonb_array_length(approvals) = '
         'required_approvals)))'),
        ('approval_requests_decided_at_ck',
         'CHECK (((status = ''pending''::text) = (decided_at IS NULL)))'),
        ('approval_decisions_pk', 'PRIMARY KEY (org_id, request_id, user_id)'),
        ('approval_decisions_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('approval_decisions_request_fk',
         'FOREIGN KEY (org_id, request_id) REFERENCES astra.approval_requests(org_id, id) '
         'ON DELETE RESTRICT'),
        ('approval_decisions_user_fk',
         'FOREIGN KEY (org_id, user_id) REFERENCES astra.users(org_id, id) ON DELETE '
         'RESTRICT'),
        ('approval_decisions_decision_ck',
         'CHECK ((decision = ANY (ARRAY[''approved''::text, ''rejected''::text])))') $$,
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
        ('approval_requests_goal_id_ix'::name, false, 'btree (org_id, goal_id, id)'),
        ('approval_requests_task_id_ix', false,
         'btree (org_id, task_id) WHERE (task_id IS NOT NULL)'),
        ('approval_requests_requested_by_ix', false,
         'btree (org_id, requested_by) WHERE (requested_by IS NOT NULL)'),
        ('approval_requests_pending_ix', false,
         'btree (org_id, id) WHERE (status = ''pending''::text)'),
        ('approval_decisions_user_id_ix', false, 'btree (org_id, user_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('approval_requests_guard_tg'::name,
         'BEFORE UPDATE OF approvals, status, decided_at ON astra.approval_requests FOR '
         'EACH ROW EXECUTE FUNCTION astra.guard_approval()'),
        ('approval_requests_record_event_tg',
         'AFTER INSERT OR UPDATE ON astra.approval_requests FOR EACH ROW EXECUTE '
         'FUNCTION astra.record_event(''approval_request'')'),
        ('approval_requests_settle_tg',
         'AFTER INSERT OR UPDATE ON astra.approval_requests FOR EACH ROW EXECUTE FUNCTION '
         'astra.settle_approval()'),
        ('approval_requests_stamp_tg',
         'BEFORE INSERT ON astra.approval_requests FOR EACH ROW EXECUTE FUNCTION '
         'astra.stamp_request()'),
        ('approval_decisions_stamp_tg',
         'BEFORE INSERT ON astra.approval_decisions FOR EACH ROW EXECUTE FUNCTION '
         'astra.stamp_decision()'),
        ('approval_decisions_count_tg',
         'AFTER INSERT ON astra.approval_decisions FOR EACH ROW EXECUTE FUNCTION '
         'astra.count_decision()'),
        ('approval_decisions_forbid_change_tg',
         'BEFORE DELETE OR UPDATE ON astra.approval_decisions FOR EACH ROW EXECUTE FUNCTION'
         ' platform.forbid_change()'),
        ('approval_decisions_forbid_truncate_tg',
         'BEFORE TRUNCATE ON astra.approval_decisions FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000011',
     'ann@example.org'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012',
     'bob@example.org');
INSERT INTO astra.org_memberships (org_id, user_id)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000012');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
     '00000000-0000-4000-8000-000000000031', 'Ship.'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000042',
     '00000000-0000-4000-8000-000000000031', 'Other.');
INSERT INTO astra.tasks (org_id, id, goal_id, type) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000051',
     '00000000-0000-4000-8000-000000000041', 'risky'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000052',
     '00000000-0000-4000-8000-000000000042', 'risky');
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, requested_by) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000011');

ALTER TABLE astra.approval_requests DISABLE TRIGGER USER;
SELECT throws_ok(
    format('UPDATE astra.approval_requests SET %s', change),
    '23514',
    format(
        'new row for relation "approval_requests" violates check constraint '
        '"approval_requests_%s_ck"',
        name
    ),
    promise
)
FROM (
    VALUES
        ('request_type = ''wish''', 'request_type', 'a request is for a plan or a risky task'),
        ('status = ''perhaps'', decided_at = now()', 'status', 'a state is one of three'),
        ('task_id = ''00000000-0000-4000-8000-000000000051''', 'task',
         'a plan is not about a task'),
        ('request_type = ''risky_task''', 'task', 'a risky task is one'),
        ('required_approvals = 0', 'required_approvals', 'somebody has to approve'),
        ('approvals = ''[1, 2]''', 'approvals', 'nothing is approved by too many'),
        (
            'status = ''approved'', decided_at = now()', 'approved',
            'nothing is approved by too few'
        ),
        ('status = ''rejected''', 'decided_at', 'what is decided says when'),
        ('decided_at = now()', 'decided_at', 'and what is not does not')
) AS attempt (change, name, promise);
SELECT throws_ok(
    $$ UPDATE astra.approval_requests SET approvals = '{}' $$,
    '22023',
    'cannot get array length of a non-array',
    'approvals are an array'
);
ALTER TABLE astra.approval_requests ENABLE TRIGGER USER;
SELECT throws_ok(
    $$ INSERT INTO astra.approval_requests (org_id, request_type, goal_id, task_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'risky_task',
           '00000000-0000-4000-8000-000000000041', '00000000-0000-4000-8000-000000000052') $$,
    '23503',
    NULL,
    'the task is of the goal'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
           '00000000-0000-4000-8000-000000000012', 'perhaps') $$,
    '23514',
    'new row for relation "approval_decisions" violates check constraint '
    '"approval_decisions_decision_ck"',
    'a decision is yes or no'
);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000012', 'approved');
SELECT throws_ok(
    statement,
    'MU001',
    NULL,
    'a decision stays as it was made'
)
FROM unnest(ARRAY[
    'UPDATE astra.approval_decisions SET decision = ''rejected''',
    'DELETE FROM astra.approval_decisions',
    'TRUNCATE astra.approval_decisions'
]) AS statement;
SELECT throws_ok(
    statement,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    promise
)
FROM (
    VALUES
        ('DELETE FROM astra.goals WHERE id = ''00000000-0000-4000-8000-000000000041''',
         'its goal stays'),
        ('DELETE FROM astra.users WHERE id = ''00000000-0000-4000-8000-000000000011''',
         'and who asked'),
        ('DELETE FROM astra.users WHERE id = ''00000000-0000-4000-8000-000000000012''',
         'and who decided'),
        ('DELETE FROM astra.approval_requests', 'and the request')
) AS attempt (statement, promise);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'approval_requests', ARRAY[
        'approval_requests_tenant', 'approval_requests_tenant_guard'
    ],
    'no other policy widens access to approval_requests'
);
SELECT policies_are(
    'astra', 'approval_decisions', ARRAY[
        'approval_decisions_tenant', 'approval_decisions_tenant_guard'
    ],
    'no other policy widens access to approval_decisions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('approval_requests'::name, 'muniment_app', 'SELECT'),
        ('approval_requests', 'muniment_reader', 'SELECT'),
        ('approval_decisions', 'muniment_app', 'SELECT'),
        ('approval_decisions', 'muniment_reader', 'SELECT') $$,
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
        ('approval_requests'::name, 'muniment_app', 'INSERT',
         'org_id, id, request_type, goal_id, task_id, graph_id, plan_payload, requested_by, '
         'required_approvals'),
        ('approval_requests', 'muniment_app', 'UPDATE', 'approvals'),
        ('approval_decisions', 'muniment_app', 'INSERT',
         'org_id, request_id, user_id, decision') $$,
    'the rights to columns are these'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE astra.approval_requests SET %s', change),
    state,
    NULL,
    'a runtime does not write what decisions lead to'
)
FROM (
    VALUES
        ('status = ''pending''', '42501'),
        ('decided_at = NULL', '42501'),
        ('approvals = ''[]''', 'MU419'),
        ('approvals = approvals', 'MU419')
) AS attempt (change, state);
SELECT throws_ok(
    $$ UPDATE astra.approval_requests SET required_approvals = 1 $$,
    '42501',
    'permission denied for table approval_requests',
    'nor how many are required'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_requests (org_id, request_type, goal_id, created_at)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'plan',
           '00000000-0000-4000-8000-000000000041', now()) $$,
    '42501',
    'permission denied for table approval_requests',
    'nor when it asked'
);
SELECT throws_ok(
    $$ INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision, decided_at)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
           '00000000-0000-4000-8000-000000000012', 'approved', now()) $$,
    '42501',
    'permission denied for table approval_decisions',
    'nor when somebody decided'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
