-- Behaviour: no view shows one firm what another has.
--
-- The views are found in the catalog, and rows of two firms are made so that each has something to
-- tell of both (see _setup/rows_of_ledger.sql): a view that is added later and shows nothing is an
-- error here.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(8);

-- Declared ------------------------------------------------------------------

-- Views without a firm.
CREATE TEMPORARY TABLE firmless_view AS
SELECT *
FROM (
    VALUES
        ('agents.partition_status'::regclass, 'reads the catalog, which is everybody''s'),
        ('agents.ledger_day'::regclass, 'reads the catalog, which is everybody''s')
) AS declared (name, reason);

-- Found in the catalog ------------------------------------------------------

CREATE TEMPORARY TABLE target AS
SELECT
    c.oid::regclass AS name,
    EXISTS (
        SELECT
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = c.oid
            AND a.attname = 'firm_id'
    ) AS has_firm
FROM pg_catalog.pg_class AS c
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND c.relkind = 'v';
GRANT SELECT ON target TO PUBLIC;

-- The firms in a view, or the error; runs with the rights of whoever asks.
CREATE FUNCTION pg_temp.firms_in(p_view regclass)
RETURNS text
LANGUAGE plpgsql
AS $function$
DECLARE
    v_firms text;
BEGIN
    EXECUTE format(
        'SELECT string_agg(DISTINCT right(firm_id::text, 1), %L) FROM %s', ', ', p_view
    )
    INTO v_firms;
    RETURN coalesce(v_firms, 'none');
EXCEPTION
    WHEN OTHERS THEN
        RETURN SQLSTATE;
END;
$function$;

SELECT test_support.record_tool('tool_a', 'write', 'never');
SELECT test_support.record_tool('tool_b', 'write', 'never');
SELECT test_support.record_day_of_firm('a');
SELECT test_support.record_day_of_firm('b');

SELECT cmp_ok((SELECT count(*)::integer FROM target), '>=', 12, 'the views are found');
SELECT set_eq(
    $$ SELECT name FROM target WHERE NOT has_firm $$,
    $$ SELECT name FROM firmless_view $$,
    'a view says of which firm a row is, or is declared to tell of none'
);
SELECT is_empty(
    $$ SELECT name, firms
       FROM target
       CROSS JOIN LATERAL pg_temp.firms_in(name) AS firms
       WHERE has_firm AND firms <> 'a, b' $$,
    'the superuser sees both firms in each: there is something to show'
);

-- Asked ---------------------------------------------------------------------

SET LOCAL ROLE muniment_reader;
SELECT is_empty(
    $$ SELECT name, firms
       FROM target
       CROSS JOIN LATERAL pg_temp.firms_in(name) AS firms
       WHERE has_firm AND firms <> '42501' $$,
    'without a tenant a reader is refused each, rather than shown nothing'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SELECT is_empty(
    $$ SELECT name, firms
       FROM target
       CROSS JOIN LATERAL pg_temp.firms_in(name) AS firms
       WHERE has_firm AND firms <> 'a' $$,
    'a reader for a sees a in each, and nobody else'
);
RESET ROLE;
SET LOCAL ROLE muniment_app;
SELECT is_empty(
    $$ SELECT name, firms
       FROM target
       CROSS JOIN LATERAL pg_temp.firms_in(name) AS firms
       WHERE has_firm AND firms <> CASE
           WHEN has_table_privilege(name, 'SELECT') THEN 'a'
           ELSE '42501'
       END $$,
    'a runtime for a sees a in those that it may read'
);
RESET ROLE;
SET LOCAL ROLE muniment_owner;
SELECT is_empty(
    $$ SELECT name, firms
       FROM target
       CROSS JOIN LATERAL pg_temp.firms_in(name) AS firms
       WHERE has_firm AND firms <> 'a' $$,
    'nor does the owner of the views see more'
);
RESET ROLE;
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000c';
SET LOCAL ROLE muniment_reader;
SELECT is_empty(
    $$ SELECT name, firms
       FROM target
       CROSS JOIN LATERAL pg_temp.firms_in(name) AS firms
       WHERE has_firm AND firms <> 'none' $$,
    'a firm without rows sees none'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
