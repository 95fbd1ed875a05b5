-- Deploy goclaw:agent_budget to pg
-- requires: usage_caps
--
-- The budget in agents is kept as a policy for the month, so that one place decides about usage. A
-- budget that is taken away turns the policy off instead of deleting it: with it would go what was
-- used, and a budget that is set again would begin at nothing. That of an agent with deleted_at
-- holds on: it may still be at work, and would have no limit.
-- Nobody can change the policy apart from the budget: what is written must be what the agent says.
-- Budgets that are there already get their policies here; for that, row security is lifted from
-- both tables, because without a tenant the owner sees no agent.
-- Locks: ACCESS EXCLUSIVE on agents and usage_cap_policies, while agents with a budget are read.
-- Docs: docs/schema/goclaw.md#agent-budget

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.sync_agent_budget()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF NEW.budget_monthly_cents IS NULL THEN
        UPDATE goclaw.usage_cap_policies AS p
        SET enabled = false
        WHERE p.tenant_id = NEW.tenant_id
            AND p.agent_id = NEW.id
            AND p.source = 'agent_budget_monthly_cents';
        RETURN NULL;
    END IF;

    INSERT INTO goclaw.usage_cap_policies (
        tenant_id, agent_id, window_key, max_cost_micros, source
    )
    VALUES (
        NEW.tenant_id, NEW.id, 'month', NEW.budget_monthly_cents::bigint * 10000,
        'agent_budget_monthly_cents'
    )
    ON CONFLICT (tenant_id, agent_id) WHERE source = 'agent_budget_monthly_cents'
    DO UPDATE SET enabled = true, max_cost_micros = excluded.max_cost_micros;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION goclaw.sync_agent_budget() IS
    'Trigger function that keeps the policy of an agent in step with its budget: 1 cent is 10,000 '
    'micros, no budget turns the policy off. Raises nothing.';

CREATE FUNCTION goclaw.check_agent_budget()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_policy CONSTANT goclaw.usage_cap_policies := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    v_budget integer;
BEGIN
    SELECT a.budget_monthly_cents
    INTO v_budget
    FROM goclaw.agents AS a
    WHERE a.tenant_id = v_policy.tenant_id
        AND a.id = v_policy.agent_id;
    -- An agent that is removed for good takes its policy along. Without the agent, the reference
    -- refuses the others.
    IF NOT FOUND THEN
        RETURN v_policy;
    END IF;

    IF TG_OP = 'DELETE'
        OR (TG_OP = 'UPDATE' AND OLD.agent_id IS DISTINCT FROM NEW.agent_id)
        OR v_policy.enabled <> (v_budget IS NOT NULL)
        OR v_policy.max_cost_micros <> v_budget::bigint * 10000
    THEN
        RAISE EXCEPTION 'usage_cap_policies: % follows agents.budget_monthly_cents', v_policy.id
            USING ERRCODE = 'MU333',
                  HINT = 'Change the budget of the agent.';
    END IF;
    RETURN v_policy;
END;
$function$;

COMMENT ON FUNCTION goclaw.check_agent_budget() IS
    'Trigger function that lets a policy that was made from the budget of an agent say only what '
    'the budget says. Raises MU333.';

REVOKE ALL ON FUNCTION goclaw.sync_agent_budget() FROM PUBLIC;
REVOKE ALL ON FUNCTION goclaw.check_agent_budget() FROM PUBLIC;

CREATE TRIGGER agents_sync_budget_tg
    AFTER INSERT OR UPDATE OF budget_monthly_cents ON goclaw.agents
    FOR EACH ROW EXECUTE FUNCTION goclaw.sync_agent_budget();

ALTER TABLE goclaw.agents NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_policies NO FORCE ROW LEVEL SECURITY;

INSERT INTO goclaw.usage_cap_policies (
    tenant_id, agent_id, window_key, max_cost_micros, source
)
SELECT
    a.tenant_id, a.id, 'month', a.budget_monthly_cents::bigint * 10000,
    'agent_budget_monthly_cents'
FROM goclaw.agents AS a
WHERE a.budget_monthly_cents IS NOT NULL
ON CONFLICT (tenant_id, agent_id) WHERE source = 'agent_budget_monthly_cents'
DO UPDATE SET enabled = true, max_cost_micros = excluded.max_cost_micros;

-- Of budgets that were taken away while there was no trigger.
UPDATE goclaw.usage_cap_policies AS p
SET enabled = false
FROM goclaw.agents AS a
WHERE a.tenant_id = p.tenant_id
    AND a.id = p.agent_id
    AND a.budget_monthly_cents IS NULL
    AND p.source = 'agent_budget_monthly_cents'
    AND p.enabled;

ALTER TABLE goclaw.agents FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_policies FORCE ROW LEVEL SECURITY;

CREATE TRIGGER usage_cap_policies_check_insert_tg
    BEFORE INSERT ON goclaw.usage_cap_policies
    FOR EACH ROW WHEN (NEW.source = 'agent_budget_monthly_cents')
    EXECUTE FUNCTION goclaw.check_agent_budget();
CREATE TRIGGER usage_cap_policies_check_update_tg
    BEFORE UPDATE ON goclaw.usage_cap_policies
    FOR EACH ROW WHEN (
        OLD.source = 'agent_budget_monthly_cents' OR NEW.source = 'agent_budget_monthly_cents'
    )
    EXECUTE FUNCTION goclaw.check_agent_budget();
CREATE TRIGGER usage_cap_policies_check_delete_tg
    BEFORE DELETE ON goclaw.usage_cap_policies
    FOR EACH ROW WHEN (OLD.source = 'agent_budget_monthly_cents')
    EXECUTE FUNCTION goclaw.check_agent_budget();

COMMIT;
