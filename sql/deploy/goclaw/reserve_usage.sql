-- Deploy goclaw:reserve_usage to pg
-- requires: usage_caps
-- requires: usage_window
--
-- Asked before a request. The answer is the event that records it, and not an error, which would
-- take the record back. All policies that hold for the request must have room in their windows;
-- those are locked until the transaction ends, so it should end soon, and reserve for one request
-- only: whoever reserves, settles or releases for two can wait in a circle with another who does.
-- Whoever waited for a counter is judged by the cap as it is then.
-- What is counted for a request is one subtransaction. The event is inserted last and is unique for
-- the request, so of several callers with one key all but one take back what they counted, and
-- answer as that one did.
-- Locks: agent, provider, policies by id, counters by policy.
-- Docs: docs/schema/goclaw.md#reserve-usage

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.reserve_usage(
    p_reservation_key text,
    p_agent_id uuid,
    p_provider_id uuid,
    p_provider_type text,
    p_model_id text,
    p_tokens bigint,
    p_cost_micros bigint
)
RETURNS goclaw.usage_cap_events
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id     CONSTANT uuid := platform.current_tenant_id();
    v_request       CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object(
        'agent_id', p_agent_id,
        'provider_id', p_provider_id,
        'provider_type', p_provider_type,
        'model_id', p_model_id
    ));
    v_provider_type text;
    v_policies      goclaw.usage_cap_policies[];
    v_policy        goclaw.usage_cap_policies;
    v_in_force      goclaw.usage_cap_policies[] := '{}';
    v_refusing      goclaw.usage_cap_policies;
    v_counter       goclaw.usage_cap_counters;
    v_window        tstzrange;
    v_reason        text;
    v_refusal       text;
    v_retry_at      timestamptz;
    v_event         goclaw.usage_cap_events;
