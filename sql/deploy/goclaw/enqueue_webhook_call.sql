-- Deploy goclaw:enqueue_webhook_call to pg
-- requires: webhook_calls
-- requires: platform:current_tenant_id
--
-- A caller that gets no answer sends its call again, with the same idempotency key, and must not
-- cause it twice. The unique key decides: who comes second waits for the first to commit and is
-- given its call, with the answer if there is one; who comes when that is there, also when the
-- webhook was revoked since. A call for which the caller waits is begun at
-- once and is not for workers; it has a time by which it must have ended, because the process that
-- holds the connection may die.
-- Locks: none.  Docs: docs/schema/goclaw.md#enqueue-webhook-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.enqueue_webhook_call(
    p_webhook_id      uuid,
    p_request         jsonb,
    p_idempotency_key text     DEFAULT NULL,
    p_mode            text     DEFAULT 'async',
    p_callback_url    text     DEFAULT NULL,
    p_agent_id        uuid     DEFAULT NULL,
    p_timeout         interval DEFAULT '10 minutes'
)
RETURNS TABLE (id uuid, delivery_id uuid, status text, response jsonb, is_new boolean)
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_agent_id  uuid;
BEGIN
    -- Before anything is refused: what was taken once is not refused when it is sent again.
    IF p_idempotency_key IS NOT NULL THEN
        RETURN QUERY
        SELECT c.id, c.delivery_id, c.status, c.response, false
        FROM goclaw.webhook_calls AS c
        WHERE c.tenant_id = v_tenant_id
            AND c.webhook_id = p_webhook_id
            AND c.idempotency_key = p_idempotency_key;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    IF p_timeout IS NULL OR p_timeout <= interval '0' OR p_timeout > interval '1 year' THEN
        RAISE EXCEPTION 'p_timeout is not a time above zero, up to 1 year'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass how long the caller waits at most.';
    END IF;

    SELECT w.agent_id
    INTO v_agent_id
    FROM goclaw.webhooks AS w
    WHERE w.tenant_id = v_tenant_id
        AND w.id = p_webhook_id
        AND NOT w.revoked;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_webhook_id: the webhook is not there or is revoked'
            USING ERRCODE = 'MU341',
                  HINT = 'Look in goclaw.webhooks.';
    END IF;
    IF v_agent_id <> p_agent_id THEN
        RAISE EXCEPTION 'p_agent_id: the webhook calls another agent'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave it out where goclaw.webhooks names an agent.';
    END IF;

    -- The loop is for a call that is deleted between the refusal and the look at it.
    LOOP
        RETURN QUERY
        INSERT INTO goclaw.webhook_calls AS c (
            tenant_id, webhook_id, agent_id, idempotency_key, mode, callback_url, request_payload,
            status, attempts, started_at, next_attempt_at
        )
        VALUES (
            v_tenant_id, p_webhook_id, coalesce(v_agent_id, p_agent_id), p_idempotency_key, p_mode,
            p_callback_url, p_request,
            CASE p_mode WHEN 'sync' THEN 'running' ELSE 'queued' END,
            CASE p_mode WHEN 'sync' THEN 1 ELSE 0 END,
            CASE p_mode WHEN 'sync' THEN now() END,
            CASE p_mode WHEN 'sync' THEN now() + p_timeout ELSE now() END
        )
        ON CONFLICT (tenant_id, webhook_id, idempotency_key) WHERE idempotency_key IS NOT NULL
        DO NOTHING
        RETURNING c.id, c.delivery_id, c.status, c.response, true;
        EXIT WHEN FOUND;

        RETURN QUERY
        SELECT c.id, c.delivery_id, c.status, c.response, false
        FROM goclaw.webhook_calls AS c
        WHERE c.tenant_id = v_tenant_id
            AND c.webhook_id = p_webhook_id
            AND c.idempotency_key = p_idempotency_key;
        EXIT WHEN FOUND;
    END LOOP;
END;
$function$;

COMMENT ON FUNCTION goclaw.enqueue_webhook_call(uuid, jsonb, text, text, text, uuid, interval) IS
    'Records a call to a webhook of the tenant and returns it; is_new says whether it was not '
    'there before. The same p_idempotency_key at the same webhook gives the same call back, '
    'whatever else is passed and whatever has become of the webhook, once that call is committed. '
    'p_request: what the caller sent; p_mode: async for workers to deliver, sync for a caller that '
    'waits, whose call is running at once and is given up after p_timeout, above 0 to 1 year; '
    'p_callback_url: where the answer goes; p_agent_id: the agent, if the webhook names none. '
    'Raises MU341 when the webhook is not there or is revoked, 22023 when it names another agent '
    'or p_timeout is out of its range, 23514 for another mode or an empty key, 23502 when p_mode '
    'is NULL, 23503 when the agent is not there, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.enqueue_webhook_call(
    uuid, jsonb, text, text, text, uuid, interval
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.enqueue_webhook_call(
    uuid, jsonb, text, text, text, uuid, interval
) TO muniment_app;

COMMIT;
