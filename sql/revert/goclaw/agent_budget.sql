-- Revert goclaw:agent_budget from pg
--
-- Policies that were made from budgets stay as they are, and what was used under them with them;
-- they follow no budget any more.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TRIGGER usage_cap_policies_check_delete_tg ON goclaw.usage_cap_policies;
DROP TRIGGER usage_cap_policies_check_update_tg ON goclaw.usage_cap_policies;
DROP TRIGGER usage_cap_policies_check_insert_tg ON goclaw.usage_cap_policies;
DROP TRIGGER agents_sync_budget_tg ON goclaw.agents;
DROP FUNCTION goclaw.check_agent_budget();
DROP FUNCTION goclaw.sync_agent_budget();

COMMIT;
