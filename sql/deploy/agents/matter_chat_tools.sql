-- Deploy agents:matter_chat_tools to pg
-- requires: tool_registry
--
-- The first tools in use. Whatever leaves the firm or binds it is irreversible, asks a person each
-- time and is never made again by a machine.
-- Locks: none.  Docs: docs/schema/agents.md#matter-chat-tools

BEGIN;

SET LOCAL ROLE muniment_owner;

INSERT INTO agents.tool_registry (
    tool_name, tool_version, title, description, tool_type, input_schema,
    side_effect, replay, approval, timeout_ms, max_result_bytes, is_active
) VALUES
    (
        'get_matter', '1.0.0', 'Matter summary',
        'Return the title, client, parties, status and responsible lawyer of the current matter.',
        'datastore',
        '{
            "type": "object",
            "properties": {"matter_id": {"type": "string"}},
            "required": ["matter_id"],
            "additionalProperties": false
        }',
        'read', 'safe', 'never', 10000, 65536, true
    ),
    (
        'search_matter_documents', '1.0.0', 'Search documents',
        'Search the documents of the current matter by words and by meaning. '
        'Returns the best passages with document id and page.',
        'datastore',
        '{
            "type": "object",
            "properties": {
                "matter_id": {"type": "string"},
                "query": {"type": "string", "minLength": 1},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}
            },
            "required": ["matter_id", "query"],
            "additionalProperties": false
        }',
        'read', 'safe', 'never', 30000, 1048576, true
    ),
    (
        'read_document', '1.0.0', 'Read a document',
        'Return the text of one document of the current matter, or of a range of its pages.',
        'datastore',
        '{
            "type": "object",
            "properties": {
                "document_id": {"type": "string"},
                "first_page": {"type": "integer", "minimum": 1},
                "last_page": {"type": "integer", "minimum": 1}
            },
            "required": ["document_id"],
            "additionalProperties": false
        }',
        'read', 'safe', 'never', 30000, 4194304, true
    ),
    (
        'list_deadlines', '1.0.0', 'List deadlines',
        'List the deadlines and hearings of the current matter, the next one first.',
        'datastore',
        '{
            "type": "object",
            "properties": {
                "matter_id": {"type": "string"},
                "from": {"type": "string", "format": "date"},
                "to": {"type": "string", "format": "date"}
            },
            "required": ["matter_id"],
            "additionalProperties": false
        }',
        'read', 'safe', 'never', 10000, 65536, true
    ),
    (
        'search_case_law', '1.0.0', 'Search case law',
        'Search published judgments. Returns citation, court, date and the passage that matches.',
        'extension',
        '{
            "type": "object",
            "properties": {
                "query": {"type": "string", "minLength": 1},
                "jurisdiction": {"type": "string"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10}
            },
            "required": ["query"],
            "additionalProperties": false
        }',
        'read', 'safe', 'never', 60000, 1048576, true
    ),
    (
        'save_draft', '1.0.0', 'Save a draft',
        'Save a text as a draft in the current matter. '
        'The same draft key replaces the earlier text.',
        'function',
        '{
            "type": "object",
            "properties": {
                "matter_id": {"type": "string"},
                "draft_key": {"type": "string", "minLength": 1},
                "title": {"type": "string"},
                "body": {"type": "string"}
            },
            "required": ["matter_id", "draft_key", "title", "body"],
            "additionalProperties": false
        }',
        'write_idempotent', 'with_key', 'never', 15000, 4096, true
    ),
    (
        'add_task', '1.0.0', 'Add a task',
        'Add a task to the current matter and assign it to a member of its team.',
        'function',
        '{
            "type": "object",
            "properties": {
                "matter_id": {"type": "string"},
                "title": {"type": "string", "minLength": 1},
                "assignee_id": {"type": "string"},
                "due_on": {"type": "string", "format": "date"}
            },
            "required": ["matter_id", "title"],
            "additionalProperties": false
        }',
        'write', 'with_key', 'first_use', 15000, 4096, true
    ),
    (
        'send_email', '1.0.0', 'Send an e-mail',
        'Send an e-mail from the firm to people of the current matter.',
        'function',
        '{
            "type": "object",
            "properties": {
                "matter_id": {"type": "string"},
                "to": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "subject": {"type": "string"},
                "body": {"type": "string"}
            },
            "required": ["matter_id", "to", "subject", "body"],
            "additionalProperties": false
        }',
        'irreversible', 'never', 'always', 30000, 4096, true
    );

COMMIT;
