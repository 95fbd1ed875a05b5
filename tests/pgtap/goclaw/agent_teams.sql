-- Subject: goclaw.agent_teams    Docs: docs/schema/goclaw.md#agent-teams
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(9);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.agent_teams', 'goclaw.agent_team_members', 'goclaw.team_user_grants'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('agent_teams'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('agent_teams', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('agent_teams', 'name', 'character varying(255)', true, NULL),
        ('agent_teams', 'lead_agent_id', 'uuid', true, NULL),
        ('agent_teams', 'description', 'text', false, NULL),
        ('agent_teams', 'status', 'character varying(20)', true, '''active''::character varying'),
        ('agent_teams', 'settings', 'jsonb', true, '''{}''::jsonb'),
        ('agent_teams', 'created_by', 'character varying(255)', false, NULL),
        ('agent_teams', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('agent_teams', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('agent_team_members', 'tenant_id', 'uuid', true, NULL),
        ('agent_team_members', 'team_id', 'uuid', true, NULL),
        ('agent_team_members', 'agent_id', 'uuid', true, NULL),
        ('agent_team_members', 'role', 'character varying(20)', true,
         '''member''::character varying'),
        ('agent_team_members', 'joined_at', 'timestamp with time zone', true, 'now()'),
        ('team_user_grants', 'tenant_id', 'uuid', true, NULL),
        ('team_user_grants', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('team_user_grants', 'team_id', 'uuid', true, NULL),
        ('team_user_grants', 'user_id', 'character varying(255)', true, NULL),
        ('team_user_grants', 'role', 'character varying(50)', true,
         '''viewer''::character varying'),
        ('team_user_grants', 'granted_by', 'character varying(255)', false, NULL),
        ('team_user_grants', 'created_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('agent_teams_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('agent_teams_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_teams_lead_agent_fk',
         'FOREIGN KEY (tenant_id, lead_agent_id) REFERENCES goclaw.agents(tenant_id, id) ON'
         ' DELETE CASCADE'),
        ('agent_team_members_pk', 'PRIMARY KEY (tenant_id, team_id, agent_id)'),
        ('agent_team_members_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('agent_team_members_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_team_members_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('agent_team_members_role_ck',
         'CHECK (((role)::text = ANY ((ARRAY[''lead''::character varying, '
         '''member''::character varying])::text[])))'),
        ('team_user_grants_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('team_user_grants_user_id_uq', 'UNIQUE (tenant_id, team_id, user_id)'),
        ('team_user_grants_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('team_user_grants_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE CASCADE') $$,
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
        ('agent_teams_lead_agent_id_ix'::name, false, 'btree (tenant_id, lead_agent_id)'),
        ('agent_team_members_agent_id_ix', false, 'btree (tenant_id, agent_id)'),
        ('team_user_grants_user_id_ix', false, 'btree (tenant_id, user_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('agent_teams_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.agent_teams FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'agent_teams', ARRAY['agent_teams_tenant', 'agent_teams_tenant_guard'],
    'no other policy widens access to agent_teams'
);
SELECT policies_are(
    'goclaw', 'agent_team_members', ARRAY[
        'agent_team_members_tenant', 'agent_team_members_tenant_guard'
    ],
    'no other policy widens access to agent_team_members'
);
SELECT policies_are(
    'goclaw', 'team_user_grants', ARRAY[
        'team_user_grants_tenant', 'team_user_grants_tenant_guard'
    ],
    'no other policy widens access to team_user_grants'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('agent_teams'::name, 'muniment_app', 'DELETE'),
        ('agent_teams', 'muniment_app', 'INSERT'),
        ('agent_teams', 'muniment_app', 'SELECT'),
        ('agent_teams', 'muniment_reader', 'SELECT'),
        ('agent_team_members', 'muniment_app', 'DELETE'),
        ('agent_team_members', 'muniment_app', 'INSERT'),
        ('agent_team_members', 'muniment_app', 'SELECT'),
        ('agent_team_members', 'muniment_reader', 'SELECT'),
        ('team_user_grants', 'muniment_app', 'DELETE'),
        ('team_user_grants', 'muniment_app', 'INSERT'),
        ('team_user_grants', 'muniment_app', 'SELECT'),
        ('team_user_grants', 'muniment_reader', 'SELECT') $$,
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
        ('agent_teams'::name, 'muniment_app', 'UPDATE',
         'name, lead_agent_id, description, status, settings, created_by, updated_at'),
        ('agent_team_members', 'muniment_app', 'UPDATE',
         'role, joined_at'),
        ('team_user_grants', 'muniment_app', 'UPDATE',
         'team_id, user_id, role, granted_by') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
