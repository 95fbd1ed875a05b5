-- Subject: agents.check_objects()    Docs: docs/schema/agents.md#check-objects
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(22);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.check_objects' $$,
    $$ VALUES (
        'p_name text, p_objects jsonb, p_keys text[], p_times text[], p_is_one boolean DEFAULT false',
        'void',
        'volatile, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app'
    ) $$,
    'for what takes objects: it looks at what it is given'
);

-- Behaviour -----------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT is(
    test_support.answer_to(
        format(
            'SELECT agents.check_objects(%L, %L, %L, %L)',
            'p_rows', objects, '{a,b,at}'::text[], '{at}'::text[]
        )
    ),
    answer,
    promise
)
FROM (
    VALUES
        ('[]'::jsonb, 'accepted', 'nothing is an array of objects'),
        ('[{}]', 'accepted', 'an object may be empty'),
        ('[{"a": 1}, {"b": null, "at": null}]', 'accepted', 'a key may be left out, or be null'),
        ('[{"a": 1}, {"c": 1}]', '22023 p_rows[1].c: is no key', 'a key that is none is named'),
        ('[{"d": 1, "a": 1, "c": 1}]', '22023 p_rows[0].c: is no key', 'the first of them'),
        ('[{"a": 1}, 2]', '22023 p_rows[1]: is not an object', 'what is not an object is refused'),
        ('[null]', '22023 p_rows[0]: is not an object', 'null is not an object'),
        ('[[]]', '22023 p_rows[0]: is not an object', 'an array is not an object'),
        ('{"a": 1}', '22023 p_rows: is not an array of objects', 'one object is not an array'),
        ('"a"', '22023 p_rows: is not an array of objects', 'a text is not an array'),
        (NULL, '22023 p_rows: is not an array of objects', 'NULL is not an array'),
        (jsonb_build_array(jsonb_build_object('at', now())), 'accepted', 'a time may have come'),
        (jsonb_build_array(jsonb_build_object('at', now() + interval '4 minutes')), 'accepted',
         'clocks differ'),
        ('[{}, {"at": "9999-01-01T00:00:00Z"}]',
         'MU112 p_rows[1].at: 9999-01-01T00:00:00Z lies in the future', 'by so much they do not'),
        ('[{"at": "infinity"}]', 'MU112 p_rows[0].at: infinity lies in the future',
         'the end of time has not come'),
        ('[{"b": "9999-01-01T00:00:00Z"}]', 'accepted', 'what is no time may say what it wants'),
        ('[{"at": "noon"}]', '22007 invalid input syntax for type timestamp with time zone: "noon"',
         'a time is a time')
) AS attempt (objects, answer, promise);

SELECT is(
    test_support.answer_to(
        format(
            'SELECT agents.check_objects(%L, %L, %L, %L, true)',
            'p_row', object, '{a,at}'::text[], '{at}'::text[]
        )
    ),
    answer,
    promise
)
FROM (
    VALUES
        ('{"a": 1}'::jsonb, 'accepted', 'one object may be given as such'),
        ('{"c": 1}', '22023 p_row.c: is no key', 'it has no place'),
        ('[{"a": 1}]', '22023 p_row: is not an object', 'and is no array'),
        (NULL, '22023 p_row: is not an object', 'nor NULL')
) AS attempt (object, answer, promise);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
