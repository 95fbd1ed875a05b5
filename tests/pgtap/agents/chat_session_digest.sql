-- Subject: agents.chat_session_digest()    Docs: docs/schema/agents.md#chat-session-digest
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.chat_session_digest' $$,
    $$ VALUES (
        'p_session agents.chat_session',
        'bytea',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader, muniment_service'
    ) $$,
    'a hash of what it is given, for whoever seals or verifies'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
INSERT INTO agents.chat_session (firm_id, session_id, created_at, channel, metadata) VALUES
    (test_support.id('a'), test_support.id('a5'), '2026-06-15 12:00:00+00', 'web', '{"a": 1}');
CREATE TEMPORARY TABLE subject AS
SELECT t AS row_of
FROM agents.chat_session AS t
WHERE session_id = test_support.id('a5');

SELECT is(
    (SELECT agents.chat_session_digest(row_of) FROM subject),
    sha256(convert_to(
        '{00000000-0000-4000-8000-00000000000a,00000000-0000-4000-8000-0000000000a5,NULL,'
        'NULL,NULL,NULL,web,1781524800.000000,NULL}',
        'UTF8'
    )),
    'it hashes the text of the columns'
);

-- Every column that there is, to another value of its type.
SELECT is(
    (
        SELECT agents.chat_session_digest(jsonb_populate_record(row_of, jsonb_build_object(
            attname,
            CASE format_type(atttypid, NULL)
                WHEN 'uuid' THEN test_support.id('9')::text
                WHEN 'timestamp with time zone' THEN '2026-06-15 12:00:59.999999+00'
                WHEN 'text' THEN 'another'
                WHEN 'bytea' THEN sha256('another')::text
                WHEN 'jsonb' THEN '{}'
                WHEN 'boolean' THEN 'true'
                ELSE '99'
            END
        ))) = agents.chat_session_digest(row_of)
        FROM subject
    ),
    attname IN (
        'title', 'status', 'last_turn_no', 'last_turn_at', 'closed_at', 'metadata'
    ),
    format('it covers %s, unless it goes on after a run', attname)
)
FROM pg_attribute
WHERE attrelid = 'agents.chat_session'::regclass
    AND attnum > 0
    AND NOT attisdropped
ORDER BY attnum;

CREATE TEMPORARY TABLE expected AS
SELECT agents.chat_session_digest(row_of) AS digest
FROM subject;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SET LOCAL intervalstyle = 'iso_8601';
SELECT is(
    (SELECT agents.chat_session_digest(row_of) FROM subject),
    (SELECT digest FROM expected),
    'no setting changes it'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
