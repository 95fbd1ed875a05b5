-- Subject: goclaw.agent_shares    Docs: docs/schema/goclaw.md#agent-shares
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.agent_shares']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_shares'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agent_shares', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_shares', 'agent_id', 'uuid', true, NULL),
        ('agent_shares', 'user_id', 'character varying(255)', true, NULL),
        ('agent_shares', 'role', 'character varying(20)', true, '''user''::character varying'),
        ('agent_shares', 'granted_by', 'character varying(255)', false, NULL),
        ('agent_shares', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_shares_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_shares_user_id_uq', 'UNIQUE (tenant_id, agent_id, user_id)'),
        ('agent_shares_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_shares_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_shares_role_ck',
         'CHECK (((role)::text = ANY ((ARRAY[''user''::character varying, '
         '''operator''::character varying, ''admin''::character varying])::text[])))') $$,
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
        ('agent_shares_user_id_ix'::name, false, 'btree (tenant_id, user_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT is_empty(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    'there are no triggers'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_shares', ARRAY['agent_shares_tenant', 'agent_shares_tenant_guard'],
    'no other policy widens access to agent_shares'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_shares'::name, 'muniment_app', 'DELETE'),
        ('agent_shares', 'muniment_app', 'INSERT'),
        ('agent_shares', 'muniment_app', 'SELECT'),
        ('agent_shares', 'muniment_reader', 'SELECT') $$,
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
        ('agent_shares'::name, 'muniment_app', 'UPDATE',
         'agent_id, user_id, role, granted_by') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
