-- Deploy goclaw:team_tasks to pg
-- requires: agent_teams
-- requires: platform:forbid_change
--
-- The tasks of a team, and what is said, attached and noted about them. Numbers, counters, blockers
-- and their release are kept by triggers, for whoever writes, with or without the functions. A
-- runtime deletes no task, nor a team that has tasks or its lead: numbers are not given twice and
-- events are kept. A task that nobody wants is cancelled.
-- Whoever locks a team and tasks of it takes the team first, then tasks by id; statements that
-- change status, blocked_by or parent_id by themselves cannot, and may meet a deadlock instead.
-- Tasks are completed and cancelled under READ COMMITTED alone: an older snapshot does not show
-- everybody who waits for them.
-- Locks: SHARE ROW EXCLUSIVE on agent_teams, agents, tenants.
-- Docs: docs/schema/goclaw.md#team-tasks

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.team_tasks (
    tenant_id           uuid                  NOT NULL,
    id                  uuid                  NOT NULL DEFAULT platform.uuid_generate_v7(),
    team_id             uuid                  NOT NULL,
    task_number         integer               NOT NULL DEFAULT 0,
    identifier          varchar(20),
    subject             varchar(500)          NOT NULL,
    description         text,
    status              varchar(20)           NOT NULL DEFAULT 'pending',
    task_type           varchar(30)           NOT NULL DEFAULT 'general',
    priority            integer               NOT NULL DEFAULT 0,
    owner_agent_id      uuid,
    created_by_agent_id uuid,
    assignee_user_id    varchar(255),
    user_id             varchar(255),
    parent_id           uuid,
    blocked_by          uuid[]                NOT NULL DEFAULT '{}',
    channel             varchar(50),
    chat_id             varchar(255)          NOT NULL DEFAULT '',
    locked_at           timestamptz,
    lock_expires_at     timestamptz,
    progress_percent    integer               NOT NULL DEFAULT 0,
    progress_step       text,
    followup_at         timestamptz,
    followup_count      integer               NOT NULL DEFAULT 0,
    followup_max        integer               NOT NULL DEFAULT 0,
    followup_message    text,
    followup_channel    varchar(60),
    followup_chat_id    varchar(255),
    result              text,
    confidence_score    double precision,
    comment_count       integer               NOT NULL DEFAULT 0,
    attachment_count    integer               NOT NULL DEFAULT 0,
    embedding           platform.vector(1536),
    tsv                 tsvector              GENERATED ALWAYS AS (
        to_tsvector('simple'::regconfig, subject || ' ' || coalesce(description, ''))
    ) STORED,
    metadata            jsonb                 NOT NULL DEFAULT '{}',
    custom_scope        varchar(255),
    created_at          timestamptz           NOT NULL DEFAULT now(),
    updated_at          timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT team_tasks_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_tasks_team_id_uq UNIQUE (tenant_id, team_id, id),
    CONSTRAINT team_tasks_task_number_uq UNIQUE (tenant_id, team_id, task_number),
    CONSTRAINT team_tasks_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT team_tasks_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE RESTRICT,
    CONSTRAINT team_tasks_owner_agent_fk FOREIGN KEY (tenant_id, owner_agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (owner_agent_id),
    CONSTRAINT team_tasks_created_by_agent_fk FOREIGN KEY (tenant_id, created_by_agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (created_by_agent_id),
    CONSTRAINT team_tasks_parent_fk FOREIGN KEY (tenant_id, team_id, parent_id)
        REFERENCES goclaw.team_tasks (tenant_id, team_id, id) ON DELETE SET NULL (parent_id),
    CONSTRAINT team_tasks_task_number_ck CHECK (task_number >= 1),
    CONSTRAINT team_tasks_identifier_ck CHECK (identifier = 'TSK-' || task_number::text),
    CONSTRAINT team_tasks_status_ck
        CHECK (status IN ('pending', 'in_progress', 'completed', 'failed', 'cancelled')),
    CONSTRAINT team_tasks_parent_ck CHECK (parent_id <> id),
    CONSTRAINT team_tasks_lock_ck CHECK (
        (locked_at IS NULL) = (lock_expires_at IS NULL)
        AND lock_expires_at > locked_at
        AND (status = 'in_progress' OR locked_at IS NULL)
    ),
    CONSTRAINT team_tasks_blocked_by_ck
        CHECK (status NOT IN ('in_progress', 'completed') OR blocked_by = '{}'),
    CONSTRAINT team_tasks_progress_percent_ck CHECK (progress_percent BETWEEN 0 AND 100),
    CONSTRAINT team_tasks_followup_ck CHECK (followup_count >= 0 AND followup_max >= 0)
);

-- Stated: the parts of a task. Serves the reference.
CREATE INDEX team_tasks_parent_id_ix
    ON goclaw.team_tasks (tenant_id, parent_id, team_id) WHERE parent_id IS NOT NULL;

-- Stated: the tasks of a chat.
CREATE INDEX team_tasks_chat_id_ix ON goclaw.team_tasks (tenant_id, team_id, channel, chat_id);

-- Stated: the tasks of a kind.
CREATE INDEX team_tasks_task_type_ix ON goclaw.team_tasks (tenant_id, team_id, task_type);

-- Stated: locks that lapse, of all tenants, which is why the tenant is not in it.
CREATE INDEX team_tasks_lock_expires_at_ix
    ON goclaw.team_tasks (lock_expires_at) WHERE status = 'in_progress';

-- Stated: the task that people name.
CREATE UNIQUE INDEX team_tasks_identifier_uq
    ON goclaw.team_tasks (tenant_id, team_id, identifier) WHERE identifier IS NOT NULL;

-- Stated: reminders that are due, of all tenants.
CREATE INDEX team_tasks_followup_at_ix
    ON goclaw.team_tasks (followup_at) WHERE status = 'in_progress';

-- Stated: who waits for a task. Not for whoever is under row security: @> is not leakproof, so the
-- rows of the tenant are found first and what they wait for compared then.
CREATE INDEX team_tasks_blocked_by_ix ON goclaw.team_tasks USING gin (blocked_by);

-- Stated: what an agent has under way in a team.
CREATE INDEX team_tasks_owner_agent_status_ix
    ON goclaw.team_tasks (tenant_id, team_id, owner_agent_id, status);

-- The tasks of a team that wait, for whoever ends one. Operators on arrays are not leakproof, so
-- under row security nobody can use the index on blocked_by.
CREATE INDEX team_tasks_waiting_ix
    ON goclaw.team_tasks (tenant_id, team_id) WHERE blocked_by <> '{}';

-- Serves the reference.
CREATE INDEX team_tasks_owner_agent_id_ix
    ON goclaw.team_tasks (tenant_id, owner_agent_id) WHERE owner_agent_id IS NOT NULL;

-- Serves the reference.
CREATE INDEX team_tasks_created_by_agent_id_ix
    ON goclaw.team_tasks (tenant_id, created_by_agent_id) WHERE created_by_agent_id IS NOT NULL;

COMMENT ON TABLE goclaw.team_tasks IS 'What a team of agents has to do.';
COMMENT ON COLUMN goclaw.team_tasks.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.team_tasks.id IS 'The task.';
COMMENT ON COLUMN goclaw.team_tasks.team_id IS 'The team. A task never changes it.';
COMMENT ON COLUMN goclaw.team_tasks.task_number IS
    'Number within the team, from 1 without gaps; a trigger gives it, whatever the writer says.';
COMMENT ON COLUMN goclaw.team_tasks.identifier IS 'TSK- and the number; given by the same trigger.';
COMMENT ON COLUMN goclaw.team_tasks.subject IS 'The task in short.';
COMMENT ON COLUMN goclaw.team_tasks.description IS 'The task in full.';
COMMENT ON COLUMN goclaw.team_tasks.status IS
    'pending, in_progress, completed, failed or cancelled.';
COMMENT ON COLUMN goclaw.team_tasks.task_type IS 'What kind of task it is.';
COMMENT ON COLUMN goclaw.team_tasks.priority IS 'The higher the sooner.';
COMMENT ON COLUMN goclaw.team_tasks.owner_agent_id IS
    'The agent that works on it or did. NULL means nobody yet.';
COMMENT ON COLUMN goclaw.team_tasks.created_by_agent_id IS
    'The agent that made it. NULL for a person, or an agent that is gone.';
COMMENT ON COLUMN goclaw.team_tasks.assignee_user_id IS 'The person it is given to.';
COMMENT ON COLUMN goclaw.team_tasks.user_id IS 'The user for whom it is done.';
COMMENT ON COLUMN goclaw.team_tasks.parent_id IS
    'The task of the same team that this one is a part of. Held free of circles by a trigger.';
COMMENT ON COLUMN goclaw.team_tasks.blocked_by IS
    'The tasks of the same team that have to end before this one is worked on or completed. Held '
    'free of cycles, and of tasks that are completed or cancelled, by triggers.';
COMMENT ON COLUMN goclaw.team_tasks.channel IS 'Channel of the message that led to it.';
COMMENT ON COLUMN goclaw.team_tasks.chat_id IS 'Chat of that message.';
COMMENT ON COLUMN goclaw.team_tasks.locked_at IS
    'When the lock was taken. Names the holder''s turn: whoever has another time has lost the '
    'lock.';
COMMENT ON COLUMN goclaw.team_tasks.lock_expires_at IS 'When somebody else may take the lock over.';
COMMENT ON COLUMN goclaw.team_tasks.progress_percent IS 'How much is done, 0 to 100.';
COMMENT ON COLUMN goclaw.team_tasks.progress_step IS 'What is being done.';
COMMENT ON COLUMN goclaw.team_tasks.followup_at IS 'When somebody is reminded next.';
COMMENT ON COLUMN goclaw.team_tasks.followup_count IS 'Reminders so far.';
COMMENT ON COLUMN goclaw.team_tasks.followup_max IS 'Reminders at most.';
COMMENT ON COLUMN goclaw.team_tasks.followup_message IS 'What the reminder says.';
COMMENT ON COLUMN goclaw.team_tasks.followup_channel IS 'Channel of the reminder.';
COMMENT ON COLUMN goclaw.team_tasks.followup_chat_id IS 'Chat of the reminder.';
COMMENT ON COLUMN goclaw.team_tasks.result IS 'What came of it.';
COMMENT ON COLUMN goclaw.team_tasks.confidence_score IS
    'How sure the agent is of its result, by its own account.';
COMMENT ON COLUMN goclaw.team_tasks.comment_count IS
    'How many comments there are; a trigger counts them, whatever the writer says.';
COMMENT ON COLUMN goclaw.team_tasks.attachment_count IS
    'How many attachments there are; counted likewise.';
COMMENT ON COLUMN goclaw.team_tasks.embedding IS 'Meaning of the task, for semantic search.';
COMMENT ON COLUMN goclaw.team_tasks.tsv IS 'Words of subject and description. Computed.';
COMMENT ON COLUMN goclaw.team_tasks.metadata IS 'Further facts about the task.';
COMMENT ON COLUMN goclaw.team_tasks.custom_scope IS 'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.team_tasks.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.team_tasks.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE FUNCTION goclaw.number_team_task()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Held until the transaction ends: who comes next sees this number, or that it was taken back.
    PERFORM
    FROM goclaw.agent_teams AS t
    WHERE t.tenant_id = NEW.tenant_id
        AND t.id = NEW.team_id
    FOR NO KEY UPDATE;

    SELECT coalesce(max(t.task_number), 0) + 1
    INTO NEW.task_number
    FROM goclaw.team_tasks AS t
    WHERE t.tenant_id = NEW.tenant_id
        AND t.team_id = NEW.team_id;
    NEW.identifier := 'TSK-' || NEW.task_number;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.number_team_task() IS
    'Trigger function for team_tasks BEFORE INSERT: gives the task the next number of its team, '
    'and the identifier. Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.number_team_task() FROM PUBLIC;

CREATE FUNCTION goclaw.check_team_task_blockers()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_wanted CONSTANT uuid[] := ARRAY(SELECT DISTINCT unnest(NEW.blocked_by) ORDER BY 1);
    v_found  integer;
    v_level  uuid[];
    v_seen   uuid[] := '{}';
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.blocked_by <@ OLD.blocked_by THEN
        NEW.blocked_by := v_wanted;
        RETURN NEW;
    END IF;

    -- FOR SHARE all along the way: no blocker ends until this is committed, and of two that add the
    -- halves of a cycle, one comes upon the row of the other, waits, and sees what it did. Under
    -- REPEATABLE READ a task that changed since the snapshot is an error, not an old answer.
    SELECT
        count(*),
        coalesce(array_agg(b.id) FILTER (WHERE b.status NOT IN ('completed', 'cancelled')), '{}')
    INTO v_found, v_level
    FROM (
        SELECT t.id, t.status
        FROM goclaw.team_tasks AS t
        WHERE t.tenant_id = NEW.tenant_id
            AND t.team_id = NEW.team_id
            AND t.id = ANY (v_wanted)
            AND t.id <> NEW.id
        ORDER BY t.id
        FOR SHARE
    ) AS b;
    IF v_found < cardinality(array_remove(v_wanted, NEW.id)) THEN
        RAISE EXCEPTION 'team_tasks.blocked_by: names what is no task of the team'
            USING ERRCODE = 'MU323',
                  HINT = 'A task waits for tasks of its own team only.';
    END IF;
    NEW.blocked_by := v_level;

    IF NEW.id = ANY (v_wanted) THEN
        v_level := ARRAY[NEW.id];
    END IF;
    WHILE v_level <> '{}' LOOP
        IF NEW.id = ANY (v_level) THEN
            RAISE EXCEPTION 'team_tasks.blocked_by: task % would wait for itself', NEW.id
                USING ERRCODE = 'MU322',
                      HINT = 'What it is to wait for waits for it already, perhaps through others.';
        END IF;
        v_seen := v_seen || v_level;
        v_level := ARRAY(
            SELECT unnest(b.blocked_by)
            FROM (
                SELECT t.blocked_by
                FROM goclaw.team_tasks AS t
                WHERE t.tenant_id = NEW.tenant_id
                    AND t.id = ANY (v_level)
                ORDER BY t.id
                FOR SHARE
            ) AS b
            EXCEPT
            SELECT unnest(v_seen)
        );
    END LOOP;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.check_team_task_blockers() IS
    'Trigger function for team_tasks BEFORE INSERT OR UPDATE OF blocked_by: keeps each blocker '
    'once, and drops those that are completed or cancelled. Raises MU322 when tasks would wait '
    'for each other, MU323 when a blocker is no task of the team.';

REVOKE ALL ON FUNCTION goclaw.check_team_task_blockers() FROM PUBLIC;

CREATE FUNCTION goclaw.check_team_task_parent()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_whole uuid := NEW.parent_id;
    v_seen  uuid[] := '{}';
BEGIN
    -- FOR SHARE all the way up, as with blockers: of two that add the halves of a circle, one comes
    -- upon the row of the other.
    WHILE v_whole <> ALL (v_seen) LOOP
        IF v_whole = NEW.id THEN
            RAISE EXCEPTION 'team_tasks.parent_id: task % would be a part of itself', NEW.id
                USING ERRCODE = 'MU326',
                      HINT = 'What it is to be a part of is a part of it, perhaps through others.';
        END IF;
        v_seen := v_seen || v_whole;
        v_whole := (
            SELECT t.parent_id
            FROM goclaw.team_tasks AS t
            WHERE t.tenant_id = NEW.tenant_id
                AND t.id = v_whole
            FOR SHARE
        );
    END LOOP;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.check_team_task_parent() IS
    'Trigger function for team_tasks BEFORE INSERT OR UPDATE OF parent_id. Raises MU326 when the '
    'task would be a part of itself, through others.';

REVOKE ALL ON FUNCTION goclaw.check_team_task_parent() FROM PUBLIC;

CREATE FUNCTION goclaw.release_team_tasks()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Whoever began to wait since the snapshot would be passed over, and wait for ever.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
        RAISE EXCEPTION 'team_tasks.status: task % cannot end under this isolation level', NEW.id
            USING ERRCODE = 'MU327',
                  HINT = 'Complete and cancel tasks in a transaction that is READ COMMITTED.';
    END IF;

    UPDATE goclaw.team_tasks AS t
    SET blocked_by = array_remove(t.blocked_by, NEW.id)
    WHERE t.tenant_id = NEW.tenant_id
        AND t.id IN (
            SELECT w.id
            FROM goclaw.team_tasks AS w
            WHERE w.tenant_id = NEW.tenant_id
                AND w.team_id = NEW.team_id
                AND w.blocked_by <> '{}'
                AND NEW.id = ANY (w.blocked_by)
            ORDER BY w.id
            FOR NO KEY UPDATE
        );

    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION goclaw.release_team_tasks() IS
    'Trigger function for team_tasks AFTER UPDATE OF status: takes a task that is completed or '
    'cancelled from blocked_by of the tasks that wait for it. Raises MU327 under REPEATABLE READ '
    'and SERIALIZABLE, where some of them could not be seen.';

REVOKE ALL ON FUNCTION goclaw.release_team_tasks() FROM PUBLIC;

CREATE FUNCTION goclaw.count_team_task_parts()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- The row is locked by now, and each statement here sees what was committed before it: of two
    -- who comment at the same time, the second counts both.
    NEW.comment_count := (
        SELECT count(*)
        FROM goclaw.team_task_comments AS c
        WHERE c.tenant_id = NEW.tenant_id
            AND c.task_id = NEW.id
    );
    NEW.attachment_count := (
        SELECT count(*)
        FROM goclaw.team_task_attachments AS a
        WHERE a.tenant_id = NEW.tenant_id
            AND a.task_id = NEW.id
    );

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.count_team_task_parts() IS
    'Trigger function for team_tasks BEFORE INSERT OR UPDATE of a counter: sets both counters to '
    'what there is. Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.count_team_task_parts() FROM PUBLIC;

-- By name, the number comes before the blockers: the team is locked before tasks of it.
CREATE TRIGGER team_tasks_assign_number_tg
    BEFORE INSERT ON goclaw.team_tasks
    FOR EACH ROW EXECUTE FUNCTION goclaw.number_team_task();
CREATE TRIGGER team_tasks_check_blockers_tg
    BEFORE INSERT OR UPDATE OF blocked_by ON goclaw.team_tasks
    FOR EACH ROW WHEN (NEW.blocked_by <> '{}')
    EXECUTE FUNCTION goclaw.check_team_task_blockers();
CREATE TRIGGER team_tasks_check_parent_tg
    BEFORE INSERT OR UPDATE OF parent_id ON goclaw.team_tasks
    FOR EACH ROW WHEN (NEW.parent_id <> NEW.id)
    EXECUTE FUNCTION goclaw.check_team_task_parent();
CREATE TRIGGER team_tasks_count_tg
    BEFORE INSERT OR UPDATE OF comment_count, attachment_count ON goclaw.team_tasks
    FOR EACH ROW EXECUTE FUNCTION goclaw.count_team_task_parts();
CREATE TRIGGER team_tasks_release_tg
    AFTER UPDATE OF status ON goclaw.team_tasks
    FOR EACH ROW WHEN (
        NEW.status IN ('completed', 'cancelled') AND OLD.status NOT IN ('completed', 'cancelled')
    )
    EXECUTE FUNCTION goclaw.release_team_tasks();
CREATE TRIGGER team_tasks_set_updated_at_tg
    BEFORE UPDATE ON goclaw.team_tasks
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.team_tasks ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_tasks FORCE ROW LEVEL SECURITY;

CREATE POLICY team_tasks_tenant ON goclaw.team_tasks
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY team_tasks_tenant_guard ON goclaw.team_tasks AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Locks that lapsed are taken back, and reminders are sent, in all tenants.
CREATE POLICY team_tasks_service ON goclaw.team_tasks
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON goclaw.team_tasks TO muniment_app;
GRANT UPDATE (
    subject, description, status, task_type, priority, owner_agent_id, created_by_agent_id,
    assignee_user_id, user_id, parent_id, blocked_by, channel, chat_id, locked_at,
    lock_expires_at, progress_percent, progress_step, followup_at, followup_count, followup_max,
    followup_message, followup_channel, followup_chat_id, result, confidence_score,
    comment_count, attachment_count, embedding, metadata, custom_scope, updated_at
) ON goclaw.team_tasks TO muniment_app;
GRANT SELECT ON goclaw.team_tasks TO muniment_reader;
GRANT SELECT (
    tenant_id, id, status, owner_agent_id, locked_at, lock_expires_at, followup_at,
    followup_count, followup_max, followup_message, followup_channel, followup_chat_id
) ON goclaw.team_tasks TO muniment_service;
GRANT UPDATE (
    status, owner_agent_id, locked_at, lock_expires_at, followup_at, followup_count
) ON goclaw.team_tasks TO muniment_service;

CREATE TABLE goclaw.team_task_comments (
    tenant_id        uuid             NOT NULL,
    id               uuid             NOT NULL DEFAULT platform.uuid_generate_v7(),
    task_id          uuid             NOT NULL,
    agent_id         uuid,
    user_id          varchar(255),
    content          text             NOT NULL,
    comment_type     varchar(20)      NOT NULL DEFAULT 'note',
    confidence_score double precision,
    metadata         jsonb            DEFAULT '{}',
    custom_scope     varchar(255),
    created_at       timestamptz      NOT NULL DEFAULT now(),

    CONSTRAINT team_task_comments_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_task_comments_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT team_task_comments_task_fk FOREIGN KEY (tenant_id, task_id)
        REFERENCES goclaw.team_tasks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT team_task_comments_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (agent_id)
);

-- Stated: the comments on a task. Serves the reference and the count.
CREATE INDEX team_task_comments_task_id_ix ON goclaw.team_task_comments (tenant_id, task_id);

-- Serves the reference.
CREATE INDEX team_task_comments_agent_id_ix
    ON goclaw.team_task_comments (tenant_id, agent_id) WHERE agent_id IS NOT NULL;

COMMENT ON TABLE goclaw.team_task_comments IS 'What agents and people say about a task.';
COMMENT ON COLUMN goclaw.team_task_comments.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.team_task_comments.id IS 'The comment.';
COMMENT ON COLUMN goclaw.team_task_comments.task_id IS 'The task.';
COMMENT ON COLUMN goclaw.team_task_comments.agent_id IS 'The agent who says it.';
COMMENT ON COLUMN goclaw.team_task_comments.user_id IS 'The user who says it.';
COMMENT ON COLUMN goclaw.team_task_comments.content IS 'What is said.';
COMMENT ON COLUMN goclaw.team_task_comments.comment_type IS
    'note, or blocker, which fails the task.';
COMMENT ON COLUMN goclaw.team_task_comments.confidence_score IS
    'How sure the agent is, by its own account.';
COMMENT ON COLUMN goclaw.team_task_comments.metadata IS 'Further facts about the comment.';
COMMENT ON COLUMN goclaw.team_task_comments.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.team_task_comments.created_at IS 'When the row was made.';

CREATE FUNCTION goclaw.recount_team_tasks()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_task record;
BEGIN
    -- What a reference takes along is deleted as the owner, perhaps without a tenant: its task is
    -- gone as well. Nobody else whom row security binds gets here without one.
    IF TG_OP = 'DELETE'
        AND row_security_active('goclaw.team_tasks')
        AND coalesce(current_setting('app.tenant_id', true), '') = ''
    THEN
        RETURN NULL;
    END IF;

    FOR v_task IN
        SELECT DISTINCT c.tenant_id, c.task_id
        FROM changed AS c
        ORDER BY c.tenant_id, c.task_id
    LOOP
        -- Named to set off the trigger of team_tasks, which puts in what there is.
        UPDATE goclaw.team_tasks AS t
        SET comment_count = t.comment_count
        WHERE t.tenant_id = v_task.tenant_id
            AND t.id = v_task.task_id;
    END LOOP;

    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION goclaw.recount_team_tasks() IS
    'Trigger function for comments and attachments of tasks, AFTER INSERT or DELETE, FOR EACH '
    'STATEMENT, with the rows as the table changed: has their tasks counted again. Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.recount_team_tasks() FROM PUBLIC;

CREATE FUNCTION goclaw.fail_blocked_team_tasks()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_task record;
BEGIN
    FOR v_task IN
        SELECT DISTINCT c.tenant_id, c.task_id
        FROM changed AS c
        WHERE c.comment_type = 'blocker'
        ORDER BY c.tenant_id, c.task_id
    LOOP
        UPDATE goclaw.team_tasks AS t
        SET status = 'failed',
            locked_at = NULL,
            lock_expires_at = NULL
        WHERE t.tenant_id = v_task.tenant_id
            AND t.id = v_task.task_id
            AND t.status IN ('pending', 'in_progress');
    END LOOP;

    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION goclaw.fail_blocked_team_tasks() IS
    'Trigger function for team_task_comments AFTER INSERT, FOR EACH STATEMENT, with the rows as '
    'the table changed: a comment of type blocker fails its task, if that is open, and ends its '
    'lock. Raises nothing.';

REVOKE ALL ON FUNCTION goclaw.fail_blocked_team_tasks() FROM PUBLIC;

-- By name, the count comes before the failure: both take the tasks in one order.
CREATE TRIGGER team_task_comments_count_insert_tg
    AFTER INSERT ON goclaw.team_task_comments REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks();
CREATE TRIGGER team_task_comments_count_delete_tg
    AFTER DELETE ON goclaw.team_task_comments REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks();
CREATE TRIGGER team_task_comments_fail_tg
    AFTER INSERT ON goclaw.team_task_comments REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION goclaw.fail_blocked_team_tasks();

ALTER TABLE goclaw.team_task_comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_task_comments FORCE ROW LEVEL SECURITY;

CREATE POLICY team_task_comments_tenant ON goclaw.team_task_comments
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY team_task_comments_tenant_guard ON goclaw.team_task_comments AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.team_task_comments TO muniment_app;
GRANT UPDATE (
    agent_id, user_id, content, confidence_score, metadata, custom_scope
) ON goclaw.team_task_comments TO muniment_app;
GRANT SELECT ON goclaw.team_task_comments TO muniment_reader;

CREATE TABLE goclaw.team_task_events (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    task_id      uuid         NOT NULL,
    event_type   varchar(30)  NOT NULL,
    actor_type   varchar(10)  NOT NULL,
    actor_id     varchar(255) NOT NULL,
    data         jsonb,
    custom_scope varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT team_task_events_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_task_events_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT team_task_events_task_fk FOREIGN KEY (tenant_id, task_id)
        REFERENCES goclaw.team_tasks (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT team_task_events_actor_type_ck CHECK (actor_type IN ('agent', 'user'))
);

-- Stated: what happened to a task. Serves the reference.
CREATE INDEX team_task_events_task_id_ix ON goclaw.team_task_events (tenant_id, task_id);

COMMENT ON TABLE goclaw.team_task_events IS 'What happened to a task. Append-only.';
COMMENT ON COLUMN goclaw.team_task_events.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.team_task_events.id IS 'The event.';
COMMENT ON COLUMN goclaw.team_task_events.task_id IS 'The task.';
COMMENT ON COLUMN goclaw.team_task_events.event_type IS
    'What happened, for example status_change, assigned or locked.';
COMMENT ON COLUMN goclaw.team_task_events.actor_type IS 'Who did it: agent or user.';
COMMENT ON COLUMN goclaw.team_task_events.actor_id IS 'Which one.';
COMMENT ON COLUMN goclaw.team_task_events.data IS 'What else is known of the event.';
COMMENT ON COLUMN goclaw.team_task_events.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.team_task_events.created_at IS 'When it happened.';

CREATE TRIGGER team_task_events_forbid_update_tg
    BEFORE UPDATE ON goclaw.team_task_events
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER team_task_events_forbid_truncate_tg
    BEFORE TRUNCATE ON goclaw.team_task_events
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE goclaw.team_task_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_task_events FORCE ROW LEVEL SECURITY;

CREATE POLICY team_task_events_tenant ON goclaw.team_task_events
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY team_task_events_tenant_guard ON goclaw.team_task_events AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT ON goclaw.team_task_events TO muniment_app;
GRANT SELECT ON goclaw.team_task_events TO muniment_reader;

CREATE TABLE goclaw.team_task_attachments (
    tenant_id           uuid         NOT NULL,
    id                  uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    task_id             uuid         NOT NULL,
    team_id             uuid         NOT NULL,
    path                text         NOT NULL,
    base_name           text         GENERATED ALWAYS AS (
        lower(regexp_replace(path, '.+/', ''))
    ) STORED,
    file_size           bigint,
    mime_type           varchar(100),
    chat_id             varchar(255),
    created_by_agent_id uuid,
    metadata            jsonb        DEFAULT '{}',
    custom_scope        varchar(255),
    created_at          timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT team_task_attachments_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT team_task_attachments_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT team_task_attachments_task_fk FOREIGN KEY (tenant_id, team_id, task_id)
        REFERENCES goclaw.team_tasks (tenant_id, team_id, id) ON DELETE CASCADE,
    CONSTRAINT team_task_attachments_team_fk FOREIGN KEY (tenant_id, team_id)
        REFERENCES goclaw.agent_teams (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT team_task_attachments_created_by_agent_fk
        FOREIGN KEY (tenant_id, created_by_agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE SET NULL (created_by_agent_id),
    CONSTRAINT team_task_attachments_path_ck CHECK (path <> ''),
    CONSTRAINT team_task_attachments_file_size_ck CHECK (file_size >= 0)
);

-- The attachments of a task. Serves the reference and the count.
CREATE INDEX team_task_attachments_task_id_ix
    ON goclaw.team_task_attachments (tenant_id, task_id, team_id);

-- The attachments of a team. Serves the reference.
CREATE INDEX team_task_attachments_team_id_ix ON goclaw.team_task_attachments (tenant_id, team_id);

-- The attachments of a name, which the vault links to.
CREATE INDEX team_task_attachments_base_name_ix
    ON goclaw.team_task_attachments (tenant_id, base_name);

-- Serves the reference.
CREATE INDEX team_task_attachments_created_by_agent_id_ix
    ON goclaw.team_task_attachments (tenant_id, created_by_agent_id)
    WHERE created_by_agent_id IS NOT NULL;

COMMENT ON TABLE goclaw.team_task_attachments IS 'A file that belongs to a task.';
COMMENT ON COLUMN goclaw.team_task_attachments.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.team_task_attachments.id IS 'The attachment.';
COMMENT ON COLUMN goclaw.team_task_attachments.task_id IS 'The task.';
COMMENT ON COLUMN goclaw.team_task_attachments.team_id IS 'The team of the task.';
COMMENT ON COLUMN goclaw.team_task_attachments.path IS 'Where the file is.';
COMMENT ON COLUMN goclaw.team_task_attachments.base_name IS
    'Name of the file in lower case, by which the vault finds it. Computed.';
COMMENT ON COLUMN goclaw.team_task_attachments.file_size IS 'Length of the file in bytes.';
COMMENT ON COLUMN goclaw.team_task_attachments.mime_type IS 'What kind of file it is.';
COMMENT ON COLUMN goclaw.team_task_attachments.chat_id IS 'Chat that it came from.';
COMMENT ON COLUMN goclaw.team_task_attachments.created_by_agent_id IS
    'The agent that attached it. NULL for a person, or an agent that is gone.';
COMMENT ON COLUMN goclaw.team_task_attachments.metadata IS 'Further facts about the file.';
COMMENT ON COLUMN goclaw.team_task_attachments.custom_scope IS
    'A scope of the gateway''s own. Not used yet.';
COMMENT ON COLUMN goclaw.team_task_attachments.created_at IS 'When the row was made.';

CREATE TRIGGER team_task_attachments_count_insert_tg
    AFTER INSERT ON goclaw.team_task_attachments REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks();
CREATE TRIGGER team_task_attachments_count_delete_tg
    AFTER DELETE ON goclaw.team_task_attachments REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION goclaw.recount_team_tasks();

ALTER TABLE goclaw.team_task_attachments ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.team_task_attachments FORCE ROW LEVEL SECURITY;

CREATE POLICY team_task_attachments_tenant ON goclaw.team_task_attachments
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY team_task_attachments_tenant_guard ON goclaw.team_task_attachments AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.team_task_attachments TO muniment_app;
GRANT UPDATE (
    path, file_size, mime_type, chat_id, created_by_agent_id, metadata, custom_scope
) ON goclaw.team_task_attachments TO muniment_app;
GRANT SELECT ON goclaw.team_task_attachments TO muniment_reader;

COMMIT;
