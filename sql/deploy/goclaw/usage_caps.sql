-- Deploy goclaw:usage_caps to pg
-- requires: agents
-- requires: llm_providers
--
-- Caps on what may be used. A request reserves what it expects in every policy that holds for it,
-- and is settled with what it took. The functions reserve_usage(), settle_usage(), release_usage()
-- and expire_usage() do that, and take their locks in one order, so that none waits for another in
-- a circle: agents and providers, policies by id, reservations by policy, counters by policy and
-- window. What is new is inserted last. Whoever deletes an agent or a provider begins there too;
-- whoever deletes several policies by hand goes by no order, and may meet 40P01.
-- Locks: SHARE ROW EXCLUSIVE on agents, llm_providers, tenants.
-- Docs: docs/schema/goclaw.md#usage-caps

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.usage_cap_policies (
    tenant_id       uuid        NOT NULL,
    id              uuid        NOT NULL DEFAULT gen_random_uuid(),
    agent_id        uuid,
    provider_id     uuid,
    provider_type   text,
    model_id        text,
    window_key      text        NOT NULL,
    max_tokens      bigint,
    max_cost_micros bigint,
    enabled         boolean     NOT NULL DEFAULT true,
    priority        integer     NOT NULL DEFAULT 100,
    source          text        NOT NULL DEFAULT 'manual',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT usage_cap_policies_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT usage_cap_policies_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_policies_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_policies_provider_fk FOREIGN KEY (tenant_id, provider_id)
        REFERENCES goclaw.llm_providers (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_policies_window_key_ck
        CHECK (window_key IN ('hour', 'day', 'week', 'month')),
    CONSTRAINT usage_cap_policies_max_tokens_ck CHECK (max_tokens >= 0),
    CONSTRAINT usage_cap_policies_max_cost_micros_ck CHECK (max_cost_micros >= 0),
    CONSTRAINT usage_cap_policies_limit_ck
        CHECK (max_tokens IS NOT NULL OR max_cost_micros IS NOT NULL),
    CONSTRAINT usage_cap_policies_source_ck
        CHECK (source IN ('manual', 'agent_budget_monthly_cents')),
    CONSTRAINT usage_cap_policies_agent_budget_ck CHECK (
        source <> 'agent_budget_monthly_cents'
        OR (
            agent_id IS NOT NULL
            AND num_nonnulls(provider_id, provider_type, model_id, max_tokens) = 0
            AND window_key = 'month'
            AND max_cost_micros IS NOT NULL
        )
    )
);

-- Stated: the policies that hold for a request.
CREATE INDEX usage_cap_policies_scope_ix
    ON goclaw.usage_cap_policies (
        tenant_id, enabled, agent_id, provider_id, provider_type, model_id
    );

-- Stated: an agent has one budget.
CREATE UNIQUE INDEX usage_cap_policies_agent_budget_uq
    ON goclaw.usage_cap_policies (tenant_id, agent_id)
    WHERE source = 'agent_budget_monthly_cents';

-- Serves the reference.
CREATE INDEX usage_cap_policies_agent_id_ix
    ON goclaw.usage_cap_policies (tenant_id, agent_id)
    WHERE agent_id IS NOT NULL;

-- Serves the reference.
CREATE INDEX usage_cap_policies_provider_id_ix
    ON goclaw.usage_cap_policies (tenant_id, provider_id)
    WHERE provider_id IS NOT NULL;

COMMENT ON TABLE goclaw.usage_cap_policies IS
    'How much may be used in an hour, a day, a week or a month.';
COMMENT ON COLUMN goclaw.usage_cap_policies.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.usage_cap_policies.id IS 'The policy.';
COMMENT ON COLUMN goclaw.usage_cap_policies.agent_id IS
    'The agent that it holds for. NULL means all.';
COMMENT ON COLUMN goclaw.usage_cap_policies.provider_id IS
    'The provider that it holds for. NULL means all.';
COMMENT ON COLUMN goclaw.usage_cap_policies.provider_type IS
    'The type of provider that it holds for. NULL means all.';
COMMENT ON COLUMN goclaw.usage_cap_policies.model_id IS
    'The model that it holds for. NULL means all.';
COMMENT ON COLUMN goclaw.usage_cap_policies.window_key IS
    'hour, day, week or month, in UTC. Runtimes cannot change it: in another window nothing is '
    'used yet.';
COMMENT ON COLUMN goclaw.usage_cap_policies.max_tokens IS
    'Most tokens in a window. NULL means no limit.';
COMMENT ON COLUMN goclaw.usage_cap_policies.max_cost_micros IS
    'Most cost in a window, in millionths of a US dollar. NULL means no limit.';
COMMENT ON COLUMN goclaw.usage_cap_policies.enabled IS
    'Whether it is in force. What is used while it is not does not count.';
COMMENT ON COLUMN goclaw.usage_cap_policies.priority IS
    'Of several policies that refuse a request, the one with the lowest is named.';
COMMENT ON COLUMN goclaw.usage_cap_policies.source IS
    'manual, or agent_budget_monthly_cents: made from that column of agents.';
COMMENT ON COLUMN goclaw.usage_cap_policies.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.usage_cap_policies.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER usage_cap_policies_set_updated_at_tg
    BEFORE UPDATE ON goclaw.usage_cap_policies
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.usage_cap_policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_policies FORCE ROW LEVEL SECURITY;

CREATE POLICY usage_cap_policies_tenant ON goclaw.usage_cap_policies
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_cap_policies_tenant_guard ON goclaw.usage_cap_policies AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Whoever lets reservations expire locks their policies first.
CREATE POLICY usage_cap_policies_service ON goclaw.usage_cap_policies
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.usage_cap_policies TO muniment_app;
GRANT UPDATE (
    agent_id, provider_id, provider_type, model_id, max_tokens, max_cost_micros, enabled, priority,
    updated_at
) ON goclaw.usage_cap_policies TO muniment_app;
GRANT SELECT ON goclaw.usage_cap_policies TO muniment_reader;
-- A lock on a row wants the right to change it.
GRANT SELECT (tenant_id, id) ON goclaw.usage_cap_policies TO muniment_service;
GRANT UPDATE (updated_at) ON goclaw.usage_cap_policies TO muniment_service;

CREATE TABLE goclaw.usage_cap_counters (
    tenant_id            uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    policy_id            uuid        NOT NULL,
    window_start         timestamptz NOT NULL,
    window_end           timestamptz NOT NULL,
    used_tokens          bigint      NOT NULL DEFAULT 0,
    reserved_tokens      bigint      NOT NULL DEFAULT 0,
    used_cost_micros     bigint      NOT NULL DEFAULT 0,
    reserved_cost_micros bigint      NOT NULL DEFAULT 0,
    updated_at           timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT usage_cap_counters_pk PRIMARY KEY (tenant_id, policy_id, window_start),
    CONSTRAINT usage_cap_counters_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_counters_policy_fk FOREIGN KEY (tenant_id, policy_id)
        REFERENCES goclaw.usage_cap_policies (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_counters_window_ck CHECK (window_end > window_start),
    CONSTRAINT usage_cap_counters_tokens_ck CHECK (used_tokens >= 0 AND reserved_tokens >= 0),
    CONSTRAINT usage_cap_counters_cost_micros_ck
        CHECK (used_cost_micros >= 0 AND reserved_cost_micros >= 0)
);

COMMENT ON TABLE goclaw.usage_cap_counters IS
    'What was used and is reserved in one window of a policy.';
COMMENT ON COLUMN goclaw.usage_cap_counters.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.usage_cap_counters.policy_id IS 'The policy.';
COMMENT ON COLUMN goclaw.usage_cap_counters.window_start IS 'When the window begins.';
COMMENT ON COLUMN goclaw.usage_cap_counters.window_end IS 'When the next one begins.';
COMMENT ON COLUMN goclaw.usage_cap_counters.used_tokens IS 'Tokens of requests that were settled.';
COMMENT ON COLUMN goclaw.usage_cap_counters.reserved_tokens IS
    'Tokens of reservations that are open.';
COMMENT ON COLUMN goclaw.usage_cap_counters.used_cost_micros IS
    'Cost of requests that were settled, in millionths of a US dollar.';
COMMENT ON COLUMN goclaw.usage_cap_counters.reserved_cost_micros IS
    'Cost of reservations that are open, in millionths of a US dollar.';
COMMENT ON COLUMN goclaw.usage_cap_counters.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER usage_cap_counters_set_updated_at_tg
    BEFORE UPDATE ON goclaw.usage_cap_counters
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.usage_cap_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_counters FORCE ROW LEVEL SECURITY;

CREATE POLICY usage_cap_counters_tenant ON goclaw.usage_cap_counters
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_cap_counters_tenant_guard ON goclaw.usage_cap_counters AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- And gives back what they held.
CREATE POLICY usage_cap_counters_service ON goclaw.usage_cap_counters
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.usage_cap_counters TO muniment_app;
GRANT UPDATE (
    window_end, used_tokens, reserved_tokens, used_cost_micros, reserved_cost_micros, updated_at
) ON goclaw.usage_cap_counters TO muniment_app;
GRANT SELECT ON goclaw.usage_cap_counters TO muniment_reader;
GRANT SELECT (
    tenant_id, policy_id, window_start, reserved_tokens, reserved_cost_micros
) ON goclaw.usage_cap_counters TO muniment_service;
GRANT UPDATE (
    reserved_tokens, reserved_cost_micros, updated_at
) ON goclaw.usage_cap_counters TO muniment_service;

CREATE TABLE goclaw.usage_cap_reservations (
    tenant_id            uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id                   uuid        NOT NULL DEFAULT gen_random_uuid(),
    reservation_key      text        NOT NULL,
    policy_id            uuid        NOT NULL,
    window_start         timestamptz NOT NULL,
    reserved_tokens      bigint      NOT NULL DEFAULT 0,
    reserved_cost_micros bigint      NOT NULL DEFAULT 0,
    actual_tokens        bigint      NOT NULL DEFAULT 0,
    actual_cost_micros   bigint      NOT NULL DEFAULT 0,
    status               text        NOT NULL DEFAULT 'reserved',
    metadata             jsonb       NOT NULL DEFAULT '{}',
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT usage_cap_reservations_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT usage_cap_reservations_policy_uq UNIQUE (tenant_id, reservation_key, policy_id),
    CONSTRAINT usage_cap_reservations_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_reservations_policy_fk FOREIGN KEY (tenant_id, policy_id)
        REFERENCES goclaw.usage_cap_policies (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_reservations_window_fk FOREIGN KEY (tenant_id, policy_id, window_start)
        REFERENCES goclaw.usage_cap_counters (tenant_id, policy_id, window_start)
        ON DELETE CASCADE,
    CONSTRAINT usage_cap_reservations_reservation_key_ck CHECK (reservation_key <> ''),
    CONSTRAINT usage_cap_reservations_reserved_ck
        CHECK (reserved_tokens >= 0 AND reserved_cost_micros >= 0),
    CONSTRAINT usage_cap_reservations_actual_ck
        CHECK (actual_tokens >= 0 AND actual_cost_micros >= 0),
    CONSTRAINT usage_cap_reservations_status_ck
        CHECK (status IN ('reserved', 'settled', 'released', 'expired')),
    CONSTRAINT usage_cap_reservations_settled_ck
        CHECK (status = 'settled' OR (actual_tokens = 0 AND actual_cost_micros = 0))
);

-- Stated: the reservations of a request.
CREATE INDEX usage_cap_reservations_reservation_key_ix
    ON goclaw.usage_cap_reservations (tenant_id, reservation_key);

-- Serves the references to the policy and its window.
CREATE INDEX usage_cap_reservations_window_ix
    ON goclaw.usage_cap_reservations (tenant_id, policy_id, window_start);

-- The oldest open reservations, for expire_usage(): looked for across tenants.
CREATE INDEX usage_cap_reservations_open_ix
    ON goclaw.usage_cap_reservations (created_at)
    WHERE status = 'reserved';

COMMENT ON TABLE goclaw.usage_cap_reservations IS
    'What one request holds of one policy until it is settled.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.id IS 'The reservation.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.reservation_key IS
    'The request, as the caller named it: the same key is the same request.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.policy_id IS 'The policy.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.window_start IS
    'The window of the policy, by its beginning.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.reserved_tokens IS 'Tokens that were expected.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.reserved_cost_micros IS
    'Cost that was expected, in millionths of a US dollar.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.actual_tokens IS 'Tokens that were used.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.actual_cost_micros IS
    'Cost that there was, in millionths of a US dollar.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.status IS
    'reserved, settled, released, or expired: nobody came back in time.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.metadata IS 'Further facts about the request.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.usage_cap_reservations.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER usage_cap_reservations_set_updated_at_tg
    BEFORE UPDATE ON goclaw.usage_cap_reservations
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.usage_cap_reservations ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_reservations FORCE ROW LEVEL SECURITY;

CREATE POLICY usage_cap_reservations_tenant ON goclaw.usage_cap_reservations
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_cap_reservations_tenant_guard ON goclaw.usage_cap_reservations AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Reservations of all tenants expire by age.
CREATE POLICY usage_cap_reservations_service ON goclaw.usage_cap_reservations
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.usage_cap_reservations TO muniment_app;
GRANT UPDATE (
    actual_tokens, actual_cost_micros, status, metadata, updated_at
) ON goclaw.usage_cap_reservations TO muniment_app;
GRANT SELECT ON goclaw.usage_cap_reservations TO muniment_reader;
GRANT SELECT (
    tenant_id, id, reservation_key, policy_id, window_start, reserved_tokens,
    reserved_cost_micros, status, created_at
) ON goclaw.usage_cap_reservations TO muniment_service;
GRANT UPDATE (status, updated_at) ON goclaw.usage_cap_reservations TO muniment_service;

CREATE TABLE goclaw.usage_cap_events (
    tenant_id             uuid        NOT NULL,
    id                    uuid        NOT NULL DEFAULT gen_random_uuid(),
    policy_id             uuid,
    reservation_key       text,
    decision              text        NOT NULL,
    reason                text,
    estimated_tokens      bigint      NOT NULL DEFAULT 0,
    estimated_cost_micros bigint      NOT NULL DEFAULT 0,
    actual_tokens         bigint      NOT NULL DEFAULT 0,
    actual_cost_micros    bigint      NOT NULL DEFAULT 0,
    metadata              jsonb       NOT NULL DEFAULT '{}',
    created_at            timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT usage_cap_events_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT usage_cap_events_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT usage_cap_events_policy_fk FOREIGN KEY (tenant_id, policy_id)
        REFERENCES goclaw.usage_cap_policies (tenant_id, id)
        ON DELETE SET NULL (policy_id),
    CONSTRAINT usage_cap_events_decision_ck
        CHECK (decision IN ('allow', 'deny', 'settle', 'release', 'expire')),
    CONSTRAINT usage_cap_events_estimated_ck
        CHECK (estimated_tokens >= 0 AND estimated_cost_micros >= 0),
    CONSTRAINT usage_cap_events_actual_ck CHECK (actual_tokens >= 0 AND actual_cost_micros >= 0)
);

-- Stated: what was decided last.
CREATE INDEX usage_cap_events_created_at_ix ON goclaw.usage_cap_events (tenant_id, created_at DESC);

-- Serves the reference.
CREATE INDEX usage_cap_events_policy_id_ix
    ON goclaw.usage_cap_events (tenant_id, policy_id)
    WHERE policy_id IS NOT NULL;

-- A request is decided once. Callers who come at the same time with the same key meet here.
CREATE UNIQUE INDEX usage_cap_events_decided_uq
    ON goclaw.usage_cap_events (tenant_id, reservation_key)
    WHERE decision IN ('allow', 'deny');

-- A request ends once.
CREATE UNIQUE INDEX usage_cap_events_ended_uq
    ON goclaw.usage_cap_events (tenant_id, reservation_key)
    WHERE decision IN ('settle', 'release');

COMMENT ON TABLE goclaw.usage_cap_events IS
    'What was decided about a request, and what became of it. Append-only.';
COMMENT ON COLUMN goclaw.usage_cap_events.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.usage_cap_events.id IS 'The event.';
COMMENT ON COLUMN goclaw.usage_cap_events.policy_id IS
    'The policy that refused, or whose reservation expired. NULL means all that hold for the '
    'request, or one that was deleted.';
COMMENT ON COLUMN goclaw.usage_cap_events.reservation_key IS 'The request, as the caller named it.';
COMMENT ON COLUMN goclaw.usage_cap_events.decision IS
    'allow or deny; later settle, release or expire.';
COMMENT ON COLUMN goclaw.usage_cap_events.reason IS 'Why, for people.';
COMMENT ON COLUMN goclaw.usage_cap_events.estimated_tokens IS 'Tokens that were expected.';
COMMENT ON COLUMN goclaw.usage_cap_events.estimated_cost_micros IS
    'Cost that was expected, in millionths of a US dollar.';
COMMENT ON COLUMN goclaw.usage_cap_events.actual_tokens IS 'Tokens that were used.';
COMMENT ON COLUMN goclaw.usage_cap_events.actual_cost_micros IS
    'Cost that there was, in millionths of a US dollar.';
COMMENT ON COLUMN goclaw.usage_cap_events.metadata IS
    'Further facts: under request what the request is about, under retry_at when the window of '
    'the policy ends.';
COMMENT ON COLUMN goclaw.usage_cap_events.created_at IS 'When the row was made.';

-- A policy that is deleted empties policy_id; compared as a whole, so that a column which is added
-- later is guarded too.
CREATE TRIGGER usage_cap_events_forbid_update_tg
    BEFORE UPDATE ON goclaw.usage_cap_events
    FOR EACH ROW
    WHEN (
        to_jsonb(OLD) - 'policy_id' IS DISTINCT FROM to_jsonb(NEW) - 'policy_id'
        OR (NEW.policy_id IS NOT NULL AND NEW.policy_id IS DISTINCT FROM OLD.policy_id)
    )
    EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER usage_cap_events_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.usage_cap_events
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.usage_cap_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.usage_cap_events FORCE ROW LEVEL SECURITY;

CREATE POLICY usage_cap_events_tenant ON goclaw.usage_cap_events
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY usage_cap_events_tenant_guard ON goclaw.usage_cap_events AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- And each of them is noted.
CREATE POLICY usage_cap_events_service ON goclaw.usage_cap_events
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.usage_cap_events TO muniment_app;
GRANT SELECT ON goclaw.usage_cap_events TO muniment_reader;
GRANT INSERT (
    tenant_id, policy_id, reservation_key, decision, reason, estimated_tokens,
    estimated_cost_micros
) ON goclaw.usage_cap_events TO muniment_service;

COMMIT;
