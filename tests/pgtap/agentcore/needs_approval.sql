-- Subject: agentcore.needs_approval()    Docs: docs/schema/agentcore.md#needs-approval
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(20);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'needs_approval', ARRAY['uuid', 'text', 'double precision'], 'boolean',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'needs_approval', ARRAY['uuid', 'text', 'double precision'], 'stable',
    'it changes nothing'
);
SELECT isnt_definer(
    'agentcore', 'needs_approval', ARRAY['uuid', 'text', 'double precision'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'needs_approval', ARRAY['uuid', 'text', 'double precision'], 'muniment_owner',
    'the migrations own it'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO agentcore.department (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
INSERT INTO agentcore.namespace (department_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'Desk');
INSERT INTO agentcore.namespace (department_id, id, name) VALUES
    ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a2', 'Other');
INSERT INTO agentcore.intent_trust
    (namespace_id, intent_name, successful_count, threshold, sampling_rate)
VALUES
    ('4a000000-0000-4000-8000-0000000000a1', 'new', 9, 10, 0),
    ('4a000000-0000-4000-8000-0000000000a1', 'earned', 10, 10, 0.25),
    ('4a000000-0000-4000-8000-0000000000a1', 'free', 10, 10, 0),
    ('4a000000-0000-4000-8000-0000000000a1', 'watched', 10, 10, 1),
    ('4a000000-0000-4000-8000-0000000000a1', 'never', 1000, NULL, 0),
    ('4a000000-0000-4000-8000-0000000000a2', 'elsewhere', 10, 10, 0);

SET LOCAL ROLE muniment_app;
SELECT is(
    agentcore.needs_approval('4a000000-0000-4000-8000-0000000000a1', intent, draw), answer,
    promise
)
FROM (
    VALUES
        ('new', 0.999, true, 'one success too few: a person looks'),
        ('earned', 0.25, false, 'enough of them, and not in the sample: nobody has to'),
        ('earned', 0.2499, true, 'in the sample a person looks all the same'),
        ('free', 0, false, 'without a sample nobody has to'),
        ('watched', 0.999, true, 'a whole sample is everything'),
        ('never', 0.999, true, 'without a threshold a person always looks'),
        ('elsewhere', 0.999, true, 'what another assistant has earned does not count'),
        ('unheard', 0.999, true, 'what is not in the matrix is not trusted'),
        (NULL, 0.999, true, 'and what has no name neither')
) AS attempt (intent, draw, answer, promise);
SELECT is(
    agentcore.needs_approval('4a000000-0000-4000-8000-0000000000a1', 'free'), false,
    'the draw may be left out'
);
SELECT throws_ok(
    format(
        'SELECT agentcore.needs_approval(%L, ''watched'', %L)',
        '4a000000-0000-4000-8000-0000000000a1', draw
    ),
    '22023',
    format('draw is out of range: %s', coalesce(draw, 'null')),
    format('%s is no draw', coalesce(draw, 'null'))
)
FROM unnest(ARRAY['1', 'NaN', '-0.1', NULL]) AS draw;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000b');
SELECT is(
    agentcore.needs_approval(
        '4a000000-0000-4000-8000-0000000000a1', 'free', 0.999
    ),
    true, 'trust is that of one department'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'needs_approval' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
