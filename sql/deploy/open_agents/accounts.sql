-- Deploy open_agents:accounts to pg
-- requires: schema
-- requires: platform:current_tenant_id
--
-- Whose sandboxes these are. Accounts live elsewhere, with their logins; this holds only what the
-- other tables refer to, and whoever has accounts already ties it to them by one more reference,
-- see docs/explanation/open-agents.md.
-- Locks: none beyond the new table.  Docs: docs/schema/open_agents.md#accounts

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.accounts (
    id         uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT accounts_pk PRIMARY KEY (id)
);

COMMENT ON TABLE open_agents.accounts IS
    'An account that the backend works for. What belongs to it has its id.';
COMMENT ON COLUMN open_agents.accounts.id IS 'The account, under the id that it has elsewhere.';
COMMENT ON COLUMN open_agents.accounts.created_at IS 'When the row was made.';

ALTER TABLE open_agents.accounts ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.accounts FORCE ROW LEVEL SECURITY;

CREATE POLICY accounts_tenant ON open_agents.accounts
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));
CREATE POLICY accounts_tenant_guard ON open_agents.accounts AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (id = (SELECT platform.current_tenant_id()))
    WITH CHECK (id = (SELECT platform.current_tenant_id()));

-- Accounts come and go before and after there is one to act for.
CREATE POLICY accounts_service ON open_agents.accounts
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON open_agents.accounts TO muniment_app;
GRANT SELECT ON open_agents.accounts TO muniment_reader;
GRANT SELECT, INSERT, DELETE ON open_agents.accounts TO muniment_service;

COMMIT;
