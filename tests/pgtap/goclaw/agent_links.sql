-- Subject: goclaw.agent_links    Docs: docs/schema/goclaw.md#agent-links
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(7);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.agent_links']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_links'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agent_links', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_links', 'source_agent_id', 'uuid', true, NULL),
        ('agent_links', 'target_agent_id', 'uuid', true, NULL),
        ('agent_links', 'direction', 'character varying(20)', true,
         '''outbound''::character varying'),
        ('agent_links', 'description', 'text', false, NULL),
        ('agent_links', 'max_concurrent', 'integer', true, '3'),
        ('agent_links', 'team_id', 'uuid', false, NULL),
        ('agent_links', 'status', 'character varying(20)', true, '''active''::character varying'),
        ('agent_links', 'settings', 'jsonb', true, '''{}''::jsonb'),
        ('agent_links', 'created_by', 'character varying(255)', false, NULL),
        ('agent_links', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_links', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_links_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_links_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_links_source_agent_fk',
         'FOREIGN KEY (tenant_id, source_agent_id) REFERENCES goclaw.agents(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('agent_links_target_agent_fk',
         'FOREIGN KEY (tenant_id, target_agent_id) REFERENCES goclaw.agents(tenant_id, id) '
         'ON DELETE CASCADE'),
        ('agent_links_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_links_max_concurrent_ck', 'CHECK ((max_concurrent >= 0))') $$,
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
        ('agent_links_source_agent_id_ix'::name, false, 'btree (tenant_id, source_agent_id)'),
        ('agent_links_target_agent_id_ix', false, 'btree (tenant_id, target_agent_id)'),
        ('agent_links_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_links_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.agent_links FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_links', ARRAY['agent_links_tenant', 'agent_links_tenant_guard'],
    'no other policy widens access to agent_links'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_links'::name, 'muniment_app', 'DELETE'),
        ('agent_links', 'muniment_app', 'INSERT'),
        ('agent_links', 'muniment_app', 'SELECT'),
        ('agent_links', 'muniment_reader', 'SELECT') $$,
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
        ('agent_links'::name, 'muniment_app', 'UPDATE',
         'source_agent_id, target_agent_id, direction, description, max_concurrent, '
         'team_id, status, settings, created_by, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
