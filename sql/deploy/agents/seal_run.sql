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
    v_digests bytea[];
BEGIN
    -- A seal over less than all would never hold.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the transaction may not see what others wrote below the run'
            USING ERRCODE = 'MU111',
                  HINT = 'Begin it with ISOLATION LEVEL READ COMMITTED.';
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
    'Raises MU111 above READ COMMITTED, 23505 when it is sealed already, 23514 when it is not '
    'there; 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.seal_run(uuid, uuid, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.seal_run(uuid, uuid, timestamptz)
    TO muniment_app, muniment_service;

COMMIT;
