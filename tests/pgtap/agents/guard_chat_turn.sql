-- Subject: agents.guard_chat_turn()    Docs: docs/schema/agents.md#guard-chat-turn
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(37);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.guard_chat_turn' $$,
    $$ VALUES (
        '',
        'trigger',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        NULL::text
    ) $$,
    'a trigger function: it acts with the rights of whoever changes a row, and nobody calls it'
);

-- Behaviour -----------------------------------------------------------------

SELECT set_eq(
    $$ SELECT tgrelid::regclass::text, tgenabled::text,
           substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER) \w+')
       FROM pg_trigger
       WHERE tgname = 'chat_turn_guard_tg' $$,
    $$ SELECT relid::text, 'O' AS enabled, 'BEFORE UPDATE' AS event
       FROM pg_partition_tree('agents.chat_turn') $$,
    'it looks at every row that changes, in every month'
);

SELECT test_support.record_turn(
    'a', 'a1', 'a5', 1, '2026-06-15 12:00:00+00', 'a secret', '{"content_preview": "a"}'
);
SELECT test_support.record_turn(
    'a', 'a2', 'a5', 2, '2026-06-15 12:00:00+00', 'none',
    '{
        "content_storage": null, "content_inline": null, "content_sha256": null,
        "content_bytes": null
    }'
);

-- Every column that there is, to another value of its type.
SELECT is(
    test_support.answer_to(
        format(
            'UPDATE agents.chat_turn SET %I = %s WHERE turn_id = :a1',
            attname,
            CASE format_type(atttypid, NULL)
                WHEN 'uuid' THEN ':9'
                WHEN 'timestamp with time zone' THEN $$'2026-06-15 12:00:01+00'$$
                WHEN 'text' THEN $$'another'$$
                WHEN 'bytea' THEN $$sha256('another')$$
                WHEN 'jsonb' THEN $$'{"another": 1}'$$
                ELSE '99'
            END
        )
    ),
    'MU001 turn a1 does not change',
    format('%s does not change', attname)
)
FROM pg_attribute
WHERE attrelid = 'agents.chat_turn'::regclass
    AND attnum > 0
    AND NOT attisdropped
ORDER BY attnum;

SELECT is(
    test_support.answer_to(format('UPDATE agents.chat_turn SET %s', change)), answer, promise
)
FROM (
    VALUES
        ($$ content_storage = 'redacted', content_inline = NULL, content_preview = NULL
            WHERE turn_id = :a1 $$,
         'accepted', 'the body of a turn is taken away'),
        ($$ content_storage = 'redacted', content_inline = NULL WHERE turn_id = :a1 $$,
         'MU001 turn a1 does not change', 'and with it what was shown of it'),
        ($$ content_storage = 'redacted', content_inline = NULL, content_preview = NULL,
                content_bytes = 1
            WHERE turn_id = :a1 $$,
         'MU001 turn a1 does not change', 'but not how long it was'),
        ($$ content_storage = 'redacted', content_inline = NULL, content_preview = NULL,
                role = 'assistant'
            WHERE turn_id = :a1 $$,
         'MU001 turn a1 does not change', 'nor who said it'),
        ($$ content_storage = 'redacted' WHERE turn_id = :a2 $$,
         'MU001 turn a2 does not change', 'what has no body has none to take away'),
        ($$ turn_no = turn_no WHERE turn_id = :a1 $$,
         'MU001 turn a1 does not change', 'not even nothing changes')
) AS attempt (change, answer, promise);

UPDATE agents.chat_turn
SET content_storage = 'redacted', content_inline = NULL, content_preview = NULL
WHERE turn_id = test_support.id('a1');
SELECT is(
    test_support.answer_to(
        $$ UPDATE agents.chat_turn SET content_storage = 'redacted' WHERE turn_id = :a1 $$
    ),
    'MU001 turn a1 does not change',
    'a body is taken away once'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
