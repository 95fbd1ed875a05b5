-- Deploy astra:cancel_cascade to pg
-- requires: goals
-- requires: lock_goal
--
-- All goals that one request led to, in the order of their ids, so that two of these do not wait
-- for each other. One that a session is just inserting is not seen, and nothing forbids to set
-- another afterwards: stop who sets goals first, then cancel.
-- Locks: the goals in the order of their ids, each with its tasks, when it is called.
-- Docs: docs/schema/astra.md#cancel-cascade

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.cancel_cascade(p_cascade_id uuid)
RETURNS integer
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id  CONSTANT uuid := platform.current_tenant_id();
    v_goal_id uuid;
    v_count   integer := 0;
BEGIN
    FOR v_goal_id IN
        SELECT g.id
        FROM astra.goals AS g
        WHERE g.org_id = v_org_id
            AND g.cascade_id = p_cascade_id
            AND g.status IN ('pending', 'active')
        ORDER BY g.id
    LOOP
        IF astra.lock_goal(v_org_id, v_goal_id) IN ('pending', 'active') THEN
            UPDATE astra.goals AS g
            SET status = 'cancelled'
            WHERE g.org_id = v_org_id
                AND g.id = v_goal_id;
            v_count := v_count + 1;
        END IF;
    END LOOP;

    RETURN v_count;
END;
$function$;

COMMENT ON FUNCTION astra.cancel_cascade(uuid) IS
    'Cancels the goals of a cascade that are there and have not ended, with their pending tasks. '
    'Returns how many. Raises MU410 unless the transaction is read committed, 42501 when no '
    'tenant is set.';

REVOKE ALL ON FUNCTION astra.cancel_cascade(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.cancel_cascade(uuid) TO muniment_app;

COMMIT;
