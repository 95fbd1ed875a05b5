-- Verify agentcore:builtin_roles on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(want.slug, ', ')
    INTO v_missing
    FROM (
        VALUES
            ('0193a5b0-7000-7000-8000-000000000011'::uuid, 'admin'),
            ('0193a5b0-7000-7000-8000-000000000012', 'approver'),
            ('0193a5b0-7000-7000-8000-000000000013', 'dept_head'),
            ('0193a5b0-7000-7000-8000-000000000014', 'employee')
    ) AS want (id, slug)
    WHERE NOT EXISTS (
        SELECT
        FROM agentcore.system_role AS r
        WHERE r.id = want.id
            AND r.slug = want.slug
            AND r.is_system
    );
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'agentcore.system_role: missing built-in role(s): %', v_missing;
    END IF;
END;
$verify$;

ROLLBACK;
