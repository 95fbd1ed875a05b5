-- Revert goclaw:kg_entities from pg
--
-- What kg_entities and kg_relations and kg_dedup_candidates hold cannot be made again, so this
-- refuses while there is a row: it is exported first. Row security is lifted for the question,
-- because without a tenant the owner cannot see whether there are rows.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

ALTER TABLE goclaw.kg_entities NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.kg_relations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE goclaw.kg_dedup_candidates NO FORCE ROW LEVEL SECURITY;

DO $revert$
BEGIN
    IF EXISTS (SELECT FROM goclaw.kg_entities) THEN
        RAISE EXCEPTION 'goclaw.kg_entities holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.kg_relations) THEN
        RAISE EXCEPTION 'goclaw.kg_relations holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
    IF EXISTS (SELECT FROM goclaw.kg_dedup_candidates) THEN
        RAISE EXCEPTION 'goclaw.kg_dedup_candidates holds rows'
            USING ERRCODE = 'MU900',
                  HINT = 'Export them before this is reverted.';
    END IF;
END;
$revert$;

DROP TABLE goclaw.kg_dedup_candidates;
DROP TABLE goclaw.kg_relations;
DROP TABLE goclaw.kg_entities;

COMMIT;
