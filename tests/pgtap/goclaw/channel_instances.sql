-- Subject: goclaw.channel_instances    Docs: docs/schema/goclaw.md#channel-instances
BEGIN;
SET LOCAL client_min_messages = warning;
SELECT plan(23);

-- Shape ---------------------------------------------------------------------

CREATE TEMPORARY VIEW subject AS
SELECT name::regclass::oid AS oid
FROM unnest(ARRAY[
    'goclaw.channel_instances', 'goclaw.channel_pending_messages', 'goclaw.channel_contacts'
]) AS name;

SELECT set_eq(
    $$ SELECT split_part(attrelid::regclass::text, '.', 2), attname::text,
           format_type(atttypid, atttypmod), attnotnull,
           pg_get_expr(adbin, adrelid)
       FROM pg_attribute
       LEFT JOIN pg_attrdef ON (adrelid, adnum) = (attrelid, attnum)
       WHERE attrelid IN (SELECT oid FROM subject) AND attnum > 0 AND NOT attisdropped $$,
    $$ VALUES
        ('channel_instances'::text, 'tenant_id'::text, 'uuid', true, NULL),
        ('channel_instances', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('channel_instances', 'name', 'character varying(100)', true, NULL),
        ('channel_instances', 'display_name', 'character varying(255)', false, NULL),
        ('channel_instances', 'channel_type', 'character varying(50)', true, NULL),
        ('channel_instances', 'agent_id', 'uuid', true, NULL),
        ('channel_instances', 'credentials', 'bytea', false, NULL),
        ('channel_instances', 'config', 'jsonb', true, '''{}''::jsonb'),
        ('channel_instances', 'enabled', 'boolean', true, 'true'),
        ('channel_instances', 'created_by', 'character varying(255)', false, NULL),
        ('channel_instances', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('channel_instances', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('channel_pending_messages', 'tenant_id', 'uuid', true, NULL),
        ('channel_pending_messages', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('channel_pending_messages', 'channel_name', 'character varying(100)', true, NULL),
        ('channel_pending_messages', 'history_key', 'character varying(200)', true, NULL),
        ('channel_pending_messages', 'sender', 'character varying(255)', true, NULL),
        ('channel_pending_messages', 'sender_id', 'character varying(255)', true,
         '''''::character varying'),
        ('channel_pending_messages', 'body', 'text', true, NULL),
        ('channel_pending_messages', 'platform_msg_id', 'character varying(100)', true,
         '''''::character varying'),
        ('channel_pending_messages', 'is_summary', 'boolean', true, 'false'),
        ('channel_pending_messages', 'created_at', 'timestamp with time zone', true, 'now()'),
        ('channel_pending_messages', 'updated_at', 'timestamp with time zone', true, 'now()'),
        ('channel_contacts', 'tenant_id', 'uuid', true, NULL),
        ('channel_contacts', 'id', 'uuid', true, 'platform.uuid_generate_v7()'),
        ('channel_contacts', 'channel_type', 'character varying(50)', true, NULL),
        ('channel_contacts', 'channel_instance', 'character varying(255)', false, NULL),
        ('channel_contacts', 'sender_id', 'character varying(255)', true, NULL),
        ('channel_contacts', 'user_id', 'character varying(255)', false, NULL),
        ('channel_contacts', 'display_name', 'character varying(255)', false, NULL),
        ('channel_contacts', 'username', 'character varying(255)', false, NULL),
        ('channel_contacts', 'avatar_url', 'text', false, NULL),
        ('channel_contacts', 'peer_kind', 'character varying(20)', false, NULL),
        ('channel_contacts', 'contact_type', 'character varying(20)', true,
         '''user''::character varying'),
        ('channel_contacts', 'metadata', 'jsonb', true, '''{}''::jsonb'),
        ('channel_contacts', 'thread_id', 'character varying(100)', false, NULL),
        ('channel_contacts', 'thread_type', 'character varying(20)', false, NULL),
        ('channel_contacts', 'merged_id', 'uuid', false, NULL),
        ('channel_contacts', 'first_seen_at', 'timestamp with time zone', true, 'now()'),
        ('channel_contacts', 'last_seen_at', 'timestamp with time zone', true, 'now()') $$,
    'the columns are these'
);
SELECT set_eq(
    $$ SELECT conname, pg_get_constraintdef(oid)
       FROM pg_constraint
       WHERE conrelid IN (SELECT oid FROM subject) AND contype <> 'n' AND convalidated $$,
    $$ VALUES
        ('channel_instances_pk'::name, 'PRIMARY KEY (tenant_id, id)'),
        ('channel_instances_name_uq', 'UNIQUE (tenant_id, name)'),
        ('channel_instances_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('channel_instances_agent_fk',
         'FOREIGN KEY (tenant_id, agent_id) REFERENCES goclaw.agents(tenant_id, id) ON '
         'DELETE CASCADE'),
        ('channel_instances_name_ck', 'CHECK (((name)::text <> ''''::text))'),
        ('channel_pending_messages_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('channel_pending_messages_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('channel_contacts_pk', 'PRIMARY KEY (tenant_id, id)'),
        ('channel_contacts_tenant_fk',
         'FOREIGN KEY (tenant_id) REFERENCES goclaw.tenants(id) ON DELETE RESTRICT'),
        ('channel_contacts_merged_fk',
         'FOREIGN KEY (tenant_id, merged_id) REFERENCES goclaw.channel_contacts(tenant_id, '
         'id) ON DELETE SET NULL (merged_id)'),
        ('channel_contacts_merged_ck', 'CHECK ((merged_id <> id))') $$,
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
        ('channel_instances_agent_id_ix'::name, false, 'btree (tenant_id, agent_id)'),
        ('channel_pending_messages_history_ix', false,
         'btree (tenant_id, channel_name, history_key, created_at)'),
        ('channel_pending_messages_created_at_ix', false, 'btree (created_at)'),
        ('channel_contacts_sender_uq', true,
         'btree (tenant_id, channel_type, sender_id, COALESCE(thread_id, ''''::character '
         'varying))'),
        ('channel_contacts_channel_instance_ix', false,
         'btree (tenant_id, channel_instance) WHERE (channel_instance IS NOT NULL)'),
        ('channel_contacts_merged_id_ix', false,
         'btree (tenant_id, merged_id) WHERE (merged_id IS NOT NULL)'),
        ('channel_contacts_name_ix', false, 'btree (tenant_id, display_name, username)') $$,
    'the indexes besides those of keys are these'
);
SELECT set_eq(
    $$ SELECT tgname, substring(pg_get_triggerdef(oid) FROM '(?:BEFORE|AFTER).*')
       FROM pg_trigger
       WHERE tgrelid IN (SELECT oid FROM subject) AND NOT tgisinternal
           AND tgenabled = 'O' $$,
    $$ VALUES
        ('channel_instances_set_updated_at_tg'::name,
         'BEFORE UPDATE ON goclaw.channel_instances FOR EACH ROW EXECUTE FUNCTION '
         'platform.set_updated_at()'),
        ('channel_contacts_check_merged_tg',
         'BEFORE INSERT OR UPDATE OF merged_id ON goclaw.channel_contacts FOR EACH ROW WHEN '
         '((new.merged_id <> new.id)) EXECUTE FUNCTION goclaw.check_merged_contact()'),
        ('channel_pending_messages_set_updated_at_tg',
         'BEFORE UPDATE ON goclaw.channel_pending_messages FOR EACH ROW EXECUTE FUNCTION '
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
    );
INSERT INTO goclaw.channel_instances (tenant_id, name, channel_type, agent_id)
SELECT tenant_id, 'bot', 'telegram', id FROM goclaw.agents;
INSERT INTO goclaw.channel_contacts (tenant_id, id, channel_type, sender_id) VALUES
    (
        '00000000-0000-4000-8000-00000000000a', 'c0170000-0000-4000-8000-0000000000a1',
        'telegram', '1'
    ),
    (
        '00000000-0000-4000-8000-00000000000a', 'c0170000-0000-4000-8000-0000000000a2',
        'telegram', '2'
    ),
    (
        '00000000-0000-4000-8000-00000000000b', 'c0170000-0000-4000-8000-0000000000b1',
        'telegram', '1'
    );

SELECT throws_ok(
    $$ UPDATE goclaw.channel_instances SET name = '' $$,
    '23514',
    NULL,
    'an instance has a name'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.channel_instances (tenant_id, name, channel_type, agent_id)
       SELECT tenant_id, name, 'discord', agent_id FROM goclaw.channel_instances $$,
    '23505',
    NULL,
    'a name is that of one instance of a tenant'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.channel_instances (tenant_id, name, channel_type, agent_id)
       SELECT '00000000-0000-4000-8000-00000000000b', 'bot', channel_type, agent_id
       FROM goclaw.channel_instances $$,
    '23503',
    NULL,
    'an instance is not bound to an agent of another tenant'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.channel_contacts (tenant_id, channel_type, sender_id, thread_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'telegram', '1', '') $$,
    '23505',
    NULL,
    'a sender without a thread is one contact, however none is written'
);
SELECT lives_ok(
    $$ INSERT INTO goclaw.channel_contacts (tenant_id, channel_type, sender_id, thread_id)
       VALUES ('00000000-0000-4000-8000-00000000000a', 'telegram', '1', 't') $$,
    'in a thread it is another'
);
SELECT throws_ok(
    $$ UPDATE goclaw.channel_contacts SET merged_id = id $$,
    '23514',
    NULL,
    'a contact does not turn out to be itself'
);
SELECT throws_ok(
    $$ UPDATE goclaw.channel_contacts SET merged_id = 'c0170000-0000-4000-8000-0000000000b1'
       WHERE id = 'c0170000-0000-4000-8000-0000000000a1' $$,
    '23503',
    NULL,
    'nor to be a contact of another tenant'
);
UPDATE goclaw.channel_contacts
SET merged_id = 'c0170000-0000-4000-8000-0000000000a1'
WHERE id = 'c0170000-0000-4000-8000-0000000000a2';
SELECT throws_ok(
    $$ UPDATE goclaw.channel_contacts SET merged_id = 'c0170000-0000-4000-8000-0000000000a2'
       WHERE id = 'c0170000-0000-4000-8000-0000000000a1' $$,
    'MU314',
    NULL,
    'two contacts are not merged into each other'
);
SELECT throws_ok(
    $$ INSERT INTO goclaw.channel_contacts (tenant_id, channel_type, sender_id, merged_id)
       VALUES (
           '00000000-0000-4000-8000-00000000000a', 'telegram', '3',
           'c0170000-0000-4000-8000-0000000000a2'
       ) $$,
    'MU314',
    NULL,
    'nor into one that is merged itself'
);
SELECT throws_ok(
    $$ UPDATE goclaw.channel_contacts AS c SET merged_id = other.id
       FROM goclaw.channel_contacts AS other
       WHERE c.id = 'c0170000-0000-4000-8000-0000000000a1' AND other.thread_id = 't' $$,
    'MU314',
    NULL,
    'nor is one merged that others are merged into'
);
SELECT lives_ok(
    $$ UPDATE goclaw.channel_contacts SET merged_id = 'c0170000-0000-4000-8000-0000000000a1'
       WHERE thread_id = 't' $$,
    'many may be one contact'
);
DELETE FROM goclaw.channel_contacts WHERE id = 'c0170000-0000-4000-8000-0000000000a1';
SELECT results_eq(
    $$ SELECT tenant_id, merged_id FROM goclaw.channel_contacts
       WHERE id = 'c0170000-0000-4000-8000-0000000000a2' $$,
    $$ VALUES ('00000000-0000-4000-8000-00000000000a'::uuid, NULL::uuid) $$,
    'a contact outlives the one that it turned out to be'
);
DELETE FROM goclaw.agents;
SELECT is_empty(
    $$ SELECT FROM goclaw.channel_instances $$, 'an agent that is removed takes its channels'
);

-- Access --------------------------------------------------------------------

SELECT policies_are(
    'goclaw', 'channel_instances', ARRAY[
        'channel_instances_tenant', 'channel_instances_tenant_guard'
    ],
    'no other policy widens access to channel_instances'
);
SELECT policies_are(
    'goclaw', 'channel_pending_messages', ARRAY[
        'channel_pending_messages_tenant', 'channel_pending_messages_tenant_guard',
        'channel_pending_messages_service'
    ],
    'no other policy widens access to channel_pending_messages'
);
SELECT policies_are(
    'goclaw', 'channel_contacts', ARRAY[
        'channel_contacts_tenant', 'channel_contacts_tenant_guard'
    ],
    'no other policy widens access to channel_contacts'
);
SELECT set_eq(
    $$ SELECT relname, grantee::regrole::text, privilege_type
       FROM pg_class
       CROSS JOIN aclexplode(relacl)
       WHERE pg_class.oid IN (SELECT oid FROM subject) AND grantee <> relowner $$,
    $$ VALUES
        ('channel_instances'::name, 'muniment_app', 'DELETE'),
        ('channel_instances', 'muniment_app', 'INSERT'),
        ('channel_instances', 'muniment_app', 'SELECT'),
        ('channel_pending_messages', 'muniment_app', 'DELETE'),
        ('channel_pending_messages', 'muniment_app', 'INSERT'),
        ('channel_pending_messages', 'muniment_app', 'SELECT'),
        ('channel_pending_messages', 'muniment_reader', 'SELECT'),
        ('channel_pending_messages', 'muniment_service', 'DELETE'),
        ('channel_contacts', 'muniment_app', 'DELETE'),
        ('channel_contacts', 'muniment_app', 'INSERT'),
        ('channel_contacts', 'muniment_app', 'SELECT'),
        ('channel_contacts', 'muniment_reader', 'SELECT') $$,
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
        ('channel_instances'::name, 'muniment_app', 'UPDATE',
         'name, display_name, channel_type, agent_id, credentials, config, enabled, '
         'created_by, updated_at'),
        ('channel_instances', 'muniment_reader', 'SELECT',
         'tenant_id, id, name, display_name, channel_type, agent_id, config, enabled, '
         'created_by, created_at, updated_at'),
        ('channel_pending_messages', 'muniment_app', 'UPDATE',
         'channel_name, history_key, sender, sender_id, body, platform_msg_id, is_summary, '
         'updated_at'),
        ('channel_pending_messages', 'muniment_service', 'SELECT',
         'tenant_id, id, created_at'),
        ('channel_pending_messages', 'muniment_service', 'UPDATE',
         'updated_at'),
        ('channel_contacts', 'muniment_app', 'UPDATE',
         'channel_type, channel_instance, sender_id, user_id, display_name, username, '
         'avatar_url, peer_kind, contact_type, metadata, thread_id, thread_type, merged_id,'
         ' first_seen_at, last_seen_at') $$,
    'the rights to columns are these'
);

SET LOCAL app.tenant_id = '00000000-0000-4000-8000-00000000000a';
SET LOCAL ROLE muniment_reader;
SELECT throws_ok(
    format('SELECT %I FROM goclaw.%I', secret, name),
    '42501',
    format('permission denied for table %s', name),
    format('a reader does not get %s of %s', secret, name)
)
FROM (
    VALUES
        ('channel_instances', 'credentials')
) AS attempt (name, secret);
RESET ROLE;

SELECT * FROM finish(true);
ROLLBACK;
