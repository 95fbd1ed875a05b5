-- Behaviour: through no function does a tenant read, change or detect what another one has.
--
-- The functions are found in the catalog, and so are the arguments to call them with, so a function
-- cannot be forgotten. What is asked of each, called for tenant a:
--   * with values of b it answers as with values that nobody has,
--   * with values of a it answers as if b were not there,
--   * and no row of b is another one afterwards.
-- Partitions and what the ledger offers for them are the maintainer's, see partitions.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Declared ------------------------------------------------------------------

-- An argument that tells whom a function of the backend acts for. It is a's in every call.
CREATE TEMPORARY TABLE tenant_argument AS
SELECT unnest(
    ARRAY['p_tenant_id', 'p_account_id', 'p_org_id', 'p_department_id', 'p_firm_id']
) AS name;

-- Functions that work for all tenants at once: what they answer depends on all.
CREATE TEMPORARY TABLE for_all_tenants (name text PRIMARY KEY, reason text NOT NULL);
INSERT INTO for_all_tenants (name, reason) VALUES
    ('goclaw.claim_cron_jobs(integer,interval)', 'gives due jobs of all tenants to a worker'),
    ('goclaw.claim_heartbeats(integer,interval)', 'gives due heartbeats of all to a worker'),
    ('goclaw.claim_webhook_calls(text,integer,interval)', 'gives due calls of all to a worker');

-- Two tenants with rows everywhere ------------------------------------------

SELECT is_empty(
    $$ SELECT * FROM test_support.fill(ARRAY[
           '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-00000000000b'
       ]::uuid[]) $$,
    'every tenant table takes a row of a and a row of b; where not, it wants a hint'
);

-- Every value of a and of b, by the column that holds it.
CREATE TEMPORARY TABLE value (
    schema_name text,
    table_name  text,
    column_name text,
    of_a        text,
    of_b        text
);
DO $$
DECLARE
    v_table test_support.tenant_table;
BEGIN
    FOR v_table IN SELECT * FROM test_support.tenant_table LOOP
        EXECUTE format(
            $query$
                INSERT INTO value
                SELECT %1$L, %2$L, key, a.row ->> key, b.row ->> key
                FROM (SELECT to_jsonb(t) AS row FROM %3$s AS t WHERE %4$I = %5$L LIMIT 1) AS a
                CROSS JOIN (
                    SELECT to_jsonb(t) AS row FROM %3$s AS t WHERE %4$I = %6$L LIMIT 1
                ) AS b
                CROSS JOIN LATERAL jsonb_object_keys(a.row) AS key
            $query$,
            v_table.schema_name, split_part(v_table.name::text, '.', 2), v_table.name,
            v_table.tenant, '00000000-0000-4000-8000-00000000000a',
            '00000000-0000-4000-8000-00000000000b'
        );
    END LOOP;
END;
$$;

-- Calls -----------------------------------------------------------------------

CREATE TEMPORARY TABLE subject AS
SELECT
    f.oid,
    n.nspname::text AS schema_name,
    f.oid::regprocedure::text AS name,
    role.name AS role
FROM pg_catalog.pg_proc AS f
INNER JOIN pg_catalog.pg_namespace AS n ON n.oid = f.pronamespace
CROSS JOIN LATERAL (
    SELECT r.name
    FROM unnest(ARRAY['muniment_app', 'muniment_reader', 'muniment_service']) WITH ORDINALITY
        AS r (name, place)
    WHERE has_function_privilege(r.name, f.oid, 'EXECUTE')
    ORDER BY r.place
    LIMIT 1
) AS role
WHERE pg_get_userbyid(n.nspowner) = 'muniment_owner'
    AND n.nspname IN (SELECT schema_name FROM test_support.tenant_table)
    AND f.prokind = 'f'
    AND f.prorettype <> 'trigger'::regtype
    AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = f.oid AND d.deptype = 'e'
    );

-- What an argument is called with: p_agent_id with what a column agent_id or agents.id holds.
CREATE TEMPORARY TABLE argument AS
SELECT
    s.oid,
    a.place,
    a.name,
    a.type::regtype::text AS type,
    CASE
        WHEN a.name IN (SELECT t.name FROM tenant_argument AS t)
            THEN '00000000-0000-4000-8000-00000000000a'
        ELSE coalesce(found.of_a, other.plain)
    END AS of_a,
    CASE
        WHEN a.name IN (SELECT t.name FROM tenant_argument AS t)
            THEN '00000000-0000-4000-8000-00000000000a'
        ELSE coalesce(found.of_b, other.plain)
    END AS of_b,
    CASE
        WHEN a.name IN (SELECT t.name FROM tenant_argument AS t)
            THEN '00000000-0000-4000-8000-00000000000a'
        WHEN found.of_b IS NULL THEN other.plain
        -- What a has too is a word of a list, and says nothing of b.
        WHEN found.of_b = found.of_a THEN found.of_b
        WHEN a.type = 'uuid'::regtype THEN md5(found.of_b)::uuid::text
        WHEN a.type IN ('text'::regtype, 'varchar'::regtype)
            -- As long as the real one, or the answer would differ by that.
            THEN left(repeat(md5(found.of_b), 20), length(found.of_b))
        WHEN a.type = 'uuid[]'::regtype
            THEN ARRAY[md5(found.of_b)::uuid]::text
        ELSE found.of_b
    END AS of_nobody
