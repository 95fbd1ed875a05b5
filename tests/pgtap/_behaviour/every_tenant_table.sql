-- Behaviour: no table lets a tenant read, change, refer to or detect what another one has.
--
-- The tables are found in the catalog, and rows for two tenants are made from it too (see
-- _setup/rows.sql), so a table cannot be forgotten: one that gets no rows is an error here. The
-- ledger has a test of its own, tenant_isolation.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(19);

-- Declared ------------------------------------------------------------------

-- Unique keys that meet those of other tenants, see _catalog/keys.sql for the reasons.
CREATE TEMPORARY TABLE key_over_all_tenants AS
SELECT unnest(ARRAY[
    'api_keys_key_hash_uq', 'bitrix_portals_domain_uq', 'webhooks_secret_hash_uq',
    'users_id_uq', 'users_email_uq', 'password_reset_token_token_uq'
]) AS name;

-- Two tenants with rows everywhere ------------------------------------------

-- What a statement leads to; whatever it does is taken back.
CREATE FUNCTION pg_temp.answer_to(p_statement text)
RETURNS text
LANGUAGE plpgsql
AS $function$
DECLARE
    v_count bigint;
    v_state text;
    v_key   text;
BEGIN
    EXECUTE p_statement;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RAISE EXCEPTION USING ERRCODE = 'MUZZZ', MESSAGE = v_count;
EXCEPTION
    WHEN SQLSTATE 'MUZZZ' THEN
        RETURN SQLERRM || ' row(s)';
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_state = RETURNED_SQLSTATE, v_key = CONSTRAINT_NAME;
        RETURN concat_ws(' ', v_state, nullif(v_key, ''));
END;
$function$;

SELECT is_empty(
    $$ SELECT * FROM test_support.fill(ARRAY[
           '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'
       ]::uuid[]) $$,
    'every tenant table takes a row of a and a row of b; where not, it wants a hint'
);

CREATE TEMPORARY TABLE target AS
SELECT
    t.name,
    t.tenant,
    NULL::jsonb AS row_of_b,
    (
        SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.name
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND a.attgenerated = ''
    ) AS columns,
    (
        SELECT quote_ident(a.attname)
        FROM pg_catalog.pg_attribute AS a
        WHERE a.attrelid = t.name
            AND a.attnum > 0
            AND NOT a.attisdropped
            AND has_column_privilege('muniment_app', t.name, a.attnum, 'UPDATE')
        LIMIT 1
    ) AS changeable
FROM test_support.tenant_table AS t;
GRANT SELECT ON target, key_over_all_tenants TO PUBLIC;

DO $$
DECLARE
    v_target target;
BEGIN
    FOR v_target IN SELECT * FROM target LOOP
        EXECUTE format(
            'UPDATE target SET row_of_b = (SELECT to_jsonb(t) FROM %s AS t WHERE %I = %L LIMIT 1) '
            'WHERE name = %L::regclass',
            v_target.name, v_target.tenant, '00000000-0000-4000-8000-00000000000b', v_target.name
        );
    END LOOP;
END;
$$;
SELECT cmp_ok(
    (SELECT count(*)::integer FROM target), '>=', 20, 'the tables are found'
);
SELECT is_empty(
    $$ SELECT name FROM target WHERE row_of_b IS NULL $$,
    'each has a row of b to be after'
);

-- Referring -----------------------------------------------------------------

-- Not even a superuser, for whom there is no row security. Own triggers and CHECKs would answer
-- first.
CREATE TEMPORARY TABLE reference AS
SELECT
    t.name,
    k.conname::text AS key,
    parent.row_of_b ->> other.attname AS value,
    format(
        'ALTER TABLE %1$s DISABLE TRIGGER USER; %6$s'
        'UPDATE %1$s SET %2$I = %3$L WHERE %4$I = %5$L',
        t.name, own.attname, parent.row_of_b ->> other.attname, t.tenant,
        '00000000-0000-4000-8000-00000000000a',
        (
            SELECT string_agg(format('ALTER TABLE %s DROP CONSTRAINT %I; ', t.name, c.conname), '')
            FROM pg_catalog.pg_constraint AS c
            WHERE c.conrelid = t.name AND c.contype = 'c'
        )
    ) AS statement
FROM target AS t
INNER JOIN pg_catalog.pg_constraint AS k ON k.conrelid = t.name AND k.contype = 'f'
INNER JOIN target AS parent ON parent.name = k.confrelid AND parent.tenant <> 'id'
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) AS pair (own, other)
INNER JOIN pg_catalog.pg_attribute AS own
    ON own.attrelid = t.name AND own.attnum = pair.own AND own.attname <> t.tenant
INNER JOIN pg_catalog.pg_attribute AS other
    ON other.attrelid = parent.name AND other.attnum = pair.other;
SELECT is_empty(
    $$ SELECT name, key, answer
       FROM reference
       CROSS JOIN LATERAL pg_temp.answer_to(statement) AS answer
       WHERE value IS NULL
           -- One column may be in several keys: any of them refuses.
           OR (
               answer !~ '^23503 '
               -- Nor can a user be another one, whose id is taken.
               AND (key, answer) <> ('users_member_fk', '23505 users_id_uq')
           ) $$,
    'no row of a can be made to refer to one of b: the keys carry the tenant'
);
SELECT cmp_ok((SELECT count(*)::integer FROM reference), '>=', 150, 'there were references to try');

-- Detecting -----------------------------------------------------------------

