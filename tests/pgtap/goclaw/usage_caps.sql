-- Subject: goclaw.usage_cap_policies    Docs: docs/schema/goclaw.md#usage-cap-policies
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(57);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.usage_cap_policies', 'goclaw.usage_cap_counters', 'goclaw.usage_cap_reservations',
    'goclaw.usage_cap_events'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('usage_cap_policies'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('usage_cap_policies', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('usage_cap_policies', 'agent_id', 'uuid', false, NULL),
        ('usage_cap_policies', 'provider_id', 'uuid', false, NULL),
        ('usage_cap_policies', 'provider_type', 'text', false, NULL),
        ('usage_cap_policies', 'model_id', 'text', false, NULL),
        ('usage_cap_policies', 'window_key', 'text', true, NULL),
        ('usage_cap_policies', 'max_tokens', 'bigint', false, NULL),
        ('usage_cap_policies', 'max_cost_micros', 'bigint', false, NULL),
        ('usage_cap_policies', 'enabled', 'boolean', true, 'true'),
        ('usage_cap_policies', 'priority', 'integer', true, '100'),
        ('usage_cap_policies', 'source', 'text', true, '''manual''::text'),
        ('usage_cap_policies', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('usage_cap_policies', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('usage_cap_counters', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('usage_cap_counters', 'policy_id', 'uuid', true, NULL),
        ('usage_cap_counters', 'window_start', 'timestamp with time zone', true, NULL),
        ('usage_cap_counters', 'window_end', 'timestamp with time zone', true, NULL),
        ('usage_cap_counters', 'used_tokens', 'bigint', true, '0'),
        ('usage_cap_counters', 'reserved_tokens', 'bigint', true, '0'),
        ('usage_cap_counters', 'used_cost_micros', 'bigint', true, '0'),
        ('usage_cap_counters', 'reserved_cost_micros', 'bigint', true, '0'),
        ('usage_cap_counters', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('usage_cap_reservations', 'tenant_id', 'uuid', true, 'platform.current_tenant_id()'),
        ('usage_cap_reservations', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('usage_cap_reservations', 'reservation_key', 'text', true, NULL),
        ('usage_cap_reservations', 'policy_id', 'uuid', true, NULL),
        ('usage_cap_reservations', 'window_start', 'timestamp with time zone', true, NULL),
        ('usage_cap_reservations', 'reserved_tokens', 'bigint', true, '0'),
        ('usage_cap_reservations', 'reserved_cost_micros', 'bigint', true, '0'),
        ('usage_cap_reservations', 'actual_tokens', 'bigint', true, '0'),
        ('usage_cap_reservations', 'actual_cost_micros', 'bigint', true, '0'),
        ('usage_cap_reservations', 'status', 'text', true, '''reserved''::text'),
        ('usage_cap_reservations', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('usage_cap_reservations', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('usage_cap_reservations', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('usage_cap_events', 'tenant_id', 'uuid', true, NULL),
        ('usage_cap_events', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('usage_cap_events', 'policy_id', 'uuid', false, NULL),
        ('usage_cap_events', 'reservation_key', 'text', false, NULL),
        ('usage_cap_events', 'decision', 'text', true, NULL),
        ('usage_cap_events', 'reason', 'text', false, NULL),
        ('usage_cap_events', 'estimated_tokens', 'bigint', true, '0'),
        ('usage_cap_events', 'estimated_cost_micros', 'bigint', true, '0'),
        ('usage_cap_events', 'actual_tokens', 'bigint', true, '0'),
        ('usage_cap_events', 'actual_cost_micros', 'bigint', true, '0'),
        ('usage_cap_events', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('usage_cap_events', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('usage_cap_policies_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('usage_cap_policies_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('usage_cap_policies_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('usage_cap_policies_provider_fk',
         'FOREIGN KEY (tenant_id, provider_id) REFERENCES goclaw.llm_providers(tenant_id, '
         'id) ON DELETE CASCADE'),
        ('usage_cap_policies_window_key_ck',
         'CHECK ((window_key = ANY (ARRAY[''hour''::text, ''day''::text, ''week''::text, '
         '''month''::text])))'),
        ('usage_cap_policies_max_tokens_ck', 'CHECK ((max_tokens >= 0))'),
        ('usage_cap_policies_max_cost_micros_ck', 'CHECK ((max_cost_micros >= 0))'),
        ('usage_cap_policies_limit_ck',
         'CHECK (((max_tokens IS NOT NULL) OR (max_cost_micros IS NOT NULL)))'),
        ('usage_cap_policies_source_ck',
         'CHECK ((source = ANY (ARRAY[''manual''::text, '
         '''agent_budget_monthly_cents''::text])))'),
        ('usage_cap_policies_agent_budget_ck',
         'CHECK (((source <> ''agent_budget_monthly_cents''::text) OR ((agent_id IS NOT '
         'NULL) AND (num_nonnulls(provider_id, provider_type, model_id, max_tokens) = 0) '
         'AND (window_key = ''month''::text) AND (max_cost_micros IS NOT NULL))))'),
        ('usage_cap_counters_pk', 'PRIMARY KEY (tenant_id, policy_id, window_start)'),
        ('usage_cap_counters_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('usage_cap_counters_policy_fk',
         'FOREIGN KEY (tenant_id, policy_id) REFERENCES '
         'goclaw.usage_cap_policies(tenant_id, id) ON DELETE CASCADE'),
        ('usage_cap_counters_window_ck', 'CHECK ((window_end > window_start))'),
        ('usage_cap_counters_tokens_ck',
         'CHECK (((used_tokens >= 0) AND (reserved_tokens >= 0)))'),
        ('usage_cap_counters_cost_micros_ck',
         'CHECK (((used_cost_micros >= 0) AND (reserved_cost_micros >= 0)))'),
        ('usage_cap_reservations_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('usage_cap_reservations_policy_uq', 'UNIQUE (tenant_id, reservation_key, policy_id)'),
        ('usage_cap_reservations_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('usage_cap_reservations_policy_fk',
         'FOREIGN KEY (tenant_id, policy_id) REFERENCES '
         'goclaw.usage_cap_policies(tenant_id, id) ON DELETE CASCADE'),
        ('usage_cap_reservations_window_fk',
         'FOREIGN KEY (tenant_id, policy_id, window_start) REFERENCES '
         'goclaw.usage_cap_counters(tenant_id, policy_id, window_start) ON DELETE CASCADE'),
        ('usage_cap_reservations_reservation_key_ck',
         'CHECK ((reservation_key <> ''''::text))'),
        ('usage_cap_reservations_reserved_ck',
         'CHECK (((reserved_tokens >= 0) AND (reserved_cost_micros >= 0)))'),
        ('usage_cap_reservations_actual_ck',
         'CHECK (((actual_tokens >= 0) AND (actual_cost_micros >= 0)))'),
        ('usage_cap_reservations_status_ck',
         'CHECK ((status = ANY (ARRAY[''reserved''::text, ''settled''::text, '
         '''released''::text, ''expired''::text])))'),
        ('usage_cap_reservations_settled_ck',
         'CHECK (((status = ''settled''::text) OR ((actual_tokens = 0) AND '
         '(actual_cost_micros = 0))))'),
        ('usage_cap_events_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('usage_cap_events_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE CASCADE'),
        ('usage_cap_events_policy_fk',
         'FOREIGN KEY (tenant_id, policy_id) REFERENCES '
         'goclaw.usage_cap_policies(tenant_id, id) ON DELETE SET NULL (policy_id)'),
        ('usage_cap_events_decision_ck',
         'CHECK ((decision = ANY (ARRAY[''allow''::text, ''deny''::text, ''settle''::text, '
         '''release''::text, ''expire''::text])))'),
        ('usage_cap_events_estimated_ck',
         'CHECK (((estimated_tokens >= 0) AND (estimated_cost_micros >= 0)))'),
        ('usage_cap_events_actual_ck',
         'CHECK (((actual_tokens >= 0) AND (actual_cost_micros >= 0)))') $$,
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
        ('usage_cap_policies_scope_ix'::name, false,
         'btree (tenant_id, enabled, agent_id, provider_id, provider_type, model_id)'),
        ('usage_cap_policies_agent_budget_uq', true,
         'btree (tenant_id, agent_id) WHERE (source = ''agent_budget_monthly_cents''::text)'),
        ('usage_cap_policies_agent_id_ix', false,
         'btree (tenant_id, agent_id) WHERE (agent_id IS NOT NULL)'),
        ('usage_cap_policies_provider_id_ix', false,
         'btree (tenant_id, provider_id) WHERE (provider_id IS NOT NULL)'),
        ('usage_cap_reservations_reservation_key_ix', false,
         'btree (tenant_id, reservation_key)'),
        ('usage_cap_reservations_window_ix', false,
         'btree (tenant_id, policy_id, window_start)'),
        ('usage_cap_reservations_open_ix', false,
         'btree (created_at) WHERE (status = ''reserved''::text)'),
        ('usage_cap_events_created_at_ix', false, 'btree (tenant_id, created_at DESC)'),
        ('usage_cap_events_policy_id_ix', false,
         'btree (tenant_id, policy_id) WHERE (policy_id IS NOT NULL)'),
        ('usage_cap_events_decided_uq', true,
         'btree (tenant_id, reservation_key) WHERE (decision = ANY (ARRAY[''allow''::text, '
         '''deny''::text]))'),
        ('usage_cap_events_ended_uq', true,
         'btree (tenant_id, reservation_key) WHERE (decision = ANY (ARRAY[''settle''::text,'
         ' ''release''::text]))') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('usage_cap_policies_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.usage_cap_policies FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('usage_cap_counters_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.usage_cap_counters FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('usage_cap_reservations_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.usage_cap_reservations FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('usage_cap_events_forbid_update_tg',
         'BEFORE UPDATE ON goclaw.usage_cap_events FOR EACH ROW WHEN '
         '((((to_jsonb(old.*) - ''policy_id''::text) IS DISTINCT FROM '
         '(to_jsonb(new.*) - ''policy_id''::text)) OR ((new.policy_id IS NOT NULL) AND '
         '(new.policy_id IS DISTINCT FROM old.policy_id)))) EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('usage_cap_events_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.usage_cap_events FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('usage_cap_policies_check_insert_tg',
         'BEFORE INSERT ON goclaw.usage_cap_policies FOR EACH ROW '
         'WHEN ((new.source = ''agent_budget_monthly_cents''::text)) '
         'EXECUTE FUNCTION goclaw.check_agent_budget()'),
        ('usage_cap_policies_check_update_tg',
         'BEFORE UPDATE ON goclaw.usage_cap_policies FOR EACH ROW '
         'WHEN (((old.source = ''agent_budget_monthly_cents''::text) '
         'OR (new.source = ''agent_budget_monthly_cents''::text))) '
         'EXECUTE FUNCTION goclaw.check_agent_budget()'),
        ('usage_cap_policies_check_delete_tg',
         'BEFORE DELETE ON goclaw.usage_cap_policies FOR EACH ROW '
         'WHEN ((old.source = ''agent_budget_monthly_cents''::text)) '
         'EXECUTE FUNCTION goclaw.check_agent_budget()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', 'one', 'u',
     'm');
INSERT INTO goclaw.llm_providers (tenant_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', 'one');
INSERT INTO goclaw.usage_cap_policies (
    tenant_id, id, agent_id, provider_id, window_key, max_tokens, max_cost_micros
)
VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', NULL, NULL,
     'hour', 10, NULL),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a4',
     '00000000-0000-4000-8000-0000000000a1', NULL, 'day', 10, 10),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a5', NULL,
     '00000000-0000-4000-8000-0000000000a2', 'week', NULL, 10);
INSERT INTO goclaw.usage_cap_counters (tenant_id, policy_id, window_start, window_end) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3',
     '2026-11-01 10:00+00', '2026-11-01 11:00+00');
INSERT INTO goclaw.usage_cap_reservations (tenant_id, reservation_key, policy_id, window_start)
VALUES
    ('00000000-0000-4000-8000-00000000000a', 'k', '00000000-0000-4000-8000-0000000000a3',
     '2026-11-01 10:00+00');
INSERT INTO goclaw.usage_cap_events (tenant_id, policy_id, reservation_key, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', NULL, 'k', 'allow'),
    ('00000000-0000-4000-8000-00000000000a', NULL, 'k', 'settle'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'l', 'deny');

SELECT throws_ok(
    format($$ UPDATE goclaw.usage_cap_%s SET %s $$, name, change), '23514', NULL, reason
)
FROM (
    VALUES
        ('policies', $$ window_key = 'year' $$, 'a window is an hour, a day, a week or a month'),
        ('policies', $$ max_tokens = -1 $$, 'a cap on tokens is not negative'),
        ('policies', $$ max_cost_micros = -1 $$, 'nor one on cost'),
        ('policies', $$ max_tokens = NULL, max_cost_micros = NULL $$, 'a policy caps something'),
        ('policies', $$ source = 'guess' $$, 'a policy is made by hand or from a budget'),
        ('counters', $$ window_end = window_start $$, 'a window ends after it begins'),
        ('counters', $$ used_tokens = -1 $$, 'used tokens are not negative'),
        ('counters', $$ reserved_tokens = -1 $$, 'nor are reserved ones'),
        ('counters', $$ used_cost_micros = -1 $$, 'nor is used cost'),
        ('counters', $$ reserved_cost_micros = -1 $$, 'nor reserved cost'),
        ('reservations', $$ reservation_key = '' $$, 'a request has a name'),
        ('reservations', $$ reserved_tokens = -1 $$, 'a reservation of tokens is not negative'),
        ('reservations', $$ reserved_cost_micros = -1 $$, 'nor one of cost'),
        ('reservations', $$ status = 'settled', actual_tokens = -1 $$, 'nor is what was used'),
        ('reservations', $$ status = 'settled', actual_cost_micros = -1 $$, 'nor what it cost'),
        ('reservations', $$ status = 'lost' $$, 'a reservation has one of four states'),
        ('reservations', $$ actual_tokens = 1 $$, 'nothing was used before it is settled'),
        ('reservations', $$ actual_cost_micros = 1 $$, 'and nothing was spent'),
        ('reservations', $$ actual_tokens = 1, actual_cost_micros = 1 $$, 'nor both')
) AS broken (name, change, reason);
SELECT throws_ok(
    format(
        $$ INSERT INTO goclaw.usage_cap_events (tenant_id, decision, %I)
           VALUES ('00000000-0000-4000-8000-00000000000a', %L, -1) $$,
        name, decision
    ),
    '23514',
    NULL,
    reason
)
FROM (
    VALUES
        ('estimated_tokens', 'allow', 'an estimate of tokens is not negative'),
        ('estimated_cost_micros', 'allow', 'nor one of cost'),
        ('actual_tokens', 'allow', 'nor are tokens that were used'),
        ('actual_cost_micros', 'allow', 'nor what they cost')
) AS broken (name, decision, reason);
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_cap_events (tenant_id, decision)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'guess') $$,
    '23514',
    NULL,
    'a decision is one of five'
);
SELECT throws_ok(
    format('UPDATE goclaw.usage_cap_events SET %s', change),
    'MU001',
    NULL,
    'nobody changes the journal: ' || change
)
FROM unnest(ARRAY[
    $$ decision = 'settle' $$, $$ actual_tokens = 1 $$, $$ metadata = '{"a": 1}' $$,
    $$ policy_id = '00000000-0000-4000-8000-0000000000a4' $$
]) AS change;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE goclaw.usage_cap_policies SET window_key = 'month' $$,
    '42501',
    NULL,
    'nobody gives a cap out anew in another window'
);
RESET ROLE;
SET LOCAL app.tenant_id = '';
SELECT throws_ok(
    format(
        $$ INSERT INTO goclaw.usage_cap_policies (
               tenant_id, source, agent_id, provider_id, provider_type, model_id, window_key,
               max_tokens, max_cost_micros, enabled
           )
           VALUES (
               '00000000-0000-4000-8000-00000000000a', 'agent_budget_monthly_cents', %s, false
           ) $$,
        columns
    ),
    '23514',
    NULL,
    reason
)
FROM (
    VALUES
        ($$ NULL, NULL, NULL, NULL, 'month', NULL, 1 $$, 'a budget is of an agent'),
        ($$ '00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-0000000000a2', NULL,
            NULL, 'month', NULL, 1 $$, 'a budget holds for all providers'),
        ($$ '00000000-0000-4000-8000-0000000000a1', NULL, 't', NULL, 'month', NULL, 1 $$,
         'and for all types of them'),
        ($$ '00000000-0000-4000-8000-0000000000a1', NULL, NULL, 'm', 'month', NULL, 1 $$,
         'and for all models'),
        ($$ '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, 'week', NULL, 1 $$,
         'a budget is for a month'),
        ($$ '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, 'month', 1, 1 $$,
         'a budget caps no tokens'),
        ($$ '00000000-0000-4000-8000-0000000000a1', NULL, NULL, NULL, 'month', 1, NULL $$,
         'a budget caps cost')
) AS broken (columns, reason);
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_cap_reservations (
           tenant_id, reservation_key, policy_id, window_start
       )
       SELECT tenant_id, reservation_key, policy_id, window_start
       FROM goclaw.usage_cap_reservations $$,
    '23505',
    NULL,
    'a request reserves once in a policy'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.usage_cap_reservations (
           tenant_id, reservation_key, policy_id, window_start
       )
       SELECT tenant_id, 'l', policy_id, window_start + interval '1 hour'
       FROM goclaw.usage_cap_reservations $$,
    '23503',
    NULL,
    'what is reserved is reserved in a window that counts'
);
SELECT throws_ok(
    format(
        $$ INSERT INTO goclaw.usage_cap_events (tenant_id, reservation_key, decision)
           VALUES ('00000000-0000-4000-8000-00000000000a', %L, %L) $$,
        reservation_key, decision
    ),
    '23505',
    NULL,
    reason
)
FROM (
    VALUES
        ('k', 'deny', 'what was allowed is not refused'),
        ('l', 'allow', 'what was refused is not allowed'),
        ('k', 'release', 'what was settled is not released')
) AS broken (reservation_key, decision, reason);
SELECT lives_ok(
    $$ INSERT INTO goclaw.usage_cap_events (tenant_id, reservation_key, decision) VALUES
           ('00000000-0000-4000-8000-00000000000a', 'k', 'expire'),
           ('00000000-0000-4000-8000-00000000000a', 'k', 'expire'),
           ('00000000-0000-4000-8000-00000000000a', NULL, 'allow'),
           ('00000000-0000-4000-8000-00000000000a', NULL, 'allow'),
           ('00000000-0000-4000-8000-00000000000b', 'k', 'allow') $$,
    'a reservation of each policy expires, requests without a name are many, tenants do not meet'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.usage_cap_events $$, 'MU001', NULL, 'nobody empties the journal by a slip'
);
UPDATE goclaw.usage_cap_policies SET updated_at = 'epoch';
UPDATE goclaw.usage_cap_counters SET updated_at = 'epoch';
UPDATE goclaw.usage_cap_reservations SET updated_at = 'epoch';
SELECT results_eq(
    $$ SELECT updated_at FROM goclaw.usage_cap_policies
       UNION
       SELECT updated_at FROM goclaw.usage_cap_counters
       UNION
       SELECT updated_at FROM goclaw.usage_cap_reservations $$,
    $$ VALUES (now()) $$,
    'triggers say when a row was last changed'
);
DELETE FROM goclaw.usage_cap_policies WHERE id = '00000000-0000-4000-8000-0000000000a3';
SELECT results_eq(
    $$ SELECT
           (SELECT count(*) FROM goclaw.usage_cap_counters),
           (SELECT count(*) FROM goclaw.usage_cap_reservations),
           (SELECT count(*) FROM goclaw.usage_cap_events WHERE policy_id IS NULL) $$,
    $$ VALUES (0::bigint, 0::bigint, 8::bigint) $$,
    'a policy takes its counters and reservations along, and leaves its events'
);
DELETE FROM goclaw.agents;
DELETE FROM goclaw.llm_providers;
SELECT is_empty(
    $$ SELECT id FROM goclaw.usage_cap_policies $$,
    'agents and providers take the policies for them along'
);
INSERT INTO goclaw.usage_cap_policies (tenant_id, id, window_key, max_tokens) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3', 'hour', 1);
INSERT INTO goclaw.usage_cap_counters (tenant_id, policy_id, window_start, window_end) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3',
     '2026-11-01 10:00+00', '2026-11-01 11:00+00');
