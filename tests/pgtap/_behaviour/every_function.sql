-- Behaviour: through no function does a tenant read, change or detect what another one has.
--
-- The functions are found in the catalog, and so are the arguments to call them with, so a function
-- cannot be forgotten. What is asked of each, as every role that may call it, for tenant a:
--   * with values of b, all of them or one at a time, it answers as with values that nobody has,
--   * with values of a it answers as if b were not there,
--   * and no row that is not a's is another one afterwards: not b's, not the master's, no list.
-- A function that cannot get far with rows that are made from the catalog is declared, so that it is
-- known which ones only their own tests ask.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Declared ------------------------------------------------------------------

-- An argument that tells whom the backend acts for. A runtime may name nobody but itself.
CREATE TEMPORARY TABLE tenant_argument AS
SELECT unnest(
    ARRAY[
        'p_tenant_id', 'p_account_id', 'p_org_id', 'p_department_id', 'p_home_department_id',
        'p_firm_id'
    ]
) AS name;

-- Functions that work for all tenants at once: what they answer depends on all.
CREATE TEMPORARY TABLE for_all_tenants (name text PRIMARY KEY, reason text NOT NULL);
INSERT INTO for_all_tenants (name, reason) VALUES
    ('goclaw.claim_cron_jobs', 'gives due jobs of all tenants to a worker'),
    ('goclaw.claim_heartbeats', 'gives due heartbeats of all to a worker'),
    ('goclaw.claim_webhook_calls', 'gives calls of all tenants to a worker, each in turn'),
    ('goclaw.reclaim_webhook_calls', 'takes calls of all tenants back from workers that died'),
    ('goclaw.recover_team_tasks', 'takes tasks of all tenants back from agents that died'),
    ('goclaw.claim_task_followups', 'gives reminders of all tenants that are due'),
    ('goclaw.expire_usage', 'ends reservations of all tenants by age'),
    ('goclaw.prune_expired', 'prunes what has expired, of all tenants'),
    ('goclaw.prune_workstation_activity', 'prunes logs of all tenants by age'),
    ('goclaw.archive_subagent_tasks', 'puts tasks of all tenants away by age'),
    ('open_agents.abort_stale_runs', 'ends runs of all accounts by age'),
    ('agentcore.claim_agent_task', 'gives tasks of all departments to a worker'),
    ('agentcore.time_out_agent_tasks', 'gives up tasks of all departments by age'),
    ('agentcore.accessible_departments', 'tells a user of all departments that are open'),
    ('agentcore.enter_department', 'enters the department of whoever shows a session');

-- Functions that answer nothing, or refuse, whatever row of a they are called with here.
CREATE TEMPORARY TABLE mute (name text PRIMARY KEY, reason text NOT NULL);
INSERT INTO mute (name, reason) VALUES
    ('goclaw.block_team_task', 'wants two tasks of a team, and each table has one row'),
    ('astra.ready_tasks', 'wants a goal under way'),
    ('astra.claim_tasks', 'wants a goal under way'),
    ('astra.complete_task', 'wants a task that was claimed'),
    ('astra.fail_task', 'wants a task that was claimed'),
    ('astra.decide_approval', 'wants a request that nobody has decided on'),
    ('agentcore.acting_user_id', 'wants a user who has entered'),
    ('agentcore.acting_user_may', 'wants a user who has entered'),
    ('agentcore.decide_approval', 'wants a user who has entered'),
    ('agentcore.escalate_approval', 'wants a user who has entered'),
    ('agentcore.transfer_user', 'wants another department than that of the user'),
    ('agentcore.request_approval', 'wants a message that has none'),
    ('agentcore.record_retrieval', 'wants a run without hits'),
    ('agentcore.use_password_reset', 'wants a link that was made for a user'),
    ('agentcore.finish_document_generation', 'wants a generation that is not ready');

