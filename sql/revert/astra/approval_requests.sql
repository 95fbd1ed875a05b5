-- Revert astra:approval_requests from pg
--
-- What approval_requests and approval_decisions hold cannot be made again, so this refuses while
-- there is a row: it is exported first. Row security is lifted for the question, because without a
-- tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE astra.approval_requests NO FORCE ROW LEVEL SECURITY;
ALTER TABLE astra.approval_decisions NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM astra.approval_requests) THEN
        RAISE EXCEPTION 'astra.approval_requests holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM astra.approval_decisions) THEN
        RAISE EXCEPTION 'astra.approval_decisions holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE astra.approval_decisions;
DROP TABLE astra.approval_requests;

COMMIT;
