-- Deploy goclaw:secure_cli_settings to pg
-- requires: secure_cli_binaries
--
-- What the gateway needs to run a binary for an agent and a user, in one look. Only muniment_app
-- may ask: the answer has ciphertext in it.
-- Locks: none.  Docs: docs/schema/goclaw.md#secure-cli-settings

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.secure_cli_settings(
    p_binary_name text,
    p_agent_id uuid,
    p_user_id text DEFAULT NULL
)
RETURNS TABLE (
    binary_id uuid,
    binary_path text,
    deny_args jsonb,
    deny_verbose jsonb,
    timeout_seconds integer,
    tips text,
    adapter_name text,
    encrypted_env bytea,
    env_source text,
    credential_type text,
    host_scope text
)
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    RETURN QUERY
    SELECT
        b.id,
        b.binary_path,
        coalesce(g.deny_args, b.deny_args),
        coalesce(g.deny_verbose, b.deny_verbose),
        coalesce(g.timeout_seconds, b.timeout_seconds),
        coalesce(g.tips, b.tips),
        b.adapter_name,
        coalesce(c.encrypted_env, g.encrypted_env, b.encrypted_env),
        CASE
            WHEN c.id IS NOT NULL THEN 'user'
            WHEN g.encrypted_env IS NOT NULL THEN 'grant'
            ELSE 'binary'
        END,
        c.credential_type,
        c.host_scope
    FROM goclaw.secure_cli_binaries AS b
    LEFT JOIN goclaw.secure_cli_agent_grants AS g
        ON g.tenant_id = v_tenant_id
        AND g.binary_id = b.id
        AND g.agent_id = p_agent_id
    LEFT JOIN goclaw.secure_cli_user_credentials AS c
        ON c.tenant_id = v_tenant_id
        AND c.binary_id = b.id
        AND c.user_id = p_user_id
    WHERE b.tenant_id = v_tenant_id
        AND b.binary_name = p_binary_name
        AND b.enabled
        -- Without a grant: only what is for all.
        AND coalesce(g.enabled, b.is_global)
        -- For an agent that there is: a global binary is for all agents, not for all callers.
        AND EXISTS (
            SELECT
            FROM goclaw.agents AS a
            WHERE a.tenant_id = v_tenant_id
                AND a.id = p_agent_id
                AND a.deleted_at IS NULL
        );
END;
$function$;

COMMENT ON FUNCTION goclaw.secure_cli_settings(text, uuid, text) IS
    'The settings with which an agent runs a binary for a user; no row when it may not. A binary '
    'that is not global needs a grant for the agent; a binary or a grant that is disabled is no '
    'row. Each setting is that of the grant, or where that is NULL, of the binary. encrypted_env, '
    'ciphertext, is that of the user (p_user_id, NULL for none), else of the grant, else of the '
    'binary; env_source says which: user, grant or binary. credential_type and host_scope belong '
    'to the environment of the user. timeout_seconds in seconds. Raises 42501 when no tenant is '
    'set.';

REVOKE ALL ON FUNCTION goclaw.secure_cli_settings(text, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.secure_cli_settings(text, uuid, text) TO muniment_app;

COMMIT;