-- What an argument is called with where its name does not lead to the right column, or to none: a
-- column, or the same constant for everybody.
CREATE TEMPORARY TABLE argument_hint (
    function_name text,
    argument_name text,
    table_name    text,
    column_name   text,
    constant      text,
    PRIMARY KEY (function_name, argument_name)
);
INSERT INTO argument_hint (function_name, argument_name, table_name, column_name) VALUES
    ('goclaw.system_config', 'p_key', 'system_configs', 'key'),
    ('goclaw.search_memory', 'p_user_id', 'memory_documents', 'user_id'),
    ('goclaw.search_memory', 'p_team_id', 'memory_documents', 'team_id'),
    ('goclaw.search_vault', 'p_agent_id', 'vault_documents', 'agent_id'),
    ('goclaw.recall_episode', 'p_episode_id', 'episodic_summaries', 'id'),
    ('goclaw.hooks_for_event', 'p_event', 'hooks', 'event'),
    ('goclaw.search_vault', 'p_chat_id', 'vault_documents', 'chat_id'),
    ('agentcore.can_access_department', 'p_user_id', 'users', 'id'),
    ('agentcore.accessible_departments', 'p_user_id', 'users', 'id'),
    ('agentcore.user_permissions', 'p_user_id', 'users', 'id'),
    ('agentcore.enter_department', 'p_user_id', 'users', 'id'),
    ('agentcore.log_out_everywhere', 'p_user_id', 'users', 'id'),
    ('agentcore.request_password_reset', 'p_user_id', 'users', 'id'),
    ('agentcore.transfer_user', 'p_user_id', 'users', 'id'),
    ('goclaw.hold_reservations', 'p_reservation_key', 'usage_cap_reservations', 'reservation_key'),
    ('goclaw.create_team_task', 'p_blocker_ids', 'team_tasks', 'id'),
    ('goclaw.create_team_task', 'p_parent_id', 'team_tasks', 'id'),
    ('goclaw.finish_webhook_call', 'p_id', 'webhook_calls', 'id'),
    ('goclaw.fail_webhook_call', 'p_id', 'webhook_calls', 'id');
INSERT INTO argument_hint (function_name, argument_name, constant) VALUES
    ('goclaw.heartbeat_opens_at', 'p_start', '08:00'),
    ('goclaw.heartbeat_opens_at', 'p_end', '18:00'),
    ('goclaw.heartbeat_opens_at', 'p_zone', 'UTC'),
    ('goclaw.finish_cron_job', 'p_status', 'ok'),
    ('goclaw.finish_heartbeat', 'p_status', 'ok'),
    ('goclaw.lock_team_task', 'p_locked_at', NULL),
    ('goclaw.finish_team_task', 'p_locked_at', NULL),
    ('goclaw.finish_team_task', 'p_status', 'cancelled'),
    ('goclaw.reserve_usage', 'p_reservation_key', 'new'),
    ('goclaw.enqueue_webhook_call', 'p_idempotency_key', 'new'),
    ('open_agents.append_message', 'p_message_id', 'new'),
    ('open_agents.append_message', 'p_parts', '[]'),
    ('open_agents.finish_run', 'p_status', 'aborted'),
    ('goclaw.search_vault', 'p_team_id', NULL),
    ('agentcore.enter_department', 'p_token_version', '0'),
    ('agentcore.request_password_reset', 'p_token', '\x' || repeat('ab', 32)),
    ('agentcore.needs_approval', 'p_draw', '0.5'),
    ('agentcore.add_pii_placeholder', 'p_entity_type', 'PERSON'),
    ('agentcore.finish_agent_task', 'p_status', 'done');

-- Two tenants with rows everywhere ------------------------------------------

SELECT is_empty(
    $$ SELECT * FROM test_support.fill(ARRAY[
           '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'
       ]::uuid[]) $$,
    'every tenant table takes a row of a and a row of b; where not, it wants a hint'
);

-- Every value of a and of b, by the column that holds it.
CREATE TEMPORARY TABLE value (
    schema_name text,
    table_name  text,
    column_name text,
    of_a        text,
    of_b        text
);
DO $$
DECLARE
    v_table test_support.tenant_table;
BEGIN
    FOR v_table IN SELECT * FROM test_support.tenant_table LOOP
        EXECUTE format(
            $query$
                INSERT INTO value
                SELECT %1$L, %2$L, key, a.row ->> key, b.row ->> key
                FROM (SELECT to_jsonb(t) AS row FROM %3$s AS t WHERE %4$I = %5$L LIMIT 1) AS a
                CROSS JOIN (
                    SELECT to_jsonb(t) AS row FROM %3$s AS t WHERE %4$I = %6$L LIMIT 1
                ) AS b
                CROSS JOIN LATERAL jsonb_object_keys(a.row) AS key
            $query$,
            v_table.schema_name, split_part(v_table.name::text, '.', 2), v_table.name,
            v_table.tenant, '00000000-0000-4000-8000-00000000000a',
            '00000000-0000-4000-8000-00000000000b'
        );
    END LOOP;
END;
$$;

-- Calls -----------------------------------------------------------------------

