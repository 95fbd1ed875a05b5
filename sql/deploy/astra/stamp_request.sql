-- Deploy astra:stamp_request to pg
-- requires: lock_goal
--
-- Which request for a plan is the latest decides whether a goal starts, so its time must be neither
-- a program's word nor that of a transaction that began long before it asked. The time is read
-- under the lock of the goal: requests for one goal have times in the order in which they came.
-- Locks: none.  Docs: docs/schema/astra.md#stamp-request

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.stamp_request()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM astra.lock_goal(NEW.org_id, NEW.goal_id);
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION astra.stamp_request() IS
    'Trigger function for BEFORE INSERT on approval_requests: locks the goal, then sets created_at '
    'to the present, whatever was written. Raises MU410 unless the transaction is read committed.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION astra.stamp_request() FROM PUBLIC;

COMMIT;
