-- Subject: goclaw.pairing_requests    Docs: docs/schema/goclaw.md#pairing-requests
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(13);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.pairing_requests', 'goclaw.paired_devices']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('pairing_requests'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('pairing_requests', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('pairing_requests', 'code', 'character varying(8)', true, NULL),
        ('pairing_requests', 'sender_id', 'character varying(200)', true, NULL),
        ('pairing_requests', 'channel', 'character varying(255)', true, NULL),
        ('pairing_requests', 'chat_id', 'character varying(200)', true, NULL),
        ('pairing_requests', 'account_id', 'character varying(100)', false, NULL),
        ('pairing_requests', 'expires_at', 'timestamp with time zone', true, NULL),
        ('pairing_requests', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('pairing_requests', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('paired_devices', 'tenant_id', 'uuid', true, NULL),
        ('paired_devices', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('paired_devices', 'sender_id', 'character varying(200)', true, NULL),
        ('paired_devices', 'channel', 'character varying(255)', true, NULL),
        ('paired_devices', 'chat_id', 'character varying(200)', true, NULL),
        ('paired_devices', 'paired_by', 'character varying(100)', false, NULL),
        ('paired_devices', 'paired_at', 'timestamp with time zone', true, 'now()'),
        ('paired_devices', 'expires_at', 'timestamp with time zone', false, NULL),
        ('paired_devices', 'metadata', 'jsonb', true, '''{}''::jsonb') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('pairing_requests_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('pairing_requests_code_uq', 'UNIQUE (tenant_id, code)'),
        ('pairing_requests_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('pairing_requests_code_ck', 'CHECK ((length((code)::text) = 8))'),
        ('paired_devices_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('paired_devices_sender_uq', 'UNIQUE (tenant_id, sender_id, channel)'),
        ('paired_devices_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT') $$,
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
        ('pairing_requests_sender_ix'::name, false, 'btree (tenant_id, channel, sender_id)'),
        ('pairing_requests_expires_at_ix', false, 'btree (expires_at)'),
        ('paired_devices_expires_at_ix', false,
         'btree (expires_at) WHERE (expires_at IS NOT NULL)') $$,
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

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.pairing_requests (tenant_id, code, sender_id, channel, chat_id, expires_at)
SELECT id, 'ABCD2345', '1', 'bot', '1', now() + interval '1 hour'
FROM goclaw.tenants
WHERE slug IN ('a', 'b');
INSERT INTO goclaw.paired_devices (tenant_id, sender_id, channel, chat_id)
SELECT tenant_id, sender_id, channel, chat_id FROM goclaw.pairing_requests;

SELECT results_eq(
    $$ SELECT count(*) FROM goclaw.pairing_requests WHERE code = 'ABCD2345' $$,
    $$ VALUES (2::bigint) $$,
    'a code holds within its tenant'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.pairing_requests (
           tenant_id, code, sender_id, channel, chat_id, expires_at
       ) VALUES ('00000000-0000-4000-8000-00000000000a', 'ABCD2345', '2', 'bot', '2', now()) $$,
    '23505',
    NULL,
    'and there names one request'
);
SELECT throws_ok(
    $$ UPDATE goclaw.pairing_requests SET code = 'ABCD234' $$,
    '23514',
    NULL,
    'a code has eight characters'
);
SELECT throws_ok(
    $$ UPDATE goclaw.pairing_requests SET expires_at = NULL $$,
    '23502',
    NULL,
    'a code ends'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.paired_devices (tenant_id, sender_id, channel, chat_id)
       SELECT tenant_id, sender_id, channel, '9' FROM goclaw.paired_devices $$,
    '23505',
    NULL,
    'a sender is let into a channel once'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'pairing_requests', ARRAY[
        'pairing_requests_tenant', 'pairing_requests_tenant_guard', 'pairing_requests_service'
    ],
    'no other policy widens access to pairing_requests'
);
SELECT policies_are(
    'goclaw', 'paired_devices', ARRAY[
        'paired_devices_tenant', 'paired_devices_tenant_guard', 'paired_devices_service'
    ],
    'no other policy widens access to paired_devices'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('pairing_requests'::name, 'muniment_app', 'DELETE'),
        ('pairing_requests', 'muniment_app', 'INSERT'),
        ('pairing_requests', 'muniment_app', 'SELECT'),
        ('pairing_requests', 'muniment_reader', 'SELECT'),
        ('pairing_requests', 'muniment_service', 'DELETE'),
        ('paired_devices', 'muniment_app', 'DELETE'),
        ('paired_devices', 'muniment_app', 'INSERT'),
        ('paired_devices', 'muniment_app', 'SELECT'),
        ('paired_devices', 'muniment_reader', 'SELECT'),
        ('paired_devices', 'muniment_service', 'DELETE') $$,
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
        ('pairing_requests'::name, 'muniment_app', 'UPDATE',
         'code, sender_id, channel, chat_id, expires_at, metadata'),
        ('pairing_requests', 'muniment_service', 'SELECT',
         'tenant_id, id, expires_at'),
        ('pairing_requests', 'muniment_service', 'UPDATE',
         'metadata'),
        ('paired_devices', 'muniment_app', 'UPDATE',
         'sender_id, channel, chat_id, paired_by, paired_at, expires_at, metadata'),
        ('paired_devices', 'muniment_service', 'SELECT',
         'tenant_id, id, expires_at'),
        ('paired_devices', 'muniment_service', 'UPDATE',
         'metadata') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
