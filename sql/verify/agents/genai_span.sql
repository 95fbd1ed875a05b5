-- Verify agents:genai_span on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    firm_id, recorded_at, run_id, tool_call_id, trace_id, span_id, parent_span_id, span_name,
    span_kind, started_at, ended_at, status_code, "gen_ai.operation.name",
    "gen_ai.provider.name", "gen_ai.agent.name", "gen_ai.agent.version",
    "gen_ai.conversation.id", "gen_ai.prompt.name", "gen_ai.request.model",
    "gen_ai.response.model", "gen_ai.response.finish_reasons",
    "gen_ai.response.time_to_first_chunk", "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens", "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.tool.name", "gen_ai.tool.type", "gen_ai.tool.description", "gen_ai.tool.call.id",
    "gen_ai.tool.call.arguments", "gen_ai.tool.call.result", "error.type", cost_usd
FROM agents.genai_span
WHERE false;

DO $verify$
DECLARE
    v_rights text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_class
    WHERE oid = 'agents.genai_span'::regclass
        AND relkind = 'v'
        AND relowner = 'muniment_owner'::regrole
        AND reloptions = ARRAY['security_invoker=true'];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'agents.genai_span: not of muniment_owner, or not security_invoker';
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
        WHERE pg_class.oid = 'agents.genai_span'::regclass
            AND acl.grantee <> relowner
        UNION ALL
        SELECT format('column %s', attname)
        FROM pg_catalog.pg_attribute
        WHERE attrelid = 'agents.genai_span'::regclass
            AND attacl IS NOT NULL
        ORDER BY 1
    );
    IF v_rights <> ARRAY['muniment_reader SELECT'] THEN
        RAISE EXCEPTION 'agents.genai_span: rights differ: %', v_rights;
    END IF;
END;
$verify$;

ROLLBACK;
