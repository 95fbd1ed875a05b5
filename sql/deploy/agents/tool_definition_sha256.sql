-- Deploy agents:tool_definition_sha256 to pg
-- requires: schema
--
-- Covers the description and the annotations as well as the schemas: a model decides by all of
-- them, so a change to any is another tool.
-- IMMUTABLE is true though convert_to() is not marked so: only text and jsonb go in, and UTF-8 is
-- named. A generated column needs it.
-- Locks: none.  Docs: docs/schema/agents.md#tool-definition-sha256

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agents.tool_definition_sha256(
    p_tool_name     text,
    p_tool_version  text,
    p_description   text,
    p_input_schema  jsonb,
    p_output_schema jsonb,
    p_annotations   jsonb
)
RETURNS bytea
LANGUAGE sql
IMMUTABLE
PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT sha256(convert_to(
        jsonb_build_object(
            'name', p_tool_name,
            'version', p_tool_version,
            'description', p_description,
            'input_schema', p_input_schema,
            'output_schema', p_output_schema,
            'annotations', p_annotations
        )::text,
        'UTF8'
    ));
$function$;

COMMENT ON FUNCTION agents.tool_definition_sha256(text, text, text, jsonb, jsonb, jsonb) IS
    'SHA-256 over the jsonb text of {name, version, description, input_schema, output_schema, '
    'annotations}. Raises nothing.';

REVOKE ALL ON FUNCTION agents.tool_definition_sha256(text, text, text, jsonb, jsonb, jsonb)
    FROM PUBLIC;
-- Whoever inserts into the registry computes the column.
GRANT EXECUTE ON FUNCTION agents.tool_definition_sha256(text, text, text, jsonb, jsonb, jsonb)
    TO muniment_service;

COMMIT;
