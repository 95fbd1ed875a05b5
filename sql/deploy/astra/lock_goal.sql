-- Deploy astra:lock_goal to pg
-- requires: schema
--
-- One lock a goal, taken first by whatever changes its tasks or their dependencies; then the agent,
-- then tasks. Only the decision of a request comes before it. Claims take none: they skip what is
-- locked. A snapshot from before the lock would not show what the one before did, and nothing would
-- notice, which is why only read committed will do.
-- Locks: one row of goals, FOR NO KEY UPDATE, when it is called.
-- Docs: docs/schema/astra.md#lock-goal

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION astra.lock_goal(p_org_id uuid, p_goal_id uuid)
RETURNS text
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_status text;
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'transaction isolation is %: goals are changed in read committed',
            current_setting('transaction_isolation')
            USING ERRCODE = 'MU410',
                  HINT = 'Begin the transaction with ISOLATION LEVEL READ COMMITTED.';
    END IF;

    SELECT g.status
    INTO v_status
    FROM astra.goals AS g
    WHERE g.org_id = p_org_id
        AND g.id = p_goal_id
    FOR NO KEY UPDATE;

    RETURN v_status;
END;
$function$;

COMMENT ON FUNCTION astra.lock_goal(uuid, uuid) IS
    'Locks a goal until the end of the transaction and returns its status, or NULL where there is '
    'none. Takes the tenant as a parameter because triggers call it for the row that they see. '
    'Raises MU410 unless the transaction is read committed.';

REVOKE ALL ON FUNCTION astra.lock_goal(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION astra.lock_goal(uuid, uuid) TO muniment_app;

COMMIT;
