-- Subject: agentcore.employee_profile    Docs: docs/schema/agentcore.md#employee-profile
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.employee_profile']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('employee_profile'::text, 'department_id'::text, 'uuid', true,
         'platform.current_tenant_id()'),
        ('employee_profile', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('employee_profile', 'user_id', 'uuid', true, NULL),
        ('employee_profile', 'summary', 'text', false, NULL),
        ('employee_profile', 'current_projects', 'jsonb', true, '''[]''::jsonb'),
        ('employee_profile', 'preferences', 'jsonb', true, '''{}''::jsonb'),
        ('employee_profile', 'frequent_intents', 'jsonb', true, '''[]''::jsonb'),
        ('employee_profile', 'access_level', 'text', false, NULL),
        ('employee_profile', 'profile_version', 'integer', true, '1'),
        ('employee_profile', 'last_extracted_at', 'timestamp with time zone', false, NULL),
        ('employee_profile', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('employee_profile_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('employee_profile_user_uq', 'UNIQUE (department_id, user_id)'),
        ('employee_profile_user_fk',
         'FOREIGN KEY (department_id, user_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('employee_profile_profile_version_ck', 'CHECK ((profile_version > 0))') $$,
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
        ('employee_profile_raise_profile_version_tg'::name,
         'BEFORE UPDATE ON agentcore.employee_profile FOR EACH ROW EXECUTE FUNCTION '
         'agentcore.raise_profile_version()') $$,
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
INSERT INTO agentcore.employee_profile (user_id, summary)
VALUES ('5e000000-0000-4000-8000-0000000000a1', 'Likes short answers.');
SELECT throws_ok(
    $$ INSERT INTO agentcore.employee_profile (user_id, profile_version)
       VALUES ('5e000000-0000-4000-8000-0000000000a2', 0) $$,
    '23514',
    'new row for relation "employee_profile" violates check constraint '
    '"employee_profile_profile_version_ck"',
    'versions begin at 1'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.employee_profile (user_id)
       VALUES ('5e000000-0000-4000-8000-0000000000a1') $$,
    '23505',
    'duplicate key value violates unique constraint "employee_profile_user_uq"',
    'a user has one profile in a department'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.employee_profile (user_id)
       VALUES ('5e000000-0000-4000-8000-0000000000b1') $$,
    '23503',
    NULL,
    'a profile of a department is of a user of it'
);
UPDATE agentcore.employee_profile SET summary = 'Likes long answers.';
SELECT results_eq(
    $$ SELECT profile_version FROM agentcore.employee_profile $$,
    $$ VALUES (2) $$,
    'each change is a version'
);
SELECT throws_ok(
    $$ DELETE FROM agentcore.department_member
       WHERE user_id = '5e000000-0000-4000-8000-0000000000a1' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a user of whom something is known stays known'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'employee_profile', ARRAY[
        'employee_profile_tenant', 'employee_profile_tenant_guard'
    ],
    'no other policy widens access to employee_profile'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('employee_profile'::name, 'muniment_app', 'DELETE'),
        ('employee_profile', 'muniment_app', 'INSERT'),
        ('employee_profile', 'muniment_app', 'SELECT'),
        ('employee_profile', 'muniment_reader', 'SELECT') $$,
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
        ('employee_profile'::name, 'muniment_app', 'UPDATE',
         'summary, current_projects, preferences, frequent_intents, access_level, '
         'last_extracted_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
