-- Subject: platform.uuid_generate_v7()    Docs: docs/schema/platform.md#uuid-generate-v7
BEGIN;
SELECT plan(16);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'platform', 'uuid_generate_v7', ARRAY[]::text[], 'uuid', 'it returns a uuid'
);
SELECT volatility_is(
    'platform', 'uuid_generate_v7', ARRAY[]::text[], 'volatile', 'each call makes another id'
);
SELECT isnt_definer(
    'platform', 'uuid_generate_v7', ARRAY[]::text[], 'it acts with the rights of its caller'
);
SELECT function_owner_is(
    'platform', 'uuid_generate_v7', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT set_eq(
    $$ SELECT array_to_string(proconfig, '; '), proparallel::text, proleakproof
       FROM pg_proc
       WHERE oid = 'platform.uuid_generate_v7()'::regprocedure $$,
    $$ VALUES ('search_path=pg_catalog, pg_temp', 's', false) $$,
    'its search_path is pinned, and a parallel query may call it'
);

-- Behaviour -----------------------------------------------------------------

-- What an id says about the time, in microseconds: 48 bits of milliseconds and 12 of a fraction.
CREATE FUNCTION pg_temp.microseconds_in(p_id uuid)
RETURNS numeric
LANGUAGE sql
AS $$
    SELECT ('x' || left(digits, 12))::bit(48)::bigint * 1000::numeric
        + ('x' || substr(digits, 14, 3))::bit(12)::integer * 1000 / 4096::numeric
    FROM replace(p_id::text, '-', '') AS digits
$$;

-- clock_timestamp() is read before and after each id, in this order.
CREATE TEMP TABLE sample AS
SELECT
    sample_no,
    extract(epoch FROM clock_timestamp()) * 1000000 AS earliest,
    platform.uuid_generate_v7() AS id,
    extract(epoch FROM clock_timestamp()) * 1000000 AS latest
FROM generate_series(1, 10000) AS sample_no;

SELECT is_empty(
    $$ SELECT id FROM sample WHERE substr(id::text, 15, 1) <> '7' $$,
    'the version is 7'
);
SELECT is_empty(
    $$ SELECT id FROM sample WHERE substr(id::text, 20, 1) NOT IN ('8', '9', 'a', 'b') $$,
    'the variant is that of RFC 9562'
);
SELECT is((SELECT count(DISTINCT id) FROM sample), 10000::bigint, 'no id comes twice');
-- The fraction is cut off after a quarter of a microsecond, and the server's own function may run
-- a few of them ahead to keep its ids apart.
SELECT is_empty(
    $$ SELECT id, earliest, latest
       FROM sample
       WHERE pg_temp.microseconds_in(id) NOT BETWEEN earliest - 1 AND latest + 5 $$,
    'the time in an id is that of the clock, to the microsecond'
);
SELECT is(
    (SELECT count(DISTINCT right(id::text, 17)) FROM sample),
    10000::bigint,
    'the last 62 bits differ in each id'
);
-- The clock of a server may be as coarse as a microsecond: ids of the same one are in any order.
SELECT is_empty(
    $$ SELECT former.id, latter.id
       FROM sample AS former
       JOIN sample AS latter ON latter.sample_no = former.sample_no + 100
       WHERE former.id >= latter.id AND latter.earliest >= former.latest $$,
    'ids are in the order of time'
);

-- 25 pairs, 200 microseconds apart: most are of one millisecond, and chance would swap half.
CREATE FUNCTION pg_temp.pairs_in_order()
RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
    v_former  uuid;
    v_ordered bigint := 0;
BEGIN
    FOR pair_no IN 1..25 LOOP
        v_former := platform.uuid_generate_v7();
        PERFORM pg_sleep(0.0002);
        v_ordered := v_ordered + (v_former < platform.uuid_generate_v7())::integer;
    END LOOP;

    RETURN v_ordered;
END;
$$;

SELECT is(
    pg_temp.pairs_in_order(), 25::bigint, 'ids of one millisecond are in the order of time too'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'platform.uuid_generate_v7()'::regprocedure AND grantee <> proowner $$,
    $$ VALUES ('muniment_app', 'EXECUTE', false), ('muniment_service', 'EXECUTE', false) $$,
    'those who write may make ids'
);

SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ SELECT platform.uuid_generate_v7() $$,
    'an agent makes an id, whatever the version of the server'
);
-- What an attacker puts in front of the search_path is not what the function calls.
RESET ROLE;
CREATE SCHEMA attacker AUTHORIZATION muniment_app;
SET LOCAL ROLE muniment_app;
CREATE FUNCTION attacker.gen_random_uuid()
RETURNS uuid
LANGUAGE sql
AS $$ SELECT '00000000-0000-4000-8000-000000000000'::uuid $$;
CREATE FUNCTION attacker.uuidv7()
RETURNS uuid
LANGUAGE sql
AS $$ SELECT '00000000-0000-4000-8000-000000000000'::uuid $$;
SAVEPOINT attacked;
SELECT set_config('search_path', 'attacker, ' || current_setting('search_path'), true);
SELECT isnt(
    right(platform.uuid_generate_v7()::text, 12),
    '000000000000',
    'a function of the same name in another schema changes nothing'
);
RELEASE SAVEPOINT attacked;

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ SELECT platform.uuid_generate_v7() $$,
    '42501',
    'permission denied for function uuid_generate_v7',
    'a reader has no use for it'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
