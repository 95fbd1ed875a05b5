-- Subject: agents.tool_registry    Docs: docs/schema/agents.md#tool-registry
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(73);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid),
           attgenerated::text
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid = 'agents.tool_registry'::regclass AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('tool_name'::name, 'text', true, NULL, ''),
        ('tool_version', 'text', true, NULL, ''),
        ('title', 'text', false, NULL, ''),
        ('description', 'text', true, NULL, ''),
        ('tool_type', 'text', true, '''function''::text', ''),
        ('input_schema', 'jsonb', true, NULL, ''),
        ('output_schema', 'jsonb', false, NULL, ''),
        ('annotations', 'jsonb', true, '''{}''::jsonb', ''),
        ('definition_sha256', 'bytea', true,
         'agents.tool_definition_sha256(tool_name, tool_version, description, input_schema, '
         'output_schema, annotations)', 's'),
        ('side_effect', 'text', true, NULL, ''),
        ('replay', 'text', true, NULL, ''),
        ('approval', 'text', true, NULL, ''),
        ('timeout_ms', 'integer', false, NULL, ''),
        ('max_result_bytes', 'bigint', false, NULL, ''),
        ('is_active', 'boolean', true, 'false', ''),
        ('created_at', 'timestamp with time zone', true, 'now()', '') $$,
    'the columns are these, and the fingerprint is computed'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid = 'agents.tool_registry'::regclass AND contype IN ('p', 'u', 'f') $$,
    $$ VALUES
        ('tool_registry_pk'::name, 'PRIMARY KEY (tool_name, tool_version)'),
        ('tool_registry_definition_uq', 'UNIQUE (tool_name, tool_version, definition_sha256)') $$,
    'a version of a tool is registered once, and a call can name its very definition'
);
SELECT set_eq(
    $$ SELECT conname
       FROM pg_constraint
       WHERE conrelid = 'agents.tool_registry'::regclass AND contype = 'c' AND convalidated $$,
    ARRAY[
        'tool_registry_tool_name_ck', 'tool_registry_tool_version_ck', 'tool_registry_tool_type_ck',
        'tool_registry_input_schema_ck', 'tool_registry_output_schema_ck',
        'tool_registry_annotations_ck', 'tool_registry_side_effect_ck', 'tool_registry_replay_ck',
        'tool_registry_approval_ck', 'tool_registry_harm_never_replays_ck',
        'tool_registry_unknown_is_inactive_ck', 'tool_registry_timeout_ms_ck',
        'tool_registry_max_result_bytes_ck'
    ]::name[],
    'the rules are those that are tried below'
);
SELECT set_eq(
    $$ SELECT indexrelid::regclass::text, indisunique,
           substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       WHERE indrelid = 'agents.tool_registry'::regclass AND indisvalid $$,
    $$ VALUES
        ('agents.tool_registry_pk', true, 'btree (tool_name, tool_version)'),
        ('agents.tool_registry_definition_uq', true,
         'btree (tool_name, tool_version, definition_sha256)'),
        ('agents.tool_registry_active_uq', true, 'btree (tool_name) WHERE is_active') $$,
    'there is no index but those of the keys'
);
SELECT triggers_are('agents', 'tool_registry', ARRAY[]::name[], 'nothing happens behind a row');
SELECT policies_are(
    'agents', 'tool_registry', ARRAY[]::name[], 'tools are the same for every firm'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a tool with these differences from a good one: accepted, or the SQLSTATE and the
-- name of the rule that refuses it. Nothing of it stays.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.tool_registry (
        tool_name, tool_version, title, description, tool_type, input_schema, output_schema,
        annotations, side_effect, replay, approval, timeout_ms, max_result_bytes, is_active
    )
    SELECT
        tool_name, tool_version, title, description, tool_type, input_schema, output_schema,
        annotations, side_effect, replay, approval, timeout_ms, max_result_bytes, is_active
    FROM jsonb_populate_record(
        NULL::agents.tool_registry,
        '{
            "tool_name": "lookup", "tool_version": "1.0.0", "description": "Find a case.",
            "tool_type": "function", "input_schema": {}, "annotations": {},
            "side_effect": "read", "replay": "safe", "approval": "never", "is_active": false
        }'::jsonb || p_difference
    );
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

SET LOCAL ROLE muniment_owner;

SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a tool is registered'),
        (jsonb_build_object('tool_name', repeat('x', 128)), 'accepted',
         'a name has up to 128 characters'),
        (jsonb_build_object('tool_name', repeat('x', 129)), '23514 tool_registry_tool_name_ck',
         'a longer name is refused'),
        ('{"tool_name": "mcp__files:read/v2.0-B"}', 'accepted',
         'a name may be one that another protocol made'),
        ('{"tool_name": "x"}', 'accepted', 'a name may be a letter'),
        ('{"tool_name": "X1"}', 'accepted', 'a name may begin with a capital'),
        ('{"tool_name": "9x"}', 'accepted', 'a name may begin with a digit'),
        ('{"tool_name": "_x"}', 'accepted', 'a name may begin with _'),
        ('{"tool_name": ""}', '23514 tool_registry_tool_name_ck', 'an empty name is refused'),
        ('{"tool_name": ".hidden"}', '23514 tool_registry_tool_name_ck',
         'a name begins with a letter, a digit or _'),
        ('{"tool_name": "two words"}', '23514 tool_registry_tool_name_ck',
         'a name with a blank is refused'),
        ('{"tool_name": "lookup\n"}', '23514 tool_registry_tool_name_ck',
         'a name with a line break is refused'),
        (jsonb_build_object('tool_version', repeat('1', 64)), 'accepted',
         'a version has up to 64 characters'),
        (jsonb_build_object('tool_version', repeat('1', 65)), '23514 tool_registry_tool_version_ck',
         'a longer version is refused'),
        ('{"tool_version": "2.0.0-rc.1+Build_7"}', 'accepted', 'a version may be a semantic one'),
        ('{"tool_version": "imported"}', 'accepted', 'a version may be a word'),
        ('{"tool_version": "B"}', 'accepted', 'a version may be a capital'),
        ('{"tool_version": "9"}', 'accepted', 'a version may be a digit'),
        ('{"tool_version": "1 0"}', '23514 tool_registry_tool_version_ck',
         'a version with a blank is refused'),
        ('{"tool_version": ""}', '23514 tool_registry_tool_version_ck',
         'an empty version is refused'),
        ('{"tool_version": "_1"}', '23514 tool_registry_tool_version_ck',
         'a version begins with a letter or a digit'),
        ('{"tool_type": "extension"}', 'accepted', 'a tool may be an extension'),
        ('{"tool_type": "datastore"}', 'accepted', 'a tool may be a datastore'),
        ('{"tool_type": "mcp"}', 'accepted', 'a tool may be of an MCP server'),
        ('{"tool_type": "agent"}', 'accepted', 'a tool may be another agent'),
        ('{"tool_type": "plugin"}', '23514 tool_registry_tool_type_ck',
         'a tool of another kind is refused'),
        ('{"input_schema": []}', '23514 tool_registry_input_schema_ck',
         'a schema of arguments that is no object is refused'),
        ('{"input_schema": null}', '23502 null value in column "input_schema" of relation '
         '"tool_registry" violates not-null constraint', 'a tool says what it takes'),
        ('{"output_schema": {}}', 'accepted', 'a tool may say what it gives'),
        ('{"output_schema": true}', '23514 tool_registry_output_schema_ck',
         'a schema of results that is no object is refused'),
        ('{"annotations": "none"}', '23514 tool_registry_annotations_ck',
         'annotations that are no object are refused'),
        ('{"side_effect": "none"}', 'accepted', 'a tool may have no effect'),
        ('{"side_effect": "write_idempotent", "replay": "with_key"}', 'accepted',
         'a tool may write the same again'),
        ('{"side_effect": "write", "replay": "with_key"}', 'accepted', 'a tool may write'),
        ('{"side_effect": "irreversible", "replay": "never"}', 'accepted',
         'a tool may do what cannot be undone'),
        ('{"side_effect": "unknown", "replay": "never"}', 'accepted',
         'a tool that was only seen in a transcript has an unknown effect'),
        ('{"side_effect": "harmless"}', '23514 tool_registry_side_effect_ck',
         'another kind of effect is refused'),
        ('{"replay": "twice"}', '23514 tool_registry_replay_ck',
         'another way to call again is refused'),
        ('{"approval": "first_use"}', 'accepted', 'a person may be asked once in a run'),
        ('{"approval": "always"}', 'accepted', 'a person may be asked each time'),
        ('{"approval": "later"}', '23514 tool_registry_approval_ck',
         'another time to ask a person is refused'),
        ('{"side_effect": "irreversible", "replay": "safe"}',
         '23514 tool_registry_harm_never_replays_ck',
         'what cannot be undone is never done again by a machine'),
        ('{"side_effect": "irreversible", "replay": "with_key"}',
         '23514 tool_registry_harm_never_replays_ck',
         'what cannot be undone is not done again with an idempotency key either'),
        ('{"side_effect": "unknown", "replay": "with_key"}',
         '23514 tool_registry_harm_never_replays_ck',
         'what nobody knows is never done again by a machine'),
        ('{"side_effect": "unknown", "replay": "never", "is_active": true}',
         '23514 tool_registry_unknown_is_inactive_ck',
         'a tool of which nobody knows what it does is not offered to agents'),
        ('{"timeout_ms": 1}', 'accepted', 'a call may be limited in time'),
        ('{"timeout_ms": 0}', '23514 tool_registry_timeout_ms_ck', 'no time at all is refused'),
        ('{"max_result_bytes": 1}', 'accepted', 'a result may be limited in size'),
        ('{"max_result_bytes": 0}', '23514 tool_registry_max_result_bytes_ck',
         'no size at all is refused')
) AS tool (difference, fate, promise);

