-- Verify agents:matter_chat_tools on pg

BEGIN;

DO $verify$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_missing
    FROM unnest(ARRAY[
        'get_matter', 'search_matter_documents', 'read_document', 'list_deadlines',
        'search_case_law', 'save_draft', 'add_task', 'send_email'
    ]) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM agents.tool_registry
        WHERE tool_name = want.name
            AND tool_version = '1.0.0'
    );
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_registry: not registered: %', v_missing;
    END IF;
END;
$verify$;

ROLLBACK;
