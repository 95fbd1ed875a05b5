-- Subject: agents.redact_tool_call()    Docs: docs/schema/agents.md#redact-tool-call
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(32);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.redact_tool_call' $$,
    $$ VALUES (
        'p_firm_id uuid, p_tool_call_id uuid, p_requested_at timestamp with time zone, p_body '
        'text, p_redacted_by text, p_reason text',
        'uuid',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_service'
    ) $$,
    'the backend redacts, with its own rights, and no agent does'
);

-- Behaviour -----------------------------------------------------------------

-- c1 has its arguments inline and its result on the shelf; c2 has no body, c3 has not ended.
SELECT test_support.record_tool('look', 'read', 'safe');
SELECT test_support.record_run('a', 'a1', '2026-06-15 12:00:00+00');
SELECT test_support.record_call(
    'a', 'c1', 'a1', 'look', '2026-06-15 12:00:00+00',
    jsonb_build_object(
        'args_storage', 'inline', 'args_inline', '{"who": "Grüße"}',
        'args_sha256', sha256(convert_to('{"who": "Grüße"}', 'UTF8')), 'args_bytes', 18,
        'result_storage', 's3', 'result_sha256', sha256('large'), 'result_bytes', 100000,
        'result_preview', 'lar',
        'result_s3_key', format(
            'agents/%s/202606/%s/result/%s.json',
            test_support.id('a'), test_support.id('a1'), encode(sha256('large'), 'hex')
        )
    )
);
SELECT test_support.record_call(
    'a', 'c2', 'a1', 'look', '2026-06-15 12:00:00+00', '{"call_no": 2}'
);
SELECT test_support.record_run(
    'a', 'a2', '2026-06-15 12:00:00+00', '{"status": "queued", "ended_at": null}'
);
SELECT test_support.record_call(
    'a', 'c' || no, 'a2', 'look', '2026-06-15 12:00:00+00',
    jsonb_build_object(
        'call_no', no, 'args_storage', 'inline', 'args_inline', '', 'args_sha256', sha256(''),
        'args_bytes', 0
    ) || facts
)
FROM (
    VALUES
        (3, '{"status": "requested", "started_at": null, "ended_at": null}'::jsonb),
        (4, '{"status": "running", "ended_at": null}'),
        (5, '{"status": "waiting_approval", "approval_status": "pending", "started_at": null,
              "ended_at": null}'),
        (6, '{"status": "unknown", "ended_at": null}')
) AS call (no, facts);
SELECT agents.seal_run(
    test_support.id('a'), test_support.id('a1'), '2026-06-15 12:00:00+00'
);
CREATE FUNCTION pg_temp.verdict()
RETURNS text
LANGUAGE sql
AS $$
    SELECT verdict FROM agents.verify_seal(test_support.id('a'), test_support.id('a1'))
$$;
CREATE TEMPORARY TABLE before AS
SELECT * FROM agents.tool_call WHERE tool_call_id = test_support.id('c1');
GRANT SELECT ON before TO muniment_service;
CREATE TEMPORARY TABLE answer (body text, redaction_id uuid);
GRANT SELECT, INSERT ON answer TO muniment_service;

SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_service;
INSERT INTO answer
SELECT 'args', agents.redact_tool_call(
    test_support.id('a'), test_support.id('c1'), '2026-06-15 12:00:00+00', 'args', 'U-1',
    'Article 17.'
);
SELECT results_eq(
    $$ SELECT c.args_storage, c.args_inline, c.args_sha256 = b.args_sha256, c.args_bytes
       FROM agents.tool_call AS c
       INNER JOIN before AS b ON b.tool_call_id = c.tool_call_id $$,
    $$ VALUES ('redacted', NULL, true, 18::bigint) $$,
    'the arguments are gone, their hash and length stay'
);
SELECT results_eq(
    $$ SELECT to_jsonb(c) - ARRAY['args_storage', 'args_inline']
       FROM agents.tool_call AS c
       WHERE c.tool_call_id = test_support.id('c1') $$,
    $$ SELECT to_jsonb(b) - ARRAY['args_storage', 'args_inline'] FROM before AS b $$,
    'and so does everything else, the result too'
);
SELECT results_eq(
    $$ SELECT
           d.redaction_id = (SELECT redaction_id FROM answer), d.run_id, d.run_started_at,
           d.table_name, d.row_id, d.row_at, d.body, d.storage, d.s3_key,
           d.sha256 = b.args_sha256, d.bytes, d.preview_sha256, d.redacted_by, d.reason,
           d.redacted_at
       FROM agents.redaction AS d
       CROSS JOIN before AS b $$,
    $$ VALUES (
           true, test_support.id('a1'), '2026-06-15 12:00:00+00'::timestamptz, 'tool_call',
           test_support.id('c1'), '2026-06-15 12:00:00+00'::timestamptz, 'args', 'inline',
           NULL::text, true, 18::bigint, NULL::bytea, 'U-1', 'Article 17.', now()
       ) $$,
    'it is told what was taken, by whom, why and when'
);
INSERT INTO answer
SELECT 'result', agents.redact_tool_call(
    test_support.id('a'), test_support.id('c1'), '2026-06-15 12:00:00+00', 'result', 'U-2', 'x'
);
SELECT results_eq(
    $$ SELECT
           c.result_storage, c.result_s3_key, c.result_preview, c.result_sha256 = b.result_sha256,
           c.result_bytes
       FROM agents.tool_call AS c
       INNER JOIN before AS b ON b.tool_call_id = c.tool_call_id $$,
    $$ VALUES ('redacted', NULL, NULL, true, 100000::bigint) $$,
    'the result goes likewise, with its preview'
);
SELECT results_eq(
    $$ SELECT d.body, d.storage, d.s3_key = b.result_s3_key, d.sha256 = b.result_sha256, d.bytes,
           d.preview_sha256, d.redacted_by, d.reason
       FROM agents.redaction AS d
       INNER JOIN answer USING (redaction_id)
       CROSS JOIN before AS b
       WHERE answer.body = 'result' $$,
    $$ VALUES ('result', 's3', true, true, 100000::bigint, sha256('lar'), 'U-2', 'x') $$,
    'it is told where it was'
);
SELECT results_eq(
    $$ SELECT s.seal_no, s.run_id, s.row_count, s.content_sha256, answer.body
       FROM agents.run_seal AS s
       INNER JOIN answer USING (redaction_id)
       WHERE s.kind = 'redaction'
       ORDER BY s.seal_no $$,
    $$ SELECT 1 + row_number() OVER (ORDER BY body), test_support.id('a1'), 1,
           sha256(agents.redaction_digest(d)), d.body
       FROM agents.redaction AS d $$,
    'each redaction is sealed'
);
RESET ROLE;
SELECT is(pg_temp.verdict(), 'holds', 'and the seal of the run holds');
SET LOCAL ROLE muniment_service;
SELECT isnt(
    agents.redact_tool_call(
        test_support.id('a'), test_support.id('c6'), '2026-06-15 12:00:00+00', 'args', 'U', 'x'
    ),
    NULL,
    'what nobody saw the end of is not under way'
);

