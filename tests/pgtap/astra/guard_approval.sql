-- Subject: astra.guard_approval()    Docs: docs/schema/astra.md#guard-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape ---------------------------------------------------------------------

SELECT function_returns('astra', 'guard_approval', '{}'::text[], 'trigger', 'it is for triggers');
SELECT volatility_is('astra', 'guard_approval', '{}'::text[], 'volatile', 'it sees what is new');
SELECT isnt_definer(
    'astra', 'guard_approval', '{}'::text[],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'astra', 'guard_approval', '{}'::text[], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.users (org_id, id, email)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    ('00000000-0000-4000-8000-0000000000' || n)::uuid,
    n || '@example.org'
FROM generate_series(11, 13) AS n;
INSERT INTO astra.org_memberships (org_id, user_id)
SELECT org_id, id
FROM astra.users;
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
INSERT INTO astra.goals (org_id, id, agent_id, goal_text)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000041',
    '00000000-0000-4000-8000-000000000031', 'Ship.');
INSERT INTO astra.approval_requests (org_id, id, request_type, goal_id, required_approvals) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081', 'plan',
     '00000000-0000-4000-8000-000000000041', 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082', 'plan',
     '00000000-0000-4000-8000-000000000041', 2),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000083', 'plan',
     '00000000-0000-4000-8000-000000000041', 2);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000011', 'approved'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000011', 'approved'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000012', 'approved');
SELECT results_eq(
    $$ SELECT id, status, decided_at FROM astra.approval_requests ORDER BY id $$,
    $$ VALUES
        ('00000000-0000-4000-8000-000000000081'::uuid, 'pending', NULL::timestamptz),
        ('00000000-0000-4000-8000-000000000082', 'approved', (
            SELECT d.decided_at FROM astra.approval_decisions AS d
            WHERE d.request_id = '00000000-0000-4000-8000-000000000082'
                AND d.user_id = '00000000-0000-4000-8000-000000000012'
        )),
        ('00000000-0000-4000-8000-000000000083', 'pending', NULL) $$,
    'a request is approved by its last decision, and when that was made'
);

-- A trigger of the runtime's own, which writes what it is told to.
CREATE TEMPORARY TABLE wish (request_id uuid, approvals jsonb);
CREATE FUNCTION pg_temp.grant_wish()
RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE astra.approval_requests SET approvals = NEW.approvals WHERE id = NEW.request_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER wish_grant_tg
    AFTER INSERT ON wish
    FOR EACH ROW EXECUTE FUNCTION pg_temp.grant_wish();
CREATE TEMPORARY VIEW entry AS
SELECT
    r.id AS request_id,
    r.approvals,
    r.approvals -> 0 AS first_entry,
    jsonb_build_object(
        'user_id', '00000000-0000-4000-8000-000000000013', 'decision', 'approved',
        'decided_at', clock_timestamp()
    ) AS made_up
FROM astra.approval_requests AS r;
SELECT throws_ok(
    format(
        'INSERT INTO wish SELECT request_id, %s FROM entry WHERE request_id::text ~ %L',
        approvals, request || '$'
    ),
    'MU419',
    format(
        'approval request 00000000-0000-4000-8000-0000000000%s: approvals are written by decisions',
        request
    ),
    promise
)
FROM (
    VALUES
        ('81', 'approvals || jsonb_build_array(made_up)', 'nobody approves without a decision'),
        ('81', 'approvals || approvals', 'and nobody twice by one'),
        ('81', 'jsonb_build_array(first_entry || ''{"decision": "rejected"}'')',
         'a decision is not turned round'),
        ('81', '''[]''', 'nor forgotten'),
        ('81', 'approvals', 'nor written once more'),
        ('81', 'approvals || jsonb_build_array(first_entry || ''{"decided_at": "infinity"}'')',
         'nor dated'),
        ('82', '''[]''', 'what is decided is not undone'),
        ('82', 'jsonb_build_array(first_entry)', 'nor by half'),
        ('83', 'jsonb_build_array((SELECT e.first_entry FROM entry AS e ORDER BY 1 LIMIT 1))',
         'a decision is about the request that it is about')
) AS attempt (request, approvals, promise);
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000081',
     '00000000-0000-4000-8000-000000000012', 'rejected');
SELECT results_eq(
    $$ SELECT status, decided_at = (approvals -> 1 ->> 'decided_at')::timestamptz
       FROM astra.approval_requests
       WHERE id = '00000000-0000-4000-8000-000000000081' $$,
    $$ VALUES ('rejected', true) $$,
    'one rejection is enough, whatever was approved before'
);
RESET ROLE;
SELECT results_eq(
    $$ SELECT event_type FROM astra.events
       WHERE subject_id = '00000000-0000-4000-8000-000000000081'
       ORDER BY id $$,
    ARRAY['approval_request.created', 'approval_request.rejected'],
    'and is an event'
);
SELECT lives_ok(
    $$ UPDATE astra.approval_requests SET approvals = '[]', status = 'pending', decided_at = NULL
       WHERE id = '00000000-0000-4000-8000-000000000081' $$,
    'a superuser can repair'
);
SELECT is(
    (SELECT status FROM astra.approval_requests
     WHERE id = '00000000-0000-4000-8000-000000000081'), 'pending', 'and gets what they write'
);

-- Decisions that were imported without triggers, so that no request has counted them.
SET LOCAL session_replication_role = replica;
INSERT INTO astra.approval_decisions (org_id, request_id, user_id, decision) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000082',
     '00000000-0000-4000-8000-000000000013', 'rejected'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000083',
     '00000000-0000-4000-8000-000000000011', 'approved');
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(
        'INSERT INTO wish '
        'SELECT d.request_id, %s || '
        'jsonb_build_array(to_jsonb(d) - ''{org_id,request_id}''::text[]) '
        'FROM astra.approval_decisions AS d '
        'INNER JOIN entry AS e ON e.request_id = d.request_id '
        'WHERE d.request_id::text ~ %L AND d.user_id::text ~ %L',
        approvals, request || '$', person || '$'
    ),
    'MU419',
    NULL,
    promise
)
FROM (
    VALUES
        ('82', '13', 'e.approvals', 'what is decided is decided, whatever else was'),
        ('83', '11', 'jsonb_build_array(e.made_up)', 'a decision brings nothing else along')
) AS attempt (request, person, approvals, promise);
SELECT lives_ok(
    $$ INSERT INTO wish
       SELECT d.request_id, jsonb_build_array(to_jsonb(d) - '{org_id,request_id}'::text[])
       FROM astra.approval_decisions AS d
       WHERE d.request_id = '00000000-0000-4000-8000-000000000083' $$,
    'by itself it is what was decided'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'astra.guard_approval()'::regprocedure
           AND grantee <> proowner $$,
    'nobody is granted it: a trigger does not ask'
);

SELECT * FROM finish(true);
ROLLBACK;
