-- Revert goclaw:model_price from pg

BEGIN;

SET LOCAL ROLE muniment_owner;

DROP FUNCTION goclaw.model_price(uuid, text);
DROP TYPE goclaw.model_prices;

COMMIT;
