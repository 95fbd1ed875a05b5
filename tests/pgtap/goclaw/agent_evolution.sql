-- Subject: goclaw.agent_evolution_metrics    Docs: docs/schema/goclaw.md#agent-evolution-metrics
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.agent_evolution_metrics', 'goclaw.agent_evolution_suggestions'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_evolution_metrics'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agent_evolution_metrics', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('agent_evolution_metrics', 'agent_id', 'uuid', true, NULL),
        ('agent_evolution_metrics', 'session_key', 'text', true, NULL),
        ('agent_evolution_metrics', 'metric_type', 'text', true, NULL),
        ('agent_evolution_metrics', 'metric_key', 'text', true, NULL),
        ('agent_evolution_metrics', 'value', 'jsonb', true, NULL),
        ('agent_evolution_metrics', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_evolution_suggestions', 'tenant_id', 'uuid', true, NULL),
        ('agent_evolution_suggestions', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('agent_evolution_suggestions', 'agent_id', 'uuid', true, NULL),
        ('agent_evolution_suggestions', 'suggestion_type', 'text', true, NULL),
        ('agent_evolution_suggestions', 'suggestion', 'text', true, NULL),
        ('agent_evolution_suggestions', 'rationale', 'text', true, NULL),
        ('agent_evolution_suggestions', 'parameters', 'jsonb', false, NULL),
        ('agent_evolution_suggestions', 'status', 'text', true, '''pending''::text'),
        ('agent_evolution_suggestions', 'reviewed_by', 'text', false, NULL),
        ('agent_evolution_suggestions', 'reviewed_at', 'timestamp with time zone', false, NULL),
        ('agent_evolution_suggestions', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_evolution_metrics_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_evolution_metrics_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_evolution_metrics_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_evolution_suggestions_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('agent_evolution_suggestions_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_evolution_suggestions_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_evolution_suggestions_status_ck',
         'CHECK ((status = ANY (ARRAY[''pending''::text, ''approved''::text, '
         '''rejected''::text])))') $$,
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
        ('agent_evolution_metrics_metric_type_ix'::name, false,
         'btree (tenant_id, agent_id, metric_type)'),
        ('agent_evolution_metrics_created_at_ix', false, 'btree (tenant_id, created_at)'),
        ('agent_evolution_suggestions_status_ix', false, 'btree (tenant_id, agent_id, status)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_evolution_metrics_forbid_update_tg'::name,
         'BEFORE UPDATE ON goclaw.agent_evolution_metrics FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('agent_evolution_metrics_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.agent_evolution_metrics FOR EACH STATEMENT EXECUTE '
         'FUNCTION platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT '00000000-0000-4000-8000-00000000000a', id, key, 'u', 'm'
FROM (
    VALUES
        ('a9e00000-0000-4000-8000-0000000000a1'::uuid, 'planner'),
        ('a9e00000-0000-4000-8000-0000000000a2', 'drafter')
) AS agent (id, key);
INSERT INTO goclaw.agent_evolution_metrics (
    tenant_id, agent_id, session_key, metric_type, metric_key, value
)
SELECT tenant_id, id, 's', 'tool', 'success_rate', '0.5' FROM goclaw.agents;
INSERT INTO goclaw.agent_evolution_suggestions (
    tenant_id, agent_id, suggestion_type, suggestion, rationale
)
SELECT tenant_id, id, 'prompt_tweak', 'Be brief.', 'Turns are many.' FROM goclaw.agents;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, column_name, value),
    '23514',
    NULL,
    format('%s.%s cannot be %s', name, column_name, value)
)
FROM (
    VALUES
        ('agent_evolution_suggestions', 'status', 'done')
) AS attempt (name, column_name, value);
SELECT throws_ok(
    $$ UPDATE goclaw.agent_evolution_metrics SET value = '1' $$,
    'MU001',
    NULL,
    'what was measured is not changed, whoever wants to'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.agent_evolution_metrics $$, 'MU001', NULL, 'nor emptied'
);
SELECT results_eq(
    $$ SELECT DISTINCT status FROM goclaw.agent_evolution_suggestions $$,
    $$ VALUES ('pending') $$,
    'a suggestion waits for somebody'
);
DELETE FROM goclaw.agents WHERE agent_key = 'planner';
SELECT results_eq(
    $$ SELECT agent_id FROM goclaw.agent_evolution_metrics
       UNION ALL
       SELECT agent_id FROM goclaw.agent_evolution_suggestions $$,
    $$ VALUES
        ('a9e00000-0000-4000-8000-0000000000a2'::uuid),
        ('a9e00000-0000-4000-8000-0000000000a2'::uuid) $$,
    'an agent that is removed takes both along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_evolution_metrics', ARRAY[
        'agent_evolution_metrics_tenant', 'agent_evolution_metrics_tenant_guard'
    ],
    'no other policy widens access to agent_evolution_metrics'
);
SELECT policies_are(
    'goclaw', 'agent_evolution_suggestions', ARRAY[
        'agent_evolution_suggestions_tenant', 'agent_evolution_suggestions_tenant_guard'
    ],
    'no other policy widens access to agent_evolution_suggestions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_evolution_metrics'::name, 'muniment_app', 'INSERT'),
        ('agent_evolution_metrics', 'muniment_app', 'SELECT'),
        ('agent_evolution_metrics', 'muniment_reader', 'SELECT'),
        ('agent_evolution_suggestions', 'muniment_app', 'DELETE'),
        ('agent_evolution_suggestions', 'muniment_app', 'INSERT'),
        ('agent_evolution_suggestions', 'muniment_app', 'SELECT'),
        ('agent_evolution_suggestions', 'muniment_reader', 'SELECT') $$,
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
        ('agent_evolution_suggestions'::name, 'muniment_app', 'UPDATE',
         'suggestion_type, suggestion, rationale, parameters, status, reviewed_by, reviewed_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
