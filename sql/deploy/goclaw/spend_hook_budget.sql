-- Deploy goclaw:spend_hook_budget to pg
-- requires: tenant_hook_budget
-- requires: platform:current_tenant_id
--
-- One statement compares and takes, so two who spend at the same time wait for each other at the
-- row, and the second sees what the first has left. A new month begins with the whole budget, and
-- with the first who spends. A budget that is not there is one of nothing, as its default is:
-- whoever may spend is told so by a row.
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
    v_month     CONSTANT date := date_trunc('month', now() AT TIME ZONE 'UTC');
    v_remaining bigint;
BEGIN
    IF p_units IS NULL OR p_units < 1 THEN
        RAISE EXCEPTION 'p_units is not a number from 1'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass how many units are about to be used.';
    END IF;

    -- A transaction that began last month may come to the row after one of this month: greatest()
    -- keeps it from turning the month back, which would give the budget out once more.
    UPDATE goclaw.tenant_hook_budget AS b
    SET month_start = greatest(b.month_start, v_month),
        remaining =
            CASE WHEN b.month_start < v_month THEN b.budget_total ELSE b.remaining END - p_units
    WHERE b.tenant_id = v_tenant_id
        AND CASE WHEN b.month_start < v_month THEN b.budget_total ELSE b.remaining END >= p_units
    RETURNING b.remaining INTO v_remaining;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_units is %: the hook budget has not so many left', p_units
            USING ERRCODE = 'MU340',
                  HINT = 'Wait for the next month, or raise budget_total and remaining in '
                         'goclaw.tenant_hook_budget.';
    END IF;

    RETURN v_remaining;
END;
$function$;

COMMENT ON FUNCTION goclaw.spend_hook_budget(bigint) IS
    'Takes units from the tenant''s budget for hooks and returns how many are left of the month, '
    'which is a month of UTC. p_units: how many, from 1. All or nothing. Raises MU340 when fewer '
    'are left or there is no budget, 22023 when p_units is not a number from 1, 42501 when no '
    'tenant is set.';

REVOKE ALL ON FUNCTION goclaw.spend_hook_budget(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.spend_hook_budget(bigint) TO muniment_app;

COMMIT;
