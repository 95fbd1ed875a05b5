-- Deploy platform:roles to pg
--
-- The group roles that every other change grants to. Logins are the operator's: NOINHERIT members
-- of one of these, so that a connection says in which role it acts.
-- Roles belong to the cluster and another database may have made them already, so this is the one
-- script that creates only what is missing.
-- Locks: none.  Docs: docs/schema/platform.md#roles

BEGIN;

DO $roles$
DECLARE
    v_role record;
BEGIN
    FOR v_role IN
        SELECT *
        FROM (
            VALUES
                ('muniment_owner', 'Owns every object of muniment. Only migrations act as it.'),
                ('muniment_app', 'Writes and reads the rows of the tenant it has set.'),
                ('muniment_reader', 'Reads the rows of the tenant it has set.'),
                ('muniment_service', 'Trusted backend across tenants, only where a table says so.'),
                ('muniment_maintainer', 'Makes partitions. Sees no tenant data.')
        ) AS role (name, purpose)
    LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', v_role.name);
            EXECUTE format('COMMENT ON ROLE %I IS %L', v_role.name, v_role.purpose);
        EXCEPTION
            -- unique_violation: a deploy into another database of the cluster was faster.
            WHEN duplicate_object OR unique_violation THEN
                NULL;
        END;
    END LOOP;

    -- Later scripts act as muniment_owner. A superuser may; a managed server's administrator has
    -- to be made a member, and from version 16 on membership alone no longer allows SET ROLE.
    IF NOT pg_has_role(
        current_user,
        'muniment_owner',
        CASE
            WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET'
            ELSE 'MEMBER'
        END
    ) THEN
        EXECUTE format('GRANT muniment_owner TO %I', current_user);
    END IF;
END;
$roles$;

COMMIT;
