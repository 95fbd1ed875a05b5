-- Verify goclaw:agent_budget on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ')
    INTO v_offender
    FROM (
        VALUES ('goclaw.sync_agent_budget()'), ('goclaw.check_agent_budget()')
    ) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_proc
        WHERE oid = to_regprocedure(want.name)
            AND proowner = 'muniment_owner'::regrole
            AND NOT prosecdef
            AND NOT proleakproof
            AND provolatile = 'v'
            AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
            AND NOT EXISTS (
                SELECT
                FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
                WHERE acl.grantee <> proowner
            )
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing, or owner, security, search_path or rights differ: %', v_offender;
    END IF;

    SELECT string_agg(format('%s: %s', want.table_name, want.name), ', ')
    INTO v_offender
    FROM (
        VALUES
            (
                'goclaw.agents', 'agents_sync_budget_tg',
                'goclaw.sync_agent_budget()'
            ),
            (
                'goclaw.usage_cap_policies', 'usage_cap_policies_check_insert_tg',
                'goclaw.check_agent_budget()'
            ),
            (
                'goclaw.usage_cap_policies', 'usage_cap_policies_check_update_tg',
                'goclaw.check_agent_budget()'
            ),
            (
                'goclaw.usage_cap_policies', 'usage_cap_policies_check_delete_tg',
                'goclaw.check_agent_budget()'
            )
    ) AS want (table_name, name, function)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_trigger
        WHERE tgrelid = to_regclass(want.table_name)
            AND tgname = want.name
            AND tgfoid = to_regprocedure(want.function)
            AND tgenabled = 'O'
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing or disabled trigger: %', v_offender;
    END IF;

    -- They are lifted while budgets are read.
    SELECT string_agg(want.name, ', ')
    INTO v_offender
    FROM (
        VALUES ('goclaw.agents'), ('goclaw.usage_cap_policies')
    ) AS want (name)
    WHERE NOT EXISTS (
        SELECT
        FROM pg_catalog.pg_class
        WHERE oid = to_regclass(want.name)
            AND relrowsecurity
            AND relforcerowsecurity
    );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'row security is not enabled and forced: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
