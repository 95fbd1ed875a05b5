-- Deploy goclaw:webhooks to pg
-- requires: agents
--
-- Endpoints at which programs outside call the gateway, and from which it answers to a callback.
-- Like an API key, a webhook is found by the hash of its secret before there is a tenant, so the
-- hash is unique over all tenants while the webhook is not revoked: that tells nobody anything but
-- the holder of the secret. Runtimes revoke webhooks and do not delete them: with a webhook goes
-- the log of its calls.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#webhooks

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.webhooks (
    tenant_id          uuid        NOT NULL,
    id                 uuid        NOT NULL DEFAULT gen_random_uuid(),
    agent_id           uuid,
    name               text        NOT NULL,
    kind               text        NOT NULL,
    secret_prefix      text,
    secret_hash        text        NOT NULL,
    encrypted_secret   text        NOT NULL DEFAULT '',
    scopes             text[]      NOT NULL DEFAULT '{}',
    channel_id         uuid,
    rate_limit_per_min integer     NOT NULL DEFAULT 60,
    ip_allowlist       text[]      NOT NULL DEFAULT '{}',
    require_hmac       boolean     NOT NULL DEFAULT false,
    localhost_only     boolean     NOT NULL DEFAULT false,
    revoked            boolean     NOT NULL DEFAULT false,
    created_by         text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    last_used_at       timestamptz,

    CONSTRAINT webhooks_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhooks_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT webhooks_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (agent_id),
    CONSTRAINT webhooks_kind_ck CHECK (kind IN ('llm', 'message')),
    CONSTRAINT webhooks_secret_hash_ck CHECK (secret_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT webhooks_rate_limit_per_min_ck CHECK (rate_limit_per_min >= 0)
);

-- Stated: the webhooks of an agent. Serves the reference.
CREATE INDEX webhooks_agent_id_ix ON goclaw.webhooks (tenant_id, agent_id);

-- Stated: a secret finds one webhook. Over all tenants, see above.
CREATE UNIQUE INDEX webhooks_secret_hash_uq ON goclaw.webhooks (secret_hash) WHERE NOT revoked;

COMMENT ON TABLE goclaw.webhooks IS
    'An endpoint at which programs outside call an agent or send a message.';
COMMENT ON COLUMN goclaw.webhooks.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.webhooks.id IS 'The webhook.';
COMMENT ON COLUMN goclaw.webhooks.agent_id IS
    'The agent that it calls. NULL means any of the tenant.';
COMMENT ON COLUMN goclaw.webhooks.name IS 'For people.';
COMMENT ON COLUMN goclaw.webhooks.kind IS 'What a call is: llm or message.';
COMMENT ON COLUMN goclaw.webhooks.secret_prefix IS
    'The first characters of the secret, to recognise it by.';
COMMENT ON COLUMN goclaw.webhooks.secret_hash IS
    'SHA-256 of the secret in hex; the reader has no right to it.';
COMMENT ON COLUMN goclaw.webhooks.encrypted_secret IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it. Signs '
    'what is sent; empty means that the secret has to be made anew.';
COMMENT ON COLUMN goclaw.webhooks.scopes IS 'What it may be used for.';
COMMENT ON COLUMN goclaw.webhooks.channel_id IS
    'The channel to which messages go, where the kind is message.';
COMMENT ON COLUMN goclaw.webhooks.rate_limit_per_min IS 'Calls that are taken in a minute.';
COMMENT ON COLUMN goclaw.webhooks.ip_allowlist IS
    'Addresses from which calls are taken. Empty means all.';
COMMENT ON COLUMN goclaw.webhooks.require_hmac IS 'Whether a call must be signed.';
COMMENT ON COLUMN goclaw.webhooks.localhost_only IS
    'Whether calls are taken from the same machine only.';
COMMENT ON COLUMN goclaw.webhooks.revoked IS 'Whether it was withdrawn.';
COMMENT ON COLUMN goclaw.webhooks.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.webhooks.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.webhooks.updated_at IS 'When the row was last changed; a trigger sets it.';
COMMENT ON COLUMN goclaw.webhooks.last_used_at IS 'When it was last called.';

CREATE TRIGGER webhooks_set_updated_at_tg
    BEFORE UPDATE ON goclaw.webhooks
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.webhooks FORCE ROW LEVEL SECURITY;

CREATE POLICY webhooks_tenant ON goclaw.webhooks
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY webhooks_tenant_guard ON goclaw.webhooks AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- A secret is looked up to learn the tenant, and workers ask whether a webhook is revoked.
CREATE POLICY webhooks_service ON goclaw.webhooks
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.webhooks TO muniment_app;
GRANT UPDATE (
    agent_id, name, kind, secret_prefix, secret_hash, encrypted_secret, scopes, channel_id,
    rate_limit_per_min, ip_allowlist, require_hmac, localhost_only, revoked, created_by,
    updated_at, last_used_at
) ON goclaw.webhooks TO muniment_app;
GRANT SELECT (
    tenant_id, id, agent_id, name, kind, secret_prefix, scopes, channel_id, rate_limit_per_min,
    ip_allowlist, require_hmac, localhost_only, revoked, created_by, created_at, updated_at,
    last_used_at
) ON goclaw.webhooks TO muniment_reader;
GRANT SELECT (tenant_id, id, secret_hash, revoked) ON goclaw.webhooks TO muniment_service;

COMMIT;
