-- Subject: agents.chat_session    Docs: docs/schema/agents.md#chat-session
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(67);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid = 'agents.chat_session'::regclass AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('firm_id'::name, 'uuid', true, NULL),
        ('session_id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('subject_type', 'text', false, NULL),
        ('subject_id', 'text', false, NULL),
        ('actor_type', 'text', false, NULL),
        ('actor_id', 'text', false, NULL),
        ('channel', 'text', false, NULL),
        ('title', 'text', false, NULL),
        ('status', 'text', true, '''open''::text'),
        ('last_turn_no', 'integer', true, '0'),
        ('last_turn_at', 'timestamp with time zone', false, NULL),
        ('created_at', 'timestamp with time zone', true, 'now()'),
        ('closed_at', 'timestamp with time zone', false, NULL),
        ('idempotency_key', 'text', false, NULL),
        ('metadata', 'jsonb', true, '''{}''::jsonb') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid = 'agents.chat_session'::regclass
           AND contype IN ('p', 'u', 'f')
           AND convalidated $$,
    $$ VALUES
        ('chat_session_pk'::name, 'PRIMARY KEY (firm_id, session_id)'),
        ('chat_session_idempotency_key_uq', 'UNIQUE (firm_id, idempotency_key)') $$,
    'every key begins with the firm'
);
SELECT set_eq(
    $$ SELECT conname
       FROM pg_constraint
       WHERE conrelid = 'agents.chat_session'::regclass AND contype = 'c' AND convalidated $$,
    ARRAY[
        'chat_session_subject_ck', 'chat_session_actor_ck', 'chat_session_status_ck',
        'chat_session_closed_when_not_open_ck', 'chat_session_last_turn_no_ck',
        'chat_session_last_turn_at_ck', 'chat_session_times_are_finite_ck',
        'chat_session_idempotency_key_ck', 'chat_session_metadata_ck'
    ]::name[],
    'the rules are those that are tried below'
);
SELECT set_eq(
    $$ SELECT indexrelid::regclass::text, indisunique,
           substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       WHERE indrelid = 'agents.chat_session'::regclass AND indisvalid $$,
    $$ VALUES
        ('agents.chat_session_pk', true, 'btree (firm_id, session_id)'),
        ('agents.chat_session_idempotency_key_uq', true, 'btree (firm_id, idempotency_key)'),
        ('agents.chat_session_created_at_ix', false, 'btree (firm_id, created_at DESC)'),
        ('agents.chat_session_subject_ix', false,
         'btree (firm_id, subject_type, subject_id, created_at DESC) '
         'WHERE (subject_id IS NOT NULL)') $$,
    'the indexes are those of the keys, of the list of a firm and of one subject'
);
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.chat_session'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('chat_session_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.chat_session FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('chat_session_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.chat_session FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('chat_session_guard_tg', 'O',
         'BEFORE UPDATE ON agents.chat_session FOR EACH ROW '
         'EXECUTE FUNCTION agents.guard_chat_session()') $$,
    'what is triggered is the refusal to lose a row, and the guard of what changes'
);
SELECT set_eq(
    $$ SELECT relrowsecurity, relforcerowsecurity, relowner::regrole::text
       FROM pg_class
       WHERE oid = 'agents.chat_session'::regclass $$,
    $$ VALUES (true, true, 'muniment_owner') $$,
    'row security binds its owner too'
);
SELECT set_eq(
    $$ SELECT policyname, permissive, cmd, roles::text
       FROM pg_policies
       WHERE schemaname = 'agents' AND tablename = 'chat_session' $$,
    $$ VALUES
        ('chat_session_tenant'::name, 'PERMISSIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('chat_session_tenant_guard', 'RESTRICTIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('chat_session_service', 'PERMISSIVE', 'ALL', '{muniment_service}') $$,
    'one policy lets the tenant in, one keeps the others out, one is for the backend of all firms'
);
SELECT is_empty(
    $$ SELECT policyname, qual, with_check
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename = 'chat_session'
           AND policyname <> 'chat_session_service'
           AND (qual, with_check) IS DISTINCT FROM (
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           ) $$,
    'both compare the firm with the tenant, which is asked for once a statement'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a session with these differences from a good one: accepted, or the SQLSTATE and
-- the name of the rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.chat_session
    SELECT session.*
    FROM jsonb_populate_record(
        NULL::agents.chat_session,
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "session_id": "5e550000-0000-4000-8000-0000000000a1",
            "status": "open", "last_turn_no": 0, "created_at": "2026-06-15T00:00:00Z",
            "metadata": {}
        }'::jsonb || p_difference
    ) AS session;
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');

INSERT INTO agents.chat_session (firm_id) VALUES ('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT status, last_turn_no, last_turn_at, created_at, closed_at, metadata
       FROM agents.chat_session $$,
    $$ VALUES ('open', 0, NULL::timestamptz, now(), NULL::timestamptz, '{}'::jsonb) $$,
    'a session needs no more than its firm, and begins open and empty'
);
SELECT matches(
    (SELECT session_id::text FROM agents.chat_session),
    '^.{14}7',
    'the id of a session is made in the order of time'
);

SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a session is accepted'),
        ('{"firm_id": null}', '42501 new row violates row-level security policy for table '
         '"chat_session"', 'a session has a firm'),

        -- What it is about.
        ('{"subject_type": "matter", "subject_id": "M-1"}', 'accepted',
         'a session may be about something'),
        ('{"subject_type": "form_1040z", "subject_id": "9"}', 'accepted',
         'kinds of subjects have digits and _ too, and a subject may be short'),
        ('{"subject_type": "matter"}', '23514 chat_session_subject_ck',
         'a kind of subject without the subject is refused'),
        ('{"subject_id": "M-1"}', '23514 chat_session_subject_ck',
         'a subject without its kind is refused'),
        ('{"subject_type": "Matter", "subject_id": "M-1"}', '23514 chat_session_subject_ck',
         'a kind of subject is a word in lower case'),
        ('{"subject_type": "", "subject_id": "M-1"}', '23514 chat_session_subject_ck',
         'an empty kind of subject is refused'),
        (jsonb_build_object('subject_type', repeat('m', 63), 'subject_id', 'M-1'), 'accepted',
         'a kind of subject has up to 63 characters'),
        (jsonb_build_object('subject_type', repeat('m', 64), 'subject_id', 'M-1'),
         '23514 chat_session_subject_ck', 'a longer kind of subject is refused'),
        ('{"subject_type": "matter", "subject_id": ""}', '23514 chat_session_subject_ck',
         'an empty subject is refused'),
        (jsonb_build_object('subject_type', 'matter', 'subject_id', repeat('ü', 200)), 'accepted',
         'a subject has up to 200 characters'),
        (jsonb_build_object('subject_type', 'matter', 'subject_id', repeat('ü', 201)),
         '23514 chat_session_subject_ck', 'a longer subject is refused'),

        -- Who opened it.
        ('{"actor_type": "user", "actor_id": "U-1"}', 'accepted', 'a user may open a session'),
        ('{"actor_type": "service", "actor_id": "S-1"}', 'accepted',
         'a service may open a session'),
        ('{"actor_type": "schedule", "actor_id": "nightly"}', 'accepted',
         'a schedule may open a session'),
        ('{"actor_type": "agent", "actor_id": "A-1"}', 'accepted', 'an agent may open a session'),
        ('{"actor_type": "ghost", "actor_id": "G-1"}', '23514 chat_session_actor_ck',
         'another kind of actor is refused'),
        ('{"actor_type": "user"}', '23514 chat_session_actor_ck',
         'a kind of actor without the actor is refused'),
        ('{"actor_id": "U-1"}', '23514 chat_session_actor_ck',
         'an actor without its kind is refused'),
        ('{"actor_type": "user", "actor_id": ""}', '23514 chat_session_actor_ck',
         'an empty actor is refused'),
        ('{"actor_type": "user", "actor_id": "9"}', 'accepted', 'an actor may be short'),
        (jsonb_build_object('actor_type', 'user', 'actor_id', repeat('ü', 200)), 'accepted',
         'an actor has up to 200 characters'),
        (jsonb_build_object('actor_type', 'user', 'actor_id', repeat('ü', 201)),
         '23514 chat_session_actor_ck', 'a longer actor is refused'),

        -- Where it stands.
        ('{"status": "closed", "closed_at": "2026-06-16T00:00:00Z"}', 'accepted',
         'a session may be closed'),
        ('{"status": "archived", "closed_at": "2026-06-16T00:00:00Z"}', 'accepted',
         'a session may be archived'),
        ('{"status": "lost", "closed_at": "2026-06-16T00:00:00Z"}', '23514 chat_session_status_ck',
         'another status is refused'),
        ('{"status": "closed"}', '23514 chat_session_closed_when_not_open_ck',
         'a closed session says since when'),
        ('{"status": "archived"}', '23514 chat_session_closed_when_not_open_ck',
         'an archived session says since when'),
        ('{"closed_at": "2026-06-16T00:00:00Z"}', '23514 chat_session_closed_when_not_open_ck',
         'an open session was not closed'),

        -- How far it got.
        ('{"last_turn_no": 1, "last_turn_at": "2026-06-15T00:01:00Z"}', 'accepted',
         'a session with turns knows the time of the latest'),
        ('{"last_turn_no": 1}', '23514 chat_session_last_turn_at_ck',
         'a session with turns and without a time is refused'),
        ('{"last_turn_at": "2026-06-15T00:01:00Z"}', '23514 chat_session_last_turn_at_ck',
         'a session without turns has no time of the latest'),
        ('{"last_turn_no": -1, "last_turn_at": "2026-06-15T00:01:00Z"}',
         '23514 chat_session_last_turn_no_ck', 'a session has no fewer than no turns'),

        -- Times.
        ('{"created_at": "infinity"}', '23514 chat_session_times_are_finite_ck',
         'a session did not begin at the end of time'),
        ('{"created_at": "-infinity"}', '23514 chat_session_times_are_finite_ck',
         'a session did not begin at the beginning of time'),
        ('{"status": "closed", "closed_at": "infinity"}', '23514 chat_session_times_are_finite_ck',
         'a session was not closed at the end of time'),
        ('{"last_turn_no": 1, "last_turn_at": "infinity"}',
         '23514 chat_session_times_are_finite_ck', 'a turn was not made at the end of time'),

        -- What the caller adds.
        (jsonb_build_object('idempotency_key', repeat('ü', 255)), 'accepted',
         'an idempotency key has up to 255 characters'),
        (jsonb_build_object('idempotency_key', repeat('ü', 256)),
         '23514 chat_session_idempotency_key_ck', 'a longer idempotency key is refused'),
        ('{"idempotency_key": "9"}', 'accepted', 'an idempotency key may be short'),
        ('{"idempotency_key": ""}', '23514 chat_session_idempotency_key_ck',
         'an empty idempotency key is refused'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('x', 8183))), 'accepted',
         'metadata has up to 8,192 bytes'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('x', 8184))),
         '23514 chat_session_metadata_ck', 'longer metadata is refused'),
        (jsonb_build_object('metadata', jsonb_build_object('k', repeat('ü', 4092))),
         '23514 chat_session_metadata_ck', 'bytes are counted, not characters'),
        ('{"metadata": []}', '23514 chat_session_metadata_ck', 'metadata is an object')
) AS session (difference, fate, promise);

