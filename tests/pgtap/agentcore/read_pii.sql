-- Subject: agentcore.read_pii()    Docs: docs/schema/agentcore.md#read-pii
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'read_pii', ARRAY['uuid', 'uuid', 'text'], 'setof record',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'read_pii', ARRAY['uuid', 'uuid', 'text'], 'volatile',
    'it may change rows'
);
SELECT is_definer(
    'agentcore', 'read_pii', ARRAY['uuid', 'uuid', 'text'],
    'it acts with the rights of the owner, who is held to the department'
);
SELECT function_owner_is(
    'agentcore', 'read_pii', ARRAY['uuid', 'uuid', 'text'], 'muniment_owner',
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
INSERT INTO agentcore.pii_redaction_map
    (conversation_id, placeholder, entity_type, encrypted_value)
VALUES
    ('c0000000-0000-4000-8000-0000000000a1', '[IBAN_1]', 'IBAN', '\x03'),
    ('c0000000-0000-4000-8000-0000000000a1', '[EMAIL_1]', 'EMAIL', '\x01'),
    ('c0000000-0000-4000-8000-0000000000a2', '[EMAIL_1]', 'EMAIL', '\x02');

SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT *
       FROM agentcore.read_pii(
           '00000000-0000-4000-8000-00000000000a', 'c0000000-0000-4000-8000-0000000000a1',
           'answer is sent'
       ) $$,
    $$ VALUES ('[EMAIL_1]', 'EMAIL', '\x01'::bytea), ('[IBAN_1]', 'IBAN', '\x03') $$,
    'the backend gets what the placeholders stand for'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.read_pii(
           '00000000-0000-4000-8000-00000000000b', 'c0000000-0000-4000-8000-0000000000a1',
           'answer is sent'
       ) $$,
    'but not under the name of another department'
);
SELECT is(
    current_setting('app.tenant_id'), '00000000-0000-4000-8000-00000000000a',
    'the department that was set is set afterwards'
);
SELECT throws_ok(
    $$ SELECT FROM agentcore.pii_redaction_map $$,
    '42501',
    'permission denied for table pii_redaction_map',
    'the backend does not read around it, which would leave no trace'
);
SELECT throws_ok(
    $$ SELECT agentcore.read_pii(NULL, 'c0000000-0000-4000-8000-0000000000a1', 'why') $$,
    '22004',
    'tenant is null',
    'it reads from a department'
);
SELECT throws_ok(
    $$ SELECT agentcore.read_pii(
           '00000000-0000-4000-8000-0000000000ff', 'c0000000-0000-4000-8000-0000000000a1', 'why'
       ) $$,
    '23503',
    NULL,
    'which is there'
);
SELECT throws_ok(
    format(
        'SELECT agentcore.read_pii(%L, %L, %L)', '00000000-0000-4000-8000-00000000000a',
        'c0000000-0000-4000-8000-0000000000a1', reason
    ),
    '22004',
    'reason is missing',
    'nobody reads them without saying why'
)
FROM unnest(ARRAY[NULL, '']) AS reason;
RESET ROLE;
SELECT results_eq(
    $$ SELECT department_id, user_id, action, entity_type, entity_id, changes ->> 'reason'
       FROM agentcore.audit_log
       WHERE department_id = '00000000-0000-4000-8000-00000000000a' $$,
    $$ VALUES
        (
            '00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid, 'pii.read',
            'conversation', 'c0000000-0000-4000-8000-0000000000a1', 'answer is sent'
        ) $$,
    'and the department sees it'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agentcore.read_pii(
           '00000000-0000-4000-8000-00000000000a', 'c0000000-0000-4000-8000-0000000000a1',
           'curious'
       ) $$,
    '42501',
    'permission denied for function read_pii',
    'a runtime does not read them'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agentcore.read_pii(uuid, uuid, text)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
