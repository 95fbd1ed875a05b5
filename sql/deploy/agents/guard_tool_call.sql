-- Deploy agents:guard_tool_call to pg
-- requires: tool_call
--
-- The state machine of a call. Grants say which columns may change; this says when, and from what
-- to what, also to whoever writes past the functions.
--
--     waiting_approval --approved--> requested -----> running --> succeeded, failed, timed_out,
--       |        |                       |                        cancelled, unknown
--       |        +--denied--> denied     +--> cancelled
--       +--expired--> cancelled
--
-- What has ended stays as it is, but that a body can be taken away by whoever redacts: its hash and
-- length stay. The trigger looks at the one row alone, so it works on every node of a cluster.
-- Locks: SHARE ROW EXCLUSIVE on tool_call.  Docs: docs/schema/agents.md#guard-tool-call

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.guard_tool_call()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_expected agents.tool_call := OLD;
BEGIN
    IF NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NEW;
    END IF;

    IF OLD.status NOT IN ('waiting_approval', 'requested', 'running') THEN
        IF NEW.args_storage = 'redacted' AND OLD.args_storage IS NOT NULL THEN
            v_expected.args_storage := 'redacted';
            v_expected.args_inline := NULL;
            v_expected.args_s3_key := NULL;
            v_expected.args_preview := NULL;
        END IF;
        -- A runtime may write results, too; arguments only whoever redacts.
        IF NEW.result_storage = 'redacted' AND OLD.result_storage IS NOT NULL
            AND has_column_privilege('agents.tool_call', 'args_storage', 'UPDATE')
        THEN
            v_expected.result_storage := 'redacted';
            v_expected.result_inline := NULL;
            v_expected.result_s3_key := NULL;
            v_expected.result_preview := NULL;
        END IF;
        IF NEW IS DISTINCT FROM v_expected THEN
            RAISE EXCEPTION 'tool call % has ended as %', OLD.tool_call_id, OLD.status
                USING ERRCODE = 'MU110',
                      HINT = 'What has ended is evidence and stays as it is. Make another attempt.';
        END IF;
        RETURN NEW;
    END IF;

    -- In parentheses, or PL/pgSQL takes the first THEN for its own.
    IF NOT (
        CASE OLD.status
            WHEN 'waiting_approval' THEN
                (NEW.approval_status, NEW.status) IN
                    (('approved', 'requested'), ('denied', 'denied'), ('expired', 'cancelled'))
            WHEN 'requested' THEN NEW.status IN ('running', 'cancelled')
            ELSE NEW.status IN ('succeeded', 'failed', 'timed_out', 'cancelled', 'unknown')
        END
    ) THEN
        RAISE EXCEPTION 'tool call % does not go from % to %',
            OLD.tool_call_id, OLD.status, NEW.status
            USING ERRCODE = 'MU103',
                  HINT = 'docs/schema/agents.md#guard-tool-call shows the ways it can go.';
    END IF;

    -- What each step may bring along.
    v_expected.status := NEW.status;
    IF OLD.status = 'waiting_approval' THEN
        v_expected.approval_status := NEW.approval_status;
        v_expected.approval_decided_by := NEW.approval_decided_by;
        v_expected.approval_decided_at := NEW.approval_decided_at;
        v_expected.approval_reason := NEW.approval_reason;
        v_expected.approval_args_sha256 := NEW.approval_args_sha256;
    END IF;
    IF NEW.status = 'running' THEN
        v_expected.started_at := NEW.started_at;
    ELSIF NEW.status <> 'requested' THEN
        v_expected.ended_at := NEW.ended_at;
        v_expected.error_type := NEW.error_type;
        v_expected.error_message := NEW.error_message;
        v_expected.is_error_retryable := NEW.is_error_retryable;
    END IF;
    IF OLD.status = 'running' THEN
        v_expected.child_run_id := NEW.child_run_id;
        v_expected.external_ref := NEW.external_ref;
        v_expected.cost_usd := NEW.cost_usd;
        v_expected.result_storage := NEW.result_storage;
        v_expected.result_inline := NEW.result_inline;
        v_expected.result_s3_key := NEW.result_s3_key;
        v_expected.result_sha256 := NEW.result_sha256;
        v_expected.result_bytes := NEW.result_bytes;
        v_expected.result_preview := NEW.result_preview;
    END IF;
    IF NEW IS DISTINCT FROM v_expected THEN
        RAISE EXCEPTION 'tool call %: other columns do not change on the way from % to %',
            OLD.tool_call_id, OLD.status, NEW.status
            USING ERRCODE = 'MU103',
                  HINT = 'What was asked for stays, and each step brings its own columns along.';
    END IF;

    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agents.guard_tool_call() IS
    'Trigger function: a call changes its state in the order of its state machine only, and with '
    'it what belongs to the step. Raises MU103 when it does not, MU110 when the call has ended and '
    'more would change than that a body is redacted, or somebody would redact who has no right to '
    'change arguments.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agents.guard_tool_call() FROM PUBLIC;

CREATE TRIGGER tool_call_guard_tg
    BEFORE UPDATE ON agents.tool_call
    FOR EACH ROW EXECUTE FUNCTION agents.guard_tool_call();

COMMIT;
