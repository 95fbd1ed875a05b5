-- Subject: goclaw.is_command_allowed()    Docs: docs/schema/goclaw.md#is-command-allowed
BEGIN;
SELECT plan(96);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'is_command_allowed', ARRAY['uuid', 'text'],
    'boolean', 'it returns yes or no'
);
SELECT volatility_is(
    'goclaw', 'is_command_allowed', ARRAY['uuid', 'text'],
    'stable', 'it only reads'
);
SELECT isnt_definer(
    'goclaw', 'is_command_allowed', ARRAY['uuid', 'text'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'is_command_allowed', ARRAY['uuid', 'text'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT id, ('a9e00000-0000-4000-8000-0000000000' || slug || '1')::uuid, 'planner', 'u', 'm'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');
INSERT INTO goclaw.workstations (
    tenant_id, id, workstation_key, name, backend_type, metadata, default_env, active
)
SELECT
    ('00000000-0000-4000-8000-00000000000' || left(n, 1))::uuid,
    ('30500000-0000-4000-8000-0000000000' || n)::uuid, n, n, 'ssh', '\x01', '\x02', n <> 'a2'
FROM unnest(ARRAY['a1', 'a2', 'a3', 'b1']) AS n;
INSERT INTO goclaw.workstation_permissions (tenant_id, workstation_id, pattern, enabled)
SELECT w.tenant_id, w.id, p.pattern, p.enabled
FROM goclaw.workstations AS w
CROSS JOIN (
    VALUES
        ('git', true), ('python*', true), ('make_all', true), ('do_*', true), ('a.b*', true),
        ('/opt/tools/*', true), ('rm', false), ('sud*', false)
) AS p (pattern, enabled)
WHERE w.workstation_key <> 'a3';
INSERT INTO goclaw.workstation_permissions (tenant_id, workstation_id, pattern)
SELECT tenant_id, id, '*' FROM goclaw.workstations WHERE workstation_key = 'a3';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.is_command_allowed('30500000-0000-4000-8000-0000000000a1', 'git') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is no answer'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    goclaw.is_command_allowed(('30500000-0000-4000-8000-0000000000' || workstation)::uuid, program),
    allowed,
    promise
)
FROM (
    VALUES
        ('a1', 'git', true, 'a name that is listed'),
        ('a1', 'python', true, 'a star stands for nothing'),
        ('a1', 'python3.12', true, 'and for more'),
        ('a1', '/opt/tools/lint', true, 'and for a name in a directory'),
        ('a3', 'anything', true, 'a star alone stands for every name'),
        ('a1', 'make_all', true, 'an underscore is itself'),
        ('a1', 'curl', false, 'what is not listed is refused'),
        ('a1', 'gi', false, 'a part of a name is another name'),
        ('a1', 'gitk', false, 'so is a longer one'),
        ('a1', 'Git', false, 'and another case'),
        ('a1', 'makeXall', false, 'an underscore stands for nothing else'),
        ('a1', 'do_it', true, 'nor before a star'),
        ('a1', 'doXit', false, 'where it is itself too'),
        ('a1', 'aXb', false, 'nor does a dot'),
        ('a1', 'cpython', false, 'a name does not begin in the middle'),
        ('a1', 'rm', false, 'a permission that is disabled is none'),
        ('a1', 'sudo', false, 'also with a star'),
        ('a1', '/usr/bin/git', false, 'a path is not its name'),
        ('a1', 'python/../../bin/rm', false, 'a star stands for no slash'),
        ('a1', '/opt/tools/../../bin/rm', false, 'nor behind a directory'),
        ('a3', '/bin/rm', false, 'nor alone'),
        ('a1', '', false, 'nothing is no program'),
        ('a1', NULL, false, 'nor is NULL'),
        ('a1', '*', false, 'nor is a star'),
        ('a1', 'git status', false, 'a command line is no program'),
        ('a2', 'git', false, 'nothing runs where nothing may'),
        ('b1', 'git', false, 'nor on a workstation of another tenant'),
        ('ff', 'git', false, 'nor on one that is not there')
) AS attempt (workstation, program, allowed, promise);
SELECT is(
    goclaw.is_command_allowed(
        ('30500000-0000-4000-8000-0000000000' || workstation)::uuid, 'python3' || operator || 'rm'
    ),
    false,
    format('nothing rides behind %s on %s', to_json(operator), workstation)
)
FROM unnest(ARRAY['a1', 'a3']) AS workstation
CROSS JOIN unnest(ARRAY[
    ' ', ';', '; ', '&', '&&', '|', '||', '>', '<', '`', '$(', '"', '''', '\', E'\n', E'\r',
    E'\t', '(', '{', '=', '~', '!', '#', '*', '?', '[', '%', ',', ':', U&'\00A0', U&'\FF1B'
]) AS operator;

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT results_eq(
    $$ SELECT grantee::regrole::text
       FROM pg_proc
       CROSS JOIN aclexplode(proacl)
       WHERE pronamespace = 'goclaw'::regnamespace
           AND proname = 'is_command_allowed'
           AND grantee <> proowner
       ORDER BY 1 $$,
    ARRAY['muniment_app'],
    'who may call it: muniment_app'
);

SELECT * FROM finish(true);
ROLLBACK;
