-- Deploy goclaw:is_command_allowed to pg
-- requires: workstations
--
-- Matches argv[0] and nothing else, as the list of permissions is meant: a command line is not
-- taken apart here. What is no plain name or path of a program is refused before any pattern is
-- looked at, so a blank, a quote or an operator of a shell cannot ride behind a name that a star
-- would match. starts_with() knows no wildcards, so none has to be escaped.
-- Locks: none.  Docs: docs/schema/goclaw.md#is-command-allowed

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE FUNCTION goclaw.is_command_allowed(p_workstation_id uuid, p_argv0 text)
RETURNS boolean
LANGUAGE plpgsql
STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_tenant_id CONSTANT uuid := platform.current_tenant_id();
BEGIN
    IF p_argv0 IS NULL OR p_argv0 !~ '^[A-Za-z0-9_./][A-Za-z0-9_./+@-]*$' THEN
        RETURN false;
    END IF;

    RETURN EXISTS (
        SELECT
        FROM goclaw.workstation_permissions AS p
        INNER JOIN goclaw.workstations AS w
            ON w.tenant_id = v_tenant_id
            AND w.id = p.workstation_id
        WHERE p.tenant_id = v_tenant_id
            AND p.workstation_id = p_workstation_id
            AND p.enabled
            AND w.active
            AND CASE
                WHEN right(p.pattern, 1) = '*' THEN
                    starts_with(p_argv0, left(p.pattern, -1))
                    AND strpos(substr(p_argv0, length(p.pattern)), '/') = 0
                ELSE p_argv0 = p.pattern
            END
    );
END;
$function$;

COMMENT ON FUNCTION goclaw.is_command_allowed(uuid, text) IS
    'Whether a program may be run on a workstation: it is active, and an enabled pattern is the '
    'program, or ends in a star and begins it, where the star stands for no slash. p_argv0: the '
    'program alone, argv[0]; the gateway gives it and its arguments to exec, never to a shell. '
    'False for all else: no pattern, another tenant''s workstation, NULL, a whole command line. '
    'Raises 42501 when no tenant is set.';

REVOKE ALL ON FUNCTION goclaw.is_command_allowed(uuid, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION goclaw.is_command_allowed(uuid, text) TO muniment_app;

COMMIT;
