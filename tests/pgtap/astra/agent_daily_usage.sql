-- Subject: astra.agent_daily_usage    Docs: docs/schema/astra.md#agent-daily-usage
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.agent_daily_usage']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_daily_usage'::text, 'org_id'::text, 'uuid', true, NULL),
        ('agent_daily_usage', 'agent_id', 'uuid', true, NULL),
        ('agent_daily_usage', 'usage_date', 'date', true, NULL),
        ('agent_daily_usage', 'tokens_used', 'bigint', true, '0'),
        ('agent_daily_usage', 'tokens_reserved', 'bigint', true, '0') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_daily_usage_pk'::name, 'PRIMARY KEY (org_id, agent_id, usage_date)'),
        ('agent_daily_usage_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('agent_daily_usage_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('agent_daily_usage_tokens_ck',
         'CHECK (((tokens_used >= 0) AND (tokens_reserved >= 0)))') $$,
    'the keys, references and rules are these'
);
SELECT is_empty(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    'there are no indexes besides those of keys'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_daily_usage_forbid_by_hand_tg'::name,
         'BEFORE INSERT OR UPDATE OF tokens_used, tokens_reserved ON '
         'astra.agent_daily_usage FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE '
         'FUNCTION astra.forbid_by_hand()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 7);

SELECT throws_ok(
    format('UPDATE astra.agent_daily_usage SET %I = -1', name),
    '23514',
    'new row for relation "agent_daily_usage" violates check constraint '
    '"agent_daily_usage_tokens_ck"',
    format('%s cannot be less than none', name)
)
FROM unnest(ARRAY['tokens_used', 'tokens_reserved']) AS name;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.agent_daily_usage $$, 'an agent takes its counters along');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'agent_daily_usage', ARRAY[
        'agent_daily_usage_tenant', 'agent_daily_usage_tenant_guard'
    ],
    'no other policy widens access to agent_daily_usage'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_daily_usage'::name, 'muniment_app', 'INSERT'),
        ('agent_daily_usage', 'muniment_app', 'SELECT'),
        ('agent_daily_usage', 'muniment_reader', 'SELECT') $$,
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
        ('agent_daily_usage'::name, 'muniment_app', 'UPDATE',
         'tokens_used, tokens_reserved') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