CREATE TEMPORARY TABLE subject AS
SELECT
    f.oid,
    n.nspname::text AS schema_name,
    f.oid::regproc::text AS name,
    r.name AS role,
    f.prokind AS kind,
    f.provolatile = 'v' AS may_write
FROM pg_catalog.pg_proc AS f
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
CROSS JOIN unnest(ARRAY['muniment_app', 'muniment_reader', 'muniment_service']) AS r (name)
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND n.nspname IN (SELECT schema_name FROM test_support.tenant_table)
    AND f.prokind IN ('f', 'p')
    AND f.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
    AND has_function_privilege(r.name, f.oid, 'EXECUTE')
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = f.oid AND d.deptype = 'e'
    );

-- What an argument is called with: p_agent_id with what a column agent_id or agents.id holds.
CREATE TEMPORARY TABLE argument AS
SELECT
    s.oid,
    s.role,
    a.place,
    a.type::regtype::text AS type,
    whose.of_a,
    whose.of_b,
    CASE
        -- What a has too is a word of a list, and says nothing of b.
        WHEN whose.of_b IS NULL OR whose.of_b = whose.of_a THEN whose.of_b
        WHEN a.element = 'uuid'::regtype THEN md5(whose.of_b)::uuid::text
        WHEN a.element IN ('text'::regtype, 'varchar'::regtype)
            -- As long as the real one, or the answer would differ by that.
            THEN left(repeat(md5(whose.of_b), 20), length(whose.of_b))
        WHEN a.element = 'bytea'::regtype THEN '\x' || encode(sha256(whose.of_b::bytea), 'hex')
        ELSE whose.of_b
    END AS of_nobody,
    a.element <> a.type AS is_array
FROM subject AS s
INNER JOIN pg_catalog.pg_proc AS f ON f.oid = s.oid
CROSS JOIN LATERAL unnest(f.proargtypes::oid[]) WITH ORDINALITY AS input (type, place)
INNER JOIN pg_catalog.pg_type AS t ON t.oid = input.type
CROSS JOIN LATERAL (
    SELECT
        input.place,
        input.type::regtype AS type,
        CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END::regtype AS element,
        f.proargnames[input.place] AS name,
        regexp_replace(f.proargnames[input.place], '^p_', '') AS column_name,
        f.proargnames[input.place] IN (SELECT name FROM tenant_argument) AS is_tenant
) AS a
LEFT JOIN argument_hint AS h ON h.function_name = s.name AND h.argument_name = a.name
LEFT JOIN LATERAL (
    SELECT v.of_a, v.of_b
    FROM value AS v
    WHERE v.schema_name = s.schema_name
        AND v.of_b IS NOT NULL
        AND (h.table_name IS NULL OR (v.table_name, v.column_name) = (h.table_name, h.column_name))
        AND a.element IN ('uuid'::regtype, 'text'::regtype, 'varchar'::regtype, 'bytea'::regtype)
        AND (
            h.table_name IS NOT NULL
            OR v.column_name IN (a.column_name, rtrim(a.column_name, 's'))
            OR v.column_name = 'id'
                AND (a.column_name ~ '_ids?$' OR a.element = 'uuid'::regtype)
        )
    ORDER BY
        -- The very column, then the table of that name, then any id that there is.
        v.column_name NOT IN (a.column_name, rtrim(a.column_name, 's')),
        v.table_name !~ ('^' || regexp_replace(a.column_name, '_ids?$', '') || 's?$'),
        v.table_name !~ regexp_replace(a.column_name, '_ids?$', ''),
        v.table_name
    LIMIT 1
) AS found ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN a.element IN ('text'::regtype, 'varchar'::regtype) THEN 'x'
        WHEN a.element = 'uuid'::regtype THEN '00000000-0000-4000-8000-0000000000ff'
        WHEN a.element = 'interval'::regtype THEN '1 minute'
        WHEN a.element IN ('timestamptz'::regtype, 'date'::regtype) THEN '2026-06-10 12:00+00'
        WHEN a.element = 'boolean'::regtype THEN 'true'
        WHEN a.element IN ('jsonb'::regtype, 'json'::regtype) THEN '{}'
        WHEN a.element = 'bytea'::regtype THEN '\x00'
        WHEN a.element::text ~ '(^|\.)vector$'
            THEN translate(array_fill(1, ARRAY[1536])::text, '{}', '[]')
        ELSE '1'
    END AS plain
) AS other
CROSS JOIN LATERAL (
    SELECT
        CASE
            WHEN a.is_tenant THEN '00000000-0000-4000-8000-00000000000a'
            WHEN h.function_name IS NOT NULL AND h.table_name IS NULL THEN h.constant
            ELSE coalesce(found.of_a, other.plain)
        END AS of_a,
        CASE
            WHEN a.is_tenant AND s.role = 'muniment_service'
                THEN '00000000-0000-4000-8000-00000000000a'
            WHEN a.is_tenant THEN '00000000-0000-4000-8000-00000000000b'
            WHEN h.function_name IS NOT NULL AND h.table_name IS NULL THEN h.constant
            ELSE coalesce(found.of_b, other.plain)
        END AS of_b
) AS whose;
UPDATE argument
SET of_a = format('{%s}', of_a),
    of_b = format('{%s}', of_b),
    of_nobody = format('{%s}', of_nobody)