INSERT INTO agents.tool_registry (
    tool_name, tool_version, description, input_schema, side_effect, replay, approval, is_active
) VALUES
    ('lookup', '1.0.0', 'Find a case.', '{}', 'read', 'safe', 'never', false),
    ('lookup', '2.0.0', 'Find a case.', '{}', 'read', 'safe', 'never', true),
    ('search', '1.0.0', 'Find a case.', '{}', 'read', 'safe', 'never', true);

SELECT is(
    pg_temp.fate_of('{"tool_version": "1.0.0"}'),
    '23505 tool_registry_pk',
    'a version is registered once'
);
SELECT is(
    pg_temp.fate_of('{"tool_version": "3.0.0", "is_active": true}'),
    '23505 tool_registry_active_uq',
    'one version of a tool is in use at a time'
);
SELECT is(
    pg_temp.fate_of('{"tool_version": "3.0.0"}'),
    'accepted',
    'any number of its versions are on record'
);
SELECT is(
    (SELECT definition_sha256 FROM agents.tool_registry WHERE tool_version = '2.0.0'),
    agents.tool_definition_sha256('lookup', '2.0.0', 'Find a case.', '{}', NULL, '{}'),
    'the fingerprint is that of what the model is told'
);
SELECT throws_ok(
    $$ UPDATE agents.tool_registry SET definition_sha256 = sha256('forged') $$,
    '428C9',
    'column "definition_sha256" can only be updated to DEFAULT',
    'the fingerprint cannot be forged'
);
SELECT results_eq(
    $$ UPDATE agents.tool_registry
       SET description = 'Find every case.'
       WHERE tool_version = '2.0.0'
       RETURNING definition_sha256 $$,
    $$ SELECT agents.tool_definition_sha256(
           'lookup', '2.0.0', 'Find every case.', '{}', NULL, '{}'
       ) $$,
    'the fingerprint follows whatever is changed'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_class, aclexplode(relacl)
       WHERE pg_class.oid = 'agents.tool_registry'::regclass AND grantee <> relowner $$,
    $$ VALUES
        ('muniment_app', 'SELECT', false),
        ('muniment_reader', 'SELECT', false),
        ('muniment_service', 'SELECT', false) $$,
    'a runtime reads it'
);
SELECT set_eq(
    $$ SELECT attname, attacl::text
       FROM pg_attribute
       WHERE attrelid = 'agents.tool_registry'::regclass AND attacl IS NOT NULL $$,
    $$ SELECT granted.name, '{muniment_service=a/muniment_owner}'
       FROM unnest(ARRAY[
           'tool_name', 'tool_version', 'title', 'description', 'tool_type', 'input_schema',
           'output_schema', 'annotations', 'side_effect', 'replay', 'approval', 'timeout_ms',
           'max_result_bytes'
       ]::name[]) AS granted (name) $$,
    'the backend adds versions, without a right to put one into use'
);

SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ INSERT INTO agents.tool_registry (
           tool_name, tool_version, description, input_schema, side_effect, replay, approval
       ) VALUES ('found', 'imported', 'As seen.', '{}', 'unknown', 'never', 'always') $$,
    'the backend records a tool that a transcript names'
);
SELECT is(
    (SELECT is_active FROM agents.tool_registry WHERE tool_name = 'found'),
    false,
    'what it records is not in use'
);
SELECT throws_ok(
    $$ INSERT INTO agents.tool_registry (
           tool_name, tool_version, description, input_schema, side_effect, replay, approval,
           is_active
       ) VALUES ('mine', '1', 'Mine.', '{}', 'none', 'safe', 'never', true) $$,
    '42501',
    'permission denied for table tool_registry',
    'the backend cannot put a tool into use'
);
SELECT throws_ok(
    $$ UPDATE agents.tool_registry SET is_active = true $$,
    '42501',
    'permission denied for table tool_registry',
    'the backend cannot put a tool into use afterwards'
);
SELECT throws_ok(
    $$ DELETE FROM agents.tool_registry $$,
    '42501',
    'permission denied for table tool_registry',
    'the backend cannot forget a tool'
);

RESET ROLE;
SET LOCAL ROLE muniment_app;
SELECT isnt_empty(
    $$ SELECT FROM agents.tool_registry WHERE is_active $$,
    'an agent reads its tools without naming a tenant'
);
SELECT throws_ok(
    $$ INSERT INTO agents.tool_registry (
           tool_name, tool_version, description, input_schema, side_effect, replay, approval
       ) VALUES ('mine', '1', 'Mine.', '{}', 'none', 'safe', 'never') $$,
    '42501',
    'permission denied for table tool_registry',
    'an agent cannot register a tool'
);
SELECT throws_ok(
    $$ UPDATE agents.tool_registry SET approval = 'never' WHERE tool_name = 'send_email' $$,
    '42501',
    'permission denied for table tool_registry',
    'an agent cannot lift the approval of a tool'
);
SELECT throws_ok(
    $$ DELETE FROM agents.tool_registry $$,
    '42501',
    'permission denied for table tool_registry',
    'an agent cannot remove a tool'
);
SELECT throws_ok(
    $$ TRUNCATE agents.tool_registry CASCADE $$,
    '42501',
    'permission denied for table tool_registry',
    'an agent cannot empty the registry'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
