-- Deploy agents:guard_usage_daily to pg
-- requires: agent_run
-- requires: usage_daily
--
-- When a month has left, what was kept of it is all that says what it used, and there is nothing to
-- compare it with. So figures are written only while the ledger holds the month of their day. The
-- functions of the catalog that are asked see what is committed; a query, above READ COMMITTED,
-- would still see a month that has left since the transaction began.
-- Locks: SHARE ROW EXCLUSIVE on usage_daily.  Docs: docs/schema/agents.md#guard-usage-daily

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.guard_usage_daily()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- A table that was detached may still have the name of its month, but is no part any more.
    IF pg_partition_root(to_regclass('agents.agent_run_p' || to_char(NEW.day, 'YYYYMM')))
        IS DISTINCT FROM 'agents.agent_run'::regclass
    THEN
        RAISE EXCEPTION 'the ledger does not hold the month of %', NEW.day
            USING ERRCODE = 'MU116',
                  HINT = 'What was kept before a month left stays as it is.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agents.guard_usage_daily() IS
    'Trigger function: what was used is written, and written over, only while the runs are here. '
    'Raises MU116 when the ledger does not hold the month of the day.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agents.guard_usage_daily() FROM PUBLIC;

CREATE TRIGGER usage_daily_guard_tg
    BEFORE INSERT OR UPDATE ON agents.usage_daily
    FOR EACH ROW EXECUTE FUNCTION agents.guard_usage_daily();

COMMIT;
