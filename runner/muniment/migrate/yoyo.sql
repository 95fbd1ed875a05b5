-- What yoyo 9 looks for, as a view of sqitch's registry, so that there is nothing to keep in step.
-- It goes into the schema that yoyo looks in, which stands for {schema}; a statement ends where a
-- blank line follows.

-- These two are yoyo's own (yoyo.internalmigrations.v2), and may be there already.
CREATE TABLE IF NOT EXISTS {schema}._yoyo_log (
    id             varchar(36) PRIMARY KEY,
    migration_hash varchar(64),
    migration_id   varchar(255),
    operation      varchar(10),
    username       varchar(255),
    hostname       varchar(255),
    comment        varchar(255),
    created_at_utc timestamp
);

CREATE TABLE IF NOT EXISTS {schema}._yoyo_version (
    version          integer   NOT NULL PRIMARY KEY,
    installed_at_utc timestamp
);

INSERT INTO {schema}._yoyo_version (version, installed_at_utc)
SELECT 2, pg_catalog.now() AT TIME ZONE 'UTC'
WHERE NOT EXISTS (SELECT FROM {schema}._yoyo_version WHERE version = 2);

-- The id must be the one that muniment.migrate.yoyo.migration_id() gives a file. No function makes
-- it: whoever may read the view would need a right on that too.
CREATE VIEW {schema}._yoyo_migration AS
SELECT
    pg_catalog.encode(
        pg_catalog.sha256(pg_catalog.convert_to(named.migration_id, 'UTF8')), 'hex'
    )::varchar(64) AS migration_hash,
    named.migration_id::varchar(255) AS migration_id,
    (changes.committed_at AT TIME ZONE 'UTC')::timestamp AS applied_at_utc
FROM sqitch.changes AS changes
CROSS JOIN LATERAL (
    SELECT
        pg_catalog.to_char(changes.planned_at AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')
        || '_' || changes.project
        || '.' || pg_catalog.replace(changes.change, '/', '.')
        || '_' || pg_catalog.left(changes.change_id, 8) AS migration_id
) AS named;

COMMENT ON VIEW {schema}._yoyo_migration IS
    'What is deployed, from sqitch''s registry, in the form in which yoyo-migrations reads it.';

-- yoyo marks a change after its script, when the registry has it already; that is no news. It
-- unmarks after a rollback, when there is no row left to delete.
CREATE OR REPLACE FUNCTION muniment.guard_yoyo_migration()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    v_is_deployed boolean;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% is deployed: it cannot be unmarked', OLD.migration_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Run `yoyo rollback` or `muniment revert`.';
    END IF;
    EXECUTE format(
        'SELECT EXISTS (SELECT FROM %I.%I WHERE migration_hash = $1)',
        TG_TABLE_SCHEMA, TG_TABLE_NAME
    ) INTO v_is_deployed USING NEW.migration_hash;
    IF NOT v_is_deployed THEN
        RAISE EXCEPTION '% is not deployed: it cannot be marked', NEW.migration_id
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Run `yoyo apply` or `muniment deploy`.';
    END IF;
    RETURN NULL;
END;
$function$;

COMMENT ON FUNCTION muniment.guard_yoyo_migration() IS
    'Refuses to mark for yoyo what is not deployed, and to unmark what is. Raises 55000.';

REVOKE ALL ON FUNCTION muniment.guard_yoyo_migration() FROM PUBLIC;

CREATE TRIGGER yoyo_migration_guard_tg
INSTEAD OF INSERT OR DELETE ON {schema}._yoyo_migration
FOR EACH ROW EXECUTE FUNCTION muniment.guard_yoyo_migration();
