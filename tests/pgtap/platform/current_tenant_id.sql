-- Subject: platform.current_tenant_id()    Docs: docs/schema/platform.md#current-tenant-id
BEGIN;
SELECT plan(27);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'platform', 'current_tenant_id', ARRAY[]::text[], 'uuid', 'a tenant is a uuid'
);
SELECT volatility_is(
    'platform', 'current_tenant_id', ARRAY[]::text[], 'stable',
    'a statement asks once; a cached plan asks again'
);
SELECT isnt_definer(
    'platform', 'current_tenant_id', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'platform', 'current_tenant_id', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT set_eq(
    $$ SELECT array_to_string(proconfig, '; '), proparallel::text, proleakproof
       FROM pg_proc
       WHERE oid = 'platform.current_tenant_id()'::regprocedure $$,
    $$ VALUES ('search_path=pg_catalog, pg_temp', 's', false) $$,
    'its search_path is pinned, parallel workers may call it, and it is not called leakproof'
);

-- Behaviour -----------------------------------------------------------------

-- All that a refusal tells the one who is refused.
CREATE FUNCTION pg_temp.refusal()
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_message text;
    v_detail  text;
    v_hint    text;
    v_context text;
BEGIN
    RETURN platform.current_tenant_id();
EXCEPTION
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS
            v_message = MESSAGE_TEXT,
            v_detail = PG_EXCEPTION_DETAIL,
            v_hint = PG_EXCEPTION_HINT,
            v_context = PG_EXCEPTION_CONTEXT;
        RETURN format(
            '%s: %s, detail: %s, hint: %s, context: %s',
            SQLSTATE, v_message, v_detail, v_hint, v_context
        );
END;
$$;

SET LOCAL ROLE muniment_app;

SELECT is(current_setting('app.tenant_id', true), NULL, 'a new session has no tenant');
SELECT throws_ok(
    $$ SELECT platform.current_tenant_id() $$,
    '42501',
    'tenant is not set',
    'a missing tenant is refused'
);
SELECT matches(
    pg_temp.refusal(),
    'detail: , hint: Call platform\.set_tenant\(uuid\) first, inside the transaction\.',
    'the refusal says what to do'
);

-- What a transaction that set a tenant leaves to the next one on its connection.
SAVEPOINT former_transaction;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
ROLLBACK TO SAVEPOINT former_transaction;

SELECT is(current_setting('app.tenant_id', true), '', 'an ended transaction leaves an empty text');
SELECT throws_ok(
    $$ SELECT platform.current_tenant_id() $$,
    '42501',
    'tenant is not set',
    'an empty tenant is refused like a missing one'
);

CREATE TEMP TABLE malformed (setting text, what text);
INSERT INTO malformed VALUES
    ('firm-a', 'a word'),
    ('0', 'a number'),
    (' ', 'a blank'),
    (' 00000000-0000-4000-8000-00000000000a', 'a leading blank'),
    ('00000000-0000-4000-8000-00000000000a ', 'a trailing blank'),
    (E'00000000-0000-4000-8000-00000000000a\n', 'a trailing line break'),
    (E'00000000-0000-4000-8000-00000000000a\n00000000-0000-4000-8000-00000000000b', 'two lines'),
    ('{00000000-0000-4000-8000-00000000000a}', 'braces'),
    ('0000000000004000800000000000000a', 'no hyphens'),
    ('00000000-0000-4000-8000-00000000000A', 'an upper-case digit'),
    ('00000000-0000-4000-8000-00000000000g', 'a digit that is none'),
    ('00000000-0000-4000-8000-00000000000', 'a digit too few'),
    ($$00000000-0000-4000-8000-00000000000a' OR true --$$, 'an injection');

SELECT throws_ok(
    format(
        $$ SELECT set_config('app.tenant_id', %L, true), platform.current_tenant_id() $$,
        setting
    ),
    '22023',
    'tenant is malformed',
    format('a malformed tenant is refused: %s', what)
)
FROM malformed;

SELECT set_config('app.tenant_id', $$s3cret' OR true --$$, true);
SELECT unalike(
    pg_temp.refusal(),
    '%s3cret%',
    'the refusal never repeats the value: it may be the attempt of somebody else'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SELECT is(
    platform.current_tenant_id(),
    '00000000-0000-4000-8000-00000000000a'::uuid,
    'the tenant that is set is the tenant'
);

-- A plan that is made once and kept, as drivers do.
SET LOCAL plan_cache_mode = force_generic_plan;
PREPARE tenant_of_plan AS SELECT platform.current_tenant_id();
EXECUTE tenant_of_plan;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000b';
SELECT results_eq(
    'EXECUTE tenant_of_plan',
    $$ VALUES ('00000000-0000-4000-8000-00000000000b'::uuid) $$,
    'a plan made under one tenant gives the next one its own'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'platform.current_tenant_id()'::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_reader', 'EXECUTE', false) $$,
    'the roles that have a tenant may ask for it'
);

SELECT * FROM finish(true);
ROLLBACK;
