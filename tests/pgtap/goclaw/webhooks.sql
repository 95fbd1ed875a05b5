-- Subject: goclaw.webhooks    Docs: docs/schema/goclaw.md#webhooks
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.webhooks']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('webhooks'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('webhooks', 'id', 'uuid', true, 'gen_random_uuid()'),
        ('webhooks', 'agent_id', 'uuid', false, NULL),
        ('webhooks', 'name', 'text', true, NULL),
        ('webhooks', 'kind', 'text', true, NULL),
        ('webhooks', 'secret_prefix', 'text', false, NULL),
        ('webhooks', 'secret_hash', 'text', true, NULL),
        ('webhooks', 'encrypted_secret', 'text', true, '''''::text'),
        ('webhooks', 'scopes', 'text[]', true, '''{}''::text[]'),
        ('webhooks', 'channel_id', 'uuid', false, NULL),
        ('webhooks', 'rate_limit_per_min', 'integer', true, '60'),
        ('webhooks', 'ip_allowlist', 'text[]', true, '''{}''::text[]'),
        ('webhooks', 'require_hmac', 'boolean', true, 'false'),
        ('webhooks', 'localhost_only', 'boolean', true, 'false'),
        ('webhooks', 'revoked', 'boolean', true, 'false'),
        ('webhooks', 'created_by', 'text', false, NULL),
        ('webhooks', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('webhooks', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('webhooks', 'last_used_at', 'timestamp with time zone', false, NULL) $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('webhooks_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('webhooks_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('webhooks_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE SET NULL (agent_id)'),
        ('webhooks_kind_ck', 'CHECK ((kind = ANY (ARRAY[''llm''::text, ''message''::text])))'),
        ('webhooks_secret_hash_ck', 'CHECK ((secret_hash ~ ''^[0-9a-f]{64}$''::text))'),
        ('webhooks_rate_limit_per_min_ck', 'CHECK ((rate_limit_per_min >= 0))') $$,
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
        ('webhooks_agent_id_ix'::name, false, 'btree (tenant_id, agent_id)'),
        ('webhooks_secret_hash_uq', true, 'btree (secret_hash) WHERE (NOT revoked)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('webhooks_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.webhooks FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a'),
    ('00000000-0000-4000-8000-00000000000b', 'B', 'b');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    );
INSERT INTO goclaw.webhooks (tenant_id, agent_id, name, kind, secret_hash) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'w', 'llm', repeat('a', 64)
    );

SELECT throws_ok(
    format('UPDATE goclaw.webhooks SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES ('kind', 'fax'), ('secret_hash', 'wh_live_secret'), ('rate_limit_per_min', '-1')
) AS attempt (name, value);
SELECT throws_ok(
    $$ INSERT INTO goclaw.webhooks (tenant_id, name, kind, secret_hash)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'w', 'llm', repeat('a', 64)) $$,
    '23505',
    'duplicate key value violates unique constraint "webhooks_secret_hash_uq"',
    'a secret finds one webhook, whichever tenant has it'
);
UPDATE goclaw.webhooks SET revoked = true;
SELECT lives_ok(
    $$ INSERT INTO goclaw.webhooks (tenant_id, name, kind, secret_hash)
       VALUES ('00000000-0000-4000-8000-00000000000b', 'w', 'llm', repeat('a', 64)) $$,
    'one that is revoked is found no more'
);
DELETE FROM goclaw.agents;
SELECT results_eq(
    $$ SELECT tenant_id, agent_id FROM goclaw.webhooks WHERE revoked $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid) $$,
    'a webhook outlives its agent, and stays with its tenant'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'webhooks', ARRAY[
        'webhooks_tenant', 'webhooks_tenant_guard', 'webhooks_service'
    ],
    'no other policy widens access to webhooks'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('webhooks'::name, 'muniment_app', 'INSERT'),
        ('webhooks', 'muniment_app', 'SELECT') $$,
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
        ('webhooks'::name, 'muniment_app', 'UPDATE',
         'agent_id, name, kind, secret_prefix, secret_hash, encrypted_secret, scopes, '
         'channel_id, rate_limit_per_min, ip_allowlist, require_hmac, localhost_only, '
         'revoked, created_by, updated_at, last_used_at'),
        ('webhooks', 'muniment_reader', 'SELECT',
         'tenant_id, id, agent_id, name, kind, secret_prefix, scopes, channel_id, '
         'rate_limit_per_min, ip_allowlist, require_hmac, localhost_only, revoked, '
         'created_by, created_at, updated_at, last_used_at'),
        ('webhooks', 'muniment_service', 'SELECT',
         'tenant_id, id, secret_hash, revoked') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ DELETE FROM goclaw.webhooks $$,
    '42501',
    'permission denied for table webhooks',
    'a runtime revokes a webhook: to delete it would delete the log of its calls'
);
RESET ROLE;
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM goclaw.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('webhooks', 'secret_hash'),
        ('webhooks', 'encrypted_secret')
) AS attempt (name, secret);
RESET ROLE;

SET LOCAL ROLE muniment_service;
SELECT results_eq(
    $$ SELECT tenant_id FROM goclaw.webhooks WHERE secret_hash = repeat('a', 64) AND NOT revoked $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000b'::uuid) $$,
    'the backend learns the tenant from the hash'
);
SELECT throws_ok(
    $$ SELECT encrypted_secret FROM goclaw.webhooks $$,
    '42501',
    'permission denied for table webhooks',
    'and nothing that it could sign with'
);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
