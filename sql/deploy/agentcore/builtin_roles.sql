-- Deploy agentcore:builtin_roles to pg
-- requires: system_role
--
-- The former roles as roles of the present kind, under ids that clients can know. They allow what
-- functions here ask for and no more; an application adds its own permissions.
-- Locks: none.  Docs: docs/schema/agentcore.md#builtin-roles

BEGIN;

SET LOCAL ROLE muniment_owner;

INSERT INTO agentcore.system_role (id, name, slug, is_system, all_departments, permissions) VALUES
    (
        '0193a5b0-7000-7000-8000-000000000011', 'Admin', 'admin', true, true,
        '{approval.decide}'
    ),
    (
        '0193a5b0-7000-7000-8000-000000000012', 'Approver', 'approver', true, false,
        '{approval.decide}'
    ),
    (
        '0193a5b0-7000-7000-8000-000000000013', 'Head of department', 'dept_head', true, false,
        '{approval.decide}'
    ),
    (
        '0193a5b0-7000-7000-8000-000000000014', 'Employee', 'employee', true, false,
        '{}'
    );

COMMIT;
