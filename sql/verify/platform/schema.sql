-- Verify platform:schema on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DO $verify$
DECLARE
    v_offender text;
BEGIN
    PERFORM
    FROM pg_catalog.pg_namespace
    WHERE nspname = 'platform'
        AND nspowner = 'muniment_owner'::regrole;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'schema platform: missing, or not of muniment_owner';
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
        WHERE nspname = 'platform'
            AND acl.grantee <> nspowner
    ) AS have USING (grantee, privilege)
    WHERE want.grantee IS NULL
        OR have.grantee IS NULL;
    IF v_offender IS NOT NULL THEN
        RAISE EXCEPTION 'schema platform: right missing or too many: %', v_offender;
    END IF;

    -- A row without a grant to PUBLIC (grantee 0) is what REVOKE leaves behind; no row means the
    -- server's own default, which is EXECUTE for everyone.
    PERFORM
    FROM pg_catalog.pg_default_acl
    WHERE defaclrole = 'muniment_owner'::regrole
        AND defaclnamespace = 0
        AND defaclobjtype = 'f'
        AND NOT EXISTS (SELECT FROM aclexplode(defaclacl) AS acl WHERE acl.grantee = 0);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'muniment_owner: new functions are executable by PUBLIC';
    END IF;
END;
$verify$;

ROLLBACK;
