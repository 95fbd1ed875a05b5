-- Subject: open_agents.accounts    Docs: docs/schema/open_agents.md#accounts
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.accounts']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('accounts'::text, 'id'::text, 'uuid', true, NULL),
        ('accounts', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('accounts_pk'::name, 'PRIMARY KEY (id)') $$,
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
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000a', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 's1');

SELECT throws_ok(
    $$ INSERT INTO open_agents.accounts (id) VALUES ('00000000-0000-4000-8000-00000000000a') $$,
    '23505',
    NULL,
    'an account is there once'
);
SET LOCAL ROLE muniment_service;
DELETE FROM open_agents.accounts WHERE id = '00000000-0000-4000-8000-00000000000a';
RESET ROLE;
SELECT results_eq(
    $$ SELECT account_id FROM open_agents.sessions $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000b'::uuid) $$,
    'an account that is removed takes its sessions, and nobody else''s'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ INSERT INTO open_agents.accounts (id) VALUES ('00000000-0000-4000-8000-00000000000b') $$,
    '42501',
    NULL,
    'a runtime makes no account'
);
SELECT throws_ok(
    $$ DELETE FROM open_agents.accounts $$, '42501', NULL, 'nor does it remove one'
);
SELECT results_eq(
    $$ SELECT id FROM open_agents.accounts $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000b'::uuid) $$,
    'it sees that it has one'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'accounts', ARRAY[
        'accounts_tenant', 'accounts_tenant_guard', 'accounts_service'
    ],
    'no other policy widens access to accounts'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('accounts'::name, 'muniment_app', 'SELECT'),
        ('accounts', 'muniment_reader', 'SELECT'),
        ('accounts', 'muniment_service', 'DELETE'),
        ('accounts', 'muniment_service', 'INSERT'),
        ('accounts', 'muniment_service', 'SELECT') $$,
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
