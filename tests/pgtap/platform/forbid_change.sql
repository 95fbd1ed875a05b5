-- Subject: platform.forbid_change()    Docs: docs/schema/platform.md#forbid-change
BEGIN;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'platform', 'forbid_change', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'platform', 'forbid_change', ARRAY[]::text[], 'it acts with the rights of the writer'
);
SELECT function_owner_is(
    'platform', 'forbid_change', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'platform.forbid_change()'::regprocedure
    ),
    'search_path=pg_catalog, pg_temp',
    'its search_path is pinned'
);

-- Behaviour -----------------------------------------------------------------

CREATE SCHEMA archive;
CREATE TABLE archive.deed (deed_id integer);
INSERT INTO archive.deed VALUES (1), (2);
CREATE TRIGGER deed_forbid_row_tg
    BEFORE UPDATE OR DELETE ON archive.deed
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER deed_forbid_truncate_tg
    BEFORE TRUNCATE ON archive.deed
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

SELECT is(current_setting('is_superuser'), 'on', 'what follows is refused to a superuser');
SELECT throws_ok(
    $$ DELETE FROM archive.deed WHERE deed_id = 1 $$,
    'MU001',
    'archive.deed is append-only: delete refused',
    'a row is not deleted'
);
SELECT throws_ok(
    $$ UPDATE archive.deed SET deed_id = 3 WHERE deed_id = 1 $$,
    'MU001',
    'archive.deed is append-only: update refused',
    'a row is not updated'
);
SELECT throws_ok(
    $$ TRUNCATE archive.deed $$,
    'MU001',
    'archive.deed is append-only: truncate refused',
    'a table is not emptied'
);
-- Most tables that it guards have no months.
CREATE FUNCTION pg_temp.hint_of(p_statement text)
RETURNS text
LANGUAGE plpgsql
AS $function$
DECLARE
    v_hint text;
BEGIN
    EXECUTE p_statement;
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'MU001' THEN
        GET STACKED DIAGNOSTICS v_hint = PG_EXCEPTION_HINT;
        RETURN v_hint;
END;
$function$;
SELECT is(
    pg_temp.hint_of('DELETE FROM archive.deed'),
    'What was recorded stays. Add a row, or retire a month of the ledger.',
    'what to do instead is said for tables with months and without'
);
SELECT lives_ok(
    $$ DELETE FROM archive.deed WHERE deed_id = 3 $$,
    'a statement that meets no row has changed nothing'
);
SELECT lives_ok(
    $$ INSERT INTO archive.deed VALUES (4) $$,
    'a row is still added'
);
SELECT results_eq(
    $$ SELECT deed_id FROM archive.deed ORDER BY deed_id $$,
    $$ VALUES (1), (2), (4) $$,
    'every row that was there is there'
);

-- Access --------------------------------------------------------------------

SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'platform.forbid_change()'::regprocedure AND grantee <> proowner $$,
    'nobody but the owner has a right to the function'
);

-- The trigger binds those who have no right to its function.
GRANT USAGE ON SCHEMA archive TO muniment_app;
GRANT SELECT, DELETE ON archive.deed TO muniment_app;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ DELETE FROM archive.deed $$,
    'MU001',
    'archive.deed is append-only: delete refused',
    'a stray grant of DELETE deletes nothing'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
