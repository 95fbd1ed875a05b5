-- Deploy goclaw:finish_webhook_call to pg
-- requires: webhook_calls
--
-- Compares the token and ends the call in one statement. A worker that was too slow, and whose call
-- was taken back, is refused however the two meet: it waits for the row, and then finds another
-- token or none. It locks one row.
-- Locks: none.  Docs: docs/schema/goclaw.md#finish-webhook-call

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.finish_webhook_call(
    p_tenant_id uuid, p_id uuid, p_lease_token text, p_response jsonb DEFAULT NULL
)
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    UPDATE goclaw.webhook_calls AS c
    SET status = 'done',
        response = p_response,
        lease_token = NULL,
        next_attempt_at = NULL,
        last_error = NULL,
        completed_at = now()
    WHERE c.tenant_id = p_tenant_id
        AND c.id = p_id
        AND c.lease_token = p_lease_token;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_lease_token: call % is not the worker''s any more', p_id
            USING ERRCODE = 'MU342',
                  HINT = 'Its lease ran out, or it has ended. Throw the result away.';
    END IF;

    RETURN now();
END;
$function$;

COMMENT ON FUNCTION goclaw.finish_webhook_call(uuid, uuid, text, jsonb) IS
    'Ends a call as delivered and returns when. p_tenant_id, p_id, p_lease_token: as claimed; '
    'p_response: what the agent answered. Raises MU342 when the token is not that of the call any '
    'more.';

REVOKE ALL ON FUNCTION goclaw.finish_webhook_call(uuid, uuid, text, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.finish_webhook_call(uuid, uuid, text, jsonb) TO muniment_service;

COMMIT;
