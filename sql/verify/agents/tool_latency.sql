-- Verify agents:tool_latency on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, day, tool_name, tool_version, call_count, p50_ms, p95_ms, max_ms, total_ms
FROM agents.tool_latency
WHERE false;

DO $verify$
DECLARE
    v_rights text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.tool_latency'::regclass
        AND relkind = 'v'
        AND relowner = 'muniment_owner'::regrole
        AND reloptions = ARRAY['security_invoker=true'];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.tool_latency: not of muniment_owner, or not security_invoker';
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
        WHERE pg_class.oid = 'agents.tool_latency'::regclass
            AND acl.grantee <> relowner
        UNION ALL
        SELECT format('column %s', attname)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.tool_latency'::regclass
            AND attacl IS NOT NULL
        ORDER BY 1
    );
    IF v_rights <> ARRAY['muniment_reader SELECT'] THEN
        RAISE EXCEPTION 'agents.tool_latency: rights differ: %', v_rights;
    END IF;
END;
$verify$;

ROLLBACK;