INSERT INTO agents.chat_session (firm_id, session_id, idempotency_key) VALUES
    (
        '00000000-0000-4000-8000-00000000000a',
        '5e550000-0000-4000-8000-0000000000a2',
        'opened from the matter page'
    );
SELECT is(
    pg_temp.fate_of('{"session_id": "5e550000-0000-4000-8000-0000000000a2"}'),
    '23505 chat_session_pk',
    'an id is used once in a firm'
);
SELECT is(
    pg_temp.fate_of('{"idempotency_key": "opened from the matter page"}'),
    '23505 chat_session_idempotency_key_uq',
    'the same key is the same session'
);

SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    pg_temp.fate_of(
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000b",
            "session_id": "5e550000-0000-4000-8000-0000000000a2",
            "idempotency_key": "opened from the matter page"
        }'
    ),
    'accepted',
    'another firm has ids and keys of its own'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_class, aclexplode(relacl)
       WHERE pg_class.oid = 'agents.chat_session'::regclass AND grantee <> relowner $$,
    $$ VALUES
        ('muniment_app', 'SELECT', false),
        ('muniment_app', 'INSERT', false),
        ('muniment_reader', 'SELECT', false),
        ('muniment_service', 'SELECT', false) $$,
    'agents append and read, readers and the backend read, nobody else does anything'
);
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable,
           string_agg(attname, ' ' ORDER BY attname)
       FROM pg_attribute, aclexplode(attacl)
       WHERE attrelid = 'agents.chat_session'::regclass
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('muniment_app', 'UPDATE', false, 'closed_at last_turn_at last_turn_no status title') $$,
    'agents say how far a conversation has gone, and not what it is about'
);
SELECT throws_ok(
    $$ DELETE FROM agents.chat_session $$,
    'MU001',
    'agents.chat_session is append-only: delete refused',
    'not even a superuser deletes a session'
);
SELECT throws_ok(
    $$ TRUNCATE agents.chat_session CASCADE $$,
    'MU001',
    'agents.chat_session is append-only: truncate refused',
    'not even a superuser empties the table of sessions'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(statement, 'agents.chat_session'),
    '42501',
    'permission denied for table chat_session',
    promise
)
FROM (
    VALUES
        ('UPDATE %s SET firm_id = firm_id', 'an agent cannot rewrite a session'),
        ('DELETE FROM %s', 'an agent cannot delete a session'),
        ('TRUNCATE %s CASCADE', 'an agent cannot empty the table')
) AS attempt (statement, promise);

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ INSERT INTO agents.chat_session DEFAULT VALUES $$,
    '42501',
    'permission denied for table chat_session',
    'a reader cannot write a session'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
