-- Subject: platform.set_updated_at()    Docs: docs/schema/platform.md#set-updated-at
BEGIN;
SELECT plan(11);

-- Shape ---------------------------------------------------------------------

SELECT function_returns(
    'platform', 'set_updated_at', ARRAY[]::text[], 'trigger', 'it is a trigger function'
);
SELECT isnt_definer(
    'platform', 'set_updated_at', ARRAY[]::text[], 'it acts with the rights of the writer'
);
SELECT function_owner_is(
    'platform', 'set_updated_at', ARRAY[]::text[], 'muniment_owner', 'the migrations own it'
);
SELECT is(
    (
        SELECT array_to_string(proconfig, '; ')
        FROM pg_proc
        WHERE oid = 'platform.set_updated_at()'::regprocedure
    ),
    'search_path=pg_catalog, pg_temp',
    'its search_path is pinned'
);

-- Behaviour -----------------------------------------------------------------

CREATE TEMP TABLE note (body text, updated_at timestamptz NOT NULL);
CREATE TRIGGER note_set_updated_at_tg
    BEFORE UPDATE ON note
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();
GRANT SELECT, INSERT, UPDATE ON note TO muniment_app;

SET LOCAL ROLE muniment_app;
INSERT INTO note VALUES ('first', '2026-05-01 00:00:00+00'), ('other', '2026-05-01 00:00:00+00');
SELECT is(
    (SELECT updated_at FROM note WHERE body = 'first'),
    '2026-05-01 00:00:00+00'::timestamptz,
    'an insert keeps the time that it brings'
);

UPDATE note SET body = 'second' WHERE body = 'first';
SELECT is(
    (SELECT updated_at FROM note WHERE body = 'second'),
    now(),
    'an update that does not think of it sets the time of the transaction'
);
SELECT is(
    (SELECT updated_at FROM note WHERE body = 'other'),
    '2026-05-01 00:00:00+00'::timestamptz,
    'a row that is not updated keeps its time'
);

UPDATE note SET body = 'third', updated_at = '2030-01-01 00:00:00+00' WHERE body = 'second';
SELECT is(
    (SELECT updated_at FROM note WHERE body = 'third'),
    now(),
    'nobody sets it by hand'
);
SELECT is(
    (SELECT count(*) FROM note WHERE body IN ('third', 'other')),
    2::bigint,
    'the rest of the update stands'
);

-- Access --------------------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    $$ SELECT grantee::regrole, privilege_type
       FROM pg_proc, aclexplode(proacl)
       WHERE pg_proc.oid = 'platform.set_updated_at()'::regprocedure AND grantee <> proowner $$,
    'a writer needs no right to the function of a trigger, and nobody has one'
);

CREATE TEMP TABLE mine (updated_at timestamptz);
GRANT ALL ON mine TO muniment_app;
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ CREATE TRIGGER mine_tg BEFORE UPDATE ON mine
       FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at() $$,
    '42501',
    'permission denied for function platform.set_updated_at',
    'an agent cannot put it on a table'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
