-- What frameworks report is recorded with these.

-- known_tools --
-- Which version a call is recorded under: the active one, or what was registered by having been
-- seen.
SELECT tool_name, bool_or(is_active) AS is_active
FROM agents.tool_registry
WHERE tool_name = ANY (%(tool_names)s)
    AND (is_active OR tool_version = 'imported')
GROUP BY tool_name;

-- act_as_service --
-- Until the transaction ends; as SET LOCAL ROLE does, but with a row to answer.
SELECT set_config('role', 'muniment_service', true);
