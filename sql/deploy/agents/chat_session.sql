-- Deploy agents:chat_session to pg
-- requires: schema
-- requires: platform:current_tenant_id
-- requires: platform:uuid_generate_v7
-- requires: platform:forbid_change
--
-- A session is the thread that turns are counted in. last_turn_no is the counter: the order of a
-- conversation never depends on a clock.
-- Locks: none beyond the new table.  Docs: docs/schema/agents.md#chat-session

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.chat_session (
    firm_id         uuid        NOT NULL,
    session_id      uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    subject_type    text,
    subject_id      text,
    actor_type      text,
    actor_id        text,
    channel         text,
    title           text,
    status          text        NOT NULL DEFAULT 'open',
    last_turn_no    integer     NOT NULL DEFAULT 0,
    last_turn_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    closed_at       timestamptz,
    idempotency_key text,
    metadata        jsonb       NOT NULL DEFAULT '{}',

    CONSTRAINT chat_session_pk PRIMARY KEY (firm_id, session_id),
    CONSTRAINT chat_session_idempotency_key_uq UNIQUE (firm_id, idempotency_key),
    CONSTRAINT chat_session_subject_ck
        CHECK (
            num_nulls(subject_type, subject_id) IN (0, 2)
            AND subject_type ~ '^[a-z][a-z0-9_]{0,62}$'
            AND char_length(subject_id) BETWEEN 1 AND 200
        ),
    CONSTRAINT chat_session_actor_ck
        CHECK (
            num_nulls(actor_type, actor_id) IN (0, 2)
            AND actor_type IN ('user', 'service', 'schedule', 'agent')
            AND char_length(actor_id) BETWEEN 1 AND 200
        ),
    CONSTRAINT chat_session_status_ck CHECK (status IN ('open', 'closed', 'archived')),
    CONSTRAINT chat_session_closed_when_not_open_ck
        CHECK ((status = 'open') = (closed_at IS NULL)),
    CONSTRAINT chat_session_last_turn_no_ck CHECK (last_turn_no >= 0),
    CONSTRAINT chat_session_last_turn_at_ck CHECK ((last_turn_no = 0) = (last_turn_at IS NULL)),
    CONSTRAINT chat_session_times_are_finite_ck
        CHECK (isfinite(created_at) AND isfinite(closed_at) AND isfinite(last_turn_at)),
    CONSTRAINT chat_session_idempotency_key_ck
        CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    CONSTRAINT chat_session_metadata_ck
        CHECK (jsonb_typeof(metadata) = 'object' AND octet_length(metadata::text) <= 8192)
);

-- The list of a firm's conversations, newest first.
CREATE INDEX chat_session_created_at_ix ON agents.chat_session (firm_id, created_at DESC);

-- The conversations about one matter.
CREATE INDEX chat_session_subject_ix
    ON agents.chat_session (firm_id, subject_type, subject_id, created_at DESC)
    WHERE subject_id IS NOT NULL;

COMMENT ON TABLE agents.chat_session IS
    'A conversation: the thread in which turns are numbered.';
COMMENT ON COLUMN agents.chat_session.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.chat_session.session_id IS 'gen_ai.conversation.id.';
COMMENT ON COLUMN agents.chat_session.subject_type IS
    'What kind of thing the conversation is about, for example matter.';
COMMENT ON COLUMN agents.chat_session.subject_id IS 'Which one, as its own system names it.';
COMMENT ON COLUMN agents.chat_session.actor_type IS
    'Who opened it: user, service, schedule or agent. NULL when not known.';
COMMENT ON COLUMN agents.chat_session.actor_id IS 'Which one, as its own system names it.';
COMMENT ON COLUMN agents.chat_session.channel IS 'Where it takes place, for example web or import.';
COMMENT ON COLUMN agents.chat_session.title IS 'For people.';
COMMENT ON COLUMN agents.chat_session.status IS 'open, closed or archived.';
COMMENT ON COLUMN agents.chat_session.last_turn_no IS
    'Number of the latest turn; the next one is one higher. 0 before the first.';
COMMENT ON COLUMN agents.chat_session.last_turn_at IS 'Time of the latest turn.';
COMMENT ON COLUMN agents.chat_session.created_at IS 'When the conversation began.';
COMMENT ON COLUMN agents.chat_session.closed_at IS 'When it stopped being open.';
COMMENT ON COLUMN agents.chat_session.idempotency_key IS
    'Given by the caller; the same key in a firm is the same session.';
COMMENT ON COLUMN agents.chat_session.metadata IS
    'Small facts of the caller, at most 8 KiB of JSON.';

CREATE TRIGGER chat_session_forbid_delete_tg
    BEFORE DELETE ON agents.chat_session
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER chat_session_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.chat_session
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.chat_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.chat_session FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY chat_session_tenant ON agents.chat_session
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY chat_session_tenant_guard ON agents.chat_session AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend ends the runs of dead workers and redacts, for all firms.
CREATE POLICY chat_session_service ON agents.chat_session
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON agents.chat_session TO muniment_app;
GRANT SELECT ON agents.chat_session TO muniment_reader, muniment_service;
-- Where the numbering stands and whether the conversation goes on; guard_chat_session says how.
GRANT UPDATE (title, status, last_turn_no, last_turn_at, closed_at)
    ON agents.chat_session TO muniment_app;

COMMIT;