FROM subject AS s
INNER JOIN pg_catalog.pg_proc AS f ON f.oid = s.oid
CROSS JOIN LATERAL unnest(f.proargtypes::oid[]) WITH ORDINALITY AS input (type, place)
CROSS JOIN LATERAL (
    SELECT input.place, f.proargnames[input.place] AS name, input.type::regtype AS type
) AS a
CROSS JOIN LATERAL (
    SELECT regexp_replace(a.name, '^p_', '') AS column_name
) AS asked
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN a.type = 'uuid[]'::regtype THEN ARRAY[v.of_a]::text ELSE v.of_a END AS of_a,
        CASE WHEN a.type = 'uuid[]'::regtype THEN ARRAY[v.of_b]::text ELSE v.of_b END AS of_b
    FROM value AS v
    WHERE v.schema_name = s.schema_name
        AND v.of_b IS NOT NULL
        AND a.type IN (
            'uuid'::regtype, 'text'::regtype, 'varchar'::regtype, 'uuid[]'::regtype
        )
        AND (
            v.column_name IN (asked.column_name, rtrim(asked.column_name, 's'))
            OR v.column_name = 'id'
                AND (
                    v.table_name || '_id' = asked.column_name
                    OR v.table_name ~ ('(^|_)' || regexp_replace(asked.column_name, '_ids?$', ''))
                    OR a.type IN ('uuid'::regtype, 'uuid[]'::regtype)
                )
        )
    ORDER BY
        -- The very column, then the table of that name, then any id that there is.
        v.column_name <> asked.column_name,
        v.table_name !~ ('^' || regexp_replace(asked.column_name, '_ids?$', '') || 's?$'),
        v.table_name !~ regexp_replace(asked.column_name, '_ids?$', ''),
        v.table_name
    LIMIT 1
) AS found ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN a.type IN ('text'::regtype, 'varchar'::regtype) THEN 'x'
        WHEN a.type = 'uuid'::regtype THEN '00000000-0000-4000-8000-0000000000ff'
        WHEN a.type = 'interval'::regtype THEN '1 minute'
        WHEN a.type IN ('timestamptz'::regtype, 'date'::regtype) THEN '2026-06-10 12:00+00'
        WHEN a.type = 'boolean'::regtype THEN 'true'
        WHEN a.type IN ('jsonb'::regtype, 'json'::regtype) THEN '{}'
        WHEN a.type = 'bytea'::regtype THEN '\x00'
        WHEN a.type::text ~ '\[\]$' THEN '{}'
        WHEN a.type::text ~ '(^|\.)vector$' THEN array_fill(1, ARRAY[1536])::text
        ELSE '1'
    END AS plain
) AS other;
UPDATE argument
SET of_a = translate(of_a, '{}', '[]'),
    of_b = translate(of_b, '{}', '[]'),
    of_nobody = translate(of_nobody, '{}', '[]')
WHERE type ~ '(^|\.)vector$';

CREATE TEMPORARY TABLE call AS
SELECT
    s.oid,
    s.name,
    s.role,
    whose.name AS values_of,
    format(
        'SELECT string_agg(to_jsonb(answer)::text, %L) FROM %s(%s) AS answer',
        '; ',
        s.oid::regproc,
        string_agg(
            format(
                '%L::%s',
                CASE whose.name WHEN 'a' THEN a.of_a WHEN 'b' THEN a.of_b ELSE a.of_nobody END,
                a.type
            ),
            ', ' ORDER BY a.place
        ) FILTER (WHERE a.place IS NOT NULL)
    ) AS statement
FROM subject AS s
CROSS JOIN (VALUES ('a'), ('b'), ('nobody')) AS whose (name)
LEFT JOIN argument AS a USING (oid)
GROUP BY s.oid, s.name, s.role, whose.name;

-- One statement over all tables: all rows of b as one text, or none of them any more. Row security
-- does not hold for whoever runs them here.
CREATE FUNCTION pg_temp.rows_of_b()
RETURNS text
LANGUAGE plpgsql
AS $function$
DECLARE
    v_digest text;
