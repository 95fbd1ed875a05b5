-- Verify goclaw:model_price on pg

BEGIN;

SET LOCAL ROLE muniment_owner;

SELECT
    (prices).input_price, (prices).output_price, (prices).cache_read_price,
    (prices).cache_write_price, (prices).reasoning_price, (prices).request_price,
    (prices).image_price, (prices).web_search_price
FROM (SELECT NULL::goclaw.model_prices AS prices) AS shape
WHERE false;

DO $verify$
DECLARE
    v_function  CONSTANT regprocedure := 'goclaw.model_price(uuid, text)';
    v_executors text[];
BEGIN
    PERFORM
    FROM pg_catalog.pg_proc
    WHERE oid = v_function
        AND proowner = 'muniment_owner'::regrole
        AND prorettype = 'goclaw.model_prices'::regtype
        AND NOT prosecdef
        AND NOT proleakproof
        AND provolatile = 's'
        AND proconfig = ARRAY['search_path=pg_catalog, pg_temp'];
    IF NOT FOUND THEN
        RAISE EXCEPTION '%: owner, security, volatility or search_path differ', v_function;
    END IF;

    v_executors := ARRAY(
        SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
        FROM pg_catalog.pg_proc
        CROSS JOIN aclexplode(coalesce(proacl, acldefault('f', proowner))) AS acl
        WHERE pg_proc.oid = v_function
            AND acl.grantee <> proowner
        ORDER BY 1
    );
    IF v_executors <> ARRAY['muniment_app', 'muniment_reader'] THEN
        RAISE EXCEPTION '%: may be executed by %', v_function, v_executors;
    END IF;

    v_executors := ARRAY(
        SELECT CASE WHEN acl.grantee = 0 THEN 'PUBLIC' ELSE acl.grantee::regrole::text END
        FROM pg_catalog.pg_type
        CROSS JOIN aclexplode(coalesce(typacl, acldefault('T', typowner))) AS acl
        WHERE pg_type.oid = 'goclaw.model_prices'::regtype
            AND acl.grantee <> typowner
        ORDER BY 1
    );
    IF v_executors <> ARRAY['muniment_app', 'muniment_reader'] THEN
        RAISE EXCEPTION 'goclaw.model_prices: may be used by %', v_executors;
    END IF;
END;
$verify$;

ROLLBACK;
