-- Subject: agents.seal_sha256()    Docs: docs/schema/agents.md#seal-sha256
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(17);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.seal_sha256' $$,
    $$ VALUES (
        'p_firm_id uuid, p_chain_no smallint, p_seal_no bigint, p_format_no smallint, p_kind '
        'text, p_run_id uuid, p_run_started_at timestamp with time zone, p_redaction_id uuid, '
        'p_sealed_at timestamp with time zone, p_row_count integer, p_row_digests bytea, '
        'p_content_sha256 bytea, p_previous_sha256 bytea',
        'bytea',
        'immutable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader, muniment_service'
    ) $$,
    'a hash of its arguments, which a CHECK and whoever verifies ask for'
);

-- Behaviour -----------------------------------------------------------------

CREATE TEMPORARY TABLE seal AS
SELECT
    test_support.id('a') AS p_firm_id,
    1::smallint AS p_chain_no,
    2::bigint AS p_seal_no,
    1::smallint AS p_format_no,
    'run' AS p_kind,
    test_support.id('a1') AS p_run_id,
    '2026-06-15 12:00:00.000001+00'::timestamptz AS p_run_started_at,
    NULL::uuid AS p_redaction_id,
    '2026-06-15 12:00:01+00'::timestamptz AS p_sealed_at,
    1 AS p_row_count,
    '\x0102030405060708'::bytea AS p_row_digests,
    '\xabcd'::bytea AS p_content_sha256,
    '\xef'::bytea AS p_previous_sha256;
CREATE FUNCTION pg_temp.sha256_of(p_seal seal)
RETURNS bytea
LANGUAGE sql
AS $$
    SELECT agents.seal_sha256(
        p_seal.p_firm_id, p_seal.p_chain_no, p_seal.p_seal_no, p_seal.p_format_no, p_seal.p_kind,
        p_seal.p_run_id, p_seal.p_run_started_at, p_seal.p_redaction_id, p_seal.p_sealed_at,
        p_seal.p_row_count, p_seal.p_row_digests, p_seal.p_content_sha256, p_seal.p_previous_sha256
    )
$$;

SELECT is(
    (SELECT pg_temp.sha256_of(seal) FROM seal),
    sha256(convert_to(
        '(00000000-0000-4000-8000-00000000000a,1,2,1,run,00000000-0000-4000-8000-0000000000a1,'
        '1781524800.000001,,1781524801.000000,1,0102030405060708,abcd,ef)',
        'UTF8'
    )),
    'it hashes the text of the seal'
);
SELECT isnt(
    (
        SELECT pg_temp.sha256_of(jsonb_populate_record(seal, jsonb_build_object(
            attname,
            CASE format_type(atttypid, NULL)
                WHEN 'uuid' THEN test_support.id('9')::text
                WHEN 'timestamp with time zone' THEN '2026-06-15 12:00:59.999999+00'
                WHEN 'text' THEN 'redaction'
                WHEN 'bytea' THEN '\x99'
                ELSE '9'
            END
        )))
        FROM seal
    ),
    (SELECT pg_temp.sha256_of(seal) FROM seal),
    format('it covers %s', attname)
)
FROM pg_attribute
WHERE attrelid = 'seal'::regclass
    AND attnum > 0
ORDER BY attnum;
SELECT is(
    (
        SELECT string_agg(attname, ' ' ORDER BY attnum)
        FROM pg_attribute
        WHERE attrelid = 'seal'::regclass
            AND attnum > 0
    ),
    (
        SELECT array_to_string(proargnames, ' ')
        FROM pg_proc
        WHERE oid::regproc::text = 'agents.seal_sha256'
    ),
    'no argument is left out'
);

CREATE TEMPORARY TABLE expected AS
SELECT pg_temp.sha256_of(seal) AS seal_sha256
FROM seal;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SELECT is(
    (SELECT pg_temp.sha256_of(seal) FROM seal),
    (SELECT seal_sha256 FROM expected),
    'no setting changes it'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