BEGIN
    IF p_reservation_key IS NULL OR p_reservation_key = '' THEN
        RAISE EXCEPTION 'p_reservation_key: must not be empty'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Name the request; name it so again to ask again.';
    END IF;
    IF (
        p_tokens BETWEEN 0 AND 1000000000000000
        AND p_cost_micros BETWEEN 0 AND 1000000000000000
    ) IS NOT TRUE THEN
        RAISE EXCEPTION 'p_tokens, p_cost_micros: must be from 0 to 10^15'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass what the request is expected to take. 0 holds nothing, and is '
                         'refused only where a cap is full.';
    END IF;

    SELECT e.*
    INTO v_event
    FROM goclaw.usage_cap_events AS e
    WHERE e.tenant_id = v_tenant_id
        AND e.reservation_key = p_reservation_key
        AND e.decision IN ('allow', 'deny');
    IF NOT FOUND THEN
        BEGIN
            -- Before the policies, since whoever deletes one of these goes on to its policies, in
            -- an order of its own.
            PERFORM
            FROM goclaw.agents AS a
            WHERE a.tenant_id = v_tenant_id
                AND a.id = p_agent_id
            FOR KEY SHARE;
            SELECT l.provider_type
            INTO v_provider_type
            FROM goclaw.llm_providers AS l
            WHERE l.tenant_id = v_tenant_id
                AND l.id = p_provider_id
            FOR KEY SHARE;
            IF v_provider_type <> p_provider_type THEN
                RAISE EXCEPTION 'p_provider_type: the provider is of another type'
                    USING ERRCODE = 'invalid_parameter_value',
                          HINT = 'Leave it out where goclaw.llm_providers has the provider.';
            END IF;
            v_provider_type := coalesce(v_provider_type, p_provider_type);

            SELECT array_agg(held.policy)
            INTO v_policies
            FROM (
                SELECT p AS policy
                FROM goclaw.usage_cap_policies AS p
                WHERE p.tenant_id = v_tenant_id
                    AND p.enabled
                    AND (p.agent_id = p_agent_id OR p.agent_id IS NULL)
                    AND (p.provider_id = p_provider_id OR p.provider_id IS NULL)
                    AND (p.provider_type = v_provider_type OR p.provider_type IS NULL)
                    AND (p.model_id = p_model_id OR p.model_id IS NULL)
                ORDER BY p.id
                FOR KEY SHARE
            ) AS held;

            FOREACH v_policy IN ARRAY coalesce(v_policies, '{}') LOOP
                v_window := goclaw.usage_window(v_policy.window_key, now());
                SELECT c.*
                INTO v_counter
                FROM goclaw.usage_cap_counters AS c
                WHERE c.tenant_id = v_tenant_id
                    AND c.policy_id = v_policy.id
                    AND c.window_start = lower(v_window)
                FOR NO KEY UPDATE;
                IF NOT FOUND THEN
                    -- Another caller may make it at the same time: then this one waits.
                    INSERT INTO goclaw.usage_cap_counters AS c (
                        tenant_id, policy_id, window_start, window_end
                    )
                    VALUES (v_tenant_id, v_policy.id, lower(v_window), upper(v_window))
                    ON CONFLICT (tenant_id, policy_id, window_start)
                    DO UPDATE SET window_end = excluded.window_end
                    RETURNING c.* INTO v_counter;
                END IF;

                -- As it is now: this may have waited for the counter.
                SELECT p.enabled, p.max_tokens, p.max_cost_micros
                INTO v_policy.enabled, v_policy.max_tokens, v_policy.max_cost_micros
                FROM goclaw.usage_cap_policies AS p
                WHERE p.tenant_id = v_tenant_id
                    AND p.id = v_policy.id;
                CONTINUE WHEN NOT v_policy.enabled;
                v_in_force := v_in_force || v_policy;

                -- Numeric, since the sum of three large numbers is no bigint. A cap that is full
                -- refuses also what is expected to take nothing: that may be a wrong guess.
                v_reason := CASE
                    WHEN v_counter.used_tokens::numeric + v_counter.reserved_tokens
                        + greatest(p_tokens, 1) > v_policy.max_tokens
                        THEN format(
                            'tokens: %s used and %s reserved of %s, %s asked for',
                            v_counter.used_tokens, v_counter.reserved_tokens,
                            v_policy.max_tokens, p_tokens
                        )
                    WHEN v_counter.used_cost_micros::numeric + v_counter.reserved_cost_micros
                        + greatest(p_cost_micros, 1) > v_policy.max_cost_micros
                        THEN format(
                            'cost_micros: %s used and %s reserved of %s, %s asked for',
                            v_counter.used_cost_micros, v_counter.reserved_cost_micros,
                            v_policy.max_cost_micros, p_cost_micros
                        )
                END;
                -- Of those that refuse, the one that comes first is named: by priority, then the
                -- more specific one.
                IF v_reason IS NOT NULL
                    AND (
                        v_refusal IS NULL
                        OR (
                            v_policy.priority,
                            - num_nonnulls(
                                v_policy.agent_id, v_policy.provider_id, v_policy.provider_type,
                                v_policy.model_id
                            )
                        ) < (
                            v_refusing.priority,
                            - num_nonnulls(
                                v_refusing.agent_id, v_refusing.provider_id,
                                v_refusing.provider_type, v_refusing.model_id
                            )
                        )
                    )
                THEN
                    v_refusing := v_policy;
                    v_refusal := v_reason;
                    v_retry_at := upper(v_window);
                END IF;
            END LOOP;

            IF v_refusal IS NULL THEN
                UPDATE goclaw.usage_cap_counters AS c
                SET reserved_tokens =
                        least(c.reserved_tokens::numeric + p_tokens, 9223372036854775807),
                    reserved_cost_micros =
                        least(c.reserved_cost_micros::numeric + p_cost_micros, 9223372036854775807),
                    window_end = upper(held.bounds)
                FROM unnest(v_in_force) AS p
                CROSS JOIN LATERAL goclaw.usage_window(p.window_key, now()) AS held (bounds)
                WHERE c.tenant_id = v_tenant_id
                    AND c.policy_id = p.id
                    AND c.window_start = lower(held.bounds);
                INSERT INTO goclaw.usage_cap_reservations (
                    tenant_id, reservation_key, policy_id, window_start, reserved_tokens,
                    reserved_cost_micros
                )
                SELECT
                    v_tenant_id, p_reservation_key, p.id, lower(held.bounds), p_tokens,
                    p_cost_micros
                FROM unnest(v_in_force) AS p
                CROSS JOIN LATERAL goclaw.usage_window(p.window_key, now()) AS held (bounds);
            END IF;

            INSERT INTO goclaw.usage_cap_events AS e (
                tenant_id, policy_id, reservation_key, decision, reason, estimated_tokens,
                estimated_cost_micros, metadata
            )
            VALUES (
                v_tenant_id,
                v_refusing.id,
                p_reservation_key,
                CASE WHEN v_refusal IS NULL THEN 'allow' ELSE 'deny' END,
                v_refusal,
                p_tokens,
                p_cost_micros,
                jsonb_strip_nulls(
                    jsonb_build_object('request', v_request, 'retry_at', v_retry_at)
                )
            )
            RETURNING e.* INTO v_event;
            RETURN v_event;
        EXCEPTION
            WHEN unique_violation THEN
                SELECT e.*
                INTO v_event
                FROM goclaw.usage_cap_events AS e
                WHERE e.tenant_id = v_tenant_id
                    AND e.reservation_key = p_reservation_key
                    AND e.decision IN ('allow', 'deny');
                -- In a transaction that sees nothing newer than its beginning.
                IF NOT FOUND THEN
                    RAISE EXCEPTION 'p_reservation_key: decided by another caller meanwhile'
                        USING ERRCODE = '40001',
                              HINT = 'Run the transaction again.';
                END IF;
        END;
    END IF;

    IF (v_event.estimated_tokens, v_event.estimated_cost_micros, v_event.metadata -> 'request')
        IS DISTINCT FROM (p_tokens, p_cost_micros, v_request)
    THEN
        RAISE EXCEPTION 'p_reservation_key: was used for another request'
            USING ERRCODE = 'MU330',
                  HINT = 'Give each request a key of its own.';
    END IF;
    -- The answer would still be that it is allowed, and nothing be held for it any more.
    IF v_event.decision = 'allow'
        AND (
            EXISTS (
                SELECT
                FROM goclaw.usage_cap_events AS e
                WHERE e.tenant_id = v_tenant_id
                    AND e.reservation_key = p_reservation_key
                    AND e.decision IN ('settle', 'release')
            )
            OR EXISTS (
                SELECT
                FROM goclaw.usage_cap_reservations AS r
                WHERE r.tenant_id = v_tenant_id
                    AND r.reservation_key = p_reservation_key
                    AND r.status <> 'reserved'
            )
        )
    THEN
        RAISE EXCEPTION 'p_reservation_key: the reservation has ended'
            USING ERRCODE = 'MU332',
                  HINT = 'Give a request that is sent again a key of its own.';
    END IF;
    RETURN v_event;
