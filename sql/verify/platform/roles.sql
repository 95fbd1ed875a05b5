-- Verify platform:roles on pg

BEGIN;

DO $verify$
DECLARE
    v_names    CONSTANT text[] := ARRAY[
        'muniment_owner', 'muniment_app', 'muniment_reader', 'muniment_service',
        'muniment_maintainer'
    ];
    v_offender text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_offender
    FROM unnest(v_names) AS want (name)
    WHERE to_regrole(want.name) IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'missing role(s): %', v_offender;
    END IF;

    -- Any of these would walk past row security or let a group role be logged in to.
    SELECT string_agg(rolname, ', ' ORDER BY rolname)
    INTO v_offender
    FROM pg_catalog.pg_roles
    WHERE rolname = ANY (v_names)
        AND (
            rolsuper OR rolbypassrls OR rolcanlogin
            OR rolcreaterole OR rolcreatedb OR rolreplication
        );
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'role(s) with an attribute that muniment roles must not have: %', v_offender
            USING HINT = 'ALTER ROLE ... NOSUPERUSER NOBYPASSRLS NOLOGIN and so on takes it away.';
    END IF;

    SELECT string_agg(format('%s in %s', member.name, granted.rolname), ', ')
    INTO v_offender
    FROM unnest(v_names) AS member (name)
    INNER JOIN pg_catalog.pg_roles AS granted ON granted.rolname <> member.name
    WHERE pg_has_role(member.name, granted.oid, 'MEMBER');
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'role(s) that are members of another: %', v_offender
            USING HINT = 'REVOKE it: the five roles stand alone.';
    END IF;

    SELECT string_agg(setrole::regrole::text, ', ')
    INTO v_offender
    FROM pg_catalog.pg_db_role_setting
    WHERE setrole = ANY (v_names::regrole[]);
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'role(s) with settings of their own: %', v_offender
            USING HINT = 'ALTER ROLE ... RESET ALL.';
    END IF;
END;
$verify$;

ROLLBACK;
