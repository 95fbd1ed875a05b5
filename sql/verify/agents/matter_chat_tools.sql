-- Verify agents:matter_chat_tools on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_missing
    FROM (
        VALUES
            ('get_matter', 'read', 'never'),
            ('search_matter_documents', 'read', 'never'),
            ('read_document', 'read', 'never'),
            ('list_deadlines', 'read', 'never'),
            ('search_case_law', 'read', 'never'),
            ('save_draft', 'write_idempotent', 'never'),
            ('add_task', 'write', 'first_use'),
            ('send_email', 'irreversible', 'always')
    ) AS want (name, side_effect, approval)
    WHERE NOT EXISTS (
        SELECT
        FROM agents.tool_registry AS tool
        WHERE tool.tool_name = want.name
            AND tool.tool_version = '1.0.0'
            AND tool.side_effect = want.side_effect
            AND tool.approval = want.approval
    );
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'agents.tool_registry: missing, or with other rules: %', v_missing;
    END IF;
END;
$verify$;

ROLLBACK;
