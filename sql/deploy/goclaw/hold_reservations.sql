-- Deploy goclaw:hold_reservations to pg
-- requires: reserve_usage
--
-- What a request holds, locked in the order of goclaw.reserve_usage(): so whoever settles or
-- releases it waits for those who reserve, and they for it, and never both.
-- Locks: agents and providers by id, policies by id, reservations by policy, until the transaction
-- ends.
-- Docs: docs/schema/goclaw.md#hold-reservations

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.hold_reservations(p_reservation_key text)
RETURNS SETOF goclaw.usage_cap_reservations
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    PERFORM
    FROM goclaw.agents AS a
    WHERE a.tenant_id = v_tenant_id
        AND a.id IN (
            SELECT p.agent_id
            FROM goclaw.usage_cap_policies AS p
            INNER JOIN goclaw.usage_cap_reservations AS r
                ON r.tenant_id = p.tenant_id AND r.policy_id = p.id
            WHERE p.tenant_id = v_tenant_id
                AND r.tenant_id = v_tenant_id
                AND r.reservation_key = p_reservation_key
        )
    ORDER BY a.id
    FOR KEY SHARE;
    PERFORM
    FROM goclaw.llm_providers AS l
    WHERE l.tenant_id = v_tenant_id
        AND l.id IN (
            SELECT p.provider_id
            FROM goclaw.usage_cap_policies AS p
            INNER JOIN goclaw.usage_cap_reservations AS r
                ON r.tenant_id = p.tenant_id AND r.policy_id = p.id
            WHERE p.tenant_id = v_tenant_id
                AND r.tenant_id = v_tenant_id
                AND r.reservation_key = p_reservation_key
        )
    ORDER BY l.id
    FOR KEY SHARE;
    PERFORM
    FROM goclaw.usage_cap_policies AS p
    WHERE p.tenant_id = v_tenant_id
        AND p.id IN (
            SELECT r.policy_id
            FROM goclaw.usage_cap_reservations AS r
            WHERE r.tenant_id = v_tenant_id
                AND r.reservation_key = p_reservation_key
        )
    ORDER BY p.id
    FOR KEY SHARE;
    RETURN QUERY
    SELECT r.*
    FROM goclaw.usage_cap_reservations AS r
    WHERE r.tenant_id = v_tenant_id
        AND r.reservation_key = p_reservation_key
        AND r.status IN ('reserved', 'expired')
    ORDER BY r.policy_id
    FOR NO KEY UPDATE;
END;
$function$;

COMMENT ON FUNCTION goclaw.hold_reservations(text) IS
    'Locks the reservations of a request that are not settled or released yet, and returns them. '
    'Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.hold_reservations(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.hold_reservations(text) TO muniment_app;

COMMIT;
