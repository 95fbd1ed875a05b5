-- Subject: the tools of the MatterChatAgent    Docs: docs/schema/agents.md#matter-chat-tools
BEGIN;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT tool_name, tool_type, side_effect, replay, approval, timeout_ms, max_result_bytes
       FROM agents.tool_registry
       WHERE is_active AND tool_version = '1.0.0' $$,
    $$ VALUES
        ('get_matter', 'datastore', 'read', 'safe', 'never', 10000, 65536::bigint),
        ('search_matter_documents', 'datastore', 'read', 'safe', 'never', 30000, 1048576),
        ('read_document', 'datastore', 'read', 'safe', 'never', 30000, 4194304),
        ('list_deadlines', 'datastore', 'read', 'safe', 'never', 10000, 65536),
        ('search_case_law', 'extension', 'read', 'safe', 'never', 60000, 1048576),
        ('save_draft', 'function', 'write_idempotent', 'with_key', 'never', 15000, 4096),
        ('add_task', 'function', 'write', 'with_key', 'first_use', 15000, 4096),
        ('send_email', 'function', 'irreversible', 'never', 'always', 30000, 4096) $$,
    'eight tools are in use, each with its effect, its way to be repeated and its approval'
);
-- A changed definition is a new version: whoever edits one of these has to give it one.
SELECT set_eq(
    $$ SELECT tool_name, encode(definition_sha256, 'hex')
       FROM agents.tool_registry
       WHERE is_active AND tool_version = '1.0.0' $$,
    $$ VALUES
        ('get_matter',
         'a276b0b9595728ac2e5a4e80ca5e4cdf5104a7d990a05ac4be388f3ea80f69dc'),
        ('search_matter_documents',
         'cb7dfd5defe21c05fe63d6cac744ac5afee1c5b208d7d3bebecf711b8e4e4eff'),
        ('read_document',
         'fe20dff9339e22cd5bf05001046458470fb75b2da0462c5d64e731850bdf26a4'),
        ('list_deadlines',
         '1e17452126d0e0e0d5cd4e47e4ff5f39f1a85cc814b8fa5805a575e149846c8c'),
        ('search_case_law',
         'a8010e5dec1918a2f3ae674ecb2af024bb91354c0c1a5b41e6a336c1e2793f94'),
        ('save_draft',
         'b23348b2f0b02b9b3516c7fee91e0b8d34d44a52e8a5c5459862ef7d6146f251'),
        ('add_task',
         'e320f2b7a76da27ed80b339b37f13178fd60191edf5c1598e725cb616dea9632'),
        ('send_email',
         'c62df758532badf4ae48d1d4dc7925619f743caf8e29addb90ca367b5b52e80b') $$,
    'what a model is told about version 1.0.0 never changes'
);

-- Behaviour -----------------------------------------------------------------

SELECT is_empty(
    $$ SELECT tool_name FROM agents.tool_registry WHERE is_active AND title IS NULL $$,
    'each tool has a title for people'
);
SELECT is_empty(
    $$ SELECT tool_name
       FROM agents.tool_registry
       WHERE is_active AND char_length(description) < 40 $$,
    'each description says what the tool returns or does'
);
SELECT is_empty(
    $$ SELECT tool_name
       FROM agents.tool_registry
       WHERE is_active
           AND (
               input_schema ->> 'type' IS DISTINCT FROM 'object'
               OR input_schema -> 'additionalProperties' IS DISTINCT FROM 'false'
           ) $$,
    'each takes a closed object: what a model makes up is refused'
);
SELECT is_empty(
    $$ SELECT tool_name, required.argument
       FROM
           agents.tool_registry,
           jsonb_array_elements_text(input_schema -> 'required') AS required (argument)
       WHERE is_active AND NOT input_schema -> 'properties' ? required.argument $$,
    'each argument that is required is described'
);
SELECT is_empty(
    $$ SELECT tool_name, property.name
       FROM agents.tool_registry, jsonb_each(input_schema -> 'properties') AS property (name, type)
       WHERE is_active AND property.type ->> 'type' IS NULL $$,
    'each argument has a type'
);
SELECT is_empty(
    $$ SELECT tool_name
       FROM agents.tool_registry
       WHERE is_active
           AND side_effect IN ('none', 'read')
           AND (replay, approval) <> ('safe', 'never') $$,
    'what only reads may be repeated and asks nobody'
);
SELECT is_empty(
    $$ SELECT tool_name
       FROM agents.tool_registry
       WHERE is_active AND side_effect NOT IN ('none', 'read') AND replay = 'safe' $$,
    'what writes is not repeated without a key'
);
SELECT is_empty(
    $$ SELECT tool_name
       FROM agents.tool_registry
       WHERE is_active AND side_effect = 'irreversible' AND approval <> 'always' $$,
    'what leaves the firm or binds it asks a person each time'
);
SELECT is_empty(
    $$ SELECT tool_name
       FROM agents.tool_registry
       WHERE is_active AND (timeout_ms IS NULL OR max_result_bytes IS NULL) $$,
    'each is limited in time and in size'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_reader;
SELECT isnt_empty(
    $$ SELECT FROM agents.tool_registry WHERE tool_name = 'send_email' $$,
    'a reader sees what agents may do'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
