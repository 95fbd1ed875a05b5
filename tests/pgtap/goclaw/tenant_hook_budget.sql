-- Subject: goclaw.tenant_hook_budget    Docs: docs/schema/goclaw.md#tenant-hook-budget
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.tenant_hook_budget']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('tenant_hook_budget'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('tenant_hook_budget', 'month_start', 'date', true, NULL),
        ('tenant_hook_budget', 'budget_total', 'bigint', true, '0'),
        ('tenant_hook_budget', 'remaining', 'bigint', true, '0'),
        ('tenant_hook_budget', 'last_warned_at', 'timestamp with time zone', false, NULL),
        ('tenant_hook_budget', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('tenant_hook_budget', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('tenant_hook_budget_pk'::name, 'PRIMARY KEY (tenant_id)'),
        ('tenant_hook_budget_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('tenant_hook_budget_month_start_ck',
         'CHECK (((EXTRACT(day FROM month_start) = (1)::numeric) AND isfinite(month_start)))'),
        ('tenant_hook_budget_remaining_ck',
         'CHECK (((remaining >= 0) AND (remaining <= budget_total)))') $$,
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
        ('tenant_hook_budget_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.tenant_hook_budget FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.tenant_hook_budget (tenant_id, month_start, budget_total, remaining) VALUES
    ('00000000-0000-4000-8000-00000000000a', '2026-06-01', 100, 100);

SELECT throws_ok(
    format('UPDATE goclaw.tenant_hook_budget SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('month_start', '2026-06-02'), ('month_start', 'infinity'), ('remaining', '-1'), ('remaining', '101'),
        ('budget_total', '99')
) AS attempt (name, value);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'tenant_hook_budget', ARRAY[
        'tenant_hook_budget_tenant', 'tenant_hook_budget_tenant_guard'
    ],
    'no other policy widens access to tenant_hook_budget'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('tenant_hook_budget'::name, 'muniment_app', 'DELETE'),
        ('tenant_hook_budget', 'muniment_app', 'INSERT'),
        ('tenant_hook_budget', 'muniment_app', 'SELECT'),
        ('tenant_hook_budget', 'muniment_reader', 'SELECT') $$,
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
        ('tenant_hook_budget'::name, 'muniment_app', 'UPDATE',
         'month_start, budget_total, remaining, last_warned_at, metadata, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
