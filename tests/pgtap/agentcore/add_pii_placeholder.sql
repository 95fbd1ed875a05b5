-- Subject: agentcore.add_pii_placeholder()    Docs: docs/schema/agentcore.md#add-pii-placeholder
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'add_pii_placeholder', ARRAY['uuid', 'text', 'bytea'], 'text',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'add_pii_placeholder', ARRAY['uuid', 'text', 'bytea'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'add_pii_placeholder', ARRAY['uuid', 'text', 'bytea'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'add_pii_placeholder', ARRAY['uuid', 'text', 'bytea'], 'muniment_owner',
    'the migrations own it'
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
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a1', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );
INSERT INTO agentcore.conversation (id, user_id, channel, namespace_id) VALUES
    (
        'c0000000-0000-4000-8000-0000000000a2', '5e000000-0000-4000-8000-0000000000a1', 'web',
        '4a000000-0000-4000-8000-0000000000a1'
    );

SET LOCAL ROLE muniment_app;
SELECT is(
    agentcore.add_pii_placeholder('c0000000-0000-4000-8000-0000000000a1', 'EMAIL', '\x01'),
    '[EMAIL_1]', 'the first is 1'
);
SELECT is(
    agentcore.add_pii_placeholder('c0000000-0000-4000-8000-0000000000a1', 'EMAIL', '\x02'),
    '[EMAIL_2]', 'the second is 2'
);
SELECT is(
    agentcore.add_pii_placeholder('c0000000-0000-4000-8000-0000000000a1', 'IBAN', '\x03'),
    '[IBAN_1]', 'each type counts apart'
);
SELECT is(
    agentcore.add_pii_placeholder(
        'c0000000-0000-4000-8000-0000000000a2', 'EMAIL', '\x04'
    ),
    '[EMAIL_1]', 'and each conversation'
);
INSERT INTO agentcore.pii_redaction_map
    (conversation_id, placeholder, entity_type, encrypted_value)
VALUES
    ('c0000000-0000-4000-8000-0000000000a2', '[EMAIL_2]', 'EMAIL', '\x05'),
    ('c0000000-0000-4000-8000-0000000000a2', '[EMAIL_999999999]', 'EMAIL', '\x05'),
    ('c0000000-0000-4000-8000-0000000000a2', 'the boss', 'EMAIL', '\x06');
SELECT is(
    agentcore.add_pii_placeholder('c0000000-0000-4000-8000-0000000000a2', 'EMAIL', '\x07'),
    expected,
    format('%s is free beside what a runtime wrote itself', expected)
)
FROM unnest(ARRAY['[EMAIL_3]', '[EMAIL_4]']) AS expected;
SELECT throws_ok(
    format(
        'SELECT agentcore.add_pii_placeholder(%L, %L, ''\x05'')',
        'c0000000-0000-4000-8000-0000000000a1', type
    ),
    '22023',
    'entity_type is malformed',
    format('%L is not a type', type)
)
FROM unnest(ARRAY['', 'email', '[X]', '1_X', NULL]) AS type;
INSERT INTO agentcore.pii_redaction_map
    (conversation_id, placeholder, entity_type, encrypted_value)
VALUES ('c0000000-0000-4000-8000-0000000000a1', '[PHONE_1]', 'TELEPHONE', '\x06');
SELECT is(
    agentcore.add_pii_placeholder('c0000000-0000-4000-8000-0000000000a1', 'PHONE', '\x07'),
    '[PHONE_2]', 'a number is free when no placeholder has it, whatever its type is called'
);
SELECT throws_ok(
    $$ SELECT agentcore.add_pii_placeholder(
           '00000000-0000-4000-8000-0000000000ff', 'EMAIL', '\x05'
       ) $$,
    'MU436',
    format('conversation %s is not there', '00000000-0000-4000-8000-0000000000ff'),
    'a placeholder stands in a conversation'
);
SELECT throws_ok(
    $$ SELECT agentcore.add_pii_placeholder(
           'c0000000-0000-4000-8000-0000000000a1', 'EMAIL', NULL
       ) $$,
    '23502',
    NULL,
    'and for something'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT agentcore.add_pii_placeholder(
           'c0000000-0000-4000-8000-0000000000a1', 'EMAIL', '\x05'
       ) $$,
    'MU436',
    format('conversation %s is not there', 'c0000000-0000-4000-8000-0000000000a1'),
    'a conversation of another department is not there'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT placeholder, encrypted_value
       FROM agentcore.pii_redaction_map
       WHERE conversation_id = 'c0000000-0000-4000-8000-0000000000a1'
       ORDER BY placeholder $$,
    $$ VALUES ('[EMAIL_1]', '\x01'::bytea), ('[EMAIL_2]', '\x02'), ('[IBAN_1]', '\x03'),
        ('[PHONE_1]', '\x06'), ('[PHONE_2]', '\x07') $$,
    'what they stand for is kept'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.add_pii_placeholder(uuid, text, bytea)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
