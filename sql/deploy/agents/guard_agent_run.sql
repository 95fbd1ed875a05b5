-- Deploy agents:guard_agent_run to pg
-- requires: agent_run
--
-- The state machine of a run. Grants say which columns may change; this says from what to what.
--
--     queued ----------> running <------> waiting_approval
--       |                   |                    |
--       |                   +--> succeeded       |
--       |                   +--> failed <--------+
--       +--> cancelled <----+--> timed_out <-----+
--       +--> abandoned <----+--------------------+
--
-- What has ended stays as it is, and a worker takes a run from another only by the next attempt.
-- The trigger looks at the one row alone, so it works on every node of a cluster, and for whoever
-- writes past the functions.
-- Locks: SHARE ROW EXCLUSIVE on agent_run.  Docs: docs/schema/agents.md#guard-agent-run

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.guard_agent_run()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF OLD.status NOT IN ('queued', 'running', 'waiting_approval') THEN
        RAISE EXCEPTION 'run % has ended as %', OLD.run_id, OLD.status
            USING ERRCODE = 'MU101',
                  HINT = 'What has ended is evidence and stays as it is. Begin another run.';
    END IF;

    IF NEW.status <> OLD.status
        AND (OLD.status, NEW.status) NOT IN (
            ('queued', 'running'),
            ('queued', 'cancelled'),
            ('queued', 'abandoned'),
            ('running', 'waiting_approval'),
            ('running', 'succeeded'),
            ('running', 'failed'),
            ('running', 'cancelled'),
            ('running', 'timed_out'),
            ('running', 'abandoned'),
            ('waiting_approval', 'running'),
            ('waiting_approval', 'failed'),
            ('waiting_approval', 'cancelled'),
            ('waiting_approval', 'timed_out'),
            ('waiting_approval', 'abandoned')
        )
    THEN
        RAISE EXCEPTION 'run % does not go from % to %', OLD.run_id, OLD.status, NEW.status
            USING ERRCODE = 'MU103',
                  HINT = 'docs/schema/agents.md#guard-agent-run shows the ways it can go.';
    END IF;

    -- The first worker has the first attempt; each one after it takes the next.
    IF NOT (
        NEW.attempt_no = OLD.attempt_no + 1
        OR (
            NEW.attempt_no = OLD.attempt_no
            AND (OLD.worker_id IS NULL OR NEW.worker_id IS NOT DISTINCT FROM OLD.worker_id)
        )
    )
    THEN
        RAISE EXCEPTION 'run % does not go from attempt % to %',
            OLD.run_id, OLD.attempt_no, NEW.attempt_no
            USING ERRCODE = 'MU103',
                  HINT = 'Another worker takes a run by its next attempt: agents.claim_run().';
    END IF;

    IF OLD.cancel_requested_at IS DISTINCT FROM NEW.cancel_requested_at
        AND OLD.cancel_requested_at IS NOT NULL
    THEN
        RAISE EXCEPTION 'run %: the request to cancel it stands', OLD.run_id
            USING ERRCODE = 'MU103',
                  HINT = 'Begin another run.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agents.guard_agent_run() IS
    'Trigger function: a run changes its state in the order of its state machine only. Raises '
    'MU101 when it has ended, MU103 when state, attempt or the request to cancel do not change so.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agents.guard_agent_run() FROM PUBLIC;

CREATE TRIGGER agent_run_guard_tg
    BEFORE UPDATE ON agents.agent_run
    FOR EACH ROW EXECUTE FUNCTION agents.guard_agent_run();

COMMIT;
