-- Subject: agents.redact_turn()    Docs: docs/schema/agents.md#redact-turn
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.redact_turn' $$,
    $$ VALUES (
        'p_firm_id uuid, p_turn_id uuid, p_created_at timestamp with time zone, p_redacted_by '
        'text, p_reason text',
        'uuid',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp, '
        'plan_cache_mode=force_generic_plan',
        'muniment_service'
    ) $$,
    'the backend redacts, with its own rights, and an agent does not'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SET LOCAL ROLE muniment_app;
SELECT agents.open_session(test_support.id('a'), test_support.id('a5'));
SELECT agents.record_turn(
    test_support.id('a'), test_support.id('a5'),
    jsonb_build_object(
        'run_id', test_support.id('a1'), 'agent_name', 'clerk', 'started_at', now()
    ),
    jsonb_build_array(
        jsonb_build_object(
            'turn_id', test_support.id('b1'), 'created_at', now(), 'role', 'user',
            'content', 'a secret', 'content_preview', 'a s'
        )
    )
);
SELECT agents.append_turns(
    test_support.id('a'), test_support.id('a5'),
    jsonb_build_array(
        jsonb_build_object(
            'turn_id', test_support.id('b2'), 'created_at', now(), 'role', 'user',
            'content', 'another'
        ),
        jsonb_build_object('turn_id', test_support.id('b3'), 'created_at', now(), 'role', 'user')
    )
);
CREATE TEMPORARY TABLE before AS
SELECT turn_id, created_at, run_id, run_started_at, content_sha256, content_bytes
FROM agents.chat_turn;
GRANT SELECT ON before TO PUBLIC;
RESET ROLE;
SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_service;

CREATE TEMPORARY TABLE answer AS
SELECT b.turn_id, agents.redact_turn(
    test_support.id('a'), b.turn_id, b.created_at, 'U-1', 'asked for'
) AS redaction_id
FROM before AS b
WHERE b.turn_id IN (test_support.id('b1'), test_support.id('b2'));
SELECT results_eq(
    $$ SELECT
           t.content_storage, num_nonnulls(t.content_inline, t.content_s3_key, t.content_preview),
           t.content_sha256 = b.content_sha256, t.content_bytes = b.content_bytes
       FROM agents.chat_turn AS t
       INNER JOIN before AS b ON b.turn_id = t.turn_id
       WHERE t.turn_id = test_support.id('b1') $$,
    $$ VALUES ('redacted', 0, true, true) $$,
    'the body goes, hash and length stay'
);
SELECT results_eq(
    $$ SELECT
           d.redaction_id = a.redaction_id, d.run_id, d.run_started_at = b.run_started_at,
           d.table_name, d.row_id, d.row_at = b.created_at, d.body, d.storage, d.s3_key,
           d.sha256 = b.content_sha256, d.bytes, d.preview_sha256, d.redacted_by, d.reason,
           d.redacted_at = now()
       FROM agents.redaction AS d
       INNER JOIN answer AS a ON a.turn_id = d.row_id
       INNER JOIN before AS b ON b.turn_id = d.row_id
       WHERE d.row_id = test_support.id('b1') $$,
    $$ VALUES (
           true, test_support.id('a1'), true, 'chat_turn', test_support.id('b1'), true, 'content',
           'inline', NULL::text, true, 8::bigint, sha256('a s'), 'U-1', 'asked for', true
       ) $$,
    'what was there, who took it, why and when is written down'
);
SELECT results_eq(
    $$ SELECT s.kind, s.run_id, s.content_sha256 = sha256(agents.redaction_digest(d))
       FROM agents.run_seal AS s
       INNER JOIN agents.redaction AS d ON d.redaction_id = s.redaction_id
       ORDER BY s.run_id $$,
    $$ VALUES ('redaction', test_support.id('a1'), true), ('redaction', NULL, true) $$,
    'and sealed, also where the turn is of no run'
);

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT platform.set_tenant(test_support.id('a'));
SELECT is(
    (SELECT verdict FROM agents.verify_seal(test_support.id('a'), test_support.id('a1'))),
    'holds',
    'the seal of the run still holds'
);
RESET ROLE;
SET LOCAL app.tenant_id = '';
SET LOCAL ROLE muniment_service;
SELECT is(test_support.answer_to(statement), answer, promise)
FROM (
    VALUES
        ($$ SELECT agents.redact_turn(:a, :b1, now(), 'U-1', 'asked for') $$,
         'MU114 p_turn_id: turn b1 has no body', 'a body is taken away once'),
        ($$ SELECT agents.redact_turn(:a, :b3, now(), 'U-1', 'asked for') $$,
         'MU114 p_turn_id: turn b3 has no body', 'what has no body has none to take away'),
        ($$ SELECT agents.redact_turn(:a, :b2, now() + interval '1 second', 'U-1', 'asked for') $$,
         'P0002 p_turn_id: turn b2 is not there', 'a turn is known by its time, too'),
        ($$ SELECT agents.redact_turn(:a, :b9, now(), 'U-1', 'asked for') $$,
         'P0002 p_turn_id: turn b9 is not there', 'what is not there is not redacted'),
        ($$ SELECT agents.redact_turn(:b, :b2, now(), 'U-1', 'asked for') $$,
         'P0002 p_turn_id: turn b2 is not there', 'what another firm has is not there')
) AS attempt (statement, answer, promise);

-- Who and why are asked of a body that is still there.
RESET ROLE;
SELECT test_support.record_turn('a', 'b4', 'a5', 9, '2026-06-15 12:00:00+00', 'still here');
SET LOCAL ROLE muniment_service;
SELECT is(
    test_support.answer_to(
        format('SELECT agents.redact_turn(:a, :b4, %L, %s)', '2026-06-15 12:00:00+00', who)
    ),
    answer,
    promise
)
FROM (
    VALUES
        ($$ NULL, 'asked for' $$,
         '23502 null value in column "redacted_by" of relation "redaction" violates not-null '
         'constraint', 'somebody redacts'),
        ($$ 'U-1', NULL $$,
         '23502 null value in column "reason" of relation "redaction" violates not-null '
         'constraint', 'for some reason'),
        ($$ '', 'asked for' $$,
         '23514 new row for relation "redaction" violates check constraint '
         '"redaction_redacted_by_ck"', 'who has a name'),
        ($$ 'U-1', '' $$,
         '23514 new row for relation "redaction" violates check constraint "redaction_reason_ck"',
         'and can say which')
) AS attempt (who, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