-- The very row of b, as a row of a. Triggers of foreign keys are off, so what refuses is a unique
-- key that does not know the tenant, and its error would tell a what b has.
SET LOCAL session_replication_role = replica;
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'DELETE FROM %1$s WHERE %2$I = %3$L; '
               'INSERT INTO %1$s (%4$s) SELECT %4$s FROM jsonb_populate_record(NULL::%1$s, %5$L)',
               name, tenant, '00000000-0000-4000-8000-00000000000a', columns,
               row_of_b || jsonb_build_object(tenant, '00000000-0000-4000-8000-00000000000a')
           )
       ) AS answer
       WHERE tenant <> 'id'
           AND answer <> '1 row(s)'
           AND answer NOT IN (SELECT '23505 ' || k.name FROM key_over_all_tenants AS k) $$,
    'no unique key tells a what b has: all of b''s values are free for a'
);
SET LOCAL session_replication_role = origin;

-- Reading -------------------------------------------------------------------

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';

CREATE TEMPORARY TABLE reading AS
SELECT
    t.name,
    'rows of b' AS what,
    format(
        'SELECT %1$I FROM %2$s WHERE %1$I <> %3$L',
        tenant, name, '00000000-0000-4000-8000-00000000000a'
    ) AS statement
FROM target AS t
UNION ALL
SELECT
    t.name,
    'rows of a',
    -- There may be more, where rows of another table need two of them.
    format('SELECT %I FROM %s LIMIT 1', tenant, name)
FROM target AS t;
GRANT SELECT ON reading TO PUBLIC;

SET LOCAL ROLE muniment_app;
SELECT is_empty(
    $$ SELECT name, what, answer
       FROM reading
       CROSS JOIN LATERAL pg_temp.answer_to(statement) AS answer
       WHERE answer <> CASE what WHEN 'rows of a' THEN '1 row(s)' ELSE '0 row(s)' END $$,
    'a runtime for a sees the row of a and none of b'
);
RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT is_empty(
    $$ SELECT name, what, answer
       FROM reading
       CROSS JOIN LATERAL pg_temp.answer_to(statement) AS answer
       WHERE answer <> CASE what WHEN 'rows of a' THEN '1 row(s)' ELSE '0 row(s)' END $$,
    'a reader for a sees the row of a and none of b'
);
RESET ROLE;
SET LOCAL ROLE muniment_owner;
SELECT is_empty(
    $$ SELECT name, what, answer
       FROM reading
       CROSS JOIN LATERAL pg_temp.answer_to(statement) AS answer
       WHERE answer <> CASE what WHEN 'rows of a' THEN '1 row(s)' ELSE '0 row(s)' END $$,
    'the owner, acting for a, sees the row of a and none of b'
);

-- Without a tenant ----------------------------------------------------------

RESET ROLE;
SELECT is_empty(
    format(
        $$ SELECT name, answer
           FROM reading
           CROSS JOIN LATERAL pg_temp.answer_to(
               format('SET LOCAL app.tenant_id = %%L; SET LOCAL ROLE %I; %%s', '', statement)
           ) AS answer
           WHERE answer <> '42501' $$,
        role
    ),
    format('without a tenant, %s gets an error from every table', role)
)
FROM unnest(ARRAY['muniment_app', 'muniment_reader', 'muniment_owner']) AS role;

-- Writing, with the rights that there are -------------------------------------

SET LOCAL ROLE muniment_app;
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'INSERT INTO %1$s (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$s, %3$L)',
               name, columns, row_of_b
           )
       ) AS answer
       -- MU419: only triggers write here, whosever row it is.
       WHERE answer NOT IN ('42501', 'MU419') $$,
    'a runtime for a writes no row of b'
);
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'UPDATE %s SET %s = DEFAULT WHERE %I = %L',
               name, changeable, tenant, '00000000-0000-4000-8000-00000000000b'
           )
       ) AS answer
       WHERE changeable IS NOT NULL
           AND answer <> '0 row(s)' $$,
    'what a runtime may change, it changes in no row of b'
);
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'DELETE FROM %s WHERE %I = %L',
               name, tenant, '00000000-0000-4000-8000-00000000000b'
           )
       ) AS answer
       WHERE answer NOT IN ('0 row(s)', '42501') $$,
    'a runtime for a deletes no row of b'
);
RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'DELETE FROM %s WHERE %I = %L',
               name, tenant, '00000000-0000-4000-8000-00000000000a'
           )
       ) AS answer
       WHERE answer <> '42501' $$,
    'a reader deletes nothing, not even of a'
);

-- Writing, with every right ---------------------------------------------------

-- If a grant goes wrong, the policies still hold.
RESET ROLE;
DO $$
DECLARE
    v_target target;
BEGIN
    FOR v_target IN SELECT * FROM target LOOP
        EXECUTE format('GRANT ALL ON %s TO muniment_app', v_target.name);
    END LOOP;
END;
$$;
SET LOCAL ROLE muniment_app;
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'UPDATE %1$s SET %2$I = %2$I WHERE %2$I = %3$L',
               name, tenant, '00000000-0000-4000-8000-00000000000b'
           )
       ) AS answer
       WHERE answer <> '0 row(s)' $$,
    'with every right, a runtime for a still changes no row of b'
);
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'DELETE FROM %s WHERE %I = %L',
               name, tenant, '00000000-0000-4000-8000-00000000000b'
           )
       ) AS answer
       WHERE answer <> '0 row(s)' $$,
    'with every right, a runtime for a still deletes no row of b'
);
SELECT is_empty(
    $$ SELECT name, answer
       FROM target
       CROSS JOIN LATERAL pg_temp.answer_to(
           format(
               'UPDATE %s SET %I = %L', name, tenant, '00000000-0000-4000-8000-00000000000b'
           )
       ) AS answer
       -- MU001: the table refuses every change.
       WHERE answer NOT IN ('42501', 'MU001') $$,
    'with every right, a runtime for a gives no row to b'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
