-- Rows for tests that are about every table there is, made from the catalog.
--
-- A table that is added later is found by itself. Where a CHECK asks for what cannot be guessed,
-- fill() names the table, and a hint is added here.
CREATE SCHEMA test_support;
GRANT USAGE ON SCHEMA test_support TO PUBLIC;

-- What to write into a column, as an expression, in which :tenant is the tenant. An expression that
-- is NULL leaves it empty.
CREATE TABLE test_support.hint (
    table_name  text NOT NULL,
    column_name text NOT NULL,
    expression  text,
    PRIMARY KEY (table_name, column_name)
);
INSERT INTO test_support.hint (table_name, column_name, expression) VALUES
    ('open_agents.chat_messages', 'parts', '''[]'''),
    ('goclaw.agents', 'deleted_at', NULL),
    ('goclaw.sessions', 'messages', '''[]'''),
    ('goclaw.agents', 'model_fallback', '''[]'''),
    -- Rows that functions find: a job and a heartbeat that run, a call that is being delivered.
    ('goclaw.cron_jobs', 'last_status', '''running'''),
    ('goclaw.agent_heartbeats', 'last_status', '''running'''),
    ('goclaw.memory_documents', 'custom_scope', NULL),
    ('goclaw.vault_documents', 'custom_scope', NULL),
    ('goclaw.webhook_calls', 'mode', '''async'''),
    ('goclaw.webhook_calls', 'attempts', '1'),
    ('goclaw.tenant_hook_budget', 'budget_total', '100'),
    ('goclaw.tenant_hook_budget', 'remaining', '100'),
    ('goclaw.tenant_hook_budget', 'month_start', 'date_trunc(''month'', now())'),
    ('open_agents.chat_messages', 'role', '''assistant'''),
    ('open_agents.chat_reads', 'last_read_message_no', '0'),
    ('goclaw.team_tasks', 'locked_at', NULL),
    ('goclaw.team_tasks', 'lock_expires_at', NULL),
    ('goclaw.secure_cli_binaries', 'binary_path', '''/usr/bin/gh'''),
    ('goclaw.secure_cli_binaries', 'deny_args', '''[]'''),
    ('goclaw.secure_cli_binaries', 'deny_verbose', '''[]'''),
    ('goclaw.secure_cli_agent_grants', 'deny_args', '''[]'''),
    ('goclaw.secure_cli_agent_grants', 'deny_verbose', '''[]'''),
    ('goclaw.kg_dedup_candidates', 'entity_b_id', 'test_support.another_entity(:tenant)'),
    ('goclaw.vault_documents', 'team_id', NULL),
    ('goclaw.agent_heartbeats', 'active_hours_start', '''08:00'''),
    ('goclaw.agent_heartbeats', 'active_hours_end', '''18:00'''),
    ('goclaw.agent_heartbeats', 'timezone', '''UTC'''),
    ('goclaw.mcp_agent_grants', 'tool_allow', '''[]'''),
    ('goclaw.mcp_agent_grants', 'tool_deny', '''[]'''),
    ('goclaw.mcp_user_grants', 'tool_allow', '''[]'''),
    ('goclaw.mcp_user_grants', 'tool_deny', '''[]'''),
    ('goclaw.mcp_access_requests', 'reviewed_by', NULL),
    ('goclaw.mcp_access_requests', 'reviewed_at', NULL),
    -- With a budget, there would be a policy that nobody asked for.
    ('goclaw.agents', 'budget_monthly_cents', NULL),
    -- Tenants count in windows of their own, or a reservation of one would fit those of the other.
    ('goclaw.usage_cap_counters', 'window_start', 'clock_timestamp()'),
    ('goclaw.usage_cap_counters', 'window_end', '''infinity'''),
    ('goclaw.hooks', 'scope', '''tenant'''),
    ('goclaw.hooks', 'script', NULL),
    ('goclaw.hooks', 'builtin', NULL),
    ('goclaw.webhook_calls', 'status', '''running'''),
    ('goclaw.webhook_calls', 'completed_at', NULL),
    ('agentcore.document', 'status', '''ready'''),
    ('agentcore.message', 'role', '''assistant'''),
    ('agentcore.agent_task', 'status', '''running'''),
    ('agentcore.agent_task', 'completed_at', NULL),
    ('agentcore.approval', 'edited_content', NULL),
    ('agentcore.approval', 'status', '''approved'''),
    ('agentcore.document_generation', 'error', NULL),
    ('agentcore.document_generation', 'status', '''ready'''),
    ('agentcore.password_reset_token', 'expires_at', '''2100-01-01Z'''),
    ('astra.agents', 'chat_capable', 'true'),
    ('astra.agents', 'daily_token_budget', '1000000'),
    ('astra.agents', 'allowed_tools', NULL),
    ('astra.memories', 'expires_at', NULL),
    ('astra.agent_collaborators', 'team_id', NULL),
    ('astra.agent_config_revisions', 'revision', '2'),
    ('astra.task_dependencies', 'task_id', 'test_support.another_task(:tenant)'),
    ('astra.goals', 'completed_at', NULL),
    ('astra.llm_usage', 'reservation_id', NULL),
    ('astra.tasks', 'worker_id', NULL),
    ('astra.tasks', 'lease_expires_at', NULL),
    ('astra.tasks', 'finished_at', NULL),
    ('astra.approval_requests', 'request_type', '''risky_task'''),
    ('astra.approval_requests', 'requested_by', NULL),
    ('astra.approval_requests', 'approvals', '''[]'''),
    ('astra.approval_requests', 'decided_at', NULL);

