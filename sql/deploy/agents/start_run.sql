-- Deploy agents:start_run to pg
-- requires: hold_run
-- requires: open_session
--
-- The key is written first and decides: of two who start the same run at once the second waits for
-- the first and gets its run. With a worker the run is under way and its lease begins in the same
-- statement; without one it is queued until agents.claim_run().
-- Locks: none.  Docs: docs/schema/agents.md#start-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.start_run(
    p_firm_id uuid,
    p_agent_name text,
    p_idempotency_key text DEFAULT NULL,
    p_run_id uuid DEFAULT NULL,
    p_started_at timestamptz DEFAULT NULL,
    p_session_id uuid DEFAULT NULL,
    p_parent_run_id uuid DEFAULT NULL,
    p_worker_id text DEFAULT NULL,
    p_lease interval DEFAULT '60 seconds',
    p_operation text DEFAULT 'invoke_agent',
    p_agent_version text DEFAULT NULL,
    p_prompt_name text DEFAULT NULL,
    p_prompt_version text DEFAULT NULL,
    p_subject_type text DEFAULT NULL,
    p_subject_id text DEFAULT NULL,
    p_actor_type text DEFAULT NULL,
    p_actor_id text DEFAULT NULL,
    p_provider_name text DEFAULT NULL,
    p_request_model text DEFAULT NULL,
    p_trace_id text DEFAULT NULL,
    p_span_id text DEFAULT NULL,
    p_metadata jsonb DEFAULT '{}'
)
RETURNS TABLE (
    run_id uuid,
    started_at timestamptz,
    status text,
    attempt_no integer,
    is_new boolean
)
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
-- Planning for one month at each call would cost more than the rest.
SET plan_cache_mode = 'force_generic_plan'
AS $function$
DECLARE
    v_now            CONSTANT timestamptz := clock_timestamp();
    -- Not who starts it, when, and in which trace: these differ when the same request comes again.
    v_request_sha256 CONSTANT bytea := sha256(convert_to(
        ROW(
            p_agent_name, p_session_id, p_parent_run_id, p_operation, p_agent_version,
            p_prompt_name, p_prompt_version, p_subject_type, p_subject_id, p_actor_type,
            p_actor_id, p_provider_name, p_request_model, p_metadata
        )::text,
        'UTF8'
    ));
    v_key            agents.agent_run_key;
    v_parent         agents.agent_run;
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    IF p_lease IS NULL OR p_lease NOT BETWEEN '1 second' AND '1 day' THEN
        RAISE EXCEPTION 'p_lease: % is not between a second and a day',
            coalesce(p_lease::text, 'NULL')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'A lease outlasts two or three heartbeats.';
    END IF;
    IF p_started_at > v_now + interval '5 minutes' THEN
        RAISE EXCEPTION 'p_started_at: % lies in the future', p_started_at
            USING ERRCODE = 'MU112',
                  HINT = 'Look at the clock of the writer, or leave it to the database.';
    END IF;

    IF p_session_id IS NOT NULL AND NOT EXISTS (
        SELECT
        FROM agents.chat_session AS s
        WHERE s.firm_id = p_firm_id
            AND s.session_id = p_session_id
    ) THEN
        RAISE EXCEPTION 'p_session_id: session % is not there', p_session_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm and id, or call agents.open_session() first.';
    END IF;

    -- A repeated request does not need its parent any more, whose month may have left.
    IF p_parent_run_id IS NOT NULL AND NOT EXISTS (
        SELECT
        FROM agents.agent_run_key AS k
        WHERE k.firm_id = p_firm_id
            AND (k.run_id = p_run_id OR k.idempotency_key = p_idempotency_key)
    ) THEN
        SELECT r.*
        INTO v_parent
        FROM agents.agent_run AS r
        WHERE r.firm_id = p_firm_id
            AND r.run_id = p_parent_run_id
            AND r.started_at = (
                SELECT k.started_at
                FROM agents.agent_run_key AS k
                WHERE k.firm_id = p_firm_id
                    AND k.run_id = p_parent_run_id
            );
        IF NOT FOUND THEN
            RAISE EXCEPTION 'p_parent_run_id: run % is not there', p_parent_run_id
                USING ERRCODE = 'P0002',
                      HINT = 'Look at firm and id, and whether its month is archived.';
        END IF;
        -- So the runs below a run are found from its start on, without a look at earlier months.
        IF p_started_at < v_parent.started_at THEN
            RAISE EXCEPTION 'p_started_at: % is before its parent', p_started_at
                USING ERRCODE = 'MU112',
                      HINT = format('Run %s started at %s.', p_parent_run_id, v_parent.started_at);
        END IF;
    END IF;

    -- Who gets the key writes the run.
    WITH key AS (
        INSERT INTO agents.agent_run_key AS k (
            firm_id, run_id, started_at, idempotency_key, request_sha256
        )
        VALUES (
            p_firm_id,
            coalesce(p_run_id, platform.uuid_generate_v7()),
            -- A parent that was started by a clock ahead of this one.
            coalesce(p_started_at, greatest(v_now, v_parent.started_at)),
            p_idempotency_key,
            v_request_sha256
        )
        ON CONFLICT DO NOTHING
        RETURNING k.*
    ),
    run AS (
        INSERT INTO agents.agent_run (
            firm_id, run_id, started_at, session_id, parent_run_id, root_run_id, depth, operation,
            agent_name, agent_version, prompt_name, prompt_version, subject_type, subject_id,
            actor_type, actor_id, provider_name, request_model, status, worker_id, heartbeat_at,
            lease_expires_at, trace_id, span_id, metadata
        )
        SELECT
            key.firm_id,
            key.run_id,
            key.started_at,
            p_session_id,
            p_parent_run_id,
            coalesce(v_parent.root_run_id, key.run_id),
            coalesce(v_parent.depth + 1, 0),
            p_operation,
            p_agent_name,
            p_agent_version,
            p_prompt_name,
            p_prompt_version,
            p_subject_type,
            p_subject_id,
            p_actor_type,
            p_actor_id,
            p_provider_name,
            p_request_model,
            CASE WHEN p_worker_id IS NULL THEN 'queued' ELSE 'running' END,
            p_worker_id,
            CASE WHEN p_worker_id IS NOT NULL THEN v_now END,
            CASE WHEN p_worker_id IS NOT NULL THEN v_now + p_lease END,
            p_trace_id,
            p_span_id,
            p_metadata
        FROM key
    )
    SELECT key.*
    INTO v_key
    FROM key;

    is_new := FOUND;
    IF is_new THEN
        run_id := v_key.run_id;
        started_at := v_key.started_at;
        status := CASE WHEN p_worker_id IS NULL THEN 'queued' ELSE 'running' END;
        attempt_no := 1;
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT k.*
    INTO v_key
    FROM agents.agent_run_key AS k
    WHERE k.firm_id = p_firm_id
        AND (k.run_id = p_run_id OR k.idempotency_key = p_idempotency_key)
    ORDER BY k.idempotency_key = p_idempotency_key DESC NULLS LAST
    LIMIT 1;
    IF v_key.request_sha256 IS DISTINCT FROM v_request_sha256
        OR v_key.idempotency_key IS DISTINCT FROM p_idempotency_key
    THEN
        RAISE EXCEPTION '%: run % was started by another request',
            CASE
                WHEN v_key.idempotency_key = p_idempotency_key THEN 'p_idempotency_key'
                ELSE 'p_run_id'
            END,
            v_key.run_id
            USING ERRCODE = 'MU100',
                  HINT = 'Give each request a key and an id of its own.';
    END IF;

    -- Of a run whose month is archived nothing but its key is left.
    RETURN QUERY
    SELECT
        v_key.run_id,
        v_key.started_at,
        r.status,
        r.attempt_no,
        false
    FROM (SELECT) AS one
    LEFT JOIN agents.agent_run AS r
        ON r.firm_id = p_firm_id
        AND r.run_id = v_key.run_id
        AND r.started_at = v_key.started_at;
END;
$function$;

COMMENT ON FUNCTION agents.start_run(
    uuid, text, text, uuid, timestamptz, uuid, uuid, text, interval, text, text, text, text, text,
    text, text, text, text, text, text, text, jsonb
) IS
    'Starts a run with a worker, or queues one without, and returns it; the same request under '
    'the same idempotency key or id returns the run as it is (status NULL when its month is '
    'archived). Raises MU100 when the key or id is that of another request; P0002 when session or '
    'parent is not there; MU112 when p_started_at is more than five minutes ahead or before the '
    'parent; 22023 when the lease is not between a second and a day; 23502 without agent_name or '
    'metadata; 23514 by the name of a CHECK, or when the month has no partition; 40001 when '
    'another transaction has just started it and this one, above READ COMMITTED, does not see it; '
    '42501 and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.start_run(
    uuid, text, text, uuid, timestamptz, uuid, uuid, text, interval, text, text, text, text, text,
    text, text, text, text, text, text, text, jsonb
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.start_run(
    uuid, text, text, uuid, timestamptz, uuid, uuid, text, interval, text, text, text, text, text,
    text, text, text, text, text, text, text, jsonb
) TO muniment_app;

COMMIT;
