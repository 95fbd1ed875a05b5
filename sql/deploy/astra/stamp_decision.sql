-- Deploy astra:stamp_decision to pg
-- requires: schema
--
-- The time of a decision is evidence, so no program writes it. It is read under the lock of the
-- request, which makes decisions wait for each other before each has its time: who is counted first
-- has decided first.
-- Locks: none.  Docs: docs/schema/astra.md#stamp-decision

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.stamp_decision()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM
    FROM astra.approval_requests AS r
    WHERE r.org_id = NEW.org_id
        AND r.id = NEW.request_id
    FOR NO KEY UPDATE;
    NEW.decided_at := clock_timestamp();
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.stamp_decision() IS
    'Trigger function for BEFORE INSERT on approval_decisions: locks the request, then sets '
    'decided_at to the present, whatever was written. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.stamp_decision() FROM PUBLIC;

COMMIT;
