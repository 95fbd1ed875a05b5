-- Subject: open_agents.chats    Docs: docs/schema/open_agents.md#chats
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.chats']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('chats'::text, 'account_id'::text, 'uuid', true, 'platform.current_tenant_id()'),
        ('chats', 'id', 'text', true, NULL),
        ('chats', 'session_id', 'text', true, NULL),
        ('chats', 'title', 'text', false, NULL),
        ('chats', 'model_id', 'text', false, NULL),
        ('chats', 'last_message_no', 'integer', true, '0'),
        ('chats', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('chats', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('chats_pk'::name, 'PRIMARY KEY (account_id, id)'),
        ('chats_session_fk',
         'FOREIGN KEY (account_id, session_id) REFERENCES open_agents.sessions(account_id, '
         'id) ON DELETE CASCADE'),
        ('chats_id_ck', 'CHECK ((id <> ''''::text))'),
        ('chats_last_message_no_ck', 'CHECK ((last_message_no >= 0))') $$,
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
        ('chats_session_id_ix'::name, false, 'btree (account_id, session_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('chats_set_updated_at_tg'::name,
         'BEFORE UPDATE ON open_agents.chats FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('chats_forbid_renumber_tg',
         'BEFORE UPDATE OF last_message_no ON open_agents.chats FOR EACH ROW WHEN '
         '(((new.last_message_no <> old.last_message_no) AND ((new.last_message_no <> '
         '(old.last_message_no + 1)) OR (pg_trigger_depth() = 0)))) EXECUTE FUNCTION '
         'open_agents.forbid_renumber()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO open_agents.accounts (id) VALUES
    ('00000000-0000-4000-8000-00000000000a'), ('00000000-0000-4000-8000-00000000000b');
INSERT INTO open_agents.sessions (account_id, id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 's1'), ('00000000-0000-4000-8000-00000000000a', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 's1');
INSERT INTO open_agents.chats (account_id, id, session_id) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', 's1'),
    ('00000000-0000-4000-8000-00000000000a', 'c2', 's2'),
    ('00000000-0000-4000-8000-00000000000b', 'c1', 's1');

SELECT throws_ok(
    format('UPDATE open_agents.chats SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (VALUES ('id', '')) AS attempt (name, value);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chats (account_id, id, session_id, last_message_no)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'c3', 's1', -1) $$,
    '23514',
    NULL,
    'a chat does not count from below nothing'
);
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET session_id = 's2'
       WHERE account_id = '00000000-0000-4000-8000-00000000000b' $$,
    '23503',
    NULL,
    'a chat cannot be in a session of another account'
);
SELECT throws_ok(
    $$ UPDATE open_agents.chats
       SET account_id = '00000000-0000-4000-8000-00000000000b' WHERE id = 'c2' $$,
    '23503',
    NULL,
    'nor can it leave its session for another account'
);

INSERT INTO open_agents.chat_messages (account_id, id, chat_id, role, parts) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'm1', 'c1', 'user', '[]');
SELECT throws_ok(
    format('UPDATE open_agents.chats SET last_message_no = %s WHERE last_message_no = 1', value),
    'MU401',
    format('last_message_no of chat c1 cannot go from 1 to %s', value),
    format('the count cannot go from 1 to %s', value)
)
FROM (VALUES (0), (2), (3)) AS attempt (value);
SELECT lives_ok(
    $$ UPDATE open_agents.chats SET last_message_no = last_message_no, title = 'T' $$,
    'the count may be written as it is'
);

INSERT INTO open_agents.chats (account_id, id, session_id, updated_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c3', 's1', '2026-06-10 12:00+00');
UPDATE open_agents.chats SET title = 'T' WHERE id = 'c3';
SELECT is(
    (SELECT updated_at FROM open_agents.chats WHERE id = 'c3'),
    now(),
    'the time of the last change is noted'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ INSERT INTO open_agents.chats (id, session_id) VALUES ('c4', 's1') $$,
    'a client that does not know the account need not name it'
);
SELECT throws_ok(
    $$ UPDATE open_agents.chats SET session_id = 's2' $$,
    '42501',
    NULL,
    'a runtime moves no chat'
);
SELECT throws_ok(
    format(
        'INSERT INTO open_agents.chats (id, session_id, %I) VALUES (%L, %L, %L)',
        name, 'c5', 's1', value
    ),
    '42501',
    NULL,
    format('a runtime does not choose %s', name)
)
FROM (
    VALUES ('last_message_no', '2147483647'), ('created_at', '2026-06-10 12:00+00')
) AS attempt (name, value);
RESET ROLE;
RESET app.tenant_id;
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ INSERT INTO open_agents.chats (id, session_id) VALUES ('c5', 's1') $$,
    '42501',
    NULL,
    'the backend, which has no account of its own, has to name one'
);
RESET ROLE;

DELETE FROM open_agents.sessions
WHERE account_id = '00000000-0000-4000-8000-00000000000a'
    AND id = 's1';
SELECT results_eq(
    $$ SELECT account_id, id FROM open_agents.chats ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'c1'),
        ('00000000-0000-4000-8000-00000000000a', 'c2') $$,
    'a session that is removed takes its chats, and not those of a session of the same id'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'chats', ARRAY['chats_tenant', 'chats_tenant_guard', 'chats_service'],
    'no other policy widens access to chats'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('chats'::name, 'muniment_app', 'DELETE'),
        ('chats', 'muniment_app', 'SELECT'),
        ('chats', 'muniment_reader', 'SELECT'),
        ('chats', 'muniment_service', 'DELETE'),
        ('chats', 'muniment_service', 'SELECT') $$,
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
        ('chats'::name, 'muniment_app', 'INSERT',
         'account_id, id, session_id, title, model_id, updated_at'),
        ('chats', 'muniment_app', 'UPDATE',
         'title, model_id, last_message_no, updated_at'),
        ('chats', 'muniment_service', 'INSERT',
         'account_id, id, session_id, title, model_id, updated_at'),
        ('chats', 'muniment_service', 'UPDATE',
         'title, model_id, last_message_no, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