WHERE is_array;

-- All values of a; all of b, or of nobody; or those of a, but for the argument at a place.
CREATE TEMPORARY TABLE call AS
SELECT
    s.oid,
    s.name,
    s.role,
    s.may_write,
    way.values_of,
    way.place,
    format(
        CASE s.kind
            WHEN 'p' THEN 'CALL %1$s(%2$s)'
            ELSE 'SELECT string_agg(to_jsonb(answer)::text, %3$L) FROM %1$s(%2$s) AS answer'
        END,
        s.name,
        string_agg(
            format(
                '%L::%s',
                CASE
                    WHEN way.place <> a.place OR way.values_of = 'a' THEN a.of_a
                    WHEN way.values_of = 'b' THEN a.of_b
                    ELSE a.of_nobody
                END,
                a.type
            ),
            ', ' ORDER BY a.place
        ) FILTER (WHERE a.place IS NOT NULL),
        '; '
    ) AS statement
FROM subject AS s
CROSS JOIN LATERAL (
    SELECT 'a' AS values_of, NULL AS place
    UNION ALL
    SELECT whose.name, place.no
    FROM (VALUES ('b'), ('nobody')) AS whose (name)
    CROSS JOIN (
        SELECT NULL AS no
        UNION ALL
        SELECT v.place
        FROM argument AS v
        WHERE v.oid = s.oid AND v.role = s.role AND v.of_b <> v.of_nobody
    ) AS place
) AS way
LEFT JOIN argument AS a ON a.oid = s.oid AND a.role = s.role
GROUP BY s.oid, s.name, s.role, s.may_write, s.kind, way.values_of, way.place;

-- All rows that are not a's as one text; or none of b any more. Row security does not hold for
-- whoever runs them here. Made once, since the statements name every table.
DO $make$
BEGIN
    EXECUTE (
        SELECT format(
            'CREATE FUNCTION pg_temp.rows_of_others() RETURNS text LANGUAGE plpgsql '
            'AS $function$ BEGIN RETURN ('
            'SELECT md5(string_agg(part, %L ORDER BY part)) FROM (%s) AS t (part)); END $function$',
            ';',
            string_agg(
                format(
                    'SELECT %1$L || to_jsonb(t)::text FROM %1$s AS t WHERE %2$s',
                    c.oid::regclass,
                    CASE
                        WHEN t.tenant IS NULL THEN 'true'
                        ELSE format('%I <> %L', t.tenant, '00000000-0000-4000-8000-00000000000a')
                    END
                ),
                ' UNION ALL '
            )
        )
        FROM pg_catalog.pg_class AS c
        LEFT JOIN test_support.tenant_table AS t ON t.name = c.oid
        WHERE c.relnamespace::regnamespace::text IN (SELECT schema_name FROM subject)
            AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition
    );
    EXECUTE (
        SELECT format(
            'CREATE FUNCTION pg_temp.remove_b() RETURNS void LANGUAGE plpgsql '
            -- Without the triggers of references, the order does not matter.
            'AS $function$ BEGIN SET LOCAL session_replication_role = replica; %s; '
            'SET LOCAL session_replication_role = origin; END $function$',
            string_agg(
                format(
                    'DELETE FROM %s WHERE %I = %L',
                    name, tenant, '00000000-0000-4000-8000-00000000000b'
                ),
                '; '
            )
        )
        FROM test_support.tenant_table
    );
END;
$make$;

-- What a call for a answers, and what the rows of others are then; all is taken back. Values that
-- the function was called with, and ids and times that it has made, are not part of the answer.
CREATE FUNCTION pg_temp.answer_to(p_call call, p_without_b boolean)
RETURNS TABLE (answer text, rows_of_others text)
LANGUAGE plpgsql
AS $function$
DECLARE
    v_value text;
