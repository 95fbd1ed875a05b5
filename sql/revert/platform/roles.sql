-- Revert platform:roles from pg
--
-- Roles belong to the cluster. One that another database still needs stays and is named in a
-- notice; one that nothing needs goes, and its memberships with it.

BEGIN;

DO $roles$
DECLARE
    v_role text;
BEGIN
    FOREACH v_role IN ARRAY ARRAY[
        'muniment_maintainer', 'muniment_service', 'muniment_reader', 'muniment_app',
        'muniment_owner'
    ]
    LOOP
        BEGIN
            EXECUTE format('DROP ROLE %I', v_role);
        EXCEPTION
            -- From version 16 on, a role is dropped by whoever made it, or by a superuser.
            WHEN dependent_objects_still_exist OR insufficient_privilege THEN
                RAISE NOTICE 'role % stays: it is still needed, or not yours to drop', v_role;
            -- Another database's revert was faster.
            WHEN undefined_object THEN
                NULL;
        END;
    END LOOP;
END;
$roles$;

COMMIT;
