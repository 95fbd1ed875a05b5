-- Revert agents:matter_chat_tools from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DELETE FROM agents.tool_registry
WHERE tool_version = '1.0.0'
    AND tool_name IN (
        'get_matter', 'search_matter_documents', 'read_document', 'list_deadlines',
        'search_case_law', 'save_draft', 'add_task', 'send_email'
    );

COMMIT;
