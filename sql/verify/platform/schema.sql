-- Verify platform:schema on pg

BEGIN;

DO $verify$
DECLARE
    v_missing text;
BEGIN
    SELECT string_agg(want.name, ', ' ORDER BY want.name)
    INTO v_missing
    FROM unnest(
        ARRAY['muniment_app', 'muniment_reader', 'muniment_service', 'muniment_maintainer']
    ) AS want (name)
    WHERE NOT has_schema_privilege(want.name, 'platform', 'USAGE');
    IF v_missing IS NOT NULL THEN
        RAISE EXCEPTION 'schema platform: no USAGE for %', v_missing;
    END IF;

    IF has_schema_privilege('public', 'platform', 'USAGE, CREATE') THEN
        RAISE EXCEPTION 'schema platform: PUBLIC has rights on it';
    END IF;

    PERFORM
    FROM pg_catalog.pg_namespace
    WHERE nspname = 'platform'
        AND nspowner = 'muniment_owner'::regrole;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'schema platform: not owned by muniment_owner';
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
