-- Deploy agents:chain_heads to pg
-- requires: run_seal
-- requires: platform:enter_tenant
--
-- What to keep outside of the database, printed, mailed or stored in another account: with it
-- agents.verify_heads() finds a tail that was cut off, which no look at what is left could find.
-- Locks: none.  Docs: docs/schema/agents.md#chain-heads

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.chain_heads(p_firm_id uuid)
RETURNS jsonb
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    PERFORM platform.enter_tenant(p_firm_id);

    RETURN jsonb_build_object(
        'firm_id', p_firm_id,
        'taken_at', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'heads', coalesce(
            (
                SELECT jsonb_agg(
                    jsonb_build_object(
                        'chain_no', c.chain_no,
                        'seal_no', c.last_seal_no,
                        'seal_sha256', encode(c.last_sha256, 'hex')
                    )
                    ORDER BY c.chain_no
                )
                FROM agents.seal_chain AS c
                WHERE c.firm_id = p_firm_id
                    AND c.last_seal_no > 0
            ),
            '[]'
        )
    );
END;
$function$;

COMMENT ON FUNCTION agents.chain_heads(uuid) IS
    'The last seal of each chain of a firm, as a small document to be kept elsewhere. Raises 42501'
    ' and 22004 as platform.enter_tenant() does.';

REVOKE ALL ON FUNCTION agents.chain_heads(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.chain_heads(uuid) TO muniment_app, muniment_reader;

COMMIT;
