-- Subject: agents.tool_definition_sha256()    Docs: docs/schema/agents.md#tool-definition-sha256
BEGIN;
SELECT plan(19);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agents', 'tool_definition_sha256',
    ARRAY['text', 'text', 'text', 'jsonb', 'jsonb', 'jsonb'],
    'bytea',
    'a fingerprint is bytes'
);
SELECT volatility_is(
    'agents', 'tool_definition_sha256',
    ARRAY['text', 'text', 'text', 'jsonb', 'jsonb', 'jsonb'],
    'immutable',
    'a generated column may use it'
);
SELECT isnt_definer(
    'agents', 'tool_definition_sha256',
    ARRAY['text', 'text', 'text', 'jsonb', 'jsonb', 'jsonb'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agents', 'tool_definition_sha256',
    ARRAY['text', 'text', 'text', 'jsonb', 'jsonb', 'jsonb'],
    'muniment_owner',
    'the migrations own it'
);
SELECT set_eq(
    $$ SELECT array_to_string(proconfig, '; '), proparallel::text, proisstrict
       FROM pg_proc
       WHERE oid = 'agents.tool_definition_sha256'::regproc $$,
    $$ VALUES ('search_path=pg_catalog, pg_temp', 's', false) $$,
    'its search_path is pinned, and a NULL among the arguments does not make the hash NULL'
);

-- Behaviour -----------------------------------------------------------------

CREATE TEMP TABLE fingerprint AS
SELECT agents.tool_definition_sha256(
    'lookup', '1.0.0', 'Find a case.', '{"type": "object"}', '{"type": "string"}', '{"a": 1}'
) AS sha256;

-- Computed outside of the database, over the text that the comment of the function promises.
SELECT is(
    encode(
        agents.tool_definition_sha256(
            'lookup',
            '1.0.0',
            'Find a case — quickly.',
            '{"type": "object"}',
            '{"type": "string"}',
            '{"readOnlyHint": true}'
        ),
        'hex'
    ),
    'a76df1a8856869f431ddffecfe97a2e2e6618c3cef691af6bcaf2115357ef1c2',
    'it is SHA-256 over the UTF-8 of the jsonb text, which others can compute too'
);
SELECT is(
    (SELECT octet_length(sha256) FROM fingerprint),
    32,
    'a fingerprint has 32 bytes'
);
SELECT is(
    agents.tool_definition_sha256(
        'lookup', '1.0.0', 'Find a case.', '{ "type" :"object"}', '{"type":"string"}', '{"a":1}'
    ),
    (SELECT sha256 FROM fingerprint),
    'blanks in JSON do not count'
);
SELECT is(
    agents.tool_definition_sha256('t', '1', 'd', '{"a": 1, "b": 2}', NULL, '{}'),
    agents.tool_definition_sha256('t', '1', 'd', '{"b": 2, "a": 1}', NULL, '{}'),
    'the order of keys in JSON does not count'
);

SELECT isnt(
    agents.tool_definition_sha256(
        other.tool_name,
        other.tool_version,
        other.description,
        other.input_schema,
        other.output_schema,
        other.annotations
    ),
    (SELECT sha256 FROM fingerprint),
    other.promise
)
FROM (
    VALUES
        ('search', '1.0.0', 'Find a case.', '{"type": "object"}'::jsonb,
         '{"type": "string"}'::jsonb, '{"a": 1}'::jsonb, 'another name is another tool'),
        ('lookup', '1.0.1', 'Find a case.', '{"type": "object"}', '{"type": "string"}',
         '{"a": 1}', 'another version is another tool'),
        ('lookup', '1.0.0', 'Find a CASE.', '{"type": "object"}', '{"type": "string"}',
         '{"a": 1}', 'a description that differs by a letter is another tool'),
        ('lookup', '1.0.0', 'Find a case.', '{"type": "string"}', '{"type": "string"}',
         '{"a": 1}', 'other arguments are another tool'),
        ('lookup', '1.0.0', 'Find a case.', '{"type": "object"}', '{"type": "object"}',
         '{"a": 1}', 'another result is another tool'),
        ('lookup', '1.0.0', 'Find a case.', '{"type": "object"}', NULL,
         '{"a": 1}', 'a tool that declares no result is another tool'),
        ('lookup', '1.0.0', 'Find a case.', '{"type": "object"}', '{"type": "string"}',
         '{"a": 2}', 'other annotations are another tool')
) AS other (
    tool_name, tool_version, description, input_schema, output_schema, annotations, promise
);
SELECT isnt(
    agents.tool_definition_sha256('t', '1', 'd', '{"type": "object"}', NULL, '{}'),
    agents.tool_definition_sha256('t', '1', 'd', '{}', '{"type": "object"}', '{}'),
    'what moves from one part to another does not stay the same tool'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'agents.tool_definition_sha256'::regproc AND grantee <> proowner $$,
    $$ VALUES ('muniment_service', 'EXECUTE', false) $$,
    'who may register a tool may compute its fingerprint'
);
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT agents.tool_definition_sha256('t', '1', 'd', '{}', '{}', '{}') $$,
    '42501',
    'permission denied for function tool_definition_sha256',
    'an agent reads it in the registry'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
