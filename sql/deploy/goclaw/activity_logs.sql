-- Deploy goclaw:activity_logs to pg
-- requires: tenants
--
-- The audit trail. Runtimes append and read; nobody has a right to change a row, and a trigger
-- refuses whoever needs none. The source states no age at which rows leave, so none does.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#activity-logs

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.activity_logs (
    tenant_id   uuid         NOT NULL,
    id          uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    actor_type  varchar(20)  NOT NULL,
    actor_id    varchar(255) NOT NULL,
    action      varchar(100) NOT NULL,
    entity_type varchar(50),
    entity_id   varchar(255),
    details     jsonb,
    ip_address  varchar(45),
    created_at  timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT activity_logs_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT activity_logs_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT activity_logs_actor_type_ck CHECK (actor_type IN ('user', 'agent', 'system'))
);

-- Stated: what one actor did.
CREATE INDEX activity_logs_actor_ix ON goclaw.activity_logs (tenant_id, actor_type, actor_id);

-- Stated: all actions of a kind.
CREATE INDEX activity_logs_action_ix ON goclaw.activity_logs (tenant_id, action);

-- Stated: what was done to one thing.
CREATE INDEX activity_logs_entity_ix ON goclaw.activity_logs (tenant_id, entity_type, entity_id);

-- Stated: the trail, newest first.
CREATE INDEX activity_logs_created_at_ix ON goclaw.activity_logs (tenant_id, created_at DESC);

COMMENT ON TABLE goclaw.activity_logs IS 'What a user, an agent or the system did. Append-only.';
COMMENT ON COLUMN goclaw.activity_logs.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.activity_logs.id IS 'The entry.';
COMMENT ON COLUMN goclaw.activity_logs.actor_type IS 'Who acted: user, agent or system.';
COMMENT ON COLUMN goclaw.activity_logs.actor_id IS 'Which one.';
COMMENT ON COLUMN goclaw.activity_logs.action IS 'What was done, for example agent.create.';
COMMENT ON COLUMN goclaw.activity_logs.entity_type IS 'What kind of thing it was done to.';
COMMENT ON COLUMN goclaw.activity_logs.entity_id IS 'Which one.';
COMMENT ON COLUMN goclaw.activity_logs.details IS 'What else is known of the action.';
COMMENT ON COLUMN goclaw.activity_logs.ip_address IS 'From where, IPv4 or IPv6.';
COMMENT ON COLUMN goclaw.activity_logs.created_at IS 'When it was done.';

CREATE TRIGGER activity_logs_forbid_update_tg

    BEFORE UPDATE ON goclaw.activity_logs

    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER activity_logs_forbid_truncate_tg

    BEFORE TRUNCATE ON goclaw.activity_logs

    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.activity_logs ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.activity_logs FORCE ROW LEVEL SECURITY;

CREATE POLICY activity_logs_tenant ON goclaw.activity_logs
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY activity_logs_tenant_guard ON goclaw.activity_logs AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON goclaw.activity_logs TO muniment_app;
GRANT SELECT ON goclaw.activity_logs TO muniment_reader;

COMMIT;