-- A pair is of two entities, but a table has one row.
CREATE FUNCTION test_support.another_entity(p_tenant uuid)
RETURNS uuid
LANGUAGE plpgsql
AS $function$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO goclaw.kg_entities (tenant_id, agent_id, external_id, name, entity_type)
    SELECT e.tenant_id, e.agent_id, 'another', 'another', 'another'
    FROM goclaw.kg_entities AS e
    WHERE e.tenant_id = p_tenant
    RETURNING id INTO v_id;
    RETURN v_id;
END;
$function$;

-- A dependency is of two tasks, but a table has one row.
CREATE FUNCTION test_support.another_task(p_tenant uuid)
RETURNS uuid
LANGUAGE plpgsql
AS $function$
DECLARE
    v_id uuid;
BEGIN
    INSERT INTO astra.tasks (org_id, goal_id, type)
    SELECT t.org_id, t.goal_id, 'another'
    FROM astra.tasks AS t
    WHERE t.org_id = p_tenant
    RETURNING id INTO v_id;
    RETURN v_id;
END;
$function$;

-- Tenant tables outside of the ledger, which has tests of its own. The tenant is what the policy
-- <table>_tenant compares; that every tenant table has one, _catalog/row_security.sql sees to.
CREATE VIEW test_support.tenant_table AS
SELECT
    c.oid::regclass AS name,
    n.nspname::text AS schema_name,
    (
        SELECT DISTINCT a.attname::text
        FROM pg_catalog.pg_depend AS d
        INNER JOIN pg_catalog.pg_attribute AS a
            ON a.attrelid = c.oid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_policy'::regclass
            AND d.objid = p.oid
            AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = c.oid
            AND d.refobjsubid > 0
    ) AS tenant
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
INNER JOIN pg_catalog.pg_policy AS p
    ON p.polrelid = c.oid AND p.polname = c.relname || '_tenant'
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND n.nspname <> 'agents'
    AND NOT c.relispartition;

-- Makes one row for a tenant; all its columns filled, or only those that must be. Returns false
-- while a table that it refers to has no row.
CREATE FUNCTION test_support.make_row(
    p_table regclass, p_tenant_column text, p_tenant uuid, p_all boolean
)
RETURNS boolean
LANGUAGE plpgsql
AS $function$
DECLARE
    v_column    record;
    v_reference record;
    v_hint      record;
    v_value     text;
    v_names     text[] := '{}';
    v_values    text[] := '{}';
    v_seed      text;
