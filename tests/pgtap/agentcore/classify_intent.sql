-- Subject: agentcore.classify_intent()    Docs: docs/schema/agentcore.md#classify-intent
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(12);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'agentcore', 'classify_intent',
    ARRAY['uuid', 'platform.vector', 'double precision'], 'setof record',
    'it returns what callers were told'
);
SELECT volatility_is(
    'agentcore', 'classify_intent', ARRAY['uuid', 'platform.vector', 'double precision'], 'stable',
    'it changes nothing'
);
SELECT isnt_definer(
    'agentcore', 'classify_intent', ARRAY['uuid', 'platform.vector', 'double precision'],
    'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'agentcore', 'classify_intent',
    ARRAY['uuid', 'platform.vector', 'double precision'], 'muniment_owner',
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
    ('00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a2', 'Other'),
    ('00000000-0000-4000-8000-00000000000b', '4a000000-0000-4000-8000-0000000000b1', 'Desk');
CREATE FUNCTION pg_temp.near(p_angle double precision)
RETURNS platform.vector
LANGUAGE sql
AS $function$
    SELECT (
        ARRAY[cos(radians(p_angle)), sin(radians(p_angle))] || array_fill(0.0::float8, ARRAY[1534])
    )::platform.vector;
$function$;
INSERT INTO agentcore.intent_example
    (department_id, namespace_id, intent_name, phrase, embedding)
VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'leave',
        'I want a day off', pg_temp.near(0)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1', 'leave',
        'Holiday', pg_temp.near(20)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1',
        'travel', 'Book a train', pg_temp.near(90)
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a1',
        'unknown', 'Not yet embedded', NULL
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '4a000000-0000-4000-8000-0000000000a2', 'other',
        'Other', pg_temp.near(88)
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '4a000000-0000-4000-8000-0000000000b1',
        'secret', 'Of b', pg_temp.near(88)
    );

SET LOCAL ROLE muniment_app;
SELECT is(
    (
        SELECT phrase
        FROM agentcore.classify_intent('4a000000-0000-4000-8000-0000000000a1', pg_temp.near(angle))
    ),
    phrase,
    format('what is said at %s degrees is like %s', angle, phrase)
)
FROM (
    VALUES (2, 'I want a day off'), (18, 'Holiday'), (88, 'Book a train')
) AS attempt (angle, phrase);
SELECT results_eq(
    $$ SELECT intent_name, round(distance::numeric, 4)
       FROM agentcore.classify_intent(
           '4a000000-0000-4000-8000-0000000000a1', pg_temp.near(10), 2
       ) $$,
    $$ VALUES ('leave', 0.0152) $$,
    'it says what is meant, and how near that is'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.classify_intent(
           '4a000000-0000-4000-8000-0000000000a1', pg_temp.near(200)
       ) $$,
    'what is like nothing means nothing'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.classify_intent(
           '4a000000-0000-4000-8000-0000000000a1', pg_temp.near(10), 0.01
       ) $$,
    'how near it must be can be said'
);
SELECT is_empty(
    $$ SELECT FROM agentcore.classify_intent(
           '4a000000-0000-4000-8000-0000000000b1', pg_temp.near(88)
       ) $$,
    'the examples of another department are not compared'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE proname = 'classify_intent' AND pronamespace = 'agentcore'::regnamespace
           AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'nobody else may call it'
);

SELECT * FROM finish(true);
ROLLBACK;
