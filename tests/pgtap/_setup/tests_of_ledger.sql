-- What tests of the functions of the ledger ask, beside its rows.

-- What a function is: its arguments and result, how it runs, and who may call it.
CREATE VIEW test_support.function AS
SELECT
    p.oid::regproc::text AS name,
    -- Texts of the catalog are of another collation than those of a test.
    pg_get_function_arguments(p.oid) COLLATE "default" AS arguments,
    pg_get_function_result(p.oid) COLLATE "default" AS result,
    concat_ws(
        ', ',
        CASE p.provolatile WHEN 'v' THEN 'volatile' WHEN 's' THEN 'stable' ELSE 'immutable' END,
        CASE WHEN p.prosecdef THEN 'as its owner' ELSE 'as its caller' END,
        'of ' || p.proowner::regrole,
        array_to_string(p.proconfig, ', ')
    ) COLLATE "default" AS manner,
    (
        SELECT string_agg(
            CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
            ', ' ORDER BY acl.grantee::regrole::text
        ) COLLATE "default"
        FROM aclexplode(p.proacl) AS acl
        WHERE acl.grantee <> p.proowner
    ) AS callers
FROM pg_catalog.pg_proc AS p;

-- The months in which functions write that ask the clock.
CREATE FUNCTION test_support.open_months()
RETURNS void
LANGUAGE sql
AS $function$
    SELECT agents.ensure_partitions((now() AT TIME ZONE 'UTC')::date - 15, 3);
$function$;

-- accepted, or the SQLSTATE and the message of a statement, which is undone. In both, an id is
-- written by its ending: :a1 is test_support.id('a1').
CREATE FUNCTION test_support.answer_to(p_statement text)
RETURNS text
LANGUAGE plpgsql
AS $function$
BEGIN
    EXECUTE regexp_replace(
        p_statement, '(?<![:\w]):([0-9a-f]{1,3})\M', 'test_support.id(''\1'')', 'g'
    );
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        RETURN SQLSTATE || ' ' || regexp_replace(SQLERRM, '00000000-0000-4000-8000-0*', '', 'g');
END;
$function$;
