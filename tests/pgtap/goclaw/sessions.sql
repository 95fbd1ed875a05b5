-- Subject: goclaw.sessions    Docs: docs/schema/goclaw.md#sessions
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(18);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY['goclaw.sessions']) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('sessions'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('sessions', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('sessions', 'session_key', 'character varying(500)', true, NULL),
        ('sessions', 'agent_id', 'uuid', true, NULL),
        ('sessions', 'user_id', 'character varying(255)', false, NULL),
        ('sessions', 'messages', 'jsonb', false, '''[]''::jsonb'),
        ('sessions', 'summary', 'text', false, NULL),
        ('sessions', 'model', 'character varying(200)', false, NULL),
        ('sessions', 'provider', 'character varying(50)', false, NULL),
        ('sessions', 'channel', 'character varying(50)', false, NULL),
        ('sessions', 'input_tokens', 'bigint', true, '0'),
        ('sessions', 'output_tokens', 'bigint', true, '0'),
        ('sessions', 'compaction_count', 'integer', true, '0'),
        ('sessions', 'memory_flush_compaction_count', 'integer', true, '0'),
        ('sessions', 'memory_flush_at', 'bigint', false, NULL),
        ('sessions', 'label', 'character varying(500)', false, NULL),
        ('sessions', 'spawned_by', 'character varying(200)', false, NULL),
        ('sessions', 'spawn_depth', 'integer', true, '0'),
        ('sessions', 'metadata', 'jsonb', false, '''{}''::jsonb'),
        ('sessions', 'team_id', 'uuid', false, NULL),
        ('sessions', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('sessions', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('sessions_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('sessions_session_key_uq', 'UNIQUE (tenant_id, session_key)'),
        ('sessions_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('sessions_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('sessions_team_fk',
         'FOREIGN KEY (tenant_id, team_id) REFERENCES goclaw.agent_teams(tenant_id, id) ON '
         'DELETE SET NULL (team_id)'),
        ('sessions_session_key_ck', 'CHECK (((session_key)::text <> ''''::text))'),
        ('sessions_tokens_ck', 'CHECK (((input_tokens >= 0) AND (output_tokens >= 0)))'),
        ('sessions_spawn_depth_ck', 'CHECK ((spawn_depth >= 0))'),
        ('sessions_messages_ck', 'CHECK ((jsonb_typeof(messages) = ''array''::text))'),
        ('sessions_compaction_ck',
         'CHECK (((compaction_count >= 0) AND (memory_flush_compaction_count >= 0) AND '
         '(memory_flush_at >= 0)))') $$,
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
        ('sessions_agent_id_ix'::name, false, 'btree (tenant_id, agent_id)'),
        ('sessions_user_id_ix', false, 'btree (tenant_id, user_id)'),
        ('sessions_updated_at_ix', false, 'btree (tenant_id, updated_at DESC)'),
        ('sessions_team_id_ix', false,
         'btree (tenant_id, team_id) WHERE (team_id IS NOT NULL)'),
        ('sessions_metadata_ix', false, 'gin (metadata)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('sessions_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.sessions FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()') $$,
    'the triggers are these'
);

-- Behaviour -----------------------------------------------------------------

INSERT INTO goclaw.tenants (id, name, slug) VALUES
    ('00000000-0000-4000-8000-00000000000a', 'A', 'a');
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a1',
        'planner', 'u', 'm'
    );
INSERT INTO goclaw.agent_teams (tenant_id, id, name, lead_agent_id)
SELECT tenant_id, '7ea00000-0000-4000-8000-0000000000a1', 'T', id FROM goclaw.agents;
INSERT INTO goclaw.agents (tenant_id, id, agent_key, owner_id, model) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'a9e00000-0000-4000-8000-0000000000a2',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.sessions (tenant_id, session_key, agent_id, team_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'telegram:1',
        'a9e00000-0000-4000-8000-0000000000a2', '7ea00000-0000-4000-8000-0000000000a1'
    );

SELECT throws_ok(
    format('UPDATE goclaw.sessions SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('session_key', ''), ('input_tokens', '-1'), ('output_tokens', '-1'), ('spawn_depth', '-1'),
        ('messages', '7'),
        ('messages', '{}'),
        ('compaction_count', '-1'),
        ('memory_flush_compaction_count', '-5'),
        ('memory_flush_at', '-9')
) AS attempt (name, value);
DELETE FROM goclaw.agent_teams;
SELECT results_eq(
    $$ SELECT tenant_id, team_id FROM goclaw.sessions $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid) $$,
    'a session outlives its team, and stays with its tenant'
);
DELETE FROM goclaw.agents WHERE agent_key = 'drafter';
SELECT is_empty($$ SELECT FROM goclaw.sessions $$, 'an agent that is removed takes its sessions');

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'sessions', ARRAY['sessions_tenant', 'sessions_tenant_guard'],
    'no other policy widens access to sessions'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('sessions'::name, 'muniment_app', 'DELETE'),
        ('sessions', 'muniment_app', 'INSERT'),
        ('sessions', 'muniment_app', 'SELECT'),
        ('sessions', 'muniment_reader', 'SELECT') $$,
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
        ('sessions'::name, 'muniment_app', 'UPDATE',
         'session_key, agent_id, user_id, messages, summary, model, provider, channel, '
         'input_tokens, output_tokens, compaction_count, memory_flush_compaction_count, '
         'memory_flush_at, label, spawned_by, spawn_depth, metadata, team_id, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
