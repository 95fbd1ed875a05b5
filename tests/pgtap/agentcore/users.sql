-- Subject: agentcore.users    Docs: docs/schema/agentcore.md#users
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(41);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.users']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('users'::text, 'department_id'::text, 'uuid', true, NULL),
        ('users', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('users', 'email', 'text', true, NULL),
        ('users', 'name', 'text', true, NULL),
        ('users', 'phone', 'text', false, NULL),
        ('users', 'password_hash', 'text', false, NULL),
        ('users', 'role', 'text', true, '''employee''::text'),
        ('users', 'role_id', 'uuid', false, NULL),
        ('users', 'avatar_url', 'text', false, NULL),
        ('users', 'token_version', 'integer', true, '0'),
        ('users', 'extra_permissions', 'text[]', true, '''{}''::text[]'),
        ('users', 'revoked_permissions', 'text[]', true, '''{}''::text[]'),
        ('users', 'extra_department_ids', 'uuid[]', true, '''{}''::uuid[]'),
        ('users', 'revoked_department_ids', 'uuid[]', true, '''{}''::uuid[]'),
        ('users', 'is_active', 'boolean', true, 'true'),
        ('users', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('users_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('users_id_uq', 'UNIQUE (id)'),
        ('users_email_uq', 'UNIQUE (email)'),
        ('users_department_fk',
         'FOREIGN KEY (department_id) REFERENCES agentcore.department(id) ON DELETE '
         'RESTRICT'),
        ('users_member_fk',
         'FOREIGN KEY (department_id, id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('users_role_fk',
         'FOREIGN KEY (role_id) REFERENCES agentcore.system_role(id) ON DELETE RESTRICT'),
        ('users_email_ck',
         'CHECK (((email <> ''''::text) AND (email = lower(email)) AND (email !~ '
         '''[[:space:]]''::text)))'),
        ('users_role_ck',
         'CHECK ((role = ANY (ARRAY[''admin''::text, ''approver''::text, '
         '''dept_head''::text, ''employee''::text])))'),
        ('users_token_version_ck', 'CHECK ((token_version >= 0))'),
        ('users_extra_permissions_ck',
         'CHECK ((array_position(extra_permissions, NULL::text) IS NULL))'),
        ('users_revoked_permissions_ck',
         'CHECK ((array_position(revoked_permissions, NULL::text) IS NULL))'),
        ('users_extra_department_ids_ck',
         'CHECK ((array_position(extra_department_ids, NULL::uuid) IS NULL))'),
        ('users_revoked_department_ids_ck',
         'CHECK ((array_position(revoked_department_ids, NULL::uuid) IS NULL))') $$,
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
        ('users_role_id_ix'::name, false, 'btree (role_id) WHERE (role_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('users_raise_token_version_tg'::name,
         'BEFORE UPDATE ON agentcore.users FOR EACH ROW EXECUTE FUNCTION '
         'agentcore.raise_token_version()'),
        ('users_remember_member_tg',
         'BEFORE INSERT OR UPDATE OF department_id ON agentcore.users FOR EACH ROW EXECUTE '
         'FUNCTION agentcore.remember_member()'),
        ('users_void_password_resets_tg',
         'AFTER UPDATE ON agentcore.users FOR EACH ROW WHEN (((new.token_version <> '
         'old.token_version) OR (new.email <> old.email))) EXECUTE FUNCTION '
         'agentcore.void_password_resets()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO agentcore.users (department_id, id, email, name, password_hash) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        'ann@example.org', 'Ann', 'secret'
    );
