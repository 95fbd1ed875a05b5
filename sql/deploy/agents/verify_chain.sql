-- Deploy agents:verify_chain to pg
-- requires: verify_seals
-- requires: verify_unsealed
--
-- All that a firm sealed in a time, and what should have been sealed and was not: the whole answer
-- in one query. muniment seal verify asks for it in pages.
-- Locks: none.  Docs: docs/schema/agents.md#verify-chain

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.verify_chain(
    p_firm_id uuid,
    p_from timestamptz DEFAULT '-infinity',
    p_to timestamptz DEFAULT 'infinity'
)
RETURNS TABLE (
    verdict text,
    chain_no smallint,
    seal_no bigint,
    run_id uuid,
    table_name text,
    row_id uuid,
    row_no integer,
    reason text
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN QUERY
    SELECT v.*
    FROM agents.verify_seals(p_firm_id, p_from, p_to) AS v;

    RETURN QUERY
    SELECT v.*
    FROM agents.verify_unsealed(p_firm_id, p_from, p_to) AS v;
END;
$function$;

COMMENT ON FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz) IS
    'Verifies the chains of a firm and all that was sealed from p_from on and before p_to, of which'
    ' NULL is no bound: a row for each seal, as agents.verify_seals() has it, and one for each '
    'thing that agents.verify_unsealed() finds. Raises 42501 and 22004 as platform.enter_tenant() '
    'does.';

REVOKE ALL ON FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.verify_chain(uuid, timestamptz, timestamptz)
    TO muniment_app, muniment_reader;

COMMIT;
