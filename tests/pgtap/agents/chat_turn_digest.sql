-- Subject: agents.chat_turn_digest()    Docs: docs/schema/agents.md#chat-turn-digest
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(32);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.chat_turn_digest' $$,
    $$ VALUES (
        'p_turn agents.chat_turn',
        'bytea',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader, muniment_service'
    ) $$,
    'a hash of what it is given, for whoever seals or verifies'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_turn(
    'a', 'a1', 'a5', 1, '2026-06-15 12:00:00+00', 'Grüße',
    '{"content_preview": "G", "content_bytes": 7, "metadata": {"a": 1}}'
);
CREATE TEMPORARY TABLE subject AS
SELECT t AS row_of
FROM agents.chat_turn AS t
WHERE turn_id = test_support.id('a1');

SELECT is(
    (SELECT agents.chat_turn_digest(row_of) FROM subject),
    sha256(convert_to(
        '{00000000-0000-4000-8000-00000000000a,00000000-0000-4000-8000-0000000000a1,17815'
        '24800.000000,00000000-0000-4000-8000-0000000000a5,1,NULL,NULL,user,NULL,complete'
        ',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,text,"{\"a\": 1}",f83e039796c'
        '6453a10f5519e39fd113901572316a1a8ea07cb525d2801dfd074,7,"{inline,NULL,333e0a1e27'
        '815d0ceee55c473fe3dc93d56c63e3bee2b3b4aee8eed6d70191a3}"}',
        'UTF8'
    )),
    'it hashes the text of the columns'
);

-- Every column that there is, to another value of its type.
SELECT is(
    (
        SELECT agents.chat_turn_digest(jsonb_populate_record(row_of, jsonb_build_object(
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
        ))) = agents.chat_turn_digest(row_of)
        FROM subject
    ),
    attname = 'content_inline',
    format('it covers %s, a body by its hash and length', attname)
)
FROM pg_attribute
WHERE attrelid = 'agents.chat_turn'::regclass
    AND attnum > 0
    AND NOT attisdropped
ORDER BY attnum;

CREATE TEMPORARY TABLE expected AS
SELECT agents.chat_turn_digest(row_of) AS digest
FROM subject;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SET LOCAL intervalstyle = 'iso_8601';
SELECT is(
    (SELECT agents.chat_turn_digest(row_of) FROM subject),
    (SELECT digest FROM expected),
    'no setting changes it'
);

RESET timezone;
INSERT INTO agents.redaction (
    firm_id, table_name, row_id, row_at, body, storage, sha256, bytes, preview_sha256, redacted_by,
    reason
)
SELECT
    firm_id, 'chat_turn', turn_id, created_at, 'content', content_storage, content_sha256,
    content_bytes, sha256(convert_to(content_preview, 'UTF8')), 'U-1', 'asked for'
FROM agents.chat_turn;
UPDATE agents.chat_turn
SET content_storage = 'redacted', content_inline = NULL, content_preview = NULL;
SELECT is(
    (SELECT agents.chat_turn_digest(t) FROM agents.chat_turn AS t),
    (SELECT digest FROM expected),
    'a body that is redacted counts as it did'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
