-- Deploy goclaw:webhook_calls to pg
-- requires: webhooks
-- requires: platform:forbid_change
--
-- The calls that came in, and the queue from which workers deliver the answers of those that nobody
-- waits for. Who may end a call that is under way is a question of lease_token: runtimes cannot
-- change that column, and a CHECK ties it to the state, so only a worker that holds the token gets
-- a leased call out of running. A call that has ended is a log entry, and a trigger keeps it: also
-- from a process that comes late to a call that was given up.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants, webhooks.
-- Docs: docs/schema/goclaw.md#webhook-calls

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.webhook_calls (
    tenant_id       uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    webhook_id      uuid        NOT NULL,
    agent_id        uuid,
    idempotency_key text,
    mode            text        NOT NULL,
    callback_url    text,
    status          text        NOT NULL DEFAULT 'queued',
    attempts        integer     NOT NULL DEFAULT 0,
    delivery_id     uuid        NOT NULL DEFAULT gen_random_uuid(),
    lease_token     text,
    next_attempt_at timestamptz DEFAULT now(),
    started_at      timestamptz,
    request_payload jsonb,
    response        jsonb,
    last_error      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    completed_at    timestamptz,

    CONSTRAINT webhook_calls_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhook_calls_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT webhook_calls_webhook_fk FOREIGN KEY (tenant_id, webhook_id)
        REFERENCES goclaw.webhooks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT webhook_calls_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (agent_id),
    CONSTRAINT webhook_calls_idempotency_key_ck CHECK (idempotency_key <> ''),
    CONSTRAINT webhook_calls_mode_ck CHECK (mode IN ('sync', 'async')),
    CONSTRAINT webhook_calls_status_ck
        CHECK (status IN ('queued', 'running', 'done', 'failed', 'dead')),
    CONSTRAINT webhook_calls_attempts_ck CHECK (attempts >= 0),
    CONSTRAINT webhook_calls_leased_ck
        CHECK ((lease_token IS NOT NULL) = (mode = 'async' AND status = 'running')),
    CONSTRAINT webhook_calls_due_ck CHECK (
        status NOT IN ('queued', 'running')
        OR (next_attempt_at IS NOT NULL AND isfinite(next_attempt_at))
    ),
    CONSTRAINT webhook_calls_queued_ck CHECK (mode = 'async' OR status <> 'queued'),
    CONSTRAINT webhook_calls_started_ck CHECK (status <> 'running' OR started_at IS NOT NULL),
    CONSTRAINT webhook_calls_completed_ck
        CHECK ((completed_at IS NOT NULL) = (status IN ('done', 'failed', 'dead')))
);

-- Stated: the latest calls first.
CREATE INDEX webhook_calls_created_at_ix ON goclaw.webhook_calls (tenant_id, created_at DESC);

-- Stated: what is under way, and whose lease has run out, of all tenants, which is why the tenant
-- is not in it.
CREATE INDEX webhook_calls_status_ix ON goclaw.webhook_calls (status, next_attempt_at);

-- Workers find each tenant that waits, and its oldest call, without passing the calls of the
-- others.
CREATE INDEX webhook_calls_queue_ix
    ON goclaw.webhook_calls (tenant_id, next_attempt_at) WHERE status = 'queued' AND mode = 'async';

