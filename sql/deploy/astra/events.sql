-- Deploy astra:events to pg
-- requires: organizations
-- requires: forbid_by_hand
-- requires: platform:forbid_change
--
-- What happened to goals, tasks and approvals, written by triggers, and whatever else the planner
-- reports. Nobody changes or removes an entry, not even by a slip, or writes by hand what triggers
-- write. Ids are plain: an entry outlives what it tells of.
-- Locks: SHARE ROW EXCLUSIVE on organizations.  Docs: docs/schema/astra.md#events

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.events (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    event_type text        NOT NULL,
    subject_id uuid,
    actor_id   uuid,
    payload    jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),

    CONSTRAINT events_pk PRIMARY KEY (org_id, id),
    CONSTRAINT events_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT events_event_type_ck CHECK (event_type <> '')
);

-- What happened to one thing, in order.
CREATE INDEX events_subject_id_ix
    ON astra.events (org_id, subject_id, id) WHERE subject_id IS NOT NULL;

-- The latest events first.
CREATE INDEX events_created_at_ix ON astra.events (org_id, created_at DESC);

COMMENT ON TABLE astra.events IS 'Something that happened. Append-only.';
COMMENT ON COLUMN astra.events.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.events.id IS 'The event.';
COMMENT ON COLUMN astra.events.event_type IS
    'What happened, for example task.completed. What begins with goal., task. or '
    'approval_request. is written by triggers alone.';
COMMENT ON COLUMN astra.events.subject_id IS 'To which goal, task or request.';
COMMENT ON COLUMN astra.events.actor_id IS
    'Who did it: a user, an agent or a worker. NULL means that it is not known here, for example '
    'who took a task back whose lease had ended.';
COMMENT ON COLUMN astra.events.payload IS 'What else is known of it.';
COMMENT ON COLUMN astra.events.created_at IS 'When it happened.';

CREATE TRIGGER events_forbid_by_hand_tg
    BEFORE INSERT ON astra.events
    FOR EACH ROW WHEN (
        pg_trigger_depth() = 0 AND NEW.event_type ~ '^(goal|task|approval_request)[.]'
    )
    EXECUTE FUNCTION astra.forbid_by_hand();

CREATE TRIGGER events_forbid_change_tg
    BEFORE UPDATE OR DELETE ON astra.events
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();

CREATE TRIGGER events_forbid_truncate_tg
    BEFORE TRUNCATE ON astra.events
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE astra.events ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.events FORCE ROW LEVEL SECURITY;

CREATE POLICY events_tenant ON astra.events
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY events_tenant_guard ON astra.events AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- Neither the time nor the id, which says in what order things happened, is the runtime's choice.
GRANT SELECT ON astra.events TO muniment_app;
GRANT INSERT (org_id, event_type, subject_id, actor_id, payload) ON astra.events TO muniment_app;
GRANT SELECT ON astra.events TO muniment_reader;

COMMIT;
