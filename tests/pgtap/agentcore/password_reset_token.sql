-- Subject: agentcore.password_reset_token    Docs: docs/schema/agentcore.md#password-reset-token
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['agentcore.password_reset_token']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('password_reset_token'::text, 'department_id'::text, 'uuid', true, NULL),
        ('password_reset_token', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('password_reset_token', 'user_id', 'uuid', true, NULL),
        ('password_reset_token', 'token', 'bytea', true, NULL),
        ('password_reset_token', 'expires_at', 'timestamp with time zone', true, NULL),
        ('password_reset_token', 'used_at', 'timestamp with time zone', false, NULL),
        ('password_reset_token', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('password_reset_token_pk'::name, 'PRIMARY KEY (department_id, id)'),
        ('password_reset_token_token_uq', 'UNIQUE (token)'),
        ('password_reset_token_user_fk',
         'FOREIGN KEY (department_id, user_id) REFERENCES '
         'agentcore.department_member(department_id, user_id) ON DELETE RESTRICT'),
        ('password_reset_token_token_ck', 'CHECK ((octet_length(token) = 32))'),
        ('password_reset_token_expires_at_ck', 'CHECK ((expires_at > created_at))') $$,
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
        ('password_reset_token_user_id_ix'::name, false, 'btree (department_id, user_id)'),
        ('password_reset_token_open_uq', true,
         'btree (department_id, user_id) WHERE (used_at IS NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
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
INSERT INTO agentcore.password_reset_token (department_id, user_id, token, expires_at) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
        sha256('link'), now() + '1 hour'
    );
SELECT throws_ok(
    format('UPDATE agentcore.password_reset_token SET %I = %L', name, value),
    '23514',
    format(
        'new row for relation "password_reset_token" violates check constraint '
        '"password_reset_token_%s_ck"',
        name
    ),
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES ('token', '\x00'), ('expires_at', '-infinity')
) AS attempt (name, value);
SELECT throws_ok(
    $$ INSERT INTO agentcore.password_reset_token (department_id, user_id, token, expires_at)
       VALUES (
           '00000000-0000-4000-8000-00000000000b', '5e000000-0000-4000-8000-0000000000b1',
           sha256('link'), now() + '1 hour'
       ) $$,
    '23505',
    'duplicate key value violates unique constraint "password_reset_token_token_uq"',
    'a link is one user''s'
);
SELECT throws_ok(
    $$ INSERT INTO agentcore.password_reset_token (department_id, user_id, token, expires_at)
       VALUES (
           '00000000-0000-4000-8000-00000000000a', '5e000000-0000-4000-8000-0000000000a1',
           sha256('other'), now() + '1 hour'
       ) $$,
    '23505',
    'duplicate key value violates unique constraint "password_reset_token_open_uq"',
    'a user has one open link'
);
SELECT throws_ok(
    $$ UPDATE agentcore.password_reset_token
       SET user_id = '5e000000-0000-4000-8000-0000000000b1' $$,
    '23503',
    NULL,
    'a link of a department is for a user of it'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'agentcore', 'password_reset_token', ARRAY[
        'password_reset_token_tenant', 'password_reset_token_tenant_guard',
        'password_reset_token_service'
    ],
    'no other policy widens access to password_reset_token'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('password_reset_token'::name, 'muniment_service', 'SELECT') $$,
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
        ('password_reset_token'::name, 'muniment_app', 'SELECT',
         'department_id, id, user_id, expires_at, used_at, created_at'),
        ('password_reset_token', 'muniment_reader', 'SELECT',
         'department_id, id, user_id, expires_at, used_at, created_at'),
        ('password_reset_token', 'muniment_service', 'INSERT',
         'department_id, id, user_id, token, expires_at'),
        ('password_reset_token', 'muniment_service', 'UPDATE',
         'used_at') $$,
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
        ('password_reset_token', 'token')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
