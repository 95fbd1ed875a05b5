-- Subject: astra.workers    Docs: docs/schema/astra.md#workers
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['astra.workers']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('workers'::text, 'org_id'::text, 'uuid', true, NULL),
        ('workers', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('workers', 'hostname', 'text', true, NULL),
        ('workers', 'status', 'text', true, '''active''::text'),
        ('workers', 'last_heartbeat', 'timestamp with time zone', true, 'now()'),
        ('workers', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('workers_pk'::name, 'PRIMARY KEY (org_id, id)'),
        ('workers_org_fk',
         'FOREIGN KEY (org_id) REFERENCES astra.organizations(id) ON DELETE RESTRICT'),
        ('workers_status_ck',
         'CHECK ((status = ANY (ARRAY[''active''::text, ''draining''::text, '
         '''stopped''::text])))'),
        ('workers_hostname_ck', 'CHECK ((hostname <> ''''::text))') $$,
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
        ('workers_last_heartbeat_ix'::name, false, 'btree (org_id, status, last_heartbeat)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO astra.organizations (id, name, slug)
VALUES ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO astra.workers (org_id, hostname)
VALUES ('00000000-0000-4000-8000-00000000000a', 'host');

SELECT throws_ok(
    $$ UPDATE astra.workers SET status = 'dancing' $$,
    '23514',
    'new row for relation "workers" violates check constraint "workers_status_ck"',
    'a state is one of three'
);
SELECT throws_ok(
    $$ UPDATE astra.workers SET hostname = '' $$,
    '23514',
    'new row for relation "workers" violates check constraint "workers_hostname_ck"',
    'a worker runs somewhere'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'astra', 'workers', ARRAY['workers_tenant', 'workers_tenant_guard'],
    'no other policy widens access to workers'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('workers'::name, 'muniment_app', 'DELETE'),
        ('workers', 'muniment_app', 'SELECT'),
        ('workers', 'muniment_reader', 'SELECT') $$,
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
        ('workers'::name, 'muniment_app', 'INSERT',
         'org_id, id, hostname, status, last_heartbeat'),
        ('workers', 'muniment_app', 'UPDATE',
         'hostname, status, last_heartbeat') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
