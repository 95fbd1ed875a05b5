-- Subject: astra.token_reservations    Docs: docs/schema/astra.md#token-reservations
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.token_reservations']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('token_reservations'::text, 'org_id'::text, 'uuid', true, NULL),
        ('token_reservations', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('token_reservations', 'agent_id', 'uuid', true, NULL),
        ('token_reservations', 'usage_date', 'date', true,
         '((now() AT TIME ZONE ''UTC''::text))::date'),
        ('token_reservations', 'tokens', 'bigint', true, NULL),
        ('token_reservations', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('token_reservations_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('token_reservations_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('token_reservations_agent_fk',
         'FOREIGN KEY (org_id, agent_id) REFERENCES astra.agents(org_id, id) ON DELETE '
         'CASCADE'),
        ('token_reservations_tokens_ck', 'CHECK (((tokens >= 1) AND (tokens <= ''4294967294''::bigint)))') $$,
    'the keys, references and rules are these'
);
SELECT set_eq(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    $$ VALUES
        ('token_reservations_agent_id_ix'::name, false, 'btree (org_id, agent_id, usage_date)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('token_reservations_count_tg'::name,
         'AFTER INSERT OR DELETE ON astra.token_reservations FOR EACH ROW EXECUTE FUNCTION '
         'astra.count_reserved_tokens()'),
        ('token_reservations_forbid_update_tg',
         'BEFORE UPDATE ON astra.token_reservations FOR EACH ROW EXECUTE FUNCTION '
         'platform.forbid_change()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');

SELECT throws_ok(
    format(
        'INSERT INTO astra.token_reservations (org_id, agent_id, tokens) VALUES (%L, %L, %s)',
        '00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', tokens
    ),
    '23514',
    'new row for relation "token_reservations" violates check constraint '
    '"token_reservations_tokens_ck"',
    promise
)
FROM (
    VALUES
        (0, 'a reservation is of some tokens'),
        (-1, 'not of less than none'),
        (4294967295, 'and of no more than one call can use')
) AS attempt (tokens, promise);
INSERT INTO astra.token_reservations (org_id, agent_id, tokens)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 5);
SELECT throws_ok(
    $$ UPDATE astra.token_reservations SET tokens = 1 $$,
    'MU001',
    NULL,
    'it is not changed, or the counter would be wrong'
);
SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
DELETE FROM astra.agents;
SELECT is_empty($$ SELECT FROM astra.token_reservations $$, 'it goes with the agent');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'token_reservations', ARRAY[
        'token_reservations_tenant', 'token_reservations_tenant_guard'
    ],
    'no other policy widens access to token_reservations'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('token_reservations'::name, 'muniment_app', 'DELETE'),
        ('token_reservations', 'muniment_app', 'SELECT'),
        ('token_reservations', 'muniment_reader', 'SELECT') $$,
    'the rights to whole rows are these'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type,
           string_agg(attname, ', ' ORDER BY attnum)
       FROM pg_attribute
       INNER JOIN pg_class ON pg_class.oid = attrelid
       CROSS JOIN aclexplode(attacl)
       WHERE attrelid IN (SELECT oid FROM subject)
       GROUP BY 1, 2, 3 $$,
    $$ VALUES
        ('token_reservations'::name, 'muniment_app', 'INSERT',
         'org_id, id, agent_id, tokens') $$,
    'the rights to columns are these'
);
INSERT INTO astra.agents (org_id, id, name)
VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 'planner');
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ INSERT INTO astra.token_reservations (org_id, agent_id, tokens, usage_date)
       VALUES ('00000000-0000-4000-8000-00000000000a', '00000000-0000-4000-8000-000000000031', 5,
           '2020-01-01') $$,
    '42501',
    'permission denied for table token_reservations',
    'nobody reserves on the budget of another day'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
