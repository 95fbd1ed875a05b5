-- Verify astra:schema on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    PERFORM
    FROM pg_catalog.pg_namespace
    WHERE nspname = 'astra'
        AND nspowner = 'muniment_owner'::regrole;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'schema astra: missing, or not of muniment_owner';
    END IF;

    -- Exactly these rights: one too many is as wrong as one too few.
    SELECT string_agg(concat_ws(' ', grantee, privilege), ', ' ORDER BY grantee, privilege)
    INTO v_offender
    FROM (
        VALUES
            ('muniment_app', 'USAGE'),
            ('muniment_maintainer', 'USAGE'),
            ('muniment_reader', 'USAGE'),
            ('muniment_service', 'USAGE')
    ) AS want (grantee, privilege)
    FULL JOIN (
        SELECT
            CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END AS grantee,
            acl.privilege_type || CASE WHEN acl.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
                AS privilege
        FROM pg_catalog.pg_namespace
        CROSS JOIN aclexplode(nspacl) AS acl
        WHERE nspname = 'astra'
            AND acl.grantee <> nspowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'schema astra: right missing or too many: %', v_offender;
    END IF;
END;
$verify$;

ROLLBACK;