END;
$function$;

COMMENT ON FUNCTION goclaw.reserve_usage(text, uuid, uuid, text, text, bigint, bigint) IS
    'Reserves p_tokens and p_cost_micros (millionths of a US dollar) for the request named '
    'p_reservation_key, in the current windows of all enabled policies that hold for the agent, '
    'provider, type of provider and model; NULL is none of them. The type is that of the provider, '
    'and counts as it is passed only for one that is not in llm_providers. A cap that is full '
    'refuses everything, one with room what does not fit: 0 fits, and holds nothing. Returns the '
    'event: its decision is allow, or deny with the policy that refuses and the reason. The same '
    'request again gets the same event, and nothing is counted twice, until its reservation has '
    'ended. Call it for one request a transaction, which ends soon: for two, 40P01 is possible. '
    'Raises 42501 when no tenant is set, 22023 for an empty key, for tokens or cost that are not '
    'from 0 to 10^15, and for a type that is not that of the provider, MU330 when the key was used '
    'for another request, MU332 when the request was allowed and its reservation was settled, '
    'released or has expired, 40001 when the isolation level hides what another caller decided.';

REVOKE ALL ON FUNCTION goclaw.reserve_usage(text, uuid, uuid, text, text, bigint, bigint)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.reserve_usage(text, uuid, uuid, text, text, bigint, bigint)
    TO muniment_app;

COMMIT;
