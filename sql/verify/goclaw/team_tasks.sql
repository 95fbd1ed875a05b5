-- Verify goclaw:team_tasks on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    tenant_id, id, team_id, task_number, identifier, subject, description, status, task_type,
    priority, owner_agent_id, created_by_agent_id, assignee_user_id, user_id, parent_id,
    blocked_by, channel, chat_id, locked_at, lock_expires_at, progress_percent, progress_step,
    followup_at, followup_count, followup_max, followup_message, followup_channel,
    followup_chat_id, result, confidence_score, comment_count, attachment_count, embedding,
    tsv, metadata, custom_scope, created_at, updated_at
FROM goclaw.team_tasks
WHERE false;

SELECT
    tenant_id, id, task_id, agent_id, user_id, content, comment_type, confidence_score,
    metadata, custom_scope, created_at
FROM goclaw.team_task_comments
WHERE false;

SELECT
    tenant_id, id, task_id, event_type, actor_type, actor_id, data, custom_scope, created_at
FROM goclaw.team_task_events
WHERE false;

SELECT
    tenant_id, id, task_id, team_id, path, base_name, file_size, mime_type, chat_id,
    created_by_agent_id, metadata, custom_scope, created_at
FROM goclaw.team_task_attachments
WHERE false;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('team_tasks', ARRAY[
                'team_tasks_pk', 'team_tasks_team_id_uq', 'team_tasks_task_number_uq',
                'team_tasks_tenant_fk', 'team_tasks_team_fk', 'team_tasks_owner_agent_fk',
                'team_tasks_created_by_agent_fk', 'team_tasks_parent_fk',
                'team_tasks_task_number_ck', 'team_tasks_identifier_ck',
                'team_tasks_status_ck', 'team_tasks_parent_ck', 'team_tasks_lock_ck',
                'team_tasks_blocked_by_ck', 'team_tasks_progress_percent_ck',
                'team_tasks_followup_ck'
            ]),
            ('team_task_comments', ARRAY[
                'team_task_comments_pk', 'team_task_comments_tenant_fk',
                'team_task_comments_task_fk', 'team_task_comments_agent_fk'
            ]),
            ('team_task_events', ARRAY[
                'team_task_events_pk', 'team_task_events_tenant_fk',
                'team_task_events_task_fk', 'team_task_events_actor_type_ck'
            ]),
            ('team_task_attachments', ARRAY[
                'team_task_attachments_pk', 'team_task_attachments_tenant_fk',
                'team_task_attachments_task_fk', 'team_task_attachments_team_fk',
                'team_task_attachments_created_by_agent_fk', 'team_task_attachments_path_ck',
                'team_task_attachments_file_size_ck'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_constraint
        WHERE conrelid = to_regclass('goclaw.' || want.table_name)
            AND conname = part.name
            AND convalidated
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or not validated: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('team_tasks', ARRAY[
                'team_tasks_parent_id_ix', 'team_tasks_chat_id_ix', 'team_tasks_task_type_ix',
                'team_tasks_lock_expires_at_ix', 'team_tasks_identifier_uq',
                'team_tasks_followup_at_ix', 'team_tasks_blocked_by_ix',
                'team_tasks_owner_agent_status_ix', 'team_tasks_waiting_ix',
                'team_tasks_owner_agent_id_ix', 'team_tasks_created_by_agent_id_ix'
            ]),
            ('team_task_comments', ARRAY[
                'team_task_comments_task_id_ix', 'team_task_comments_agent_id_ix'
            ]),
            ('team_task_events', ARRAY['team_task_events_task_id_ix']),
            ('team_task_attachments', ARRAY[
                'team_task_attachments_task_id_ix', 'team_task_attachments_team_id_ix',
                'team_task_attachments_base_name_ix',
                'team_task_attachments_created_by_agent_id_ix'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_index
        WHERE indrelid = to_regclass('goclaw.' || want.table_name)
            AND indexrelid = to_regclass('goclaw.' || part.name)
            AND indisvalid
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or invalid index: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s: %s', want.table_name, part.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('team_tasks', ARRAY[
                'team_tasks_assign_number_tg', 'team_tasks_check_blockers_tg',
                'team_tasks_check_parent_tg', 'team_tasks_count_tg', 'team_tasks_release_tg',
                'team_tasks_set_updated_at_tg'
            ]),
            ('team_task_comments', ARRAY[
                'team_task_comments_count_insert_tg', 'team_task_comments_count_delete_tg',
                'team_task_comments_fail_tg'
            ]),
            ('team_task_events', ARRAY[
                'team_task_events_forbid_update_tg', 'team_task_events_forbid_truncate_tg'
            ]),
            ('team_task_attachments', ARRAY[
                'team_task_attachments_count_insert_tg',
                'team_task_attachments_count_delete_tg'
            ])
    ) AS want (table_name, names)
    CROSS JOIN LATERAL unnest(want.names) AS part (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = to_regclass('goclaw.' || want.table_name)
            AND tgname = part.name
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or disabled trigger: %', v_offender;
    END IF;

    SELECT string_agg(format('goclaw.%s', want.table_name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('team_tasks', true),
            ('team_task_comments', true),
            ('team_task_events', true),
            ('team_task_attachments', true)
    ) AS want (table_name, is_tenant_table)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE oid = to_regclass('goclaw.' || want.table_name)
            AND relowner = 'muniment_owner'::regrole
            AND relrowsecurity = want.is_tenant_table
            AND relforcerowsecurity = want.is_tenant_table
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'not of muniment_owner, or row security not as it must be: %', v_offender;
    END IF;

    -- Exactly these policies, for all commands: with a column, for runtimes and owner, who are
    -- held to the tenant in it; without one, for muniment_service, which sees all tenants.
    SELECT string_agg(coalesce(have.polname, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            ('team_tasks', 'team_tasks_tenant', true, 'tenant_id'),
            ('team_tasks', 'team_tasks_tenant_guard', false, 'tenant_id'),
            ('team_tasks', 'team_tasks_service', true, NULL),
            ('team_task_comments', 'team_task_comments_tenant', true, 'tenant_id'),
            ('team_task_comments', 'team_task_comments_tenant_guard', false, 'tenant_id'),
            ('team_task_events', 'team_task_events_tenant', true, 'tenant_id'),
            ('team_task_events', 'team_task_events_tenant_guard', false, 'tenant_id'),
            ('team_task_attachments', 'team_task_attachments_tenant', true, 'tenant_id'),
            ('team_task_attachments', 'team_task_attachments_tenant_guard', false, 'tenant_id')
    ) AS want (table_name, name, is_permissive, tenant_column)
    FULL JOIN (
        SELECT *
        FROM pg_catalog.pg_policy
        WHERE polrelid IN (
                'goclaw.team_tasks'::regclass, 'goclaw.team_task_comments'::regclass,
                'goclaw.team_task_events'::regclass, 'goclaw.team_task_attachments'::regclass
        )
    ) AS have
        ON have.polrelid = to_regclass('goclaw.' || want.table_name)
        AND have.polname = want.name
    CROSS JOIN LATERAL (
        SELECT coalesce(
            '(' || want.tenant_column
                || ' = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
            'true'
        )
    ) AS expected (rows)
    WHERE have.polname IS NULL
        OR want.name IS NULL
        OR have.polpermissive <> want.is_permissive
        OR have.polcmd <> '*'
        OR ARRAY(SELECT role::regrole::text FROM unnest(have.polroles) AS role ORDER BY 1)
            <> CASE
                WHEN want.tenant_column IS NULL THEN ARRAY['muniment_service']
                ELSE ARRAY['muniment_app', 'muniment_owner', 'muniment_reader']
            END
        OR pg_get_expr(have.polqual, have.polrelid) IS DISTINCT FROM expected.rows
        OR pg_get_expr(have.polwithcheck, have.polrelid) IS DISTINCT FROM expected.rows;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'policy missing, foreign or changed: %', v_offender;
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(concat_ws(' ', table_name, grantee, privilege), ', ')
    INTO v_offender
    FROM (
        SELECT
            'goclaw.' || listed.table_name AS table_name,
            listed.grantee,
            privilege
        FROM (
            VALUES
                ('team_tasks', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('team_tasks', 'muniment_reader', ARRAY['SELECT']),
                ('team_task_comments', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('team_task_comments', 'muniment_reader', ARRAY['SELECT']),
                ('team_task_events', 'muniment_app', ARRAY['INSERT', 'SELECT']),
                ('team_task_events', 'muniment_reader', ARRAY['SELECT']),
                ('team_task_attachments', 'muniment_app', ARRAY['DELETE', 'INSERT', 'SELECT']),
                ('team_task_attachments', 'muniment_reader', ARRAY['SELECT'])
        ) AS listed (table_name, grantee, privileges)
        CROSS JOIN LATERAL unnest(listed.privileges) AS privilege
    ) AS want
    FULL JOIN (
        SELECT
            'goclaw.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(relacl) AS acl
        WHERE pg_class.oid IN (
            'goclaw.team_tasks'::regclass, 'goclaw.team_task_comments'::regclass,
            'goclaw.team_task_events'::regclass, 'goclaw.team_task_attachments'::regclass
        )
            AND acl.grantee <> relowner
    ) AS have USING (table_name, grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'right missing or too many: %', v_offender;
    END IF;

    SELECT string_agg(concat_ws(' ', table_name, column_name, grantee, privilege), ', ')
    INTO v_offender
    FROM (
        SELECT
            'goclaw.' || listed.table_name AS table_name,
            listed.grantee,
            listed.privilege,
            column_name
        FROM (
            VALUES
                ('team_tasks', 'muniment_app', 'UPDATE', ARRAY[
                    'subject', 'description', 'status', 'task_type', 'priority', 'owner_agent_id',
                    'created_by_agent_id', 'assignee_user_id', 'user_id', 'parent_id',
                    'blocked_by', 'channel', 'chat_id', 'locked_at', 'lock_expires_at',
                    'progress_percent', 'progress_step', 'followup_at', 'followup_count',
                    'followup_max', 'followup_message', 'followup_channel', 'followup_chat_id',
                    'result', 'confidence_score', 'comment_count', 'attachment_count', 'embedding',
                    'metadata', 'custom_scope', 'updated_at'
                ]),
                ('team_tasks', 'muniment_service', 'SELECT', ARRAY[
                    'tenant_id', 'id', 'status', 'owner_agent_id', 'locked_at', 'lock_expires_at',
                    'followup_at', 'followup_count', 'followup_max', 'followup_message',
                    'followup_channel', 'followup_chat_id'
                ]),
                ('team_tasks', 'muniment_service', 'UPDATE', ARRAY[
                    'status', 'owner_agent_id', 'locked_at', 'lock_expires_at', 'followup_at',
                    'followup_count'
                ]),
                ('team_task_comments', 'muniment_app', 'UPDATE', ARRAY[
                    'agent_id', 'user_id', 'content', 'confidence_score', 'metadata',
                    'custom_scope'
                ]),
                ('team_task_attachments', 'muniment_app', 'UPDATE', ARRAY[
                    'path', 'file_size', 'mime_type', 'chat_id', 'created_by_agent_id', 'metadata',
                    'custom_scope'
                ])
        ) AS listed (table_name, grantee, privilege, column_names)
        CROSS JOIN LATERAL unnest(listed.column_names) AS column_name
    ) AS want
    FULL JOIN (
        SELECT
            'goclaw.' || relname AS table_name,
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege,
            attname::text AS column_name
        FROM pg_catalog.pg_attribute
        INNER JOIN pg_catalog.pg_class ON pg_class.oid = attrelid
        CROSS JOIN aclexplode(attacl) AS acl
        WHERE attrelid IN (
            'goclaw.team_tasks'::regclass, 'goclaw.team_task_comments'::regclass,
            'goclaw.team_task_events'::regclass, 'goclaw.team_task_attachments'::regclass
        )
    ) AS have USING (table_name, grantee, privilege, column_name)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'column right missing or too many: %', v_offender;
    END IF;

    -- Triggers ask nobody for EXECUTE, so nobody has it.
    SELECT string_agg(want.name, ', ')
    INTO v_offender
    FROM unnest(ARRAY[
        'number_team_task', 'check_team_task_blockers', 'check_team_task_parent',
        'release_team_tasks', 'count_team_task_parts', 'recount_team_tasks',
        'fail_blocked_team_tasks'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc
        WHERE oid = to_regprocedure(format('goclaw.%s()', want.name))
            AND proowner = 'muniment_owner'::regrole
            AND NOT prosecdef
            AND NOT proleakproof
            AND provolatile = 'v'
            AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
            AND NOT EXISTS (
                SELECT
                FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
                WHERE acl.grantee <> proowner
            )
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'trigger function missing, not as it must be, or granted: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
