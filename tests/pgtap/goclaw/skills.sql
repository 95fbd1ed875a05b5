-- Subject: goclaw.skills    Docs: docs/schema/goclaw.md#skills
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(30);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.skills', 'goclaw.skill_agent_grants', 'goclaw.skill_user_grants',
    'goclaw.skill_tenant_configs'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('skills'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('skills', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('skills', 'name', 'character varying(255)', true, NULL),
        ('skills', 'slug', 'character varying(255)', true, NULL),
        ('skills', 'description', 'text', false, NULL),
        ('skills', 'owner_id', 'character varying(255)', true, NULL),
        ('skills', 'visibility', 'character varying(10)', true, '''private''::character varying'),
        ('skills', 'version', 'integer', true, '1'),
        ('skills', 'status', 'character varying(20)', true, '''active''::character varying'),
        ('skills', 'frontmatter', 'jsonb', false, NULL),
        ('skills', 'file_path', 'text', false, NULL),
        ('skills', 'file_size', 'bigint', false, NULL),
        ('skills', 'file_hash', 'character varying(64)', false, NULL),
        ('skills', 'embedding', 'platform.vector(1536)', false, NULL),
        ('skills', 'tags', 'text[]', false, NULL),
        ('skills', 'is_system', 'boolean', true, 'false'),
        ('skills', 'deps', 'jsonb', true, '''{}''::jsonb'),
        ('skills', 'enabled', 'boolean', true, 'true'),
        ('skills', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('skills', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('skill_agent_grants', 'tenant_id', 'uuid', true, NULL),
        ('skill_agent_grants', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('skill_agent_grants', 'skill_id', 'uuid', true, NULL),
        ('skill_agent_grants', 'agent_id', 'uuid', true, NULL),
        ('skill_agent_grants', 'can_manage', 'boolean', true, 'false'),
        ('skill_agent_grants', 'granted_by', 'character varying(255)', false, NULL),
        ('skill_agent_grants', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('skill_user_grants', 'tenant_id', 'uuid', true, NULL),
        ('skill_user_grants', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('skill_user_grants', 'skill_id', 'uuid', true, NULL),
        ('skill_user_grants', 'user_id', 'character varying(255)', true, NULL),
        ('skill_user_grants', 'granted_by', 'character varying(255)', false, NULL),
        ('skill_user_grants', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('skill_tenant_configs', 'tenant_id', 'uuid', true, NULL),
        ('skill_tenant_configs', 'skill_id', 'uuid', true, NULL),
        ('skill_tenant_configs', 'enabled', 'boolean', true, 'true'),
        ('skill_tenant_configs', 'updated_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('skills_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('skills_slug_uq', 'UNIQUE (tenant_id, slug)'),
        ('skills_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('skills_slug_ck', 'CHECK (((slug)::text <> ''''::text))'),
        ('skills_visibility_ck',
         'CHECK (((visibility)::text = ANY ((ARRAY[''private''::character varying, '
         '''public''::character varying])::text[])))'),
        ('skills_version_ck', 'CHECK ((version >= 1))'),
        ('skills_status_ck',
         'CHECK (((status)::text = ANY ((ARRAY[''active''::character varying, '
         '''archived''::character varying])::text[])))'),
        ('skills_file_size_ck', 'CHECK ((file_size >= 0))'),
        ('skill_agent_grants_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('skill_agent_grants_agent_id_uq', 'UNIQUE (tenant_id, skill_id, agent_id)'),
        ('skill_agent_grants_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('skill_agent_grants_skill_fk',
         'FOREIGN KEY (tenant_id, skill_id) REFERENCES goclaw.skills(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('skill_agent_grants_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('skill_user_grants_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('skill_user_grants_user_id_uq', 'UNIQUE (tenant_id, skill_id, user_id)'),
        ('skill_user_grants_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('skill_user_grants_skill_fk',
         'FOREIGN KEY (tenant_id, skill_id) REFERENCES goclaw.skills(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('skill_tenant_configs_pk', 'PRIMARY KEY (tenant_id, skill_id)'),
        ('skill_tenant_configs_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('skill_tenant_configs_skill_fk',
         'FOREIGN KEY (tenant_id, skill_id) REFERENCES goclaw.skills(tenant_id, id) ON '
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
        ('skills_owner_id_ix'::name, false, 'btree (tenant_id, owner_id)'),
        ('skills_visibility_ix', false,
         'btree (tenant_id, visibility) WHERE ((status)::text = ''active''::text)'),
        ('skills_embedding_ix', false, 'hnsw (embedding platform.vector_cosine_ops)'),
        ('skills_tags_ix', false, 'gin (tags)'),
        ('skills_is_system_ix', false, 'btree (tenant_id, is_system) WHERE is_system'),
        ('skills_enabled_ix', false, 'btree (tenant_id, enabled) WHERE (NOT enabled)'),
        ('skill_agent_grants_agent_id_ix', false, 'btree (tenant_id, agent_id)'),
        ('skill_user_grants_user_id_ix', false, 'btree (tenant_id, user_id)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('skills_protect_system_tg'::name,
         'BEFORE DELETE ON goclaw.skills FOR EACH ROW WHEN (old.is_system) EXECUTE FUNCTION'
         ' goclaw.protect_system_skill()'),
        ('skills_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.skills FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('skill_tenant_configs_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.skill_tenant_configs FOR EACH ROW EXECUTE FUNCTION '
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
        'drafter', 'u', 'm'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', 'a9e00000-0000-4000-8000-0000000000b1',
        'drafter', 'u', 'm'
    );
INSERT INTO goclaw.skills (tenant_id, id, name, slug, owner_id, is_system) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5c100000-0000-4000-8000-0000000000a1',
        'Redline', 'redline', 'u', false
    ),
    (
        '00000000-0000-4000-8000-00000000000a', '5c100000-0000-4000-8000-0000000000a2',
        'Search', 'search', 'u', true
    ),
    (
        '00000000-0000-4000-8000-00000000000b', '5c100000-0000-4000-8000-0000000000b1',
        'Redline', 'redline', 'u', false
    );
INSERT INTO goclaw.skill_agent_grants (tenant_id, skill_id, agent_id)
SELECT
    '00000000-0000-4000-8000-00000000000a',
    skill_id,
    'a9e00000-0000-4000-8000-0000000000a1'
FROM unnest(ARRAY[
    '5c100000-0000-4000-8000-0000000000a1', '5c100000-0000-4000-8000-0000000000a2'
]::uuid[]) AS skill_id;
INSERT INTO goclaw.skill_user_grants (tenant_id, skill_id, user_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5c100000-0000-4000-8000-0000000000a1', 'u'
    );
INSERT INTO goclaw.skill_tenant_configs (tenant_id, skill_id, enabled) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', '5c100000-0000-4000-8000-0000000000a1', false
    );

SELECT throws_ok(
    format('UPDATE goclaw.skills SET %I = %L', name, value),
    '23514',
    NULL,
    format('%s cannot be %s', name, value)
)
FROM (
    VALUES
        ('slug', ''), ('visibility', 'secret'), ('version', '0'), ('status', 'gone'),
        ('file_size', '-1')
) AS attempt (name, value);
SELECT throws_ok(
    $$ UPDATE goclaw.skills SET slug = 'redline' WHERE slug = 'search' $$,
    '23505',
    NULL,
    'a slug names one skill of a tenant'
);
SELECT throws_ok(
    format(
        'INSERT INTO goclaw.%s (tenant_id, skill_id, %s) VALUES (%L, %L, %L)',
        table_name, grantee, '00000000-0000-4000-8000-00000000000a', skill_id, value
    ),
    sqlstate,
    NULL,
    promise
)
FROM (
    VALUES
        (
            'skill_agent_grants', 'agent_id', '5c100000-0000-4000-8000-0000000000b1',
            'a9e00000-0000-4000-8000-0000000000a1', '23503',
            'a skill of another tenant is not granted to an agent'
        ),
        (
            'skill_agent_grants', 'agent_id', '5c100000-0000-4000-8000-0000000000a1',
            'a9e00000-0000-4000-8000-0000000000b1', '23503',
            'nor a skill to an agent of another tenant'
        ),
        (
            'skill_user_grants', 'user_id', '5c100000-0000-4000-8000-0000000000b1', 'u', '23503',
            'nor a skill of another tenant to a user'
        ),
        (
            'skill_tenant_configs', 'enabled', '5c100000-0000-4000-8000-0000000000b1', 'true',
            '23503', 'a tenant does not configure a skill of another one'
        ),
        (
            'skill_agent_grants', 'agent_id', '5c100000-0000-4000-8000-0000000000a1',
            'a9e00000-0000-4000-8000-0000000000a1', '23505', 'an agent has one grant for a skill'
        ),
        (
            'skill_user_grants', 'user_id', '5c100000-0000-4000-8000-0000000000a1', 'u', '23505',
            'a user has one grant for a skill'
        )
) AS attempt (table_name, grantee, skill_id, value, sqlstate, promise);
SELECT throws_ok(
    $$ DELETE FROM goclaw.skills WHERE slug = 'search' $$,
    'MU311',
    'skill search came with the gateway: delete refused',
    'a skill that came with the gateway is not deleted'
);
DELETE FROM goclaw.skills WHERE id = '5c100000-0000-4000-8000-0000000000a1';
SELECT results_eq(
    $$ SELECT skill_id FROM goclaw.skill_agent_grants
       UNION ALL SELECT skill_id FROM goclaw.skill_user_grants
       UNION ALL SELECT skill_id FROM goclaw.skill_tenant_configs $$,
    $$ VALUES ('5c100000-0000-4000-8000-0000000000a2'::uuid) $$,
    'a skill that is deleted takes its grants and what was changed about it'
);
DELETE FROM goclaw.agents;
SELECT is_empty(
    $$ SELECT FROM goclaw.skill_agent_grants $$, 'an agent that is removed takes its grants'
);
SELECT throws_ok(
    $$ DELETE FROM goclaw.tenants WHERE slug = 'b' $$,
    CASE
        WHEN current_setting('server_version_num')::integer >= 180000 THEN '23001'
        ELSE '23503'
    END,
    NULL,
    'a tenant does not go while it has skills'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_app;
SELECT throws_ok(
    $$ UPDATE goclaw.skills SET is_system = false $$,
    '42501',
    'permission denied for table skills',
    'and nobody makes it a skill that can be'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.skills (tenant_id, name, slug, owner_id, is_system)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'N', 'n', 'u', true) $$,
    '42501',
    'permission denied for table skills',
    'nor writes a new one that cannot be'
);
RESET ROLE;
SET LOCAL ROLE muniment_service;
SELECT lives_ok(
    $$ INSERT INTO goclaw.skills (tenant_id, name, slug, owner_id, is_system)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'Browse', 'browse', 'u', true) $$,
    'the backend does'
);
RESET ROLE;
UPDATE goclaw.tenants SET status = 'leaving' WHERE slug = 'a';
SET LOCAL ROLE muniment_app;
SELECT lives_ok(
    $$ DELETE FROM goclaw.skills $$, 'a tenant that is not active any more takes them along'
);
RESET ROLE;

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'skills', ARRAY['skills_tenant', 'skills_tenant_guard', 'skills_service'],
    'no other policy widens access to skills'
);
SELECT policies_are(
    'goclaw', 'skill_agent_grants', ARRAY[
        'skill_agent_grants_tenant', 'skill_agent_grants_tenant_guard'
    ],
    'no other policy widens access to skill_agent_grants'
);
SELECT policies_are(
    'goclaw', 'skill_user_grants', ARRAY[
        'skill_user_grants_tenant', 'skill_user_grants_tenant_guard'
    ],
    'no other policy widens access to skill_user_grants'
);
SELECT policies_are(
    'goclaw', 'skill_tenant_configs', ARRAY[
        'skill_tenant_configs_tenant', 'skill_tenant_configs_tenant_guard'
    ],
    'no other policy widens access to skill_tenant_configs'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('skills'::name, 'muniment_app', 'DELETE'),
        ('skills', 'muniment_service', 'INSERT'),
        ('skills', 'muniment_app', 'SELECT'),
        ('skills', 'muniment_reader', 'SELECT'),
        ('skill_agent_grants', 'muniment_app', 'DELETE'),
        ('skill_agent_grants', 'muniment_app', 'INSERT'),
        ('skill_agent_grants', 'muniment_app', 'SELECT'),
        ('skill_agent_grants', 'muniment_reader', 'SELECT'),
        ('skill_user_grants', 'muniment_app', 'DELETE'),
        ('skill_user_grants', 'muniment_app', 'INSERT'),
        ('skill_user_grants', 'muniment_app', 'SELECT'),
        ('skill_user_grants', 'muniment_reader', 'SELECT'),
        ('skill_tenant_configs', 'muniment_app', 'DELETE'),
        ('skill_tenant_configs', 'muniment_app', 'INSERT'),
        ('skill_tenant_configs', 'muniment_app', 'SELECT'),
        ('skill_tenant_configs', 'muniment_reader', 'SELECT') $$,
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
        ('skills'::name, 'muniment_app', 'INSERT',
         'tenant_id, id, name, slug, description, owner_id, visibility, version, status, '
         'frontmatter, file_path, file_size, file_hash, embedding, tags, deps, enabled, '
         'created_at, updated_at'),
        ('skills', 'muniment_service', 'SELECT', 'tenant_id, id, slug, version, is_system'),
        ('skills', 'muniment_app', 'UPDATE',
         'name, slug, description, owner_id, visibility, version, status, frontmatter, '
         'file_path, file_size, file_hash, embedding, tags, deps, enabled, updated_at'),
        ('skill_agent_grants', 'muniment_app', 'UPDATE',
         'skill_id, agent_id, can_manage, granted_by'),
        ('skill_user_grants', 'muniment_app', 'UPDATE',
         'skill_id, user_id, granted_by'),
        ('skill_tenant_configs', 'muniment_app', 'UPDATE',
         'enabled, updated_at') $$,
    'the rights to columns are these'
);

SELECT * FROM finish(true);
ROLLBACK;
