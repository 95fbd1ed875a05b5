-- Subject: agentcore.audit_log    Docs: docs/schema/agentcore.md#audit-log
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.audit_log']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('audit_log'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('audit_log', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('audit_log', 'user_id', 'uuid', false, NULL),
        ('audit_log', 'action', 'text', true, NULL),
        ('audit_log', 'entity_type', 'text', false, NULL),
        ('audit_log', 'entity_id', 'text', false, NULL),
        ('audit_log', 'changes', 'jsonb', false, NULL),
        ('audit_log', 'ip_address', 'inet', false, NULL),
        ('audit_log', 'user_agent', 'text', false, NULL),
        ('audit_log', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('audit_log_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('audit_log_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('audit_log_user_fk',
         'FOREIGN KEY (department_id, user_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('audit_log_action_ck', 'CHECK ((action <> ''''::text))') $$,
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
        ('audit_log_user_id_ix'::name, false,
         'btree (department_id, user_id, created_at DESC) WHERE (user_id IS NOT NULL)'),
        ('audit_log_entity_ix', false, 'btree (department_id, entity_type, entity_id)'),
        ('audit_log_created_at_ix', false, 'btree (department_id, created_at DESC)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('audit_log_forbid_by_hand_tg'::name,
         'BEFORE INSERT ON agentcore.audit_log FOR EACH ROW WHEN ((starts_with(new.action, '
         '''approval.''::text) OR starts_with(new.action, ''pii.''::text))) EXECUTE FUNCTION '
         'agentcore.forbid_by_hand()'),
        ('audit_log_forbid_update_tg',
         'BEFORE UPDATE ON agentcore.audit_log FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('audit_log_forbid_delete_tg',
         'BEFORE DELETE ON agentcore.audit_log FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()'),
        ('audit_log_forbid_truncate_tg',
         'BEFORE TRUNCATE ON agentcore.audit_log FOR EACH STATEMENT EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.users (department_id, id, email, name) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a2',
        'ben@example.org', 'Ben'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
        'cleo@example.org', 'Cleo'
    );
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.audit_log (user_id, action, ip_address)
VALUES ('5e000000-0000-4000-8000-0000000000a1', 'login', '192.0.2.1');
SELECT throws_ok(
    $$ INSERT INTO agentcore.audit_log (action) VALUES ('') $$,
    '23514',
    'new row for relation "audit_log" violates check constraint "audit_log_action_ck"',
    'an entry says what was done'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.audit_log (user_id, action)
       VALUES ('5e000000-0000-4000-8000-0000000000b1', 'login') $$,
    '23503',
    NULL,
    'and who did it is known in the department'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(
        'INSERT INTO agentcore.audit_log (department_id, action) VALUES (%L, %L)',
        '00000000-0000-4000-8000-00000000000a', action
    ),
    '42501',
    'agentcore.audit_log: these values are not written by hand',
    format('muniment_app does not log %s: the function that does it logs it', action)
)
FROM unnest(ARRAY['approval.approved', 'pii.read']) AS action;
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    format(
        'INSERT INTO agentcore.audit_log (department_id, action) VALUES (%L, %L)',
        '00000000-0000-4000-8000-00000000000a', action
    ),
    '42501',
    'agentcore.audit_log: these values are not written by hand',
    format('muniment_service does not log %s: the function that does it logs it', action)
)
FROM unnest(ARRAY['approval.approved', 'pii.read']) AS action;
SELECT lives_ok(
    $$ INSERT INTO agentcore.audit_log (department_id, action)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'approvals.listed') $$,
    'but it logs what it does itself'
);
RESET ROLE;
SELECT throws_ok(
    statement,
    'MU001',
    format('agentcore.audit_log is append-only: %s refused', name),
    format('not even a superuser''s %s touches the trail', name)
)
FROM (
    VALUES
        ('update', 'UPDATE agentcore.audit_log SET action = action'),
        ('delete', 'DELETE FROM agentcore.audit_log'),
        ('truncate', 'TRUNCATE agentcore.audit_log')
) AS attempt (name, statement);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'audit_log', ARRAY[
        'audit_log_tenant', 'audit_log_tenant_guard', 'audit_log_service'
    ],
    'no other policy widens access to audit_log'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('audit_log'::name, 'muniment_app', 'SELECT'),
        ('audit_log', 'muniment_reader', 'SELECT') $$,
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
        ('audit_log'::name, 'muniment_app', 'INSERT',
         'department_id, id, user_id, action, entity_type, entity_id, changes, '
         'ip_address, user_agent'),
        ('audit_log', 'muniment_service', 'INSERT',
         'department_id, id, user_id, action, entity_type, entity_id, changes, '
         'ip_address, user_agent') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
