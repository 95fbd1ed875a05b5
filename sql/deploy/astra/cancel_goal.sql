-- Deploy astra:cancel_goal to pg
-- requires: goals
-- requires: lock_goal
--
-- Its pending tasks are cancelled with it, those that run end as they end.
-- Locks: the goal, then its tasks, when it is called.  Docs: docs/schema/astra.md#cancel-goal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.cancel_goal(p_goal_id uuid)
RETURNS void
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_org_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    IF astra.lock_goal(v_org_id, p_goal_id) IS NULL THEN
        RAISE EXCEPTION 'p_goal_id %: no such goal', p_goal_id
            USING ERRCODE = 'no_data_found',
                  HINT = 'Name a goal of the organisation.';
    END IF;

    UPDATE astra.goals AS g
    SET status = 'cancelled'
    WHERE g.org_id = v_org_id
        AND g.id = p_goal_id;
END;
$function$;

COMMENT ON FUNCTION astra.cancel_goal(uuid) IS
    'Cancels a goal that is pending or active; one that is cancelled stays so. Returns nothing. '
    'Raises MU412 when it has ended otherwise, P0002 when it is not there, MU410 unless the '
    'transaction is read committed, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION astra.cancel_goal(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.cancel_goal(uuid) TO muniment_app;

COMMIT;