INSERT INTO goclaw.usage_cap_reservations (tenant_id, reservation_key, policy_id, window_start)
VALUES
    ('00000000-0000-4000-8000-00000000000a', 'k', '00000000-0000-4000-8000-0000000000a3',
     '2026-11-01 10:00+00');
DELETE FROM goclaw.tenants WHERE slug IN ('a', 'b');
SELECT is_empty(
    $$ SELECT tenant_id FROM goclaw.usage_cap_policies
       UNION ALL
       SELECT tenant_id FROM goclaw.usage_cap_counters
       UNION ALL
       SELECT tenant_id FROM goclaw.usage_cap_reservations
       UNION ALL
       SELECT tenant_id FROM goclaw.usage_cap_events $$,
    'a tenant takes everything along'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'usage_cap_policies', ARRAY[
        'usage_cap_policies_tenant', 'usage_cap_policies_tenant_guard',
        'usage_cap_policies_service'
    ],
    'no other policy widens access to usage_cap_policies'
);
SELECT policies_are(
    'goclaw', 'usage_cap_counters', ARRAY[
        'usage_cap_counters_tenant', 'usage_cap_counters_tenant_guard',
        'usage_cap_counters_service'
    ],
    'no other policy widens access to usage_cap_counters'
);
SELECT policies_are(
    'goclaw', 'usage_cap_reservations', ARRAY[
        'usage_cap_reservations_tenant', 'usage_cap_reservations_tenant_guard',
        'usage_cap_reservations_service'
    ],
    'no other policy widens access to usage_cap_reservations'
);
SELECT policies_are(
    'goclaw', 'usage_cap_events', ARRAY[
        'usage_cap_events_tenant', 'usage_cap_events_tenant_guard', 'usage_cap_events_service'
    ],
    'no other policy widens access to usage_cap_events'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('usage_cap_policies'::name, 'muniment_app', 'DELETE'),
        ('usage_cap_policies', 'muniment_app', 'INSERT'),
        ('usage_cap_policies', 'muniment_app', 'SELECT'),
        ('usage_cap_policies', 'muniment_reader', 'SELECT'),
        ('usage_cap_counters', 'muniment_app', 'INSERT'),
        ('usage_cap_counters', 'muniment_app', 'SELECT'),
        ('usage_cap_counters', 'muniment_reader', 'SELECT'),
        ('usage_cap_reservations', 'muniment_app', 'INSERT'),
        ('usage_cap_reservations', 'muniment_app', 'SELECT'),
        ('usage_cap_reservations', 'muniment_reader', 'SELECT'),
        ('usage_cap_events', 'muniment_app', 'INSERT'),
        ('usage_cap_events', 'muniment_app', 'SELECT'),
        ('usage_cap_events', 'muniment_reader', 'SELECT') $$,
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
        ('usage_cap_policies'::name, 'muniment_app', 'UPDATE',
         'agent_id, provider_id, provider_type, model_id, max_tokens, '
         'max_cost_micros, enabled, priority, updated_at'),
        ('usage_cap_policies', 'muniment_service', 'SELECT',
         'tenant_id, id'),
        ('usage_cap_policies', 'muniment_service', 'UPDATE',
         'updated_at'),
        ('usage_cap_counters', 'muniment_app', 'UPDATE',
         'window_end, used_tokens, reserved_tokens, used_cost_micros, reserved_cost_micros,'
         ' updated_at'),
        ('usage_cap_counters', 'muniment_service', 'SELECT',
         'tenant_id, policy_id, window_start, reserved_tokens, reserved_cost_micros'),
        ('usage_cap_counters', 'muniment_service', 'UPDATE',
         'reserved_tokens, reserved_cost_micros, updated_at'),
        ('usage_cap_reservations', 'muniment_app', 'UPDATE',
         'actual_tokens, actual_cost_micros, status, metadata, updated_at'),
        ('usage_cap_reservations', 'muniment_service', 'SELECT',
         'tenant_id, id, reservation_key, policy_id, window_start, reserved_tokens, '
         'reserved_cost_micros, status, created_at'),
        ('usage_cap_reservations', 'muniment_service', 'UPDATE',
         'status, updated_at'),
        ('usage_cap_events', 'muniment_service', 'INSERT',
         'tenant_id, policy_id, reservation_key, decision, reason, estimated_tokens, '
         'estimated_cost_micros') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
