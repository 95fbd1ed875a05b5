-- Verify agents:partition_status on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    table_name, partition_name, month, starts_at, ends_at, estimated_row_count, total_bytes
FROM agents.partition_status
WHERE false;

DO $verify$
DECLARE
    v_rights text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.partition_status'::regclass
        AND relkind = 'v'
        AND relowner = 'muniment_owner'::regrole
        AND reloptions = ARRAY['security_invoker=true'];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.partition_status: not of muniment_owner, or not security_invoker';
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
        WHERE pg_class.oid = 'agents.partition_status'::regclass
            AND acl.grantee <> relowner
        UNION ALL
        SELECT format('column %s', attname)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.partition_status'::regclass
            AND attacl IS NOT NULL
        ORDER BY 1
    );
    IF v_rights <> ARRAY['muniment_maintainer SELECT', 'muniment_reader SELECT'] THEN
        RAISE EXCEPTION 'agents.partition_status: rights differ: %', v_rights;
    END IF;
END;
$verify$;

ROLLBACK;