BEGIN
    FOR v_column IN
        SELECT
            a.attnum,
            a.attname::text AS name,
            a.atttypid::regtype::text AS type,
            format_type(a.atttypid, a.atttypmod) AS full_type,
            a.atttypmod AS modifier,
            a.attnotnull AS is_required,
            a.atthasdef AS has_default
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = p_table
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND a.attgenerated = ''
    LOOP
        v_value := NULL;
        v_seed := encode(
            sha256(convert_to(concat_ws('/', p_tenant, p_table, v_column.name), 'UTF8')), 'hex'
        );
        SELECT h.expression
        INTO v_hint
        FROM test_support.hint AS h
        WHERE h.table_name = p_table::text
            AND h.column_name = v_column.name;
        IF FOUND THEN
            v_value := coalesce(
                replace(v_hint.expression, ':tenant', quote_literal(p_tenant)), 'NULL'
            );
        ELSIF v_column.name = p_tenant_column THEN
            v_value := quote_literal(p_tenant);
        ELSE
            -- Where a column refers to another table: the row there that is of the same tenant.
            SELECT
                k.confrelid::regclass AS target,
                target.attname::text AS target_column,
                t.tenant AS target_tenant
            INTO v_reference
            FROM pg_catalog.pg_constraint AS k
            CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (own, other)
            INNER JOIN pg_catalog.pg_attribute AS target
                ON target.attrelid = k.confrelid AND target.attnum = pair.other
            LEFT JOIN test_support.tenant_table AS t ON t.name = k.confrelid
            WHERE k.conrelid = p_table
                AND k.contype = 'f'
                AND pair.own = v_column.attnum
            ORDER BY k.confrelid = p_table
            LIMIT 1;
            IF FOUND THEN
                CONTINUE WHEN v_reference.target = p_table;
                EXECUTE format(
                    'SELECT quote_literal(%I) FROM %s WHERE %s LIMIT 1',
                    v_reference.target_column,
                    v_reference.target,
                    CASE
                        WHEN v_reference.target_tenant IS NULL THEN 'true'
                        ELSE format('%I = %L', v_reference.target_tenant, p_tenant)
                    END
                )
                INTO v_value;
                IF v_value IS NULL THEN
                    RETURN false;
                END IF;
            ELSIF NOT v_column.is_required AND NOT p_all
                OR v_column.has_default AND v_column.type <> 'uuid'
            THEN
                CONTINUE;
            ELSE
                -- One of a list of words, where a CHECK gives a list.
                SELECT quote_literal(
                    (regexp_match(pg_get_constraintdef(k.oid), 'ARRAY\[''([^'']*)''::'))[1]
                )
                INTO v_value
                FROM pg_catalog.pg_constraint AS k
                WHERE k.conrelid = p_table
                    AND k.contype = 'c'
                    AND k.conkey = ARRAY[v_column.attnum]
                    AND pg_get_constraintdef(k.oid) ~ 'ANY \(+ARRAY\[''';
                IF v_value IS NULL THEN
                    v_value := CASE
                        WHEN v_column.type IN ('text', 'character varying', 'character')
                            THEN quote_literal(left(v_seed, greatest(v_column.modifier - 4, 0)))
                        WHEN v_column.type = 'uuid' THEN quote_literal(left(v_seed, 32))
                        WHEN v_column.type = 'bytea' THEN quote_literal('\x' || v_seed)
                        WHEN v_column.type = 'boolean' THEN 'true'
                        WHEN v_column.type IN ('jsonb', 'json') THEN quote_literal('{}')
                        WHEN v_column.type ~ '\[\]$' THEN quote_literal('{}')
                        WHEN v_column.type ~ '(^|\.)vector$'
                            THEN format('array_fill(1, ARRAY[%s])', v_column.modifier)
                        WHEN v_column.type = 'inet' THEN quote_literal('192.0.2.1')
                        WHEN v_column.type = 'date' THEN quote_literal('2026-06-01')
                        WHEN v_column.type ~ '^timestamp' THEN quote_literal('2026-06-10 12:00+00')
                        ELSE '1'
                    END;
                    IF v_column.modifier = -1
                        AND v_column.type IN ('text', 'character varying')
                    THEN
                        v_value := quote_literal(v_seed);
                    END IF;
                END IF;
            END IF;
        END IF;
        v_names := v_names || quote_ident(v_column.name);
        v_values := v_values || format('%s::%s', v_value, v_column.full_type);
    END LOOP;

    EXECUTE format(
        'INSERT INTO %s (%s) VALUES (%s)',
        p_table, array_to_string(v_names, ', '), array_to_string(v_values, ', ')
    );
    RETURN true;
END;
$function$;

-- Makes a row for each tenant in every tenant table; returns the tables where that failed, and why.
CREATE FUNCTION test_support.fill(p_tenants uuid[])
RETURNS TABLE (table_name regclass, problem text)
LANGUAGE plpgsql
AS $function$
DECLARE
    v_todo   regclass[];
    v_left   regclass[];
    v_table  record;
    v_tenant uuid;
    v_done   boolean;
BEGIN
    v_todo := ARRAY(SELECT t.name FROM test_support.tenant_table AS t);
    LOOP
        v_left := '{}';
        FOR v_table IN
            SELECT *
            FROM test_support.tenant_table AS t
            WHERE t.name = ANY (v_todo)
            ORDER BY t.name::oid
        LOOP
            FOREACH v_tenant IN ARRAY p_tenants LOOP
                BEGIN
                    v_done := test_support.make_row(v_table.name, v_table.tenant, v_tenant, true);
                EXCEPTION
                    WHEN check_violation THEN
                        BEGIN
                            v_done := test_support.make_row(
                                v_table.name, v_table.tenant, v_tenant, false
                            );
                        EXCEPTION
                            WHEN OTHERS THEN
                                table_name := v_table.name;
                                problem := SQLERRM;
                                RETURN NEXT;
                                v_done := true;
                        END;
                    WHEN OTHERS THEN
                        table_name := v_table.name;
                        problem := SQLERRM;
                        RETURN NEXT;
                        v_done := true;
                END;
                IF NOT v_done THEN
                    v_left := v_left || v_table.name;
                    EXIT;
                END IF;
            END LOOP;
        END LOOP;
        EXIT WHEN v_left = '{}';
        IF v_left = v_todo THEN
            RETURN QUERY
            SELECT unnest(v_left), 'refers to a table that has no row';
            RETURN;
        END IF;
        v_todo := v_left;
    END LOOP;
END;
$function$;