BEGIN
    BEGIN
        IF p_without_b THEN
            PERFORM pg_temp.remove_b();
        END IF;
        EXECUTE format('SET LOCAL app.tenant_id = %L', '00000000-0000-4000-8000-00000000000a');
        EXECUTE format('SET LOCAL ROLE %I', p_call.role);
        IF p_call.statement LIKE 'CALL %' THEN
            EXECUTE p_call.statement;
            answer := 'called';
        ELSE
            EXECUTE p_call.statement INTO answer;
        END IF;
        SET CONSTRAINTS ALL IMMEDIATE;
        RESET ROLE;
        IF p_call.may_write THEN
            rows_of_others := pg_temp.rows_of_others();
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'MUZZZ';
    EXCEPTION
        WHEN SQLSTATE 'MUZZZ' THEN
            NULL;
        WHEN OTHERS THEN
            answer := concat_ws(' ', SQLSTATE, SQLERRM);
    END;
    FOR v_value IN
        SELECT unnest(ARRAY[a.of_b, a.of_nobody])
        FROM argument AS a
        WHERE a.oid = p_call.oid
            AND a.role = p_call.role
            AND a.of_b <> a.of_nobody
    LOOP
        answer := replace(answer, trim(v_value, '{}'), '?');
    END LOOP;
    answer := regexp_replace(answer, to_char(now(), 'YYYY-MM-DD') || 'T[0-9:.+]+', 'now', 'g');
    answer := regexp_replace(
        answer,
        '[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', 'new', 'g'
    );
    RETURN NEXT;
END;
$function$;

CREATE TEMPORARY TABLE outcome AS
SELECT
    c.oid,
    c.name,
    c.role,
    c.values_of,
    c.place,
    with_b.answer,
    with_b.rows_of_others,
    without_b.answer AS answer_without_b
FROM call AS c
CROSS JOIN LATERAL pg_temp.answer_to(c, false) AS with_b
LEFT JOIN LATERAL pg_temp.answer_to(c, true) AS without_b ON c.values_of = 'a';

-- Promises --------------------------------------------------------------------

SELECT cmp_ok((SELECT count(*)::integer FROM subject), '>=', 30, 'the functions are found');
SELECT is_empty(
    $$ SELECT name FROM for_all_tenants
       WHERE name NOT IN (SELECT s.name FROM subject AS s)
       UNION ALL
       SELECT name FROM mute
       WHERE name NOT IN (
           SELECT o.name FROM outcome AS o
           WHERE o.values_of = 'a' AND (o.answer IS NULL OR o.answer ~ '^[0-9A-Z]{5} ')
       ) $$,
    'what is declared is so'
);
SELECT is_empty(
    $$ SELECT name, role, answer FROM outcome
       WHERE values_of = 'a'
           AND (answer IS NULL OR answer ~ '^[0-9A-Z]{5} ')
           AND name NOT IN (
               SELECT m.name FROM mute AS m UNION ALL SELECT f.name FROM for_all_tenants AS f
           ) $$,
    'each answers those who may call it, with values of a'
);
SELECT is_empty(
    $$ SELECT b.name, b.role, b.place, b.answer AS with_values_of_b, n.answer AS of_nobody
       FROM outcome AS b
       INNER JOIN outcome AS n
           ON n.oid = b.oid AND n.role = b.role AND n.place IS NOT DISTINCT FROM b.place
       WHERE b.values_of = 'b'
           AND n.values_of = 'nobody'
           AND b.answer IS DISTINCT FROM n.answer
           AND b.name NOT IN (SELECT f.name FROM for_all_tenants AS f) $$,
    'with values of b a function answers as with values that nobody has'
);
SELECT is_empty(
    $$ SELECT name, role, answer, answer_without_b
       FROM outcome
       WHERE values_of = 'a'
           AND answer IS DISTINCT FROM answer_without_b
           AND name NOT IN (SELECT f.name FROM for_all_tenants AS f) $$,
    'with values of a a function answers as if b were not there'
);
SELECT is_empty(
    $$ SELECT name, role, values_of, place
       FROM outcome
       WHERE rows_of_others <> pg_temp.rows_of_others()
           AND name NOT IN (SELECT f.name FROM for_all_tenants AS f) $$,
    'no function changes a row that is not of a'
);
SELECT cmp_ok(
    (SELECT count(*)::integer FROM outcome WHERE rows_of_others IS NOT NULL), '>=', 80,
    'there were changes to look for'
);

SELECT * FROM finish(true);
ROLLBACK;