SELECT is(
    test_support.answer_to(format('SELECT agents.redact_tool_call(%s)', arguments)),
    answer,
    promise
)
FROM (
    VALUES
        ($$ :a, :c1, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'MU114 p_body: call c1 has no args', 'a body is taken once'),
        ($$ :a, :c1, '2026-06-15 12:00:00+00', 'result', 'U', 'x' $$,
         'MU114 p_body: call c1 has no result', 'each'),
        ($$ :a, :c2, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'MU114 p_body: call c2 has no args', 'what is not there is not taken'),
        ($$ :a, :c1, '2026-06-15 12:00:00+00', 'content', 'U', 'x' $$,
         '22023 p_body: ''content'' is no body of a call', 'a call has two bodies'),
        ($$ :a, :c1, '2026-06-15 12:00:00+00', NULL, 'U', 'x' $$,
         '22023 p_body: NULL is no body of a call', 'it is said which'),
        ($$ :a, :c9, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'P0002 p_tool_call_id: call c9 is not there', 'a call has an id'),
        ($$ :a, :c1, '2026-06-15 12:00:01+00', 'args', 'U', 'x' $$,
         'P0002 p_tool_call_id: call c1 is not there', 'and a time'),
        ($$ :b, :c1, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'P0002 p_tool_call_id: call c1 is not there', 'what another firm has is not there'),
        ($$ NULL, :c1, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'P0002 p_tool_call_id: call c1 is not there', 'nobody has nothing'),
        ($$ :a, :c3, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'MU103 p_tool_call_id: call c3 has not ended', 'what is to be run is needed'),
        ($$ :a, :c4, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'MU103 p_tool_call_id: call c4 has not ended', 'what runs is needed'),
        ($$ :a, :c5, '2026-06-15 12:00:00+00', 'args', 'U', 'x' $$,
         'MU103 p_tool_call_id: call c5 has not ended', 'what a person decides about is needed')
) AS attempt (arguments, answer, promise);

-- Who and why.
RESET ROLE;
SELECT test_support.record_call(
    'a', 'c7', 'a2', 'look', '2026-06-15 12:00:00+00',
    jsonb_build_object(
        'call_no', 7, 'args_storage', 'inline', 'args_inline', '', 'args_sha256', sha256(''),
        'args_bytes', 0
    )
);
SET LOCAL ROLE muniment_service;
SELECT is(
    test_support.answer_to(
        format(
            $$ SELECT agents.redact_tool_call(:a, :c7, '2026-06-15 12:00:00+00', 'args', %s) $$,
            who_and_why
        )
    ),
    answer,
    promise
)
FROM (
    VALUES
        ($$ 'U', 'x' $$, 'accepted', 'somebody, for a reason'),
        ($$ repeat('U', 200), repeat('x', 1000) $$, 'accepted', 'who has a long name, and many'),
        ($$ NULL, 'x' $$,
         '23502 null value in column "redacted_by" of relation "redaction" violates not-null '
         'constraint',
         'nobody takes nothing'),
        ($$ 'U', NULL $$,
         '23502 null value in column "reason" of relation "redaction" violates not-null '
         'constraint',
         'without a reason nothing is taken'),
        ($$ '', 'x' $$,
         '23514 new row for relation "redaction" violates check constraint '
         '"redaction_redacted_by_ck"',
         'an empty name is none'),
        ($$ repeat('U', 201), 'x' $$,
         '23514 new row for relation "redaction" violates check constraint '
         '"redaction_redacted_by_ck"',
         'a name is short'),
        ($$ 'U', '' $$,
         '23514 new row for relation "redaction" violates check constraint '
         '"redaction_reason_ck"',
         'an empty reason is none'),
        ($$ 'U', repeat('x', 1001) $$,
         '23514 new row for relation "redaction" violates check constraint '
         '"redaction_reason_ck"',
         'a reason fits on a page')
) AS attempt (who_and_why, answer, promise);
SELECT is(
    (SELECT args_storage FROM agents.tool_call WHERE tool_call_id = test_support.id('c7')),
    'inline',
    'what is refused takes nothing'
);

RESET ROLE;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT is(
    test_support.answer_to(
        $$ SELECT agents.redact_tool_call(
               :a, :c7, '2026-06-15 12:00:00+00', 'args', 'U', 'x'
           ) $$
    ),
    '42501 permission denied for function redact_tool_call',
    'no agent takes away what it did'
);
SELECT is(
    test_support.answer_to(
        $$ UPDATE agents.tool_call SET args_storage = 'redacted', args_inline = NULL $$
    ),
    '42501 permission denied for table tool_call',
    'not by hand either'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
