-- Subject: goclaw.activity_logs    Docs: docs/schema/goclaw.md#activity-logs
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(10);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.activity_logs']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('activity_logs'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('activity_logs', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('activity_logs', 'actor_type', 'character varying(20)', true, NULL),
        ('activity_logs', 'actor_id', 'character varying(255)', true, NULL),
        ('activity_logs', 'action', 'character varying(100)', true, NULL),
        ('activity_logs', 'entity_type', 'character varying(50)', false, NULL),
        ('activity_logs', 'entity_id', 'character varying(255)', false, NULL),
        ('activity_logs', 'details', 'jsonb', false, NULL),
        ('activity_logs', 'ip_address', 'character varying(45)', false, NULL),
        ('activity_logs', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('activity_logs_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('activity_logs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('activity_logs_actor_type_ck',
         'CHECK (((actor_type)::text = ANY ((ARRAY[''user''::character varying, '
         '''agent''::character varying, ''system''::character varying])::text[])))') $$,
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
        ('activity_logs_actor_ix'::name, false, 'btree (tenant_id, actor_type, actor_id)'),
        ('activity_logs_action_ix', false, 'btree (tenant_id, action)'),
        ('activity_logs_entity_ix', false, 'btree (tenant_id, entity_type, entity_id)'),
        ('activity_logs_created_at_ix', false, 'btree (tenant_id, created_at DESC)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('activity_logs_forbid_update_tg'::name,
         'BEFORE UPDATE ON goclaw.activity_logs FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('activity_logs_forbid_truncate_tg',
         'BEFORE TRUNCATE ON goclaw.activity_logs FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.activity_logs (tenant_id, actor_type, actor_id, action) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'user', 'u', 'agent.create');

SELECT throws_ok(
    $$ UPDATE goclaw.activity_logs SET action = 'agent.delete' $$,
    'MU001',
    NULL,
    'not even a superuser rewrites an entry by a slip'
);
SELECT throws_ok(
    $$ TRUNCATE goclaw.activity_logs $$, 'MU001', NULL, 'nor empties the trail'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.activity_logs (tenant_id, actor_type, actor_id, action)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'ghost', 'g', 'haunt') $$,
    '23514',
    NULL,
    'whoever acts is a user, an agent or the system'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'activity_logs', ARRAY['activity_logs_tenant', 'activity_logs_tenant_guard'],
    'no other policy widens access to activity_logs'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('activity_logs'::name, 'muniment_app', 'INSERT'),
        ('activity_logs', 'muniment_app', 'SELECT'),
        ('activity_logs', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT is_empty(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    'there are no rights to single columns'
);

SELECT * FROM finish(true);
ROLLBACK;
