-- Subject: astra.llm_usage    Docs: docs/schema/astra.md#llm-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.llm_usage']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('llm_usage'::text, 'org_id'::text, 'uuid', true, NULL),
        ('llm_usage', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('llm_usage', 'agent_id', 'uuid', true, NULL),
        ('llm_usage', 'goal_id', 'uuid', false, NULL),
        ('llm_usage', 'model', 'text', true, NULL),
        ('llm_usage', 'tokens_in', 'integer', true, NULL),
        ('llm_usage', 'tokens_out', 'integer', true, NULL),
        ('llm_usage', 'reservation_id', 'uuid', false, NULL),
        ('llm_usage', 'usage_date', 'date', true, NULL),
        ('llm_usage', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('llm_usage_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('llm_usage_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('llm_usage_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'RESTRICT'),
        ('llm_usage_goal_fk',
         'FOREIGN KEY (org_id, goal_id) REFERENCES astra.goals(org_id, id) ON DELETE '
         'RESTRICT'),
        ('llm_usage_model_ck', 'CHECK ((model <> ''''::text))'),
        ('llm_usage_tokens_ck', 'CHECK (((tokens_in >= 0) AND (tokens_out >= 0)))') $$,
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
        ('llm_usage_agent_id_ix'::name, false, 'btree (org_id, agent_id, created_at DESC)'),
        ('llm_usage_goal_id_ix', false, 'btree (org_id, goal_id) WHERE (goal_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('llm_usage_find_day_tg'::name,
         'BEFORE INSERT ON astra.llm_usage FOR EACH ROW EXECUTE FUNCTION '
         'astra.count_used_tokens()'),
        ('llm_usage_count_tg',
         'AFTER INSERT ON astra.llm_usage FOR EACH ROW EXECUTE FUNCTION '
         'astra.count_used_tokens()'),
        ('llm_usage_forbid_change_tg',
         'BEFORE DELETE OR UPDATE ON astra.llm_usage FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('llm_usage_forbid_truncate_tg',
         'BEFORE TRUNCATE ON astra.llm_usage FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032', 'other');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.llm_usage (org_id, agent_id, goal_id, model, tokens_in, tokens_out) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000032',
     '00000000-0000-4000-8000-000000000041', 'm', 1, 2);

SELECT throws_ok(
    format(
        'INSERT INTO astra.llm_usage (org_id, agent_id, model, tokens_in, tokens_out) '
        'VALUES (%L, %L, %L, %s, %s)',
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', model,
        tokens_in, tokens_out
    ),
    '23514',
    format('new row for relation "llm_usage" violates check constraint "llm_usage_%s_ck"', name),
    promise
)
FROM (
    VALUES
        ('', 1, 1, 'model', 'a use is of a model'),
        ('m', -1, 1, 'tokens', 'of no less than no tokens in'),
        ('m', 1, -1, 'tokens', 'or out')
) AS attempt (model, tokens_in, tokens_out, name, promise);
SELECT throws_ok(
    $$ UPDATE astra.llm_usage SET tokens_in = 0 $$, 'MU001', NULL, 'what was used stays'
);
SELECT throws_ok($$ DELETE FROM astra.llm_usage $$, 'MU001', NULL, 'all of it');
SELECT throws_ok($$ TRUNCATE astra.llm_usage $$, 'MU001', NULL, 'for good');
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
        ('DELETE FROM astra.agents WHERE id = ''00000000-0000-4000-8000-000000000032''',
         'the agent that used it stays too'),
        ('DELETE FROM astra.goals', 'and the goal that it was for')
) AS attempt (statement, promise);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'llm_usage', ARRAY['llm_usage_tenant', 'llm_usage_tenant_guard'],
    'no other policy widens access to llm_usage'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('llm_usage'::name, 'muniment_app', 'SELECT'),
        ('llm_usage', 'muniment_reader', 'SELECT') $$,
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
        ('llm_usage'::name, 'muniment_app', 'INSERT',
         'org_id, id, agent_id, goal_id, model, tokens_in, tokens_out, reservation_id') $$,
    'the rights to columns are these'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(
        'INSERT INTO astra.llm_usage (org_id, agent_id, model, tokens_in, tokens_out, %I) '
        'VALUES (%L, %L, %L, 1, 1, %L)',
        name, '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'm',
        '2020-01-01'
    ),
    '42501',
    'permission denied for table llm_usage',
    format('no runtime says %s, to spend from the budget of another day', name)
)
FROM unnest(ARRAY['created_at', 'usage_date']) AS name;
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