-- Stated: a caller that repeats itself gets the same call.
CREATE UNIQUE INDEX webhook_calls_idempotency_key_uq
    ON goclaw.webhook_calls (tenant_id, webhook_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;

-- Serves the reference.
CREATE INDEX webhook_calls_webhook_id_ix ON goclaw.webhook_calls (tenant_id, webhook_id);

-- Serves the reference.
CREATE INDEX webhook_calls_agent_id_ix
    ON goclaw.webhook_calls (tenant_id, agent_id) WHERE agent_id IS NOT NULL;

COMMENT ON TABLE goclaw.webhook_calls IS 'A call to a webhook, and how its delivery goes.';
COMMENT ON COLUMN goclaw.webhook_calls.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.webhook_calls.id IS 'The call.';
COMMENT ON COLUMN goclaw.webhook_calls.webhook_id IS 'The webhook that was called.';
COMMENT ON COLUMN goclaw.webhook_calls.agent_id IS 'The agent that handles it.';
COMMENT ON COLUMN goclaw.webhook_calls.idempotency_key IS
    'Given by the caller: the same key at the same webhook is the same call.';
COMMENT ON COLUMN goclaw.webhook_calls.mode IS
    'sync: the caller waits, and nobody claims it, so it is never queued. async: workers deliver '
    'it.';
COMMENT ON COLUMN goclaw.webhook_calls.callback_url IS
    'Where the answer goes, if the caller does not wait for it.';
COMMENT ON COLUMN goclaw.webhook_calls.status IS
    'queued, running, done; failed: given up for a reason; dead: given up after too many '
    'attempts.';
COMMENT ON COLUMN goclaw.webhook_calls.attempts IS 'How often it was begun.';
COMMENT ON COLUMN goclaw.webhook_calls.delivery_id IS
    'Sent along, the same at each attempt, so that the receiver knows a repetition.';
COMMENT ON COLUMN goclaw.webhook_calls.lease_token IS
    'The worker that has it, and a number: whoever shows both ends the call, and the reader has no '
    'right to it. NULL takes the call away from the worker.';
COMMENT ON COLUMN goclaw.webhook_calls.next_attempt_at IS
    'When it may be begun; while running, when whoever has it must have ended.';
COMMENT ON COLUMN goclaw.webhook_calls.started_at IS 'When the last attempt began.';
COMMENT ON COLUMN goclaw.webhook_calls.request_payload IS 'What the caller sent.';
COMMENT ON COLUMN goclaw.webhook_calls.response IS 'What the agent answered.';
COMMENT ON COLUMN goclaw.webhook_calls.last_error IS 'Why the last attempt failed.';
COMMENT ON COLUMN goclaw.webhook_calls.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.webhook_calls.completed_at IS 'When it was done, or given up.';

-- An agent that is deleted empties agent_id; compared as a whole, so that a column which is added
-- later is guarded too.
CREATE TRIGGER webhook_calls_forbid_update_tg
    BEFORE UPDATE ON goclaw.webhook_calls
    FOR EACH ROW
    WHEN (
        OLD.completed_at IS NOT NULL
        AND (
            to_jsonb(OLD) - 'agent_id' IS DISTINCT FROM to_jsonb(NEW) - 'agent_id'
            OR (NEW.agent_id IS NOT NULL AND NEW.agent_id IS DISTINCT FROM OLD.agent_id)
        )
    )
    EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.webhook_calls ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.webhook_calls FORCE ROW LEVEL SECURITY;

CREATE POLICY webhook_calls_tenant ON goclaw.webhook_calls
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY webhook_calls_tenant_guard ON goclaw.webhook_calls AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Workers deliver the calls of all tenants.
CREATE POLICY webhook_calls_service ON goclaw.webhook_calls
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.webhook_calls TO muniment_app;
GRANT UPDATE (
    agent_id, status, started_at, response, last_error, completed_at
) ON goclaw.webhook_calls TO muniment_app;
GRANT SELECT (
    tenant_id, id, webhook_id, agent_id, idempotency_key, mode, callback_url, status, attempts,
    delivery_id, next_attempt_at, started_at, request_payload, response, last_error, created_at,
    completed_at
) ON goclaw.webhook_calls TO muniment_reader;
GRANT SELECT (
    tenant_id, id, webhook_id, agent_id, mode, callback_url, status, attempts, delivery_id,
    lease_token, next_attempt_at, started_at, request_payload
) ON goclaw.webhook_calls TO muniment_service;
GRANT UPDATE (
    status, attempts, lease_token, next_attempt_at, started_at, response, last_error, completed_at
) ON goclaw.webhook_calls TO muniment_service;

COMMIT;
