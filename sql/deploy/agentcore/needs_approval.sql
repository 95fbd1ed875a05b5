-- Deploy agentcore:needs_approval to pg
-- requires: intent_trust
--
-- An answer goes out alone only where the assistant has earned it, and even there a share of
-- answers is shown to a person. What is not in the trust matrix is not trusted.
-- Locks: none.  Docs: docs/schema/agentcore.md#needs-approval

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.needs_approval(
    p_namespace_id uuid, p_intent_name text, p_draw double precision DEFAULT random()
)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
    v_is_needed     boolean;
BEGIN
    -- 1, or what is no number, would be below no rate, not even one that asks for every answer.
    IF (p_draw >= 0 AND p_draw < 1) IS NOT TRUE THEN
        RAISE EXCEPTION 'draw is out of range: %', coalesce(p_draw::text, 'null')
            USING ERRCODE = 'invalid_parameter_value',
                  HINT = 'Leave it out, or draw from 0 to below 1.';
    END IF;

    SELECT NOT t.is_autonomous OR p_draw < t.sampling_rate
    INTO v_is_needed
    FROM agentcore.intent_trust AS t
    WHERE t.department_id = v_department_id
        AND t.namespace_id = p_namespace_id
        AND t.intent_name = p_intent_name;

    RETURN coalesce(v_is_needed, true);
END;
$function$;

COMMENT ON FUNCTION agentcore.needs_approval(uuid, text, double precision) IS
    'Whether a person has to look at an answer before it is sent. p_draw is a random number from '
    '0 to below 1, drawn when left out; a draw below sampling_rate asks. Raises 22023 when '
    'it is out of range, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION agentcore.needs_approval(uuid, text, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.needs_approval(uuid, text, double precision) TO muniment_app;

COMMIT;
