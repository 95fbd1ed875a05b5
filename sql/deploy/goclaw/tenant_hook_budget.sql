-- Deploy goclaw:tenant_hook_budget to pg
-- requires: tenants
--
-- What a tenant may spend on hooks that ask a model, in a month. The units are the provider's.
-- Spending goes through goclaw.spend_hook_budget(); a CHECK refuses whoever goes around it and
-- takes too much.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#tenant-hook-budget

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.tenant_hook_budget (
    tenant_id      uuid        NOT NULL,
    month_start    date        NOT NULL,
    budget_total   bigint      NOT NULL DEFAULT 0,
    remaining      bigint      NOT NULL DEFAULT 0,
    last_warned_at timestamptz,
    metadata       jsonb       NOT NULL DEFAULT '{}',
    updated_at     timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT tenant_hook_budget_pk PRIMARY KEY (tenant_id),
    CONSTRAINT tenant_hook_budget_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT tenant_hook_budget_month_start_ck
        CHECK (extract(day FROM month_start) = 1 AND isfinite(month_start)),
    CONSTRAINT tenant_hook_budget_remaining_ck CHECK (remaining >= 0 AND remaining <= budget_total)
);

COMMENT ON TABLE goclaw.tenant_hook_budget IS
    'The monthly budget of a tenant for hooks that ask a model.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.month_start IS
    'First day of the month, in UTC, to which remaining belongs. Before a month has come, nothing '
    'is spent of it.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.budget_total IS 'Units for a month.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.remaining IS 'Units left of the month.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.last_warned_at IS
    'When somebody was last told that little is left.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.metadata IS 'When to warn, and notes.';
COMMENT ON COLUMN goclaw.tenant_hook_budget.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER tenant_hook_budget_set_updated_at_tg
    BEFORE UPDATE ON goclaw.tenant_hook_budget
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.tenant_hook_budget ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.tenant_hook_budget FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant_hook_budget_tenant ON goclaw.tenant_hook_budget
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY tenant_hook_budget_tenant_guard ON goclaw.tenant_hook_budget AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.tenant_hook_budget TO muniment_app;
GRANT UPDATE (
    month_start, budget_total, remaining, last_warned_at, metadata, updated_at
) ON goclaw.tenant_hook_budget TO muniment_app;
GRANT SELECT ON goclaw.tenant_hook_budget TO muniment_reader;

COMMIT;
