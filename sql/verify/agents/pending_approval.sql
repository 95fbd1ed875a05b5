-- Verify agents:pending_approval on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, tool_call_id, requested_at, run_id, run_started_at, session_id, agent_name,
    subject_type, subject_id, actor_type, actor_id, tool_name, tool_version, side_effect,
    args_storage, args_inline, args_s3_key, args_sha256, args_bytes, args_preview, waiting,
    approval_expires_at, is_expired
FROM agents.pending_approval
WHERE false;

DO $verify$
DECLARE
    v_rights text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.pending_approval'::regclass
        AND relkind = 'v'
        AND relowner = 'muniment_owner'::regrole
        AND reloptions = ARRAY['security_invoker=true'];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.pending_approval: not of muniment_owner, or not security_invoker';
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
        WHERE pg_class.oid = 'agents.pending_approval'::regclass
            AND acl.grantee <> relowner
        UNION ALL
        SELECT format('column %s', attname)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.pending_approval'::regclass
            AND attacl IS NOT NULL
        ORDER BY 1
    );
    IF v_rights <> ARRAY['muniment_app SELECT', 'muniment_reader SELECT'] THEN
        RAISE EXCEPTION 'agents.pending_approval: rights differ: %', v_rights;
    END IF;
END;
$verify$;

ROLLBACK;
