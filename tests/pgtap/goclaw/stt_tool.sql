-- Subject: the tool stt    Docs: docs/schema/goclaw.md#stt-tool
BEGIN;
SELECT plan(2);

-- Behaviour -----------------------------------------------------------------

SELECT results_eq(
    $$ SELECT name::text, enabled FROM goclaw.builtin_tools $$,
    $$ VALUES ('stt', true) $$,
    'the schema brings along the tool for speech, ready for use, and no other'
);

-- Access --------------------------------------------------------------------

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE goclaw.builtin_tools SET enabled = false $$,
    '42501',
    'permission denied for table builtin_tools',
    'a runtime does not turn it off for everybody'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
