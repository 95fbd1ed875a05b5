-- Verify agents:unknown_effect on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, tool_call_id, requested_at, run_id, run_started_at, agent_name, run_status,
    call_no, attempt_no, tool_name, tool_version, side_effect, replay, idempotency_key,
    external_ref, started_at, ended_at, args_sha256, args_preview
FROM agents.unknown_effect
WHERE false;

DO $verify$
DECLARE
    v_rights text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.unknown_effect'::regclass
        AND relkind = 'v'
        AND relowner = 'muniment_owner'::regrole
        AND reloptions = ARRAY['security_invoker=true'];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.unknown_effect: not of muniment_owner, or not security_invoker';
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    v_rights := ARRAY(
        SELECT concat_ws(
            ' ',
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END,
            acl.privilege_type,
            CASE WHEN acl.is_grantable THEN 'WITH GRANT OPTION' END
        )
        FROM pg_catalog.pg_class
        CROSS JOIN aclexplode(coalesce(relacl, acldefault('r', relowner))) AS acl
        WHERE pg_class.oid = 'agents.unknown_effect'::regclass
            AND acl.grantee <> relowner
        UNION ALL
        SELECT format('column %s', attname)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.unknown_effect'::regclass
            AND attacl IS NOT NULL
        ORDER BY 1
    );
    IF v_rights <> ARRAY['muniment_app SELECT', 'muniment_reader SELECT'] THEN
        RAISE EXCEPTION 'agents.unknown_effect: rights differ: %', v_rights;
    END IF;
END;
$verify$;

ROLLBACK;
