-- Subject: open_agents.chat_reads    Docs: docs/schema/open_agents.md#chat-reads
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['open_agents.chat_reads']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('chat_reads'::text, 'account_id'::text, 'uuid', true, NULL),
        ('chat_reads', 'chat_id', 'text', true, NULL),
        ('chat_reads', 'last_read_message_no', 'integer', true, '0'),
        ('chat_reads', 'last_read_at', 'timestamp with time zone', true, 'now()'),
        ('chat_reads', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('chat_reads', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('chat_reads_pk'::name, 'PRIMARY KEY (account_id, chat_id)'),
        ('chat_reads_account_fk',
         'FOREIGN KEY (account_id) REFERENCES open_agents.accounts(id) ON DELETE CASCADE'),
        ('chat_reads_chat_fk',
         'FOREIGN KEY (account_id, chat_id) REFERENCES open_agents.chats(account_id, id) ON'
         ' DELETE CASCADE'),
        ('chat_reads_last_read_message_no_ck', 'CHECK ((last_read_message_no >= 0))') $$,
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
        ('chat_reads_clamp_marker_tg'::name,
         'BEFORE INSERT OR UPDATE OF last_read_message_no ON open_agents.chat_reads FOR EACH ROW '
         'EXECUTE FUNCTION open_agents.clamp_marker()'),
        ('chat_reads_set_updated_at_tg',
         'BEFORE UPDATE ON open_agents.chat_reads FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
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
INSERT INTO open_agents.chat_reads (account_id, chat_id, updated_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'c1', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000a', 'c2', '2026-06-10 12:00+00'),
    ('00000000-0000-4000-8000-00000000000b', 'c1', '2026-06-10 12:00+00');

SELECT throws_ok(
    $$ UPDATE open_agents.chat_reads SET last_read_message_no = -1 $$,
    '23514',
    NULL,
    'nobody has read less than nothing'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_reads (account_id, chat_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'c1') $$,
    '23505',
    NULL,
    'there is one marker an account and chat'
);
SELECT throws_ok(
    $$ INSERT INTO open_agents.chat_reads (account_id, chat_id)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'c2') $$,
    '23503',
    NULL,
    'an account reads its own chats'
);
UPDATE open_agents.chat_reads SET last_read_message_no = 3 WHERE chat_id = 'c2';
SELECT is(
    (SELECT updated_at FROM open_agents.chat_reads WHERE chat_id = 'c2'),
    now(),
    'the time of the last change is noted'
);

DELETE FROM open_agents.chats
WHERE account_id = '00000000-0000-4000-8000-00000000000a'
    AND id = 'c1';
SELECT results_eq(
    $$ SELECT account_id, chat_id FROM open_agents.chat_reads ORDER BY chat_id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-00000000000b'::uuid, 'c1'),
        ('00000000-0000-4000-8000-00000000000a', 'c2') $$,
    'a chat that is removed takes its marker'
);
DELETE FROM open_agents.accounts WHERE id = '00000000-0000-4000-8000-00000000000a';
SELECT results_eq(
    $$ SELECT account_id, chat_id FROM open_agents.chat_reads $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000b'::uuid, 'c1') $$,
    'an account that is removed takes its markers'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'open_agents', 'chat_reads', ARRAY[
        'chat_reads_tenant', 'chat_reads_tenant_guard', 'chat_reads_service'
    ],
    'no other policy widens access to chat_reads'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('chat_reads'::name, 'muniment_app', 'DELETE'),
        ('chat_reads', 'muniment_app', 'SELECT'),
        ('chat_reads', 'muniment_reader', 'SELECT'),
        ('chat_reads', 'muniment_service', 'DELETE'),
        ('chat_reads', 'muniment_service', 'SELECT') $$,
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
        ('chat_reads'::name, 'muniment_app', 'INSERT',
         'account_id, chat_id, last_read_message_no, last_read_at, updated_at'),
        ('chat_reads', 'muniment_app', 'UPDATE',
         'last_read_message_no, last_read_at, updated_at'),
        ('chat_reads', 'muniment_service', 'INSERT',
         'account_id, chat_id, last_read_message_no, last_read_at, updated_at'),
        ('chat_reads', 'muniment_service', 'UPDATE',
         'last_read_message_no, last_read_at, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
