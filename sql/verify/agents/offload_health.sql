-- Verify agents:offload_health on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, month, table_name, body, storage, body_count, total_bytes, max_bytes,
    near_limit_count
FROM agents.offload_health
WHERE false;

DO $verify$
DECLARE
    v_rights text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.offload_health'::regclass
        AND relkind = 'v'
        AND relowner = 'muniment_owner'::regrole
        AND reloptions = ARRAY['security_invoker=true'];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.offload_health: not of muniment_owner, or not security_invoker';
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
        WHERE pg_class.oid = 'agents.offload_health'::regclass
            AND acl.grantee <> relowner
        UNION ALL
        SELECT format('column %s', attname)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.offload_health'::regclass
            AND attacl IS NOT NULL
        ORDER BY 1
    );
    IF v_rights <> ARRAY['muniment_reader SELECT'] THEN
        RAISE EXCEPTION 'agents.offload_health: rights differ: %', v_rights;
    END IF;
END;
$verify$;

ROLLBACK;
