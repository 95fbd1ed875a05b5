-- Subject: agentcore.agent_task    Docs: docs/schema/agentcore.md#agent-task
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(35);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.agent_task', 'agentcore.agent_tool_call']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_task'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('agent_task', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_task', 'namespace_id', 'uuid', true, NULL),
        ('agent_task', 'conversation_id', 'uuid', false, NULL),
        ('agent_task', 'message_id', 'uuid', false, NULL),
        ('agent_task', 'adapter_type', 'text', true, NULL),
        ('agent_task', 'status', 'text', true, '''queued''::text'),
        ('agent_task', 'input_tokens', 'integer', true, '0'),
        ('agent_task', 'output_tokens', 'integer', true, '0'),
        ('agent_task', 'cost', 'numeric(18,9)', false, NULL),
        ('agent_task', 'duration_ms', 'integer', false, NULL),
        ('agent_task', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('agent_task', 'started_at', 'timestamp with time zone', false, NULL),
        ('agent_task', 'completed_at', 'timestamp with time zone', false, NULL),
        ('agent_task', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_tool_call', 'department_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('agent_tool_call', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_tool_call', 'agent_task_id', 'uuid', true, NULL),
        ('agent_tool_call', 'step_name', 'text', true, NULL),
        ('agent_tool_call', 'status', 'text', true, '''running''::text'),
        ('agent_tool_call', 'input_data', 'jsonb', true, '''{}''::jsonb'),
        ('agent_tool_call', 'output_data', 'jsonb', false, NULL),
        ('agent_tool_call', 'duration_ms', 'integer', false, NULL),
        ('agent_tool_call', 'error_message', 'text', false, NULL),
        ('agent_tool_call', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_task_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('agent_task_namespace_fk',
         'FOREIGN KEY (department_id, namespace_id) REFERENCES '
         'agentcore.namespace(department_id, id) ON DELETE RESTRICT'),
        ('agent_task_conversation_fk',
         'FOREIGN KEY (department_id, namespace_id, conversation_id) REFERENCES '
         'agentcore.conversation(department_id, namespace_id, id) ON DELETE CASCADE'),
        ('agent_task_message_fk',
         'FOREIGN KEY (department_id, conversation_id, message_id) REFERENCES '
         'agentcore.message(department_id, conversation_id, id) ON DELETE CASCADE'),
        ('agent_task_adapter_type_ck', 'CHECK ((adapter_type <> ''''::text))'),
        ('agent_task_status_ck',
         'CHECK ((status = ANY (ARRAY[''queued''::text, ''running''::text, ''done''::text, '
         '''failed''::text, ''timeout''::text])))'),
        ('agent_task_message_ck',
         'CHECK (((message_id IS NULL) OR (conversation_id IS NOT NULL)))'),
        ('agent_task_tokens_ck', 'CHECK (((input_tokens >= 0) AND (output_tokens >= 0)))'),
        ('agent_task_cost_ck',
         'CHECK (((cost >= (0)::numeric) AND (cost < ''NaN''::numeric)))'),
        ('agent_task_metadata_ck', 'CHECK ((jsonb_typeof(metadata) = ''object''::text))'),
        ('agent_task_duration_ms_ck', 'CHECK ((duration_ms >= 0))'),
        ('agent_task_started_at_ck',
         'CHECK (((status = ''queued''::text) = (started_at IS NULL)))'),
        ('agent_task_completed_at_ck',
         'CHECK (((status = ANY (ARRAY[''done''::text, ''failed''::text, '
         '''timeout''::text])) = (completed_at IS NOT NULL)))'),
        ('agent_task_completed_after_started_ck', 'CHECK ((completed_at >= started_at))'),
        ('agent_tool_call_pk', 'PRIMARY KEY (department_id, id)'),
        ('agent_tool_call_agent_task_fk',
         'FOREIGN KEY (department_id, agent_task_id) REFERENCES '
         'agentcore.agent_task(department_id, id) ON DELETE CASCADE'),
        ('agent_tool_call_step_name_ck', 'CHECK ((step_name <> ''''::text))'),
        ('agent_tool_call_status_ck',
         'CHECK ((status = ANY (ARRAY[''running''::text, ''done''::text, '
         '''failed''::text])))'),
        ('agent_tool_call_duration_ms_ck', 'CHECK ((duration_ms >= 0))'),
        ('agent_tool_call_error_message_ck',
         'CHECK (((status = ''failed''::text) = (error_message IS NOT NULL)))') $$,
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
        ('agent_task_namespace_id_ix'::name, false,
         'btree (department_id, namespace_id, created_at DESC)'),
        ('agent_task_conversation_id_ix', false,
         'btree (department_id, conversation_id, message_id) WHERE (conversation_id IS NOT '
         'NULL)'),
        ('agent_task_queued_ix', false,
         'btree (adapter_type, created_at) WHERE (status = ''queued''::text)'),
        ('agent_task_running_ix', false,
         'btree (started_at) WHERE (status = ''running''::text)'),
        ('agent_tool_call_agent_task_id_ix', false,
         'btree (department_id, agent_task_id, created_at)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_task_forbid_update_tg'::name,
         'BEFORE UPDATE ON agentcore.agent_task FOR EACH ROW WHEN ((old.completed_at IS NOT '
         'NULL)) EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_tool_call_forbid_update_tg',
         'BEFORE UPDATE ON agentcore.agent_tool_call FOR EACH ROW WHEN ((old.status <> '
         '''running''::text)) EXECUTE FUNCTION platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.users (department_id, id, email, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
        'ben@example.org', 'Ben'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
        'cleo@example.org', 'Cleo'
    );
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.namespace (department_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a2', 'Other');
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
INSERT INTO agentcore.message (id, conversation_id, role, content)
VALUES (
    'e5000000-0000-4000-8000-0000000000a1', 'c0000000-0000-4000-8000-0000000000a1', 'user', 'Hi'
);
INSERT INTO agentcore.agent_task (id, namespace_id, conversation_id, message_id, adapter_type)
VALUES (
    '9e000000-0000-4000-8000-0000000000a1', '4a000000-0000-4000-8000-0000000000a1',
    'c0000000-0000-4000-8000-0000000000a1', 'e5000000-0000-4000-8000-0000000000a1', 'browser'
);
INSERT INTO agentcore.agent_tool_call (agent_task_id, step_name)
VALUES ('9e000000-0000-4000-8000-0000000000a1', 'open page');
SELECT throws_ok(
    format('UPDATE agentcore.%I SET %s', table_name, change),
    '23514',
    format(
        'new row for relation "%1$s" violates check constraint "%1$s_%2$s_ck"', table_name, rule
    ),
    format('no %s is such that %s', table_name, change)
)
FROM (
    VALUES
        ('agent_task', 'adapter_type = ''''', 'adapter_type'),
        ('agent_task', 'status = ''lost'', started_at = now()', 'status'),
        ('agent_task', 'conversation_id = NULL', 'message'),
        ('agent_task', 'input_tokens = -1', 'tokens'),
        ('agent_task', 'output_tokens = -1', 'tokens'),
        ('agent_task', 'cost = -0.01', 'cost'),
        ('agent_task', 'cost = ''NaN''', 'cost'),
        ('agent_task', 'metadata = ''[]''', 'metadata'),
        ('agent_task', 'duration_ms = -1', 'duration_ms'),
        ('agent_task', 'status = ''running''', 'started_at'),
        ('agent_task', 'started_at = now()', 'started_at'),
        ('agent_task', 'status = ''done'', started_at = now()', 'completed_at'),
        ('agent_task', 'completed_at = now()', 'completed_at'),
        (
            'agent_task',
            'status = ''done'', started_at = now(), completed_at = now() - interval ''1 s''',
            'completed_after_started'
        ),
        ('agent_tool_call', 'step_name = ''''', 'step_name'),
        ('agent_tool_call', 'status = ''timeout''', 'status'),
        ('agent_tool_call', 'duration_ms = -1', 'duration_ms'),
        ('agent_tool_call', 'status = ''failed''', 'error_message'),
        ('agent_tool_call', 'error_message = ''late''', 'error_message')
) AS attempt (table_name, change, rule);
SELECT throws_ok(
    $$ UPDATE agentcore.agent_task SET namespace_id = '4a000000-0000-4000-8000-0000000000a2' $$,
    '23503',
    NULL,
    'the conversation of a task is of the same assistant'
);
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a2', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
SELECT throws_ok(
    $$ UPDATE agentcore.agent_task SET conversation_id = 'c0000000-0000-4000-8000-0000000000a2' $$,
    '23503',
    NULL,
    'the message of a task is of the same conversation'
);
SELECT throws_ok(
    $$ DELETE FROM agentcore.namespace WHERE id = '4a000000-0000-4000-8000-0000000000a1' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'an assistant that has worked is not deleted'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE agentcore.agent_task SET status = 'running' $$,
    '42501',
    'permission denied for table agent_task',
    'a runtime queues tasks, and does not say how they go'
);
SELECT lives_ok(
    $$ UPDATE agentcore.agent_tool_call SET status = 'done', output_data = '{}', duration_ms = 7 $$,
    'it says how a step went'
);
SELECT throws_ok(
    $$ UPDATE agentcore.agent_tool_call SET output_data = '{"other": true}' $$,
    'MU001',
    'agentcore.agent_tool_call is append-only: update refused',
    'once'
);
SET LOCAL ROLE muniment_service;
UPDATE agentcore.agent_task
SET status = 'done',
    started_at = now(),
    completed_at = now();
