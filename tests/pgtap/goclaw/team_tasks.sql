-- Subject: goclaw.team_tasks    Docs: docs/schema/goclaw.md#team-tasks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(62);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.team_tasks', 'goclaw.team_task_comments', 'goclaw.team_task_events',
    'goclaw.team_task_attachments'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('team_tasks'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('team_tasks', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('team_tasks', 'team_id', 'uuid', true, NULL),
        ('team_tasks', 'task_number', 'integer', true, '0'),
        ('team_tasks', 'identifier', 'character varying(20)', false, NULL),
        ('team_tasks', 'subject', 'character varying(500)', true, NULL),
        ('team_tasks', 'description', 'text', false, NULL),
        ('team_tasks', 'status', 'character varying(20)', true, '''pending''::character varying'),
        ('team_tasks', 'task_type', 'character varying(30)', true,
         '''general''::character varying'),
        ('team_tasks', 'priority', 'integer', true, '0'),
        ('team_tasks', 'owner_agent_id', 'uuid', false, NULL),
        ('team_tasks', 'created_by_agent_id', 'uuid', false, NULL),
        ('team_tasks', 'assignee_user_id', 'character varying(255)', false, NULL),
        ('team_tasks', 'user_id', 'character varying(255)', false, NULL),
        ('team_tasks', 'parent_id', 'uuid', false, NULL),
        ('team_tasks', 'blocked_by', 'uuid[]', true, '''{}''::uuid[]'),
        ('team_tasks', 'channel', 'character varying(50)', false, NULL),
        ('team_tasks', 'chat_id', 'character varying(255)', true, '''''::character varying'),
        ('team_tasks', 'locked_at', 'timestamp with time zone', false, NULL),
        ('team_tasks', 'lock_expires_at', 'timestamp with time zone', false, NULL),
        ('team_tasks', 'progress_percent', 'integer', true, '0'),
        ('team_tasks', 'progress_step', 'text', false, NULL),
        ('team_tasks', 'followup_at', 'timestamp with time zone', false, NULL),
        ('team_tasks', 'followup_count', 'integer', true, '0'),
        ('team_tasks', 'followup_max', 'integer', true, '0'),
        ('team_tasks', 'followup_message', 'text', false, NULL),
        ('team_tasks', 'followup_channel', 'character varying(60)', false, NULL),
        ('team_tasks', 'followup_chat_id', 'character varying(255)', false, NULL),
        ('team_tasks', 'result', 'text', false, NULL),
        ('team_tasks', 'confidence_score', 'double precision', false, NULL),
        ('team_tasks', 'comment_count', 'integer', true, '0'),
        ('team_tasks', 'attachment_count', 'integer', true, '0'),
        ('team_tasks', 'embedding', 'platform.vector(1536)', false, NULL),
        ('team_tasks', 'tsv', 'tsvector', false,
         'to_tsvector(''simple''::regconfig, (((subject)::text || '' ''::text) || '
         'COALESCE(description, ''''::text)))'),
        ('team_tasks', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('team_tasks', 'custom_scope', 'character varying(255)', false, NULL),
        ('team_tasks', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('team_tasks', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('team_task_comments', 'tenant_id', 'uuid', true, NULL),
        ('team_task_comments', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('team_task_comments', 'task_id', 'uuid', true, NULL),
        ('team_task_comments', 'agent_id', 'uuid', false, NULL),
        ('team_task_comments', 'user_id', 'character varying(255)', false, NULL),
        ('team_task_comments', 'content', 'text', true, NULL),
        ('team_task_comments', 'comment_type', 'character varying(20)', true,
         '''note''::character varying'),
        ('team_task_comments', 'confidence_score', 'double precision', false, NULL),
        ('team_task_comments', 'metadata', 'jsonb', false, '''{}''::jsonb'),
        ('team_task_comments', 'custom_scope', 'character varying(255)', false, NULL),
        ('team_task_comments', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('team_task_events', 'tenant_id', 'uuid', true, NULL),
        ('team_task_events', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('team_task_events', 'task_id', 'uuid', true, NULL),
        ('team_task_events', 'event_type', 'character varying(30)', true, NULL),
        ('team_task_events', 'actor_type', 'character varying(10)', true, NULL),
        ('team_task_events', 'actor_id', 'character varying(255)', true, NULL),
        ('team_task_events', 'data', 'jsonb', false, NULL),
        ('team_task_events', 'custom_scope', 'character varying(255)', false, NULL),
        ('team_task_events', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('team_task_attachments', 'tenant_id', 'uuid', true, NULL),
        ('team_task_attachments', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('team_task_attachments', 'task_id', 'uuid', true, NULL),
        ('team_task_attachments', 'team_id', 'uuid', true, NULL),
        ('team_task_attachments', 'path', 'text', true, NULL),
        ('team_task_attachments', 'base_name', 'text', false,
         'lower(regexp_replace(path, ''.+/''::text, ''''::text))'),
        ('team_task_attachments', 'file_size', 'bigint', false, NULL),
        ('team_task_attachments', 'mime_type', 'character varying(100)', false, NULL),
        ('team_task_attachments', 'chat_id', 'character varying(255)', false, NULL),
        ('team_task_attachments', 'created_by_agent_id', 'uuid', false, NULL),
        ('team_task_attachments', 'metadata', 'jsonb', false, '''{}''::jsonb'),
        ('team_task_attachments', 'custom_scope', 'character varying(255)', false, NULL),
        ('team_task_attachments', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('team_tasks_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('team_tasks_team_id_uq', 'UNIQUE (tenant_id, team_id, id)'),
        ('team_tasks_task_number_uq', 'UNIQUE (tenant_id, team_id, task_number)'),
        ('team_tasks_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('team_tasks_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE RESTRICT'),
        ('team_tasks_owner_agent_fk',
         'FOREIGN KEY (tenant_id, owner_agent_id) REFERENCES goclaw.agents(tenant_id, id) '
         'ON DELETE SET NULL (owner_agent_id)'),
        ('team_tasks_created_by_agent_fk',
         'FOREIGN KEY (tenant_id, created_by_agent_id) REFERENCES goclaw.agents(tenant_id, '
         'id) ON DELETE SET NULL (created_by_agent_id)'),
        ('team_tasks_parent_fk',
         'FOREIGN KEY (tenant_id, team_id, parent_id) REFERENCES '
         'goclaw.team_tasks(tenant_id, team_id, id) ON DELETE SET NULL (parent_id)'),
        ('team_tasks_task_number_ck', 'CHECK ((task_number >= 1))'),
        ('team_tasks_identifier_ck',
         'CHECK (((identifier)::text = (''TSK-''::text || (task_number)::text)))'),
        ('team_tasks_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''pending''::character varying, '
         '''in_progress''::character varying, ''completed''::character varying, '
         '''failed''::character varying, ''cancelled''::character varying])::text[])))'),
        ('team_tasks_parent_ck', 'CHECK ((parent_id <> id))'),
        ('team_tasks_lock_ck',
         'CHECK ((((locked_at IS NULL) = (lock_expires_at IS NULL)) AND (lock_expires_at > '
         'locked_at) AND (((status)::text = ''in_progress''::text) OR (locked_at IS '
         'NULL))))'),
        ('team_tasks_blocked_by_ck',
         'CHECK ((((status)::text <> ALL ((ARRAY[''in_progress''::character varying, '
         '''completed''::character varying])::text[])) OR (blocked_by = ''{}''::uuid[])))'),
        ('team_tasks_progress_percent_ck',
         'CHECK (((progress_percent >= 0) AND (progress_percent <= 100)))'),
        ('team_tasks_followup_ck', 'CHECK (((followup_count >= 0) AND (followup_max >= 0)))'),
        ('team_task_comments_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('team_task_comments_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('team_task_comments_task_fk',
         'FOREIGN KEY (tenant_id, task_id) REFERENCES goclaw.team_tasks(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('team_task_comments_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE SET NULL (agent_id)'),
        ('team_task_events_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('team_task_events_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('team_task_events_task_fk',
         'FOREIGN KEY (tenant_id, task_id) REFERENCES goclaw.team_tasks(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('team_task_events_actor_type_ck',
         'CHECK (((actor_type)::text = ANY ((ARRAY[''agent''::character varying, '
         '''user''::character varying])::text[])))'),
        ('team_task_attachments_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('team_task_attachments_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('team_task_attachments_task_fk',
         'FOREIGN KEY (tenant_id, team_id, task_id) REFERENCES goclaw.team_tasks(tenant_id,'
         ' team_id, id) ON DELETE CASCADE'),
        ('team_task_attachments_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('team_task_attachments_created_by_agent_fk',
         'FOREIGN KEY (tenant_id, created_by_agent_id) REFERENCES goclaw.agents(tenant_id, '
         'id) ON DELETE SET NULL (created_by_agent_id)'),
        ('team_task_attachments_path_ck', 'CHECK ((path <> ''''::text))'),
        ('team_task_attachments_file_size_ck', 'CHECK ((file_size >= 0))') $$,
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
        ('team_tasks_parent_id_ix'::name, false,
         'btree (tenant_id, parent_id, team_id) WHERE (parent_id IS NOT NULL)'),
        ('team_tasks_chat_id_ix', false, 'btree (tenant_id, team_id, channel, chat_id)'),
        ('team_tasks_task_type_ix', false, 'btree (tenant_id, team_id, task_type)'),
        ('team_tasks_lock_expires_at_ix', false,
         'btree (lock_expires_at) WHERE ((status)::text = ''in_progress''::text)'),
        ('team_tasks_identifier_uq', true,
         'btree (tenant_id, team_id, identifier) WHERE (identifier IS NOT NULL)'),
        ('team_tasks_followup_at_ix', false,
         'btree (followup_at) WHERE ((status)::text = ''in_progress''::text)'),
        ('team_tasks_blocked_by_ix', false, 'gin (blocked_by)'),
        ('team_tasks_owner_agent_status_ix', false,
         'btree (tenant_id, team_id, owner_agent_id, status)'),
        ('team_tasks_waiting_ix', false,
         'btree (tenant_id, team_id) WHERE (blocked_by <> ''{}''::uuid[])'),
        ('team_tasks_owner_agent_id_ix', false,
         'btree (tenant_id, owner_agent_id) WHERE (owner_agent_id IS NOT NULL)'),
        ('team_tasks_created_by_agent_id_ix', false,
         'btree (tenant_id, created_by_agent_id) WHERE (created_by_agent_id IS NOT NULL)'),
        ('team_task_comments_task_id_ix', false, 'btree (tenant_id, task_id)'),
        ('team_task_comments_agent_id_ix', false,
         'btree (tenant_id, agent_id) WHERE (agent_id IS NOT NULL)'),
        ('team_task_events_task_id_ix', false, 'btree (tenant_id, task_id)'),
        ('team_task_attachments_task_id_ix', false, 'btree (tenant_id, task_id, team_id)'),
        ('team_task_attachments_team_id_ix', false, 'btree (tenant_id, team_id)'),
        ('team_task_attachments_base_name_ix', false, 'btree (tenant_id, base_name)'),
        ('team_task_attachments_created_by_agent_id_ix', false,
         'btree (tenant_id, created_by_agent_id) WHERE (created_by_agent_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('team_tasks_assign_number_tg'::name,
         'BEFORE INSERT ON goclaw.team_tasks FOR EACH ROW EXECUTE FUNCTION '
         'goclaw.number_team_task()'),
        ('team_tasks_check_blockers_tg',
         'BEFORE INSERT OR UPDATE OF blocked_by ON goclaw.team_tasks FOR EACH ROW WHEN '
         '((new.blocked_by <> ''{}''::uuid[])) EXECUTE FUNCTION '
         'goclaw.check_team_task_blockers()'),
        ('team_tasks_check_parent_tg',
         'BEFORE INSERT OR UPDATE OF parent_id ON goclaw.team_tasks FOR EACH ROW WHEN '
         '((new.parent_id <> new.id)) EXECUTE FUNCTION goclaw.check_team_task_parent()'),
        ('team_tasks_count_tg',
         'BEFORE INSERT OR UPDATE OF comment_count, attachment_count ON goclaw.team_tasks '
         'FOR EACH ROW EXECUTE FUNCTION goclaw.count_team_task_parts()'),
        ('team_tasks_release_tg',
         'AFTER UPDATE OF status ON goclaw.team_tasks FOR EACH ROW WHEN '
         '((((new.status)::text = ANY ((ARRAY[''completed''::character varying, '
         '''cancelled''::character varying])::text[])) AND ((old.status)::text <> ALL '
         '((ARRAY[''completed''::character varying, ''cancelled''::character '
         'varying])::text[])))) EXECUTE FUNCTION goclaw.release_team_tasks()'),
        ('team_tasks_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.team_tasks FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('team_task_comments_count_insert_tg',
         'AFTER INSERT ON goclaw.team_task_comments REFERENCING NEW TABLE AS changed FOR '
         'EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks()'),
        ('team_task_comments_count_delete_tg',
         'AFTER DELETE ON goclaw.team_task_comments REFERENCING OLD TABLE AS changed FOR '
         'EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks()'),
        ('team_task_comments_fail_tg',
         'AFTER INSERT ON goclaw.team_task_comments REFERENCING NEW TABLE AS changed FOR '
         'EACH STATEMENT EXECUTE FUNCTION goclaw.fail_blocked_team_tasks()'),
        ('team_task_events_forbid_update_tg',
         'BEFORE UPDATE ON goclaw.team_task_events FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('team_task_events_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.team_task_events FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('team_task_attachments_count_insert_tg',
         'AFTER INSERT ON goclaw.team_task_attachments REFERENCING NEW TABLE AS changed FOR'
         ' EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks()'),
        ('team_task_attachments_count_delete_tg',
         'AFTER DELETE ON goclaw.team_task_attachments REFERENCING OLD TABLE AS changed FOR'
         ' EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a3',
        'successor', 'u', 'm'
    );
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7ea00000-0000-4000-8000-0000000000a1',
        'One', 'a9e00000-0000-4000-8000-0000000000a1'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '7ea00000-0000-4000-8000-0000000000a2',
        'Two', 'a9e00000-0000-4000-8000-0000000000a1'
    );
INSERT INTO goclaw.team_tasks (
    tenant_id, id, team_id, subject, task_number, identifier, comment_count, owner_agent_id,
    created_by_agent_id
) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7a500000-0000-4000-8000-0000000000a1',
        '7ea00000-0000-4000-8000-0000000000a1', 'first', 7, 'TSK-7', 9,
        'a9e00000-0000-4000-8000-0000000000a2', 'a9e00000-0000-4000-8000-0000000000a2'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '7a500000-0000-4000-8000-0000000000a2',
        '7ea00000-0000-4000-8000-0000000000a1', 'second', 7, 'TSK-7', 9, NULL, NULL
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '7a500000-0000-4000-8000-0000000000a3',
        '7ea00000-0000-4000-8000-0000000000a2', 'of the other team', 7, 'TSK-7', 9, NULL, NULL
    );

SELECT results_eq(
    $$ SELECT team_id, task_number, identifier, comment_count FROM goclaw.team_tasks ORDER BY id $$,
    $$ VALUES
        ('7ea00000-0000-4000-8000-0000000000a1'::uuid, 1, 'TSK-1'::varchar, 0),
        ('7ea00000-0000-4000-8000-0000000000a1', 2, 'TSK-2', 0),
        ('7ea00000-0000-4000-8000-0000000000a2', 1, 'TSK-1', 0) $$,
    'each team counts its tasks from 1, also in one statement and whatever the writer says'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.team_tasks SET %s WHERE id = %L',
        change, '7a500000-0000-4000-8000-0000000000a1'
    ),
    '23514',
    NULL,
    'refused: ' || change
)
FROM unnest(ARRAY[
    'task_number = 0, identifier = NULL', $$identifier = 'TSK-2'$$, $$status = 'blocked'$$,
    'parent_id = id', 'progress_percent = 101', 'progress_percent = -1', 'followup_count = -1',
    'followup_max = -1', $$status = 'in_progress', locked_at = now()$$,
    $$status = 'in_progress', lock_expires_at = now()$$,
    $$status = 'in_progress', locked_at = now(), lock_expires_at = now()$$,
    $$locked_at = now(), lock_expires_at = now() + interval '1 hour'$$
]) AS change;
SELECT throws_ok(
    $$ UPDATE goclaw.team_tasks SET parent_id = '7a500000-0000-4000-8000-0000000000a3'
       WHERE id = '7a500000-0000-4000-8000-0000000000a1' $$,
    '23503',
    NULL,
    'a task is no part of a task of another team'
);
SAVEPOINT before_parts;
UPDATE goclaw.team_tasks SET parent_id = '7a500000-0000-4000-8000-0000000000a2'
WHERE id = '7a500000-0000-4000-8000-0000000000a1';
SELECT throws_ok(
    $$ UPDATE goclaw.team_tasks SET parent_id = '7a500000-0000-4000-8000-0000000000a1'
       WHERE id = '7a500000-0000-4000-8000-0000000000a2' $$,
    'MU326',
    NULL,
    'two tasks are no parts of each other'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject, parent_id)
       SELECT
           '00000000-0000-4000-8000-00000000000a',
           ('7a500000-0000-4000-8000-0000000000f' || n)::uuid,
           '7ea00000-0000-4000-8000-0000000000a1', 'x',
           ('7a500000-0000-4000-8000-0000000000f' || n % 3 + 1)::uuid
       FROM generate_series(1, 3) AS n $$,
    'MU326',
    NULL,
    'nor three that come at once'
);
ROLLBACK TO SAVEPOINT before_parts;
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.%I (tenant_id, task_id, team_id, path, file_size) '
        'VALUES (%L, %L, %L, %L, %s)',
        'team_task_attachments', '00000000-0000-4000-8000-00000000000a',
        '7a500000-0000-4000-8000-0000000000a1', team, path, size
    ),
    state,
    NULL,
    format('no attachment of team %s with path %s and %s bytes', team, path, size)
)
FROM (
    VALUES
        ('7ea00000-0000-4000-8000-0000000000a2', 'a', 1, '23503'),
        ('7ea00000-0000-4000-8000-0000000000a1', '', 1, '23514'),
        ('7ea00000-0000-4000-8000-0000000000a1', 'a', -1, '23514')
) AS attempt (team, path, size, state);
SELECT throws_ok(
    $$ INSERT INTO goclaw.team_task_events (tenant_id, task_id, event_type, actor_type, actor_id)
       SELECT tenant_id, id, 'locked', 'system', 'x' FROM goclaw.team_tasks $$,
    '23514',
    NULL,
    'an agent or a user acts, nobody else'
);

-- Waiting.
UPDATE goclaw.team_tasks SET blocked_by = ARRAY[
    '7a500000-0000-4000-8000-0000000000a1', '7a500000-0000-4000-8000-0000000000a1'
]::uuid[]
WHERE id = '7a500000-0000-4000-8000-0000000000a2';
INSERT INTO goclaw.team_tasks (tenant_id, id, team_id, subject, blocked_by) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '7a500000-0000-4000-8000-0000000000a4',
        '7ea00000-0000-4000-8000-0000000000a1', 'third',
        ARRAY['7a500000-0000-4000-8000-0000000000a2']::uuid[]
    );
SELECT results_eq(
    $$ SELECT subject, blocked_by FROM goclaw.team_tasks WHERE blocked_by <> '{}' ORDER BY id $$,
    $$ VALUES
        ('second'::varchar, ARRAY['7a500000-0000-4000-8000-0000000000a1']::uuid[]),
        ('third', ARRAY['7a500000-0000-4000-8000-0000000000a2']::uuid[]) $$,
    'a task waits for tasks of its team, for each once'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.team_tasks SET blocked_by = %L WHERE id = %L',
        ARRAY['7a500000-0000-4000-8000-0000000000' || blocker]::uuid[],
        '7a500000-0000-4000-8000-0000000000' || task
    ),
    state,
    NULL,
    promise
)
FROM (
    VALUES
        ('a1', 'a1', 'MU322', 'a task does not wait for itself'),
        ('a1', 'a2', 'MU322', 'two tasks do not wait for each other'),
        ('a1', 'a4', 'MU322', 'three tasks do not wait for each other'),
        ('a1', 'a3', 'MU323', 'a task does not wait for one of another team'),
        ('a1', 'ff', 'MU323', 'a task does not wait for what is not there')
) AS attempt (task, blocker, state, promise);
SELECT throws_ok(
    $$ UPDATE goclaw.team_tasks SET blocked_by = ARRAY[NULL]::uuid[]
       WHERE id = '7a500000-0000-4000-8000-0000000000a1' $$,
    'MU323',
    NULL,
    'a task does not wait for nobody'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.team_tasks SET status = %L WHERE id = %L', status,
        '7a500000-0000-4000-8000-0000000000a2'
    ),
    '23514',
    NULL,
    'what waits is not ' || status
)
FROM unnest(ARRAY['in_progress', 'completed']) AS status;
UPDATE goclaw.team_tasks SET status = 'failed'
WHERE id = '7a500000-0000-4000-8000-0000000000a1';
SELECT is(
    blocked_by, ARRAY['7a500000-0000-4000-8000-0000000000a1']::uuid[],
    'after a failure, others go on waiting'
)
FROM goclaw.team_tasks
WHERE subject = 'second';
UPDATE goclaw.team_tasks SET status = 'completed'
WHERE id = '7a500000-0000-4000-8000-0000000000a1';
UPDATE goclaw.team_tasks SET status = 'cancelled'
WHERE id = '7a500000-0000-4000-8000-0000000000a2';
SELECT is_empty(
    $$ SELECT FROM goclaw.team_tasks WHERE blocked_by <> '{}' $$,
    'what is completed or cancelled holds nobody up'
);
UPDATE goclaw.team_tasks SET blocked_by = ARRAY['7a500000-0000-4000-8000-0000000000a1']::uuid[]
WHERE subject = 'third';
SELECT is(blocked_by, '{}', 'nobody begins to wait for what has ended')
FROM goclaw.team_tasks
WHERE subject = 'third';

-- Comments and attachments.
INSERT INTO goclaw.team_task_comments (tenant_id, task_id, agent_id, content)
SELECT t.tenant_id, t.id, 'a9e00000-0000-4000-8000-0000000000a2', n::text
FROM goclaw.team_tasks AS t
CROSS JOIN generate_series(1, 3) AS n
WHERE t.subject IN ('first', 'third');
INSERT INTO goclaw.team_task_attachments (
    tenant_id, task_id, team_id, path, created_by_agent_id
)
SELECT t.tenant_id, t.id, t.team_id, path, 'a9e00000-0000-4000-8000-0000000000a2'
FROM goclaw.team_tasks AS t
CROSS JOIN unnest(ARRAY['teams/one/Report.PDF', 'Notes.md']) AS path
WHERE t.subject = 'third';
DELETE FROM goclaw.team_task_comments WHERE content = '1';
DELETE FROM goclaw.team_task_attachments WHERE path = 'Notes.md';
UPDATE goclaw.team_tasks SET comment_count = 100, attachment_count = 100;
SELECT results_eq(
    $$ SELECT subject, comment_count, attachment_count FROM goclaw.team_tasks ORDER BY id $$,
    $$ VALUES
        ('first'::varchar, 2, 0), ('second', 0, 0), ('of the other team', 0, 0), ('third', 2, 1) $$,
    'comments and attachments are counted, whatever a writer says'
);
SELECT results_eq(
    $$ SELECT base_name FROM goclaw.team_task_attachments $$,
    $$ VALUES ('report.pdf') $$,
    'an attachment is known by the name of its file'
);
UPDATE goclaw.team_tasks
SET status = 'in_progress', locked_at = now(), lock_expires_at = now() + interval '1 hour'
WHERE subject IN ('third', 'of the other team');
INSERT INTO goclaw.team_task_comments (tenant_id, task_id, content, comment_type)
SELECT
    tenant_id, id, 'no access', CASE subject WHEN 'of the other team' THEN 'note' ELSE 'blocker' END
FROM goclaw.team_tasks;
SELECT results_eq(
    $$ SELECT subject, status, locked_at IS NULL, comment_count
       FROM goclaw.team_tasks
       ORDER BY id $$,
    $$ VALUES
        ('first'::varchar, 'completed'::varchar, true, 3),
        ('second', 'cancelled', true, 1),
        ('of the other team', 'in_progress', false, 1),
        ('third', 'failed', true, 3) $$,
    'a blocker fails an open task and ends its lock; a note does not, and what has ended stays so'
);

-- Events.
INSERT INTO goclaw.team_task_events (tenant_id, task_id, event_type, actor_type, actor_id)
SELECT tenant_id, id, 'status_change', 'agent', 'planner'
FROM goclaw.team_tasks;
SELECT throws_ok(
    $$ UPDATE goclaw.team_task_events SET actor_id = 'x' $$,
    'MU001',
    NULL,
    'not even a superuser changes an event'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.team_task_events $$,
    'MU001',
    NULL,
    'not even a superuser empties the events'
);

-- What leaves.
UPDATE goclaw.team_tasks SET parent_id = '7a500000-0000-4000-8000-0000000000a1'
WHERE subject = 'second';
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT is_empty(
    $$ SELECT owner_agent_id FROM goclaw.team_tasks WHERE owner_agent_id IS NOT NULL
       UNION ALL
       SELECT created_by_agent_id FROM goclaw.team_tasks WHERE created_by_agent_id IS NOT NULL
       UNION ALL
       SELECT agent_id FROM goclaw.team_task_comments WHERE agent_id IS NOT NULL
       UNION ALL
       SELECT created_by_agent_id FROM goclaw.team_task_attachments
       WHERE created_by_agent_id IS NOT NULL $$,
    'an agent that is removed is named no more'
);
SELECT is(
    (SELECT count(*) FROM goclaw.team_tasks), 4::bigint, 'but its tasks stay with the team'
);
DELETE FROM goclaw.team_tasks WHERE subject = 'first';
SELECT results_eq(
    $$ SELECT team_id, parent_id FROM goclaw.team_tasks WHERE subject = 'second' $$,
    $$ VALUES ('7ea00000-0000-4000-8000-0000000000a1'::uuid, NULL::uuid) $$,
    'a part outlives the whole, and stays with its team'
);
SELECT is_empty(
    $$ SELECT task_id FROM goclaw.team_task_comments
       WHERE task_id = '7a500000-0000-4000-8000-0000000000a1'
       UNION ALL
       SELECT task_id FROM goclaw.team_task_events
       WHERE task_id = '7a500000-0000-4000-8000-0000000000a1' $$,
    'a task takes its comments and events along'
);
SELECT throws_ok(
    statement,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    promise
)
FROM (
    VALUES
        ('DELETE FROM goclaw.agent_teams', 'a team that has tasks stays'),
        (
            $$ DELETE FROM goclaw.agents WHERE agent_key = 'planner' $$,
            'and so does the agent that leads it'
        )
) AS attempt (statement, promise);
UPDATE goclaw.agent_teams SET lead_agent_id = 'a9e00000-0000-4000-8000-0000000000a3';
DELETE FROM goclaw.agents WHERE agent_key = 'planner';
SELECT results_eq(
    $$ SELECT subject FROM goclaw.team_tasks WHERE subject <> 'first' ORDER BY id $$,
    $$ VALUES ('second'::varchar), ('of the other team'), ('third') $$,
    'until another one does'
);
DELETE FROM goclaw.team_tasks WHERE subject = 'third';
SELECT is_empty(
    $$ SELECT FROM goclaw.team_task_attachments $$, 'a task takes its attachments along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'team_tasks', ARRAY[
        'team_tasks_tenant', 'team_tasks_tenant_guard', 'team_tasks_service'
    ],
    'no other policy widens access to team_tasks'
);
SELECT policies_are(
    'goclaw', 'team_task_comments', ARRAY[
        'team_task_comments_tenant', 'team_task_comments_tenant_guard'
    ],
    'no other policy widens access to team_task_comments'
);
SELECT policies_are(
    'goclaw', 'team_task_events', ARRAY[
        'team_task_events_tenant', 'team_task_events_tenant_guard'
    ],
    'no other policy widens access to team_task_events'
);
SELECT policies_are(
    'goclaw', 'team_task_attachments', ARRAY[
        'team_task_attachments_tenant', 'team_task_attachments_tenant_guard'
    ],
    'no other policy widens access to team_task_attachments'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('team_tasks'::name, 'muniment_app', 'INSERT'),
        ('team_tasks', 'muniment_app', 'SELECT'),
        ('team_tasks', 'muniment_reader', 'SELECT'),
        ('team_task_comments', 'muniment_app', 'DELETE'),
        ('team_task_comments', 'muniment_app', 'INSERT'),
        ('team_task_comments', 'muniment_app', 'SELECT'),
        ('team_task_comments', 'muniment_reader', 'SELECT'),
        ('team_task_events', 'muniment_app', 'INSERT'),
        ('team_task_events', 'muniment_app', 'SELECT'),
        ('team_task_events', 'muniment_reader', 'SELECT'),
        ('team_task_attachments', 'muniment_app', 'DELETE'),
        ('team_task_attachments', 'muniment_app', 'INSERT'),
        ('team_task_attachments', 'muniment_app', 'SELECT'),
        ('team_task_attachments', 'muniment_reader', 'SELECT') $$,
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
        ('team_tasks'::name, 'muniment_app', 'UPDATE',
         'subject, description, status, task_type, priority, owner_agent_id, '
         'created_by_agent_id, assignee_user_id, user_id, parent_id, blocked_by, channel, '
         'chat_id, locked_at, lock_expires_at, progress_percent, progress_step, '
         'followup_at, followup_count, followup_max, followup_message, followup_channel, '
         'followup_chat_id, result, confidence_score, comment_count, attachment_count, '
         'embedding, metadata, custom_scope, updated_at'),
        ('team_tasks', 'muniment_service', 'SELECT',
         'tenant_id, id, status, owner_agent_id, locked_at, lock_expires_at, followup_at, '
         'followup_count, followup_max, followup_message, followup_channel, followup_chat_id'),
        ('team_tasks', 'muniment_service', 'UPDATE',
         'status, owner_agent_id, locked_at, lock_expires_at, followup_at, followup_count'),
        ('team_task_comments', 'muniment_app', 'UPDATE',
         'agent_id, user_id, content, confidence_score, metadata, custom_scope'),
        ('team_task_attachments', 'muniment_app', 'UPDATE',
         'path, file_size, mime_type, chat_id, created_by_agent_id, metadata, custom_scope') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    statement,
    '42501',
    NULL,
    'a runtime cannot: ' || statement
)
FROM unnest(ARRAY[
    'DELETE FROM goclaw.team_tasks', 'UPDATE goclaw.team_tasks SET task_number = 1',
    $$UPDATE goclaw.team_tasks SET identifier = 'TSK-1'$$,
    'UPDATE goclaw.team_tasks SET team_id = team_id',
    'UPDATE goclaw.team_task_comments SET task_id = task_id',
    $$UPDATE goclaw.team_task_comments SET comment_type = 'blocker'$$,
    'DELETE FROM goclaw.team_task_events'
]) AS statement;
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
