-- Subject: goclaw.embedding_cache    Docs: docs/schema/goclaw.md#embedding-cache
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(14);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.embedding_cache']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('embedding_cache'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('embedding_cache', 'hash', 'character varying(64)', true, NULL),
        ('embedding_cache', 'provider', 'character varying(50)', true, NULL),
        ('embedding_cache', 'model', 'character varying(200)', true, NULL),
        ('embedding_cache', 'embedding', 'platform.vector(1536)', true, NULL),
        ('embedding_cache', 'dims', 'integer', true, NULL),
        ('embedding_cache', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('embedding_cache', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('embedding_cache_pk'::name, 'PRIMARY KEY (tenant_id, hash, provider, model)'),
        ('embedding_cache_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('embedding_cache_hash_ck', 'CHECK (((hash)::text <> ''''::text))'),
        ('embedding_cache_embedding_ck',
         'CHECK (((embedding OPERATOR(platform.<=>) embedding) <= (1)::double precision))'),
        ('embedding_cache_dims_ck', 'CHECK (((dims >= 1) AND (dims <= 1536)))') $$,
    'the keys, references and rules are these'
);
SELECT is_empty(
    $$ SELECT relname, indisunique, substring(pg_get_indexdef(indexrelid) FROM 'USING (.*)$')
       FROM pg_index
       INNER JOIN pg_class ON pg_class.oid = indexrelid
       WHERE indrelid IN (SELECT oid FROM subject)
           AND indisvalid
           AND NOT EXISTS (
               SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')
           ) $$,
    'there are no indexes besides those of keys'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('embedding_cache_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.embedding_cache FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.embedding_cache (tenant_id, hash, provider, model, embedding, dims)
SELECT
    '00000000-0000-4000-8000-00000000000a', repeat('a', 64), provider, 'm',
    array_fill(1, ARRAY[1536])::platform.vector, 1536
FROM unnest(ARRAY['p', 'q']) AS provider;

SELECT throws_ok(
    format('UPDATE goclaw.%I SET %I = %L', name, column_name, value),
    '23514',
    NULL,
    format('%s.%s cannot be %s', name, column_name, value)
)
FROM (
    VALUES
        ('embedding_cache', 'hash', ''),
        ('embedding_cache', 'dims', '0'),
        ('embedding_cache', 'dims', '1537')
) AS attempt (name, column_name, value);
SELECT throws_ok(
    $$ INSERT INTO goclaw.embedding_cache
       SELECT * FROM goclaw.embedding_cache WHERE provider = 'p' $$,
    '23505',
    NULL,
    'a text is embedded once by a model of a provider'
);
SELECT throws_ok(
    format(
        'UPDATE goclaw.embedding_cache SET embedding = %L',
        array_fill(0, ARRAY[1536])::platform.vector
    ),
    '23514',
    NULL,
    'a vector that has no distance to anything is not stored'
);
UPDATE goclaw.embedding_cache SET updated_at = '2000-01-01';
SELECT is_empty(
    $$ SELECT FROM goclaw.embedding_cache WHERE updated_at <> now() $$,
    'when a row was changed, nobody says but the clock'
);
SELECT throws_ok(
    $$ DELETE FROM goclaw.tenants WHERE slug = 'a' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a tenant with a cache stays'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'embedding_cache', ARRAY[
        'embedding_cache_tenant', 'embedding_cache_tenant_guard'
    ],
    'no other policy widens access to embedding_cache'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('embedding_cache'::name, 'muniment_app', 'DELETE'),
        ('embedding_cache', 'muniment_app', 'INSERT'),
        ('embedding_cache', 'muniment_app', 'SELECT'),
        ('embedding_cache', 'muniment_reader', 'SELECT') $$,
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
        ('embedding_cache'::name, 'muniment_app', 'UPDATE',
         'embedding, dims, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
