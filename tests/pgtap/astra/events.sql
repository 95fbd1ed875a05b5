-- Subject: astra.events    Docs: docs/schema/astra.md#events
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.events']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('events'::text, 'org_id'::text, 'uuid', true, NULL),
        ('events', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('events', 'event_type', 'text', true, NULL),
        ('events', 'subject_id', 'uuid', false, NULL),
        ('events', 'actor_id', 'uuid', false, NULL),
        ('events', 'payload', 'jsonb', true, '''{}''::jsonb'),
        ('events', 'created_at', 'timestamp with time zone', true,
         'clock_timestamp()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('events_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('events_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('events_event_type_ck', 'CHECK ((event_type <> ''''::text))') $$,
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
        ('events_subject_id_ix'::name, false,
         'btree (org_id, subject_id, id) WHERE (subject_id IS NOT NULL)'),
        ('events_created_at_ix', false, 'btree (org_id, created_at DESC)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('events_forbid_by_hand_tg'::name,
         'BEFORE INSERT ON astra.events FOR EACH ROW WHEN (((pg_trigger_depth() = 0) AND '
         '(new.event_type ~ ''^(goal|task|approval_request)[.]''::text))) EXECUTE FUNCTION '
         'astra.forbid_by_hand()'),
        ('events_forbid_change_tg',
         'BEFORE DELETE OR UPDATE ON astra.events FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('events_forbid_truncate_tg',
         'BEFORE TRUNCATE ON astra.events FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.events (org_id, event_type)
VALUES ('00000000-0000-4000-8000-00000000000a', 'plan.drafted');

SELECT throws_ok(
    $$ UPDATE astra.events SET event_type = 'x' $$, 'MU001', NULL, 'an event is never changed'
);
SELECT throws_ok($$ DELETE FROM astra.events $$, 'MU001', NULL, 'nor removed');
SELECT throws_ok($$ TRUNCATE astra.events $$, 'MU001', NULL, 'nor all of them');
SELECT throws_ok(
    $$ INSERT INTO astra.events (org_id, event_type)
       VALUES ('00000000-0000-4000-8000-00000000000a', '') $$,
    '23514',
    'new row for relation "events" violates check constraint "events_event_type_ck"',
    'an event says what happened'
);
SELECT throws_ok(
    $$ DELETE FROM astra.organizations $$,
    -- Since version 18 a RESTRICT has its own SQLSTATE.
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'an organisation with a past stays'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'events', ARRAY['events_tenant', 'events_tenant_guard'],
    'no other policy widens access to events'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('events'::name, 'muniment_app', 'SELECT'),
        ('events', 'muniment_reader', 'SELECT') $$,
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
        ('events'::name, 'muniment_app', 'INSERT',
         'org_id, event_type, subject_id, actor_id, payload') $$,
    'the rights to columns are these'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('INSERT INTO astra.events (org_id, event_type) VALUES (%L, %L)',
        '00000000-0000-4000-8000-00000000000a', kind),
    'MU419',
    NULL,
    format('nobody says %s but the trigger', kind)
)
FROM unnest(ARRAY['goal.completed', 'task.failed', 'approval_request.approved']) AS kind;
SELECT lives_ok(
    format('INSERT INTO astra.events (org_id, event_type) VALUES (%L, %L)',
        '00000000-0000-4000-8000-00000000000a', kind),
    format('a planner says %s', kind)
)
FROM unnest(ARRAY['plan.drafted', 'goals.reviewed', 'my.task.done']) AS kind;
SELECT throws_ok(
    format('INSERT INTO astra.events (org_id, event_type, %I) VALUES (%L, %L, %L)',
        name, '00000000-0000-4000-8000-00000000000a', 'plan.drafted', wish),
    '42501',
    'permission denied for table events',
    format('but not %s', name)
)
FROM (
    VALUES ('created_at', '2020-01-01'), ('id', '00000000-0000-4000-8000-000000000099')
) AS attempt (name, wish);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
