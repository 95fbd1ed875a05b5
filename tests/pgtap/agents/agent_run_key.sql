-- Subject: agents.agent_run_key    Docs: docs/schema/agents.md#agent-run-key
--
-- The shape of the table and the rules of a row. What the key does for the rest of the ledger is
-- in ../_behaviour/run_identity.sql.
BEGIN;
SET LOCAL client_min_messages = warning;
-- Keys are written before their runs here.
SET CONSTRAINTS agents.agent_run_key_run_fk DEFERRED;
SELECT plan(41);

-- Shape ---------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT attname, format_type(atttypid, atttypmod), attnotnull, attgenerated::text,
           regexp_replace(pg_get_expr(adbin, adrelid), '\s+', ' ', 'g')
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid = 'agents.agent_run_key'::regclass AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('firm_id'::name, 'uuid', true, '', NULL),
        ('run_id', 'uuid', true, '', 'platform.uuid_generate_v7()'),
        ('started_at', 'timestamp with time zone', true, '', NULL),
        ('idempotency_key', 'text', false, '', NULL),
        ('request_sha256', 'bytea', false, '', NULL),
        ('created_at', 'timestamp with time zone', true, '', 'now()'),
        ('archived_at', 'timestamp with time zone', false, '', NULL),
        ('live_started_at', 'timestamp with time zone', false, 's',
         ' CASE WHEN (archived_at IS NULL) THEN started_at '
         'ELSE NULL::timestamp with time zone END') $$,
    'the columns are these, and the last one is computed: the start, as long as the run is here'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid = 'agents.agent_run_key'::regclass
           AND contype IN ('p', 'u', 'f')
           AND conparentid = 0
           AND convalidated $$,
    $$ VALUES
        ('agent_run_key_pk'::name, 'PRIMARY KEY (firm_id, run_id)'),
        ('agent_run_key_started_at_uq', 'UNIQUE (firm_id, run_id, started_at)'),
        ('agent_run_key_idempotency_key_uq', 'UNIQUE (firm_id, idempotency_key)'),
        ('agent_run_key_run_fk',
         'FOREIGN KEY (firm_id, run_id, live_started_at) '
         'REFERENCES agents.agent_run(firm_id, run_id, started_at) '
         'DEFERRABLE') $$,
    'every key begins with the firm, and a key needs its run'
);
SELECT set_eq(
    $$ SELECT conname
       FROM pg_constraint
       WHERE conrelid = 'agents.agent_run_key'::regclass AND contype = 'c' AND convalidated $$,
    ARRAY[
        'agent_run_key_idempotency_key_ck', 'agent_run_key_request_sha256_ck',
        'agent_run_key_times_are_finite_ck'
    ]::name[],
    'the rules of a row are those that are tried below'
);
SELECT set_eq(
    $$ SELECT indexrelid::regclass::text, indisunique,
           substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       WHERE indrelid = 'agents.agent_run_key'::regclass AND indisvalid $$,
    $$ VALUES
        ('agents.agent_run_key_pk', true, 'btree (firm_id, run_id)'),
        ('agents.agent_run_key_started_at_uq', true, 'btree (firm_id, run_id, started_at)'),
        ('agents.agent_run_key_idempotency_key_uq', true, 'btree (firm_id, idempotency_key)') $$,
    'there is no index but those of the keys'
);
SELECT set_eq(
    $$ SELECT tgname, tgenabled::text, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid = 'agents.agent_run_key'::regclass AND NOT tgisinternal $$,
    $$ VALUES
        ('agent_run_key_forbid_delete_tg'::name, 'O',
         'BEFORE DELETE ON agents.agent_run_key FOR EACH ROW '
         'EXECUTE FUNCTION platform.forbid_change()'),
        ('agent_run_key_forbid_truncate_tg', 'O',
         'BEFORE TRUNCATE ON agents.agent_run_key FOR EACH STATEMENT '
         'EXECUTE FUNCTION platform.forbid_change()') $$,
    'what is triggered is the refusal to lose a row'
);
SELECT set_eq(
    $$ SELECT relkind::text, relrowsecurity, relforcerowsecurity, relowner::regrole::text
       FROM pg_class
       WHERE oid = 'agents.agent_run_key'::regclass $$,
    $$ VALUES ('r', true, true, 'muniment_owner') $$,
    'it is one table, not split by month, and row security binds its owner too'
);
SELECT set_eq(
    $$ SELECT policyname, permissive, cmd, roles::text
       FROM pg_policies
       WHERE schemaname = 'agents' AND tablename = 'agent_run_key' $$,
    $$ VALUES
        ('agent_run_key_tenant'::name, 'PERMISSIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('agent_run_key_tenant_guard', 'RESTRICTIVE', 'ALL',
         '{muniment_app,muniment_owner,muniment_reader}'),
        ('agent_run_key_service', 'PERMISSIVE', 'ALL', '{muniment_service}') $$,
    'one policy lets the tenant in, one keeps the others out, one is for the backend of all firms'
);
SELECT is_empty(
    $$ SELECT policyname, qual, with_check
       FROM pg_policies
       WHERE schemaname = 'agents'
           AND tablename = 'agent_run_key'
           AND policyname <> 'agent_run_key_service'
           AND (qual, with_check) IS DISTINCT FROM (
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))',
               '(firm_id = ( SELECT platform.current_tenant_id() AS current_tenant_id))'
           ) $$,
    'both compare the firm with the tenant, which is asked for once a statement'
);

