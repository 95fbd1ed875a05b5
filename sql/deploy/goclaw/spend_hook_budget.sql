-- Deploy goclaw:spend_hook_budget to pg
-- requires: tenant_hook_budget
-- requires: platform:current_tenant_id
--
-- Two who spend at the same time wait for each other at the row, and the second sees what the first
-- has left, and which month it is by then. A new month begins with the whole budget, and with the
-- first who spends; one that somebody has set for later has not begun, and gives nothing. A budget
-- that is not there is one of nothing, as its default is: whoever may spend is told so by a row.
-- Locks: none.  Docs: docs/schema/goclaw.md#spend-hook-budget

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.spend_hook_budget(p_units bigint)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_month     date;
    v_budget    goclaw.tenant_hook_budget;
    v_remaining bigint;
BEGIN
    IF p_units IS NULL OR p_units < 1 THEN
        RAISE EXCEPTION 'p_units is not a number from 1'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass how many units are about to be used.';
    END IF;

    SELECT b.*
    INTO v_budget
    FROM goclaw.tenant_hook_budget AS b
    WHERE b.tenant_id = v_tenant_id
    FOR NO KEY UPDATE;
    -- The clock is read behind the lock. By now(), a transaction that began last month would take
    -- this month, which another one has begun, for one to come.
    v_month := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    v_remaining := CASE
        WHEN v_budget.month_start < v_month THEN v_budget.budget_total
        WHEN v_budget.month_start = v_month THEN v_budget.remaining
        ELSE 0
    END - p_units;
    IF v_remaining < 0 THEN
        RAISE EXCEPTION 'p_units is %: the hook budget has not so many left', p_units
            USING ERRCODE = 'MU340',
                  HINT = 'Wait for the next month, or raise budget_total and remaining in '
                         'goclaw.tenant_hook_budget.';
    END IF;

    UPDATE goclaw.tenant_hook_budget AS b
    SET month_start = v_month,
        remaining = v_remaining
    WHERE b.tenant_id = v_tenant_id;
    RETURN v_remaining;
END;
$function$;

COMMENT ON FUNCTION goclaw.spend_hook_budget(bigint) IS
    'Takes units from the tenant''s budget for hooks and returns how many are left of the month, '
    'which is a month of UTC. p_units: how many, from 1. All or nothing. Raises MU340 when fewer '
    'are left, there is no budget or it is of a month to come, 22023 when p_units is not a number '
    'from 1, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.spend_hook_budget(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.spend_hook_budget(bigint) TO muniment_app;

COMMIT;
