-- Deploy agentcore:require_chunk to pg
-- requires: schema
--
-- A hit names the chunk that was found, and loses it only when the chunk is deleted. So the column
-- can be empty, but not from the start: without a chunk no key proves the document.
-- Locks: none.  Docs: docs/schema/agentcore.md#require-chunk

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.require_chunk()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RAISE EXCEPTION '%.%: chunk_id is null', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'not_null_violation',
              HINT = 'Name the chunk that was found.';
END;
$function$;

COMMENT ON FUNCTION agentcore.require_chunk() IS
    'Trigger function that refuses the row it is attached to, which has no chunk. Always raises '
    '23502.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agentcore.require_chunk() FROM PUBLIC;

COMMIT;