-- Behaviour -----------------------------------------------------------------

-- What becomes of a key with these differences from a good one: accepted, or the SQLSTATE and the
-- name of the rule that refuses it. Nothing of it stays; its run is not asked for here.
CREATE FUNCTION pg_temp.fate_of(p_difference jsonb)
RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    v_rule text;
BEGIN
    INSERT INTO agents.agent_run_key (
        firm_id, run_id, started_at, idempotency_key, request_sha256, created_at, archived_at
    )
    SELECT
        firm_id, run_id, started_at, idempotency_key, request_sha256, created_at, archived_at
    FROM jsonb_populate_record(
        NULL::agents.agent_run_key,
        '{
            "firm_id": "00000000-0000-4000-8000-00000000000a",
            "run_id": "00000000-0000-4000-8000-0000000000a1",
            "started_at": "2026-06-15T00:00:00Z", "created_at": "2026-06-15T00:00:00Z"
        }'::jsonb || p_difference
    );
    RAISE EXCEPTION 'accepted' USING ERRCODE = 'TAP00';
EXCEPTION
    WHEN SQLSTATE 'TAP00' THEN
        RETURN SQLERRM;
    WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS v_rule = CONSTRAINT_NAME;
        RETURN concat_ws(' ', SQLSTATE, coalesce(nullif(v_rule, ''), SQLERRM));
END;
$$;

-- As an operator, who may also archive.
SELECT is(pg_temp.fate_of(difference), fate, promise)
FROM (
    VALUES
        ('{}'::jsonb, 'accepted', 'a key is accepted'),
        ('{"firm_id": null}', '23502 null value in column "firm_id" of relation "agent_run_key" '
         'violates not-null constraint', 'a key has a firm'),
        ('{"run_id": null}', '23502 null value in column "run_id" of relation "agent_run_key" '
         'violates not-null constraint', 'a key has a run'),
        ('{"started_at": null}', '23502 null value in column "started_at" of relation '
         '"agent_run_key" violates not-null constraint', 'a key has a start'),
        ('{"started_at": "infinity"}', '23514 agent_run_key_times_are_finite_ck',
         'a run does not start at the end of time'),
        ('{"started_at": "-infinity"}', '23514 agent_run_key_times_are_finite_ck',
         'a run does not start at the beginning of time'),
        ('{"created_at": "infinity"}', '23514 agent_run_key_times_are_finite_ck',
         'a key was not written at the end of time'),
        ('{"created_at": "-infinity"}', '23514 agent_run_key_times_are_finite_ck',
         'a key was not written at the beginning of time'),
        ('{"archived_at": "2027-01-01T00:00:00Z"}', 'accepted', 'a key may be archived'),
        ('{"archived_at": "infinity"}', '23514 agent_run_key_times_are_finite_ck',
         'a key is not archived at the end of time'),
        ('{"archived_at": "-infinity"}', '23514 agent_run_key_times_are_finite_ck',
         'a key is not archived at the beginning of time'),
        (jsonb_build_object('idempotency_key', repeat('ü', 255)), 'accepted',
         'an idempotency key has up to 255 characters'),
        (jsonb_build_object('idempotency_key', repeat('ü', 256)),
         '23514 agent_run_key_idempotency_key_ck', 'a longer idempotency key is refused'),
        ('{"idempotency_key": "9"}', 'accepted', 'an idempotency key may be short'),
        ('{"idempotency_key": ""}', '23514 agent_run_key_idempotency_key_ck',
         'an empty idempotency key is refused'),
        (jsonb_build_object('request_sha256', sha256('')::text), 'accepted',
         'a request has a fingerprint'),
        (jsonb_build_object('request_sha256', substring(sha256('') FROM 2)::text),
         '23514 agent_run_key_request_sha256_ck', 'a fingerprint has 32 bytes')
) AS key (difference, fate, promise);

