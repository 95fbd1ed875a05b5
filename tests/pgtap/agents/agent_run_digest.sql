-- Subject: agents.agent_run_digest()    Docs: docs/schema/agents.md#agent-run-digest
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(44);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.agent_run_digest' $$,
    $$ VALUES (
        'p_run agents.agent_run',
        'bytea',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader, muniment_service'
    ) $$,
    'a hash of what it is given, for whoever seals or verifies'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_run('a', 'a1', '2026-06-15 12:00:00+00', '{"cost_usd": 1, "metadata": {"b": 1, "a": "ü"}}');
CREATE TEMPORARY TABLE subject AS
SELECT t AS row_of
FROM agents.agent_run AS t
WHERE run_id = test_support.id('a1');

SELECT is(
    (SELECT agents.agent_run_digest(row_of) FROM subject),
    sha256(convert_to(
        '{00000000-0000-4000-8000-00000000000a,00000000-0000-4000-8000-0000000000a1,17815'
        '24800.000000,NULL,NULL,00000000-0000-4000-8000-0000000000a1,0,invoke_agent,clerk'
        ',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,succeeded,1,NULL,NULL,NULL,NU'
        'LL,1781524801.000000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1.000000000,NU'
        'LL,NULL,NULL,NULL,"{\"a\": \"ü\", \"b\": 1}"}',
        'UTF8'
    )),
    'it hashes the text of the columns'
);

-- Every column that there is, to another value of its type.
SELECT is(
    (
        SELECT agents.agent_run_digest(jsonb_populate_record(row_of, jsonb_build_object(
            attname,
            CASE format_type(atttypid, NULL)
                WHEN 'uuid' THEN test_support.id('9')::text
                WHEN 'timestamp with time zone' THEN '2026-06-15 12:00:59.999999+00'
                WHEN 'text' THEN 'another'
                WHEN 'bytea' THEN sha256('another')::text
                WHEN 'jsonb' THEN '{}'
                WHEN 'boolean' THEN 'true'
                ELSE '99'
            END
        ))) = agents.agent_run_digest(row_of)
        FROM subject
    ),
    false,
    format('it covers %s', attname)
)
FROM pg_attribute
WHERE attrelid = 'agents.agent_run'::regclass
    AND attnum > 0
    AND NOT attisdropped
ORDER BY attnum;

CREATE TEMPORARY TABLE expected AS
SELECT agents.agent_run_digest(row_of) AS digest
FROM subject;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SET LOCAL intervalstyle = 'iso_8601';
SELECT is(
    (SELECT agents.agent_run_digest(row_of) FROM subject),
    (SELECT digest FROM expected),
    'no setting changes it'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
