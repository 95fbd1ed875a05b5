-- Deploy agentcore:finish_document_generation to pg
-- requires: document_generation
--
-- What was generated can become a document like any other, and be found with the rest. It says
-- where it comes from. Generation and document are written together or not at all.
-- Locks: none.  Docs: docs/schema/agentcore.md#finish-document-generation

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.finish_document_generation(
    p_document_generation_id uuid,
    p_output text,
    p_knowledge_base_id uuid DEFAULT NULL,
    p_original_url text DEFAULT NULL
)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE
PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_department_id CONSTANT uuid := platform.current_tenant_id();
    v_template_id   uuid;
    v_document_id   uuid;
BEGIN
    IF p_output IS NULL THEN
        RAISE EXCEPTION 'output is null'
            USING ERRCODE = 'null_value_not_allowed',
                  HINT = 'Pass what came out, or set status to failed with an error.';
    END IF;

    SELECT g.template_id
    INTO v_template_id
    FROM agentcore.document_generation AS g
    WHERE g.department_id = v_department_id
        AND g.id = p_document_generation_id
        AND g.status = 'pending'
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'generation % is not there or not pending', p_document_generation_id
            USING ERRCODE = 'MU438',
                  HINT = 'Read the generation: perhaps it is finished.';
    END IF;

    IF p_knowledge_base_id IS NOT NULL THEN
        -- A template that was deleted meanwhile leaves a text without a name.
        INSERT INTO agentcore.document AS d
            (department_id, knowledge_base_id, title, type, original_url, metadata)
        SELECT
            v_department_id,
            p_knowledge_base_id,
            coalesce(t.name, 'Generated document'),
            coalesce(t.output_format, 'txt'),
            p_original_url,
            jsonb_build_object(
                'source', 'document_generation',
                'document_generation_id', p_document_generation_id
            )
        FROM (SELECT v_template_id AS id) AS wanted
        LEFT JOIN agentcore.document_template AS t
            ON t.department_id = v_department_id AND t.id = wanted.id
        RETURNING d.id INTO v_document_id;
    END IF;
    UPDATE agentcore.document_generation AS g
    SET status = 'ready',
        output = p_output,
        output_file_id = v_document_id
    WHERE g.department_id = v_department_id
        AND g.id = p_document_generation_id;

    RETURN v_document_id;
END;
$function$;

COMMENT ON FUNCTION agentcore.finish_document_generation(uuid, text, uuid, text) IS
    'Notes what came out of a generation. With a knowledge base, saves it there as a document '
    '(pending, so that it is cut into chunks like an upload) whose metadata has source '
    'document_generation, and returns that; else returns NULL. p_original_url is where the file '
    'is. Raises MU438 when the generation is not there or not pending, 22004 when the output is '
    'NULL, 23503 when the knowledge base is not there, 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION agentcore.finish_document_generation(uuid, text, uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION agentcore.finish_document_generation(uuid, text, uuid, text)
    TO muniment_app;

COMMIT;