SET LOCAL ROLE muniment_app;
SELECT platform.set_tenant('00000000-0000-4000-8000-00000000000a');
INSERT INTO agents.agent_run_key (firm_id, started_at) VALUES
    ('00000000-0000-4000-8000-00000000000a', '2026-06-15 00:00:00+00');
SELECT results_eq(
    $$ SELECT idempotency_key, created_at, archived_at, live_started_at
       FROM agents.agent_run_key $$,
    $$ VALUES
        (NULL::text, now(), NULL::timestamptz, '2026-06-15 00:00:00+00'::timestamptz) $$,
    'a key needs no more than its firm and its start, and its run is here'
);
SELECT matches(
    (SELECT run_id::text FROM agents.agent_run_key),
    '^.{14}7',
    'the id of a run is made in the order of time'
);
SELECT throws_ok(
    $$ INSERT INTO agents.agent_run_key (firm_id, started_at, live_started_at)
       VALUES ('00000000-0000-4000-8000-00000000000a', '2026-06-15 00:00:00+00', NULL) $$,
    '428C9',
    'cannot insert a non-DEFAULT value into column "live_started_at"',
    'nobody says that a run is not here but by archiving its key'
);

SELECT throws_ok(
    $$ SET CONSTRAINTS agents.agent_run_key_run_fk IMMEDIATE $$,
    '23503',
    NULL,
    'where it is deferred, a key asks for its run at commit'
);
SELECT results_eq(
    $$ SELECT c.condeferrable, c.condeferred
       FROM pg_constraint AS c
       WHERE c.conname = 'agent_run_key_run_fk' $$,
    $$ VALUES (true, false) $$,
    'and when the statement ends where nobody defers it'
);

RESET ROLE;
UPDATE agents.agent_run_key SET archived_at = '2027-01-01 00:00:00+00';
SELECT is(
    (SELECT live_started_at FROM agents.agent_run_key),
    NULL,
    'a run whose key is archived is not here'
);
SELECT lives_ok(
    $$ SET CONSTRAINTS ALL IMMEDIATE $$,
    'an archived key no longer asks for its run'
);
SELECT is(
    (SELECT started_at FROM agents.agent_run_key),
    '2026-06-15 00:00:00+00'::timestamptz,
    'an archived key still knows when its run started'
);

-- Access --------------------------------------------------------------------

SELECT set_eq(
    $$ SELECT grantee::regrole::text, privilege_type, is_grantable
       FROM pg_class, aclexplode(relacl)
       WHERE pg_class.oid = 'agents.agent_run_key'::regclass AND grantee <> relowner $$,
    $$ VALUES
        ('muniment_app', 'SELECT', false),
        ('muniment_reader', 'SELECT', false),
        ('muniment_service', 'SELECT', false) $$,
    'agents, readers and the backend read, nobody else does anything'
);
SELECT set_eq(
    $$ SELECT attname, attacl::text
       FROM pg_attribute
       WHERE attrelid = 'agents.agent_run_key'::regclass AND attacl IS NOT NULL $$,
    $$ VALUES
        ('firm_id'::name, '{muniment_app=a/muniment_owner}'),
        ('run_id', '{muniment_app=a/muniment_owner}'),
        ('started_at', '{muniment_app=a/muniment_owner}'),
        ('idempotency_key', '{muniment_app=a/muniment_owner}'),
        ('request_sha256', '{muniment_app=a/muniment_owner}') $$,
    'agents say which run it is and when it started, not that it has left or when it was written'
);
SELECT throws_ok(
    $$ DELETE FROM agents.agent_run_key $$,
    'MU001',
    'agents.agent_run_key is append-only: delete refused',
    'not even a superuser deletes a key'
);
SELECT throws_ok(
    $$ TRUNCATE agents.agent_run_key CASCADE $$,
    'MU001',
    'agents.agent_run_key is append-only: truncate refused',
    'not even a superuser empties the table of keys'
);

SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    format(statement, 'agents.agent_run_key'),
    '42501',
    'permission denied for table agent_run_key',
    promise
)
FROM (
    VALUES
        ('UPDATE %s SET firm_id = firm_id', 'an agent cannot rewrite a key'),
        ('DELETE FROM %s', 'an agent cannot delete a key'),
        ('TRUNCATE %s CASCADE', 'an agent cannot empty the table')
) AS attempt (statement, promise);

RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    $$ INSERT INTO agents.agent_run_key DEFAULT VALUES $$,
    '42501',
    'permission denied for table agent_run_key',
    'a reader cannot write a key'
);

RESET ROLE;
SELECT * FROM finish(true);
ROLLBACK;
