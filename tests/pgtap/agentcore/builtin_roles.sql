-- Subject: the built-in roles    Docs: docs/schema/agentcore.md#builtin-roles
BEGIN;
SELECT plan(3);

-- Behaviour -----------------------------------------------------------------

SELECT results_eq(
    $$ SELECT id, slug, all_departments, permissions
       FROM agentcore.system_role
       WHERE is_system
       ORDER BY id $$,
    $$ VALUES
        ('0193a5b0-7000-7000-8000-000000000011'::uuid, 'admin', true, '{approval.decide}'::text[]),
        ('0193a5b0-7000-7000-8000-000000000012', 'approver', false, '{approval.decide}'),
        ('0193a5b0-7000-7000-8000-000000000013', 'dept_head', false, '{approval.decide}'),
        ('0193a5b0-7000-7000-8000-000000000014', 'employee', false, '{}') $$,
    'each of the former roles is a role, under an id that clients know'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT is(count(*), 4::bigint, 'everybody sees them') FROM agentcore.system_role;
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ DELETE FROM agentcore.system_role $$,
    '42501',
    'permission denied for table system_role',
    'nobody removes them'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