SELECT results_eq(
    $$ SELECT department_id, user_id, name FROM agentcore.department_member $$,
    $$ VALUES (
           '00000000-0000-4000-8000-00000000000a'::uuid,
           '5e000000-0000-4000-8000-0000000000a1'::uuid, 'Ann'
       ) $$,
    'who is made is known at home'
);
SELECT throws_ok(
    $$ DELETE FROM agentcore.department_member $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'and stays known there'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.users (department_id, email, name)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'ann@example.org', 'Ann') $$,
    '23505',
    'duplicate key value violates unique constraint "users_email_uq"',
    'an address logs in to one account, of whatever department'
);
SELECT throws_ok(
    format('UPDATE agentcore.users SET %I = %L', name, value),
    '23514',
    format('new row for relation "users" violates check constraint "users_%s_ck"', name),
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('email', ''), ('email', 'Ann@example.org'), ('email', 'ann@example.org '), ('role', 'owner'),
        ('extra_permissions', '{NULL}'), ('revoked_permissions', '{NULL}'),
        ('extra_department_ids', '{NULL}'), ('revoked_department_ids', '{NULL}')
) AS attempt (name, value);
SELECT throws_ok(
    $$ INSERT INTO agentcore.users (department_id, email, name, token_version)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'cleo@example.org', 'Cleo', -1) $$,
    '23514',
    'new row for relation "users" violates check constraint "users_token_version_ck"',
    'versions begin at 0'
);
SELECT throws_ok(
    $$ UPDATE agentcore.users SET role_id = '00000000-0000-4000-8000-0000000000ff' $$,
    '23503',
    NULL,
    'a user has a role that is there, or none'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.users (department_id, id, email, name)
       SELECT '00000000-0000-4000-8000-00000000000b', id, 'other@example.org', 'Other'
       FROM agentcore.users $$,
    '23505',
    'duplicate key value violates unique constraint "users_id_uq"',
    'two people are not one member'
);
SELECT throws_ok(
    $$ UPDATE agentcore.users SET department_id = '00000000-0000-4000-8000-0000000000ff' $$,
    '23503',
    NULL,
    'a user has a home that is there'
);
UPDATE agentcore.users SET department_id = '00000000-0000-4000-8000-00000000000b', name = 'Anna';
SELECT set_eq(
    $$ SELECT department_id, name FROM agentcore.department_member $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000a'::uuid, 'Ann'),
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'Anna') $$,
    'who is transferred is known in both departments'
);
SELECT throws_ok(
    $$ DELETE FROM agentcore.department WHERE id = '00000000-0000-4000-8000-00000000000b' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a department that is somebody''s home is not deleted'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format('UPDATE agentcore.users SET %I = DEFAULT', name),
    '42501',
    'permission denied for table users',
    format('a runtime does not write %s', name)
)
FROM unnest(ARRAY[
    'department_id', 'email', 'password_hash', 'role', 'role_id', 'token_version',
    'extra_permissions', 'revoked_permissions', 'extra_department_ids',
    'revoked_department_ids', 'is_active'
]) AS name;
SELECT lives_ok(
    $$ UPDATE agentcore.users SET phone = '+1 555 0100' $$,
    'it writes the profile'
);
SELECT throws_ok(
    $$ SELECT password_hash FROM agentcore.users $$,
    '42501',
    'permission denied for table users',
    'a runtime does not get the hash of a password'
);
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT password_hash FROM agentcore.users WHERE email = 'ann@example.org' $$,
    $$ VALUES ('secret') $$,
    'a login does, in whatever department'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'users', ARRAY['users_tenant', 'users_tenant_guard', 'users_service'],
    'no other policy widens access to users'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('users'::name, 'muniment_service', 'INSERT'),
        ('users', 'muniment_service', 'SELECT') $$,
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
        ('users'::name, 'muniment_app', 'SELECT',
         'department_id, id, email, name, phone, role, role_id, avatar_url, token_version, '
         'extra_permissions, revoked_permissions, is_active, created_at'),
        ('users', 'muniment_app', 'UPDATE',
         'name, phone, avatar_url'),
        ('users', 'muniment_reader', 'SELECT',
         'department_id, id, email, name, phone, role, role_id, avatar_url, token_version, '
         'extra_permissions, revoked_permissions, is_active, created_at'),
        ('users', 'muniment_service', 'UPDATE',
         'department_id, email, name, phone, password_hash, role, role_id, avatar_url, '
         'token_version, extra_permissions, revoked_permissions, extra_department_ids, '
         'revoked_department_ids, is_active') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM agentcore.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('users', 'password_hash'), ('users', 'extra_department_ids'),
        ('users', 'revoked_department_ids')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
