-- Deploy goclaw:pairing to pg
-- requires: tenants
--
-- How a stranger who writes to an agent is let in: the stranger is shown a code, and whoever may
-- approve it is told the code by the stranger. A code holds within its tenant, where it is looked
-- up.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#pairing

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.pairing_requests (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    code       varchar(8)   NOT NULL,
    sender_id  varchar(200) NOT NULL,
    channel    varchar(255) NOT NULL,
    chat_id    varchar(200) NOT NULL,
    account_id varchar(100),
    expires_at timestamptz  NOT NULL,
    metadata   jsonb        NOT NULL DEFAULT '{}',
    created_at timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT pairing_requests_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT pairing_requests_code_uq UNIQUE (tenant_id, code),
    CONSTRAINT pairing_requests_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT pairing_requests_code_ck CHECK (length(code) = 8)
);

-- A stranger who writes again is shown the same code.
CREATE INDEX pairing_requests_sender_ix
    ON goclaw.pairing_requests (tenant_id, channel, sender_id);

-- Codes that have ended, of all tenants, which is why the tenant is not in it.
CREATE INDEX pairing_requests_expires_at_ix ON goclaw.pairing_requests (expires_at);

COMMENT ON TABLE goclaw.pairing_requests IS 'A code that a stranger was shown.';
COMMENT ON COLUMN goclaw.pairing_requests.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.pairing_requests.id IS 'The request.';
COMMENT ON COLUMN goclaw.pairing_requests.code IS 'The code.';
COMMENT ON COLUMN goclaw.pairing_requests.sender_id IS 'The stranger as the channel knows them.';
COMMENT ON COLUMN goclaw.pairing_requests.channel IS 'The channel.';
COMMENT ON COLUMN goclaw.pairing_requests.chat_id IS 'The chat there.';
COMMENT ON COLUMN goclaw.pairing_requests.account_id IS
    'The account of the channel that was written to.';
COMMENT ON COLUMN goclaw.pairing_requests.expires_at IS
    'When the code ends; it may be pruned then.';
COMMENT ON COLUMN goclaw.pairing_requests.metadata IS 'Further facts.';
COMMENT ON COLUMN goclaw.pairing_requests.created_at IS 'When the row was made.';

ALTER TABLE goclaw.pairing_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.pairing_requests FORCE ROW LEVEL SECURITY;

CREATE POLICY pairing_requests_tenant ON goclaw.pairing_requests
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY pairing_requests_tenant_guard ON goclaw.pairing_requests AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Codes of all tenants are pruned when they have ended.
CREATE POLICY pairing_requests_service ON goclaw.pairing_requests
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.pairing_requests TO muniment_app;
-- The account stays: who writes to another one makes another request.
GRANT UPDATE (
    code, sender_id, channel, chat_id, expires_at, metadata
) ON goclaw.pairing_requests TO muniment_app;
GRANT SELECT ON goclaw.pairing_requests TO muniment_reader;
GRANT DELETE ON goclaw.pairing_requests TO muniment_service;
GRANT SELECT (tenant_id, id, expires_at) ON goclaw.pairing_requests TO muniment_service;
-- FOR UPDATE asks for a right to update; this column means least.
GRANT UPDATE (metadata) ON goclaw.pairing_requests TO muniment_service;

CREATE TABLE goclaw.paired_devices (
    tenant_id  uuid         NOT NULL,
    id         uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    sender_id  varchar(200) NOT NULL,
    channel    varchar(255) NOT NULL,
    chat_id    varchar(200) NOT NULL,
    paired_by  varchar(100),
    paired_at  timestamptz  NOT NULL DEFAULT now(),
    expires_at timestamptz,
    metadata   jsonb        NOT NULL DEFAULT '{}',

    CONSTRAINT paired_devices_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT paired_devices_sender_uq UNIQUE (tenant_id, sender_id, channel),
    CONSTRAINT paired_devices_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT
);

-- Pairings that have ended, of all tenants, which is why the tenant is not in it.
CREATE INDEX paired_devices_expires_at_ix
    ON goclaw.paired_devices (expires_at) WHERE expires_at IS NOT NULL;

COMMENT ON TABLE goclaw.paired_devices IS 'A sender whom somebody let in.';
COMMENT ON COLUMN goclaw.paired_devices.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.paired_devices.id IS 'The pairing.';
COMMENT ON COLUMN goclaw.paired_devices.sender_id IS 'The sender as the channel knows them.';
COMMENT ON COLUMN goclaw.paired_devices.channel IS 'The channel.';
COMMENT ON COLUMN goclaw.paired_devices.chat_id IS 'The chat there.';
COMMENT ON COLUMN goclaw.paired_devices.paired_by IS 'Who let them in.';
COMMENT ON COLUMN goclaw.paired_devices.paired_at IS 'When that was.';
COMMENT ON COLUMN goclaw.paired_devices.expires_at IS
    'Until when; it may be pruned then. NULL means for good.';
COMMENT ON COLUMN goclaw.paired_devices.metadata IS 'Further facts.';

ALTER TABLE goclaw.paired_devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.paired_devices FORCE ROW LEVEL SECURITY;

CREATE POLICY paired_devices_tenant ON goclaw.paired_devices
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY paired_devices_tenant_guard ON goclaw.paired_devices AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Pairings of all tenants are pruned when they have ended.
CREATE POLICY paired_devices_service ON goclaw.paired_devices
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.paired_devices TO muniment_app;
GRANT UPDATE (
    sender_id, channel, chat_id, paired_by, paired_at, expires_at, metadata
) ON goclaw.paired_devices TO muniment_app;
GRANT SELECT ON goclaw.paired_devices TO muniment_reader;
GRANT DELETE ON goclaw.paired_devices TO muniment_service;
GRANT SELECT (tenant_id, id, expires_at) ON goclaw.paired_devices TO muniment_service;
-- FOR UPDATE asks for a right to update; this column means least.
GRANT UPDATE (metadata) ON goclaw.paired_devices TO muniment_service;

COMMIT;
