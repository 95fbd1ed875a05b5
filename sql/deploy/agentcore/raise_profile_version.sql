-- Deploy agentcore:raise_profile_version to pg
-- requires: schema
--
-- Two extractions of the same conversations may overlap: whoever read version n can write WHERE
-- profile_version = n, and finds no row when somebody else was faster.
-- Locks: none.  Docs: docs/schema/agentcore.md#raise-profile-version

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION agentcore.raise_profile_version()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    NEW.profile_version := OLD.profile_version + 1;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION agentcore.raise_profile_version() IS
    'Trigger function that raises profile_version by one, whatever is written. Raises nothing.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION agentcore.raise_profile_version() FROM PUBLIC;

COMMIT;
