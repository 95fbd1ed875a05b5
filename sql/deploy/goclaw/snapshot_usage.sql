-- Deploy goclaw:snapshot_usage to pg
-- requires: usage_snapshots
-- requires: traces
--
-- One statement adds up an hour and writes it over what was there, so that spans which arrive late
-- correct it, and a second run changes no row. A combination that no longer occurs, because a trace
-- or span was corrected, counts nothing any more; its row stays, since others may count in it.
-- Requests are counted in the row without provider and model: a request has many calls, and would
-- be counted once for each. A span counts in the hour in which it began, whenever its run did.
-- Spans of agents repeat what the spans inside them say, and are left out. An hour of which nothing
-- is left stays as it is: that is what pruning leaves. One of which a part is left cannot be told
-- from one that was corrected, and is added up anew: add up an hour before a part of it is pruned,
-- and not after.
-- Locks: none beyond rows, and an advisory lock on tenant and hour, so that an older view of the
-- hour is not written over a newer one.  Docs: docs/schema/goclaw.md#snapshot-usage

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.snapshot_usage(p_hour timestamptz)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
    v_from      CONSTANT timestamptz :=
        date_trunc('hour', p_hour AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    v_to        CONSTANT timestamptz := v_from + interval '1 hour';
    v_count     integer;
BEGIN
    IF v_from IS NULL OR NOT isfinite(v_from) THEN
        RAISE EXCEPTION 'p_hour: must be a point in time'
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Pass any point in time within the hour.';
    END IF;

    PERFORM pg_advisory_xact_lock(hashtextextended(
        format('goclaw.usage_snapshots/%s/%s', v_tenant_id, extract(epoch FROM v_from)), 0
    ));

    WITH request AS (
        SELECT
            t.agent_id,
            coalesce(t.channel, '') AS channel,
            count(*) AS request_count,
            count(*) FILTER (WHERE t.status = 'error') AS error_count,
            count(DISTINCT t.user_id) AS unique_users,
            coalesce(round(avg(t.duration_ms)), 0) AS avg_duration_ms
        FROM goclaw.traces AS t
        WHERE t.tenant_id = v_tenant_id
            AND t.parent_trace_id IS NULL
            AND t.start_time >= v_from
            AND t.start_time < v_to
        GROUP BY 1, 2
    ),
    call AS (
        SELECT
            coalesce(s.agent_id, t.agent_id) AS agent_id,
            coalesce(s.provider, '') AS provider,
            coalesce(s.model, '') AS model,
            coalesce(t.channel, '') AS channel,
            kind.is_llm,
            s.input_tokens,
            s.output_tokens,
            s.total_cost,
            -- Clients write what they like: what is no number of tokens counts as none.
            jsonb_path_query_first(
                s.metadata, 'strict $.cache_read_tokens ? (@ >= 0 && @ < 2147483648)', '{}', true
            )::numeric AS cache_read,
            jsonb_path_query_first(
                s.metadata, 'strict $.cache_create_tokens ? (@ >= 0 && @ < 2147483648)', '{}', true
            )::numeric AS cache_create,
            jsonb_path_query_first(
                s.metadata, 'strict $.thinking_tokens ? (@ >= 0 && @ < 2147483648)', '{}', true
            )::numeric AS thinking
        FROM goclaw.spans AS s
        INNER JOIN goclaw.traces AS t ON t.tenant_id = s.tenant_id AND t.id = s.trace_id
        CROSS JOIN LATERAL (
            SELECT s.span_type IN ('llm', 'llm_call') AS is_llm
        ) AS kind
        WHERE s.tenant_id = v_tenant_id
            AND t.tenant_id = v_tenant_id
            AND s.start_time >= v_from
            AND s.start_time < v_to
            AND s.span_type IN ('llm', 'llm_call', 'tool', 'tool_call')
    ),
    part AS (
        SELECT
            r.agent_id, '' AS provider, '' AS model, r.channel,
            0 AS input_tokens, 0 AS output_tokens, 0 AS cache_read_tokens,
            0 AS cache_create_tokens, 0 AS thinking_tokens, 0 AS total_cost,
            r.request_count, 0 AS llm_call_count, 0 AS tool_call_count,
            r.error_count, r.unique_users, r.avg_duration_ms
        FROM request AS r
        UNION ALL
        SELECT
            c.agent_id, c.provider, c.model, c.channel,
            coalesce(sum(c.input_tokens) FILTER (WHERE c.is_llm), 0),
            coalesce(sum(c.output_tokens) FILTER (WHERE c.is_llm), 0),
            coalesce(sum(c.cache_read) FILTER (WHERE c.is_llm), 0),
            coalesce(sum(c.cache_create) FILTER (WHERE c.is_llm), 0),
            coalesce(sum(c.thinking) FILTER (WHERE c.is_llm), 0),
            sum(c.total_cost),
            0, count(*) FILTER (WHERE c.is_llm), count(*) FILTER (WHERE NOT c.is_llm),
            0, 0, 0
        FROM call AS c
        GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT
            s.agent_id, s.provider, s.model, s.channel,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
        FROM goclaw.usage_snapshots AS s
        WHERE s.tenant_id = v_tenant_id
            AND s.bucket_hour = v_from
            AND (EXISTS (SELECT FROM request) OR EXISTS (SELECT FROM call))
    )
    INSERT INTO goclaw.usage_snapshots AS u (
        tenant_id, bucket_hour, agent_id, provider, model, channel, input_tokens, output_tokens,
        cache_read_tokens, cache_create_tokens, thinking_tokens, total_cost, request_count,
        llm_call_count, tool_call_count, error_count, unique_users, avg_duration_ms
    )
    SELECT
        v_tenant_id, v_from, p.agent_id, p.provider, p.model, p.channel,
        sum(p.input_tokens), sum(p.output_tokens), sum(p.cache_read_tokens),
        sum(p.cache_create_tokens), sum(p.thinking_tokens), sum(p.total_cost),
        sum(p.request_count), sum(p.llm_call_count), sum(p.tool_call_count),
        sum(p.error_count), sum(p.unique_users), sum(p.avg_duration_ms)
    FROM part AS p
    GROUP BY 3, 4, 5, 6
    ON CONFLICT (
        tenant_id, bucket_hour, coalesce(agent_id, '00000000-0000-0000-0000-000000000000'),
        provider, model, channel
    )
    DO UPDATE SET
        input_tokens = excluded.input_tokens,
        output_tokens = excluded.output_tokens,
        cache_read_tokens = excluded.cache_read_tokens,
        cache_create_tokens = excluded.cache_create_tokens,
        thinking_tokens = excluded.thinking_tokens,
        total_cost = excluded.total_cost,
        request_count = excluded.request_count,
        llm_call_count = excluded.llm_call_count,
        tool_call_count = excluded.tool_call_count,
        error_count = excluded.error_count,
        unique_users = excluded.unique_users,
        avg_duration_ms = excluded.avg_duration_ms
    WHERE (
        u.input_tokens, u.output_tokens, u.cache_read_tokens, u.cache_create_tokens,
        u.thinking_tokens, u.total_cost, u.request_count, u.llm_call_count, u.tool_call_count,
        u.error_count, u.unique_users, u.avg_duration_ms
    ) IS DISTINCT FROM (
        excluded.input_tokens, excluded.output_tokens, excluded.cache_read_tokens,
        excluded.cache_create_tokens, excluded.thinking_tokens, excluded.total_cost,
        excluded.request_count, excluded.llm_call_count, excluded.tool_call_count,
        excluded.error_count, excluded.unique_users, excluded.avg_duration_ms
    );
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION goclaw.snapshot_usage(timestamptz) IS
    'Adds up the UTC hour that contains p_hour into usage_snapshots, and returns how many rows '
    'that made or changed: none, if nothing is new. Everything in the hour is counted anew, and '
    'what no longer occurs counts nothing; but an hour of which no request and no call is left '
    'stays as it is, as after pruning. The columns memory_docs to kg_relations are not touched. '
    'Raises 42501 when no tenant is set, 22023 when p_hour is NULL or infinite.';

REVOKE ALL ON FUNCTION goclaw.snapshot_usage(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.snapshot_usage(timestamptz) TO muniment_app;

COMMIT;
