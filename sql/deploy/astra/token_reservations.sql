-- Deploy astra:token_reservations to pg
-- requires: agent_daily_usage
-- requires: count_reserved_tokens
--
-- Tokens that were promised to a call before it is made. The trigger counts them against the budget
-- of the agent, or refuses. One that nobody settles counts until its day has ended.
-- Locks: SHARE ROW EXCLUSIVE on agents, organizations.
-- Docs: docs/schema/astra.md#token-reservations

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.token_reservations (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    agent_id   uuid        NOT NULL,
    usage_date date        NOT NULL DEFAULT (now() AT TIME ZONE 'UTC')::date,
    tokens     bigint      NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT token_reservations_pk PRIMARY KEY (org_id, id),
    CONSTRAINT token_reservations_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT token_reservations_agent_fk FOREIGN KEY (org_id, agent_id)
        REFERENCES astra.agents (org_id, id) ON DELETE CASCADE,
    -- No more than llm_usage holds of one call, so that the counter cannot be led to overflow.
    CONSTRAINT token_reservations_tokens_ck CHECK (tokens BETWEEN 1 AND 4294967294)
);

-- What is promised on a day. Serves the reference.
CREATE INDEX token_reservations_agent_id_ix
    ON astra.token_reservations (org_id, agent_id, usage_date);

COMMENT ON TABLE astra.token_reservations IS 'Tokens promised to a call that is not settled yet.';
COMMENT ON COLUMN astra.token_reservations.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.token_reservations.id IS 'The reservation.';
COMMENT ON COLUMN astra.token_reservations.agent_id IS 'The agent.';
COMMENT ON COLUMN astra.token_reservations.usage_date IS 'The day, UTC, on which it was made.';
COMMENT ON COLUMN astra.token_reservations.tokens IS 'The most that the call may use.';
COMMENT ON COLUMN astra.token_reservations.created_at IS 'When the row was made.';

CREATE TRIGGER token_reservations_count_tg
    AFTER INSERT OR DELETE ON astra.token_reservations
    FOR EACH ROW EXECUTE FUNCTION astra.count_reserved_tokens();

CREATE TRIGGER token_reservations_forbid_update_tg
    BEFORE UPDATE ON astra.token_reservations
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE astra.token_reservations ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.token_reservations FORCE ROW LEVEL SECURITY;

CREATE POLICY token_reservations_tenant ON astra.token_reservations
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY token_reservations_tenant_guard ON astra.token_reservations AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- The day is not the runtime's to choose.
GRANT SELECT, DELETE ON astra.token_reservations TO muniment_app;
GRANT INSERT (org_id, id, agent_id, tokens) ON astra.token_reservations TO muniment_app;
GRANT SELECT ON astra.token_reservations TO muniment_reader;

COMMIT;
