-- Revert goclaw:embedding_cache from pg
--
-- Drops embedding_cache with all rows: what is not found there is embedded again.

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

DROP TABLE goclaw.embedding_cache;

COMMIT;
