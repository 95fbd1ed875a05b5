-- Deploy goclaw:count_root_traces to pg
-- requires: traces
--
-- Quotas count what a user asked for, not what agents delegated on the way. Every request asks
-- this, so it must stay with the partial index traces_quota_ix, which holds roots only: a test
-- looks at the plan.
-- Locks: none.  Docs: docs/schema/goclaw.md#count-root-traces

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.count_root_traces(p_user_id text, p_since timestamptz)
RETURNS bigint
LANGUAGE sql
STABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT count(*)
    FROM goclaw.traces AS t
    WHERE t.tenant_id = (SELECT platform.current_tenant_id())
        AND t.user_id = p_user_id
        AND t.created_at >= p_since
        AND t.parent_trace_id IS NULL;
$function$;

COMMENT ON FUNCTION goclaw.count_root_traces(text, timestamptz) IS
    'How many runs p_user_id asked for at p_since or later, without those that were delegated. '
    'Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.count_root_traces(text, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.count_root_traces(text, timestamptz)
    TO muniment_app, muniment_reader;

COMMIT;
