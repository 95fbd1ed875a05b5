-- Deploy agents:take_chain to pg
-- requires: run_seal
--
-- Takes a chain of the firm that nobody holds, until the transaction ends; when all are held it
-- begins another. So writers of one firm do not wait here for what others do besides, and a firm
-- has no more chains than it ever had writers at once.
-- Locks: none.  Docs: docs/schema/agents.md#take-chain

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.take_chain(p_firm_id uuid)
RETURNS agents.seal_chain
LANGUAGE plpgsql
VOLATILE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_lock_timeout CONSTANT text := current_setting('lock_timeout');
    v_chain        agents.seal_chain;
    v_chain_no     smallint := 0;
BEGIN
    LOOP
        SELECT c.*
        INTO v_chain
        FROM agents.seal_chain AS c
        WHERE c.firm_id = p_firm_id
        ORDER BY c.chain_no
        FOR NO KEY UPDATE SKIP LOCKED
        LIMIT 1;
        EXIT WHEN FOUND;

        SELECT greatest(v_chain_no, coalesce(max(c.chain_no), 0) + 1)
        INTO v_chain_no
        FROM agents.seal_chain AS c
        WHERE c.firm_id = p_firm_id;

        -- Who is just beginning the same chain would be waited for until their transaction ends, so
        -- this one begins the chain after it instead.
        BEGIN
            SET LOCAL lock_timeout = '1ms';
            INSERT INTO agents.seal_chain (firm_id, chain_no)
            VALUES (p_firm_id, v_chain_no)
            ON CONFLICT DO NOTHING;
            PERFORM set_config('lock_timeout', v_lock_timeout, true);
        EXCEPTION
            WHEN lock_not_available THEN
                v_chain_no := v_chain_no + 1;
        END;
    END LOOP;

    RETURN v_chain;
END;
$function$;

COMMENT ON FUNCTION agents.take_chain(uuid) IS
    'Locks a chain of seals of the firm that no other transaction holds, begins one if there is '
    'none, and returns its head. Raises 40001 above READ COMMITTED when the chain has gone on '
    'meanwhile, 42501 when the tenant is not set.';

REVOKE ALL ON FUNCTION agents.take_chain(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agents.take_chain(uuid) TO muniment_app, muniment_service;

COMMIT;
