-- Deploy astra:release_tokens to pg
-- requires: token_reservations
--
-- For a call that was not made.
-- Locks: one row of agent_daily_usage when it is called.  Docs: docs/schema/astra.md#release-tokens

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.release_tokens(p_reservation_id uuid)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    DELETE FROM astra.token_reservations AS r
    WHERE r.org_id = v_org_id
        AND r.id = p_reservation_id;

    RETURN FOUND;
END;
$function$;

COMMENT ON FUNCTION astra.release_tokens(uuid) IS
    'Gives back tokens that were reserved and not used. Returns whether the reservation was still '
    'there. Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.release_tokens(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.release_tokens(uuid) TO muniment_app;

COMMIT;
