-- Deploy agents:seal_run to pg
-- requires: append_seal
-- requires: sealed_rows
--
-- Locks: none.  Docs: docs/schema/agents.md#seal-run

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.seal_run(p_firm_id uuid, p_run_id uuid, p_run_started_at timestamptz)
RETURNS bytea
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_ended_at timestamptz;
    v_digests  bytea[];
BEGIN
    -- A seal over less than all would never hold.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the transaction may not see what others wrote below the run'
            USING ERRCODE = 'MU111',
                  HINT = 'Begin it with ISOLATION LEVEL READ COMMITTED.';
    END IF;

    SELECT r.ended_at
    INTO v_ended_at
    FROM agents.agent_run AS r
    WHERE r.firm_id = p_firm_id
        AND r.run_id = p_run_id
        AND r.started_at = p_run_started_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'p_run_id: run % is not there', p_run_id
            USING ERRCODE = 'P0002',
                  HINT = 'Look at firm, id and started_at.';
    END IF;
    IF v_ended_at IS NULL THEN
        RAISE EXCEPTION 'p_run_id: run % has not ended', p_run_id
            USING ERRCODE = 'MU103',
                  HINT = 'A seal is the last thing that happens to a run: agents.finish_run().';
    END IF;

    SELECT array_agg(s.digest ORDER BY s.place)
    INTO v_digests
    FROM agents.sealed_rows(p_firm_id, p_run_id, p_run_started_at) AS s;

    RETURN agents.append_seal(
        p_firm_id, 'run', p_run_id, p_run_started_at, NULL, v_digests
    );
END;
$function$;

COMMENT ON FUNCTION agents.seal_run(uuid, uuid, timestamptz) IS
    'Seals a run that has ended, as the last thing that happens to it, and returns the seal. '
    'Raises P0002 when it is not there, MU103 when it has not ended, MU111 above READ COMMITTED, '
    '23505 when it is sealed already; 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.seal_run(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.seal_run(uuid, uuid, timestamptz)
    TO muniment_app, muniment_service;

COMMIT;