BEGIN
    EXECUTE (
        SELECT format(
            'SELECT md5(string_agg(part, %L ORDER BY part)) FROM (%s) AS t (part)',
            ';',
            string_agg(
                format(
                    'SELECT %1$L || to_jsonb(t)::text FROM %1$s AS t WHERE %2$I = %3$L',
                    name, tenant, '00000000-0000-4000-8000-00000000000b'
                ),
                ' UNION ALL '
            )
        )
        FROM test_support.tenant_table
    )
    INTO v_digest;
    RETURN v_digest;
END;
$function$;

CREATE FUNCTION pg_temp.remove_b()
RETURNS void
LANGUAGE plpgsql
AS $function$
BEGIN
    -- Without the triggers of references, the order does not matter.
    SET LOCAL session_replication_role = replica;
    EXECUTE (
        SELECT string_agg(
            format(
                'DELETE FROM %s WHERE %I = %L', name, tenant, '00000000-0000-4000-8000-00000000000b'
            ),
            '; '
        )
        FROM test_support.tenant_table
    );
    SET LOCAL session_replication_role = origin;
END;
$function$;

-- What a call for a answers, and what the rows of b are then; all is taken back. Values that
-- the function was called with, and ids that it has made, are not part of the answer.
CREATE FUNCTION pg_temp.answer_to(p_call call, p_without_b boolean)
RETURNS TABLE (answer text, rows_of_b text)
LANGUAGE plpgsql
AS $function$
DECLARE
    v_value text;
BEGIN
    BEGIN
        IF p_without_b THEN
            PERFORM pg_temp.remove_b();
        END IF;
        EXECUTE format('SET LOCAL app.tenant_id = %L', '00000000-0000-4000-8000-00000000000a');
        EXECUTE format('SET LOCAL ROLE %I', p_call.role);
        EXECUTE p_call.statement INTO answer;
        SET CONSTRAINTS ALL IMMEDIATE;
        RESET ROLE;
        rows_of_b := pg_temp.rows_of_b();
        RAISE EXCEPTION USING ERRCODE = 'MUZZZ';
    EXCEPTION
        WHEN SQLSTATE 'MUZZZ' THEN
            NULL;
        WHEN OTHERS THEN
            answer := concat_ws(' ', SQLSTATE, SQLERRM);
            rows_of_b := pg_temp.rows_of_b();
    END;
    FOR v_value IN
        SELECT unnest(ARRAY[a.of_b, a.of_nobody])
        FROM argument AS a
        WHERE a.oid = p_call.oid
            AND a.of_b <> a.of_nobody
    LOOP
        answer := replace(answer, v_value, '?');
    END LOOP;
    answer := regexp_replace(
        answer,
        '[0-9a-f]{8}-[0-9a-f]{4}-[47][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}', 'new', 'g'
    );
    RETURN NEXT;
END;
$function$;

CREATE TEMPORARY TABLE outcome AS
SELECT
    c.oid,
    c.name,
    c.values_of,
    with_b.answer,
    with_b.rows_of_b,
    without_b.answer AS answer_without_b
FROM call AS c
CROSS JOIN LATERAL pg_temp.answer_to(c, false) AS with_b
LEFT JOIN LATERAL pg_temp.answer_to(c, true) AS without_b ON c.values_of = 'a';

-- Promises --------------------------------------------------------------------

SELECT cmp_ok((SELECT count(*)::integer FROM subject), '>=', 1, 'the functions are found');
SELECT is_empty(
    $$ SELECT name FROM for_all_tenants
       WHERE name NOT IN (SELECT s.name FROM subject AS s) $$,
    'what is declared is there'
);
SELECT is_empty(
    $$ SELECT name, answer FROM outcome
       WHERE answer ~ '^(42501|42P01|42703|42883|22P02) ' AND values_of = 'a' $$,
    'each can be called by those who may'
);
SELECT is_empty(
    $$ SELECT b.name, b.answer AS with_values_of_b, n.answer AS with_values_of_nobody
       FROM outcome AS b
       INNER JOIN outcome AS n USING (oid)
       WHERE b.values_of = 'b'
           AND n.values_of = 'nobody'
           AND b.answer IS DISTINCT FROM n.answer
           AND b.name NOT IN (SELECT f.name FROM for_all_tenants AS f) $$,
    'with values of b a function answers as with values that nobody has'
);
SELECT is_empty(
    $$ SELECT name, answer, answer_without_b
       FROM outcome
       WHERE values_of = 'a'
           AND answer IS DISTINCT FROM answer_without_b
           AND name NOT IN (SELECT f.name FROM for_all_tenants AS f) $$,
    'with values of a a function answers as if b were not there'
);
SELECT is_empty(
    $$ SELECT name, values_of
       FROM outcome
       WHERE rows_of_b IS DISTINCT FROM pg_temp.rows_of_b()
           AND name NOT IN (SELECT f.name FROM for_all_tenants AS f) $$,
    'no function changes a row of b'
);

SELECT * FROM finish(true);
ROLLBACK;
