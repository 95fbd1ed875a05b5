-- Subject: agents.tool_call_digest()    Docs: docs/schema/agents.md#tool-call-digest
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(46);

-- Shape and access ----------------------------------------------------------

SELECT results_eq(
    $$ SELECT arguments, result, manner, callers
       FROM test_support.function
       WHERE name = 'agents.tool_call_digest' $$,
    $$ VALUES (
        'p_call agents.tool_call',
        'bytea',
        'stable, as its caller, of muniment_owner, search_path=pg_catalog, pg_temp',
        'muniment_app, muniment_reader, muniment_service'
    ) $$,
    'a hash of what it is given, for whoever seals or verifies'
);

-- Behaviour -----------------------------------------------------------------

SELECT test_support.open_months();
SELECT test_support.record_tool('send', 'write', 'never');
SELECT test_support.record_run('a', 'a1', '2026-06-15 12:00:00+00');
SELECT test_support.record_call(
    'a', 'a2', 'a1', 'send', '2026-06-15 12:00:00+00',
    jsonb_build_object(
        'args_storage', 'inline', 'args_inline', '{}', 'args_sha256', sha256('{}')::text,
        'args_bytes', 2, 'args_preview', '{', 'result_storage', 'inline', 'result_inline', 'ok',
        'result_sha256', sha256('ok')::text, 'result_bytes', 2, 'definition_sha256', (
            SELECT definition_sha256::text FROM agents.tool_registry WHERE tool_name = 'send'
        )
    )
);
CREATE TEMPORARY TABLE subject AS
SELECT t AS row_of
FROM agents.tool_call AS t
WHERE tool_call_id = test_support.id('a2');

SELECT is(
    (SELECT agents.tool_call_digest(row_of) FROM subject),
    sha256(convert_to(
        '{00000000-0000-4000-8000-00000000000a,00000000-0000-4000-8000-0000000000a2,17815'
        '24800.000000,00000000-0000-4000-8000-0000000000a1,1781524800.000000,NULL,1,1,NUL'
        'L,send,1,01fd1affa3f48623067a7b82f0a8e96228972f434bf18d98f28da91968d37211,NULL,s'
        'ucceeded,1781524800.000000,1781524801.000000,NULL,NULL,NULL,not_required,NULL,NU'
        'LL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,44136fa355b3678a1146ad16f7e8649e94fb4fc21f'
        'e77e8310c060f61caaff8a,2,2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49'
        '699a4f1df,2,"{inline,NULL,021fb596db81e6d02bf3d2586ee3981fe519f275c0ac9ca76bbcf2'
        'ebb4097d96}","{inline,NULL,NULL}"}',
        'UTF8'
    )),
    'it hashes the text of the columns'
);

-- Every column that there is, to another value of its type.
SELECT is(
    (
        SELECT agents.tool_call_digest(jsonb_populate_record(row_of, jsonb_build_object(
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
        ))) = agents.tool_call_digest(row_of)
        FROM subject
    ),
    attname IN ('args_inline', 'result_inline'),
    format('it covers %s, a body by its hash and length', attname)
)
FROM pg_attribute
WHERE attrelid = 'agents.tool_call'::regclass
    AND attnum > 0
    AND NOT attisdropped
ORDER BY attnum;

CREATE TEMPORARY TABLE expected AS
SELECT agents.tool_call_digest(row_of) AS digest
FROM subject;
SET LOCAL timezone = 'Asia/Kolkata';
SET LOCAL datestyle = 'SQL, DMY';
SET LOCAL bytea_output = 'escape';
SET LOCAL extra_float_digits = -15;
SET LOCAL intervalstyle = 'iso_8601';
SELECT is(
    (SELECT agents.tool_call_digest(row_of) FROM subject),
    (SELECT digest FROM expected),
    'no setting changes it'
);

RESET timezone;
INSERT INTO agents.redaction (
    firm_id, table_name, row_id, row_at, body, storage, sha256, bytes, preview_sha256, redacted_by,
    reason
)
SELECT
    firm_id, 'tool_call', tool_call_id, requested_at, body.name, 'inline', body.sha256, 2,
    body.preview_sha256, 'U-1', 'asked for'
FROM agents.tool_call
CROSS JOIN LATERAL (
    VALUES
        ('args', args_sha256, sha256(convert_to(args_preview, 'UTF8'))),
        ('result', result_sha256, NULL)
) AS body (name, sha256, preview_sha256);
UPDATE agents.tool_call
SET args_storage = 'redacted', args_inline = NULL, args_preview = NULL;
SELECT is(
    (SELECT agents.tool_call_digest(c) FROM agents.tool_call AS c),
    (SELECT digest FROM expected),
    'arguments that are redacted count as they did'
);
UPDATE agents.tool_call SET result_storage = 'redacted', result_inline = NULL;
SELECT is(
    (SELECT agents.tool_call_digest(c) FROM agents.tool_call AS c),
    (SELECT digest FROM expected),
    'and so does a result'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
