-- Subject: goclaw.recall_episode()    Docs: docs/schema/goclaw.md#recall-episode
BEGIN;
SELECT plan(21);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'goclaw', 'recall_episode',
    ARRAY['uuid', 'double precision'],
    'setof record', 'it returns count and mean'
);
SELECT volatility_is(
    'goclaw', 'recall_episode',
    ARRAY['uuid', 'double precision'],
    'volatile', 'it counts'
);
SELECT isnt_definer(
    'goclaw', 'recall_episode',
    ARRAY['uuid', 'double precision'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'goclaw', 'recall_episode',
    ARRAY['uuid', 'double precision'],
    'muniment_owner', 'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model)
SELECT t.id, ('a9e00000-0000-4000-8000-0000000000' || t.slug || number)::uuid, number, 'u', 'm'
FROM goclaw.tenants AS t
CROSS JOIN generate_series(1, 2) AS number
WHERE t.slug IN ('a', 'b');
INSERT INTO goclaw.episodic_summaries (tenant_id, id, agent_id, session_key, summary)
SELECT
    tenant_id, ('e0000000-0000-4000-8000-0000000000' || right(id::text, 2))::uuid, id, 's', 's'
FROM goclaw.agents
WHERE agent_key = '1';

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ SELECT goclaw.recall_episode('e0000000-0000-4000-8000-0000000000a1', 1) $$,
    '42501',
    'tenant is not set',
    'without a tenant nothing is counted'
);
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
SELECT results_eq(
    $$ SELECT * FROM goclaw.recall_episode('e0000000-0000-4000-8000-0000000000a1', 0.5) $$,
    $$ VALUES (1, 0.5::double precision) $$,
    'the first score is the mean'
);
SELECT results_eq(
    $$ SELECT * FROM goclaw.recall_episode('e0000000-0000-4000-8000-0000000000a1', 1) $$,
    $$ VALUES (2, 0.75::double precision) $$,
    'the second one half of it'
);
SELECT results_eq(
    $$ SELECT * FROM goclaw.recall_episode('e0000000-0000-4000-8000-0000000000a1', 0) $$,
    $$ VALUES (3, 0.5::double precision) $$,
    'and the third a third; 0 is a score'
);
SELECT results_eq(
    $$ SELECT recall_count, recall_score, last_recalled_at BETWEEN now() AND clock_timestamp()
       FROM goclaw.episodic_summaries $$,
    $$ VALUES (3, 0.5::double precision, true) $$,
    'it is kept with the episode, and when that was'
);
UPDATE goclaw.episodic_summaries SET last_recalled_at = '2999-01-01';
SELECT lives_ok(
    $$ SELECT goclaw.recall_episode('e0000000-0000-4000-8000-0000000000a1', 0.5) $$,
    'what came later already'
);
SELECT results_eq(
    $$ SELECT last_recalled_at FROM goclaw.episodic_summaries $$,
    $$ VALUES ('2999-01-01'::timestamptz) $$,
    'stays the last time'
);
SELECT throws_ok(
    format('SELECT goclaw.recall_episode(%L, %L)', 'e0000000-0000-4000-8000-0000000000a1', score),
    '22023',
    'p_score is not a number from 0 on',
    format('a score is not %s', coalesce(score, 'NULL'))
)
FROM unnest(ARRAY['-0.1', 'NaN', 'Infinity', NULL]) AS score;
SELECT throws_ok(
    format('SELECT goclaw.recall_episode(%L, 1)', id),
    'MU300',
    'episode is not there',
    format('%s: one of another tenant is as one that never was', coalesce(id, 'NULL'))
)
FROM unnest(ARRAY[
    'e0000000-0000-4000-8000-0000000000b1', 'e0000000-0000-4000-8000-0000000000ff', NULL
]) AS id;
RESET ROLE;
SELECT throws_ok(
    $$ SELECT goclaw.recall_episode('e0000000-0000-4000-8000-0000000000b1', 1) $$,
    'MU300',
    'episode is not there',
    'not even a superuser, whom no policy binds, counts for another tenant'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'goclaw.recall_episode(uuid, double precision)'::regprocedure
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'runtimes may count'
);
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT goclaw.recall_episode('e0000000-0000-4000-8000-0000000000a1', 1) $$,
    '42501',
    'permission denied for function recall_episode',
    'whoever reads does not'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
