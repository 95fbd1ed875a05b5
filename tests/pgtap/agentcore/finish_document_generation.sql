-- Subject: agentcore.finish_document_generation()
-- Docs: docs/schema/agentcore.md#finish-document-generation
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(15);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'finish_document_generation', ARRAY['uuid', 'text', 'uuid', 'text'], 'uuid',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'finish_document_generation', ARRAY['uuid', 'text', 'uuid', 'text'], 'volatile',
    'it may change rows'
);
SELECT isnt_definer(
    'agentcore', 'finish_document_generation', ARRAY['uuid', 'text', 'uuid', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'finish_document_generation',
    ARRAY['uuid', 'text', 'uuid', 'text'], 'muniment_owner',
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
INSERT INTO agentcore.document_template (department_id, id, name, template_body, output_format)
VALUES (
    '00000000-0000-4000-8000-00000000000a', '7a000000-0000-4000-8000-0000000000a1', 'Letter',
    'Dear {{name}}', 'docx'
);
INSERT INTO agentcore.knowledge_base (department_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'cb000000-0000-4000-8000-0000000000a1', 'Letters'),
    ('00000000-0000-4000-8000-00000000000b', 'cb000000-0000-4000-8000-0000000000b1', 'Letters');
INSERT INTO agentcore.document_generation (id, template_id, user_id) VALUES
    (
        '9e000000-0000-4000-8000-0000000000a1', '7a000000-0000-4000-8000-0000000000a1',
        '5e000000-0000-4000-8000-0000000000a1'
    ),
    (
        '9e000000-0000-4000-8000-0000000000a2', '7a000000-0000-4000-8000-0000000000a1',
        '5e000000-0000-4000-8000-0000000000a1'
    ),
    ('9e000000-0000-4000-8000-0000000000a3', NULL, '5e000000-0000-4000-8000-0000000000a1'),
    (
        '9e000000-0000-4000-8000-0000000000a4', '7a000000-0000-4000-8000-0000000000a1',
        '5e000000-0000-4000-8000-0000000000a1'
    );

SET LOCAL ROLE muniment_app;
SELECT is(
    agentcore.finish_document_generation('9e000000-0000-4000-8000-0000000000a1', 'Dear Ann'), NULL,
    'what was generated need not become a document'
);
SELECT isnt(
    agentcore.finish_document_generation(
        '9e000000-0000-4000-8000-0000000000a2', 'Dear Ben',
        'cb000000-0000-4000-8000-0000000000a1', 's3://files/1'
    ),
    NULL,
    'but can'
);
SELECT results_eq(
    $$ SELECT g.id, g.status, g.output, d.knowledge_base_id, d.title, d.type, d.original_url,
           d.status, d.metadata ->> 'source'
       FROM agentcore.document_generation AS g
       LEFT JOIN agentcore.document AS d ON d.id = g.output_file_id
       WHERE g.id IN (
           '9e000000-0000-4000-8000-0000000000a1', '9e000000-0000-4000-8000-0000000000a2'
       )
       ORDER BY g.id $$,
    $$ VALUES
        (
            '9e000000-0000-4000-8000-0000000000a1'::uuid, 'ready', 'Dear Ann', NULL::uuid, NULL,
            NULL, NULL, NULL, NULL
        ),
        (
            '9e000000-0000-4000-8000-0000000000a2', 'ready', 'Dear Ben',
            'cb000000-0000-4000-8000-0000000000a1', 'Letter',
            'docx', 's3://files/1', 'pending', 'document_generation'
        ) $$,
    'which is named after the template, says where it comes from, and waits to be cut'
);
SELECT agentcore.finish_document_generation(
    '9e000000-0000-4000-8000-0000000000a3', 'Text', 'cb000000-0000-4000-8000-0000000000a1'
);
SELECT results_eq(
    $$ SELECT title, type FROM agentcore.document ORDER BY title LIMIT 1 $$,
    $$ VALUES ('Generated document', 'txt') $$,
    'a template that is gone leaves a text without a name'
);
SELECT throws_ok(
    format('SELECT agentcore.finish_document_generation(%L, ''x'')', id),
    'MU438',
    format('generation %s is not there or not pending', id),
    promise
)
FROM (
    VALUES (
        '9e000000-0000-4000-8000-0000000000a1', 'what is finished is finished'
    ),
    ('00000000-0000-4000-8000-0000000000ff', 'what is not there too')
) AS attempt (id, promise);
SELECT throws_ok(
    $$ SELECT agentcore.finish_document_generation(
           '9e000000-0000-4000-8000-0000000000a4', NULL
       ) $$,
    '22004',
    'output is null',
    'something came out'
);
SELECT throws_ok(
    $$ SELECT agentcore.finish_document_generation(
           '9e000000-0000-4000-8000-0000000000a4', 'x', 'cb000000-0000-4000-8000-0000000000b1'
       ) $$,
    '23503',
    NULL,
    'a knowledge base of another department is not there'
);
SELECT results_eq(
    $$ SELECT status
       FROM agentcore.document_generation
       WHERE id = '9e000000-0000-4000-8000-0000000000a4' $$,
    ARRAY['pending'],
    'and then nothing was written'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT throws_ok(
    $$ SELECT agentcore.finish_document_generation(
           '9e000000-0000-4000-8000-0000000000a4', 'x'
       ) $$,
    'MU438',
    NULL,
    'a generation of another department is not there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'finish_document_generation' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
