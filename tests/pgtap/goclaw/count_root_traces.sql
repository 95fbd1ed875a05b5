-- Subject: goclaw.count_root_traces()    Docs: docs/schema/goclaw.md#count-root-traces
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'count_root_traces', ARRAY['text', 'timestamp with time zone'],
    'bigint', 'it returns a number'
);
SELECT volatility_is(
    'goclaw', 'count_root_traces', ARRAY['text', 'timestamp with time zone'],
    'stable', 'it only reads'
);
SELECT isnt_definer(
    'goclaw', 'count_root_traces', ARRAY['text', 'timestamp with time zone'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'count_root_traces', ARRAY['text', 'timestamp with time zone'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.traces (tenant_id, id, parent_trace_id, user_id, created_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a1', NULL, 'u',
     '2026-11-21 10:00+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a2', NULL, 'u',
     '2026-11-21 11:00+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a3',
     '00000000-0000-4000-8000-0000000000a2', 'u', '2026-11-21 11:00+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a4', NULL, 'v',
     '2026-11-21 11:00+00'),
    ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-0000000000a5', NULL, NULL,
     '2026-11-21 11:00+00'),
    ('00000000-0000-4000-8000-00000000000b', '00000000-0000-4000-8000-0000000000b1', NULL, 'u',
     '2026-11-21 11:00+00');

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.count_root_traces('u', '-infinity') $$,
    '42501',
    'tenant is not set',
    'without a tenant there is nothing to count'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT is(
    goclaw.count_root_traces('u', '2026-11-21 10:00+00'), 2::bigint,
    'what the user asked for counts, from the given time on, and not what was delegated'
);
SELECT is(goclaw.count_root_traces('u', '2026-11-21 10:00:00.000001+00'), 1::bigint, 'not before');
SELECT is(goclaw.count_root_traces('w', '-infinity'), 0::bigint, 'who asked for nothing has 0');
SELECT is(goclaw.count_root_traces(NULL, '-infinity'), 0::bigint, 'and so has nobody');
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    goclaw.count_root_traces('u', '-infinity'), 1::bigint,
    'what the user asked for in another tenant does not count'
);

-- Enough rows that it matters: 20,000 of one user, one in ten of them a root.
RESET ROLE;
INSERT INTO goclaw.traces (tenant_id, parent_trace_id, user_id, created_at)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    CASE WHEN i % 10 > 0 THEN '00000000-0000-4000-8000-0000000000a1'::uuid END,
    'u' || i % 2,
    timestamptz '2026-11-01 00:00+00' + i * interval '1 minute'
FROM generate_series(1, 20000) AS i;
ANALYZE goclaw.traces;
CREATE FUNCTION pg_temp.plan_of_body(p_arguments text[])
RETURNS jsonb
LANGUAGE plpgsql
AS $function$
DECLARE
    v_body text;
    v_plan jsonb;
BEGIN
    SELECT replace(
        replace(prosrc, 'p_user_id', quote_literal(p_arguments[1])),
        'p_since', quote_literal(p_arguments[2])
    )
    INTO v_body
    FROM pg_proc
    WHERE oid = 'goclaw.count_root_traces(text, timestamp with time zone)'::regprocedure;
    EXECUTE 'EXPLAIN (FORMAT json) ' || v_body INTO v_plan;
    RETURN v_plan;
END;
$function$;
SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT set_eq(
    $$ SELECT
           node ->> 'Index Name' AS name,
           node ? 'Filter' AS is_filtered,
           node ->> 'Index Cond' ~ 'user_id.*created_at' AS is_sought
       FROM jsonb_path_query(
           pg_temp.plan_of_body(ARRAY['u0', '2026-11-14 00:00+00']),
           '$.**{0 to last} ? (exists(@."Node Type"))'
       ) AS node
       WHERE node ->> 'Relation Name' = 'traces' OR node ? 'Index Name' $$,
    $$ VALUES ('traces_quota_ix', false, true) $$,
    'with the policies of a runtime it asks the index of roots for user and time, and nothing else'
);
SELECT is(
    goclaw.count_root_traces('u0', '2026-11-14 00:00+00'),
    (SELECT count(*) FROM goclaw.traces
     WHERE user_id = 'u0' AND created_at >= '2026-11-14 00:00+00' AND parent_trace_id IS NULL),
    'and counts what is there'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid =
               'goclaw.count_root_traces(text, timestamp with time zone)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'those who act for one tenant may ask'
);
SET LOCAL ROLE muniment_service;
SELECT throws_ok(
    $$ SELECT goclaw.count_root_traces('u', now()) $$,
    '42501',
    'permission denied for function count_root_traces',
    'who works across tenants has no tenant to ask for'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