SELECT throws_ok(
    $$ UPDATE agentcore.agent_task SET cost = 0 $$,
    'MU001',
    'agentcore.agent_task is append-only: update refused',
    'nor does the backend say anew how a task went'
);
RESET ROLE;
DELETE FROM agentcore.conversation WHERE id = 'c0000000-0000-4000-8000-0000000000a1';
SELECT is_empty(
    $$ SELECT FROM agentcore.agent_task UNION ALL SELECT FROM agentcore.agent_tool_call $$,
    'a conversation that is deleted takes its tasks, and they their steps'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'agent_task', ARRAY[
        'agent_task_tenant', 'agent_task_tenant_guard', 'agent_task_service'
    ],
    'no other policy widens access to agent_task'
);
SELECT policies_are(
    'agentcore', 'agent_tool_call', ARRAY[
        'agent_tool_call_tenant', 'agent_tool_call_tenant_guard'
    ],
    'no other policy widens access to agent_tool_call'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_task'::name, 'muniment_app', 'SELECT'),
        ('agent_task', 'muniment_reader', 'SELECT'),
        ('agent_task', 'muniment_service', 'SELECT'),
        ('agent_tool_call', 'muniment_app', 'SELECT'),
        ('agent_tool_call', 'muniment_reader', 'SELECT') $$,
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
        ('agent_task'::name, 'muniment_app', 'INSERT',
         'department_id, id, namespace_id, conversation_id, message_id, adapter_type, '
         'metadata'),
        ('agent_tool_call', 'muniment_app', 'INSERT',
         'department_id, id, agent_task_id, step_name, input_data'),
        ('agent_task', 'muniment_service', 'UPDATE',
         'status, input_tokens, output_tokens, cost, duration_ms, metadata, started_at, '
         'completed_at'),
        ('agent_tool_call', 'muniment_app', 'UPDATE',
         'status, output_data, duration_ms, error_message') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
