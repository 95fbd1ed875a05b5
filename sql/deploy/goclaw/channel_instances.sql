-- Deploy goclaw:channel_instances to pg
-- requires: agents
--
-- Where agents meet people: the bots of a tenant, what was said in a group before a bot was asked,
-- and who wrote. Messages and contacts name a channel instance without a reference to it: an
-- instance may also come from a file of the gateway.
-- Locks: SHARE ROW EXCLUSIVE on agents, tenants.  Docs: docs/schema/goclaw.md#channel-instances

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.channel_instances (
    tenant_id    uuid         NOT NULL,
    id           uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    name         varchar(100) NOT NULL,
    display_name varchar(255),
    channel_type varchar(50)  NOT NULL,
    agent_id     uuid         NOT NULL,
    credentials  bytea,
    config       jsonb        NOT NULL DEFAULT '{}',
    enabled      boolean      NOT NULL DEFAULT true,
    created_by   varchar(255),
    created_at   timestamptz  NOT NULL DEFAULT now(),
    updated_at   timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT channel_instances_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT channel_instances_name_uq UNIQUE (tenant_id, name),
    CONSTRAINT channel_instances_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT channel_instances_agent_fk FOREIGN KEY (tenant_id, agent_id)
        REFERENCES goclaw.agents (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT channel_instances_name_ck CHECK (name <> '')
);

-- The channels of an agent. Serves the reference.
CREATE INDEX channel_instances_agent_id_ix ON goclaw.channel_instances (tenant_id, agent_id);

COMMENT ON TABLE goclaw.channel_instances IS 'A connection to a chat service, bound to an agent.';
COMMENT ON COLUMN goclaw.channel_instances.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.channel_instances.id IS 'The instance.';
COMMENT ON COLUMN goclaw.channel_instances.name IS 'Identifier.';
COMMENT ON COLUMN goclaw.channel_instances.display_name IS 'For people.';
COMMENT ON COLUMN goclaw.channel_instances.channel_type IS
    'The service, for example telegram or discord.';
COMMENT ON COLUMN goclaw.channel_instances.agent_id IS 'The agent that answers.';
COMMENT ON COLUMN goclaw.channel_instances.credentials IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.channel_instances.config IS 'Settings of the connection, without secrets.';
COMMENT ON COLUMN goclaw.channel_instances.enabled IS 'Whether the gateway connects.';
COMMENT ON COLUMN goclaw.channel_instances.created_by IS 'The user who made it.';
COMMENT ON COLUMN goclaw.channel_instances.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.channel_instances.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER channel_instances_set_updated_at_tg
    BEFORE UPDATE ON goclaw.channel_instances
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.channel_instances ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.channel_instances FORCE ROW LEVEL SECURITY;

CREATE POLICY channel_instances_tenant ON goclaw.channel_instances
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY channel_instances_tenant_guard ON goclaw.channel_instances AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.channel_instances TO muniment_app;
GRANT UPDATE (
    name, display_name, channel_type, agent_id, credentials, config, enabled, created_by,
    updated_at
) ON goclaw.channel_instances TO muniment_app;
GRANT SELECT (
    tenant_id, id, name, display_name, channel_type, agent_id, config, enabled, created_by,
    created_at, updated_at
) ON goclaw.channel_instances TO muniment_reader;

CREATE TABLE goclaw.channel_pending_messages (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    channel_name    varchar(100) NOT NULL,
    history_key     varchar(200) NOT NULL,
    sender          varchar(255) NOT NULL,
    sender_id       varchar(255) NOT NULL DEFAULT '',
    body            text         NOT NULL,
    platform_msg_id varchar(100) NOT NULL DEFAULT '',
    is_summary      boolean      NOT NULL DEFAULT false,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT channel_pending_messages_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT channel_pending_messages_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT
);

-- Stated: a conversation in its order.
CREATE INDEX channel_pending_messages_history_ix
    ON goclaw.channel_pending_messages (tenant_id, channel_name, history_key, created_at);

-- What is older than the seven days that messages are kept, of all tenants, which is why the tenant
-- is not in it.
CREATE INDEX channel_pending_messages_created_at_ix
    ON goclaw.channel_pending_messages (created_at);

COMMENT ON TABLE goclaw.channel_pending_messages IS
    'A message in a group that no agent was asked to answer.';
COMMENT ON COLUMN goclaw.channel_pending_messages.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.channel_pending_messages.id IS 'The message.';
COMMENT ON COLUMN goclaw.channel_pending_messages.channel_name IS 'Name of the channel instance.';
COMMENT ON COLUMN goclaw.channel_pending_messages.history_key IS 'The conversation.';
COMMENT ON COLUMN goclaw.channel_pending_messages.sender IS 'Display name of whoever wrote it.';
COMMENT ON COLUMN goclaw.channel_pending_messages.sender_id IS
    'The same as the service knows them.';
COMMENT ON COLUMN goclaw.channel_pending_messages.body IS 'The message.';
COMMENT ON COLUMN goclaw.channel_pending_messages.platform_msg_id IS
    'The message as the service knows it.';
COMMENT ON COLUMN goclaw.channel_pending_messages.is_summary IS
    'Whether the row stands for older messages.';
COMMENT ON COLUMN goclaw.channel_pending_messages.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.channel_pending_messages.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER channel_pending_messages_set_updated_at_tg
    BEFORE UPDATE ON goclaw.channel_pending_messages
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.channel_pending_messages ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.channel_pending_messages FORCE ROW LEVEL SECURITY;

CREATE POLICY channel_pending_messages_tenant ON goclaw.channel_pending_messages
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY channel_pending_messages_tenant_guard
    ON goclaw.channel_pending_messages AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Messages of all tenants are pruned by age.
CREATE POLICY channel_pending_messages_service ON goclaw.channel_pending_messages
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.channel_pending_messages TO muniment_app;
GRANT UPDATE (
    channel_name, history_key, sender, sender_id, body, platform_msg_id, is_summary, updated_at
) ON goclaw.channel_pending_messages TO muniment_app;
GRANT SELECT ON goclaw.channel_pending_messages TO muniment_reader;
GRANT DELETE ON goclaw.channel_pending_messages TO muniment_service;
GRANT SELECT (tenant_id, id, created_at) ON goclaw.channel_pending_messages TO muniment_service;
-- FOR UPDATE asks for a right to update; this column means least.
GRANT UPDATE (updated_at) ON goclaw.channel_pending_messages TO muniment_service;

CREATE TABLE goclaw.channel_contacts (
    tenant_id        uuid         NOT NULL,
    id               uuid         NOT NULL DEFAULT platform.uuid_generate_v7(),
    channel_type     varchar(50)  NOT NULL,
    channel_instance varchar(255),
    sender_id        varchar(255) NOT NULL,
    user_id          varchar(255),
    display_name     varchar(255),
    username         varchar(255),
    avatar_url       text,
    peer_kind        varchar(20),
    contact_type     varchar(20)  NOT NULL DEFAULT 'user',
    metadata         jsonb        NOT NULL DEFAULT '{}',
    thread_id        varchar(100),
    thread_type      varchar(20),
    merged_id        uuid,
    first_seen_at    timestamptz  NOT NULL DEFAULT now(),
    last_seen_at     timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT channel_contacts_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT channel_contacts_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT channel_contacts_merged_fk FOREIGN KEY (tenant_id, merged_id)
        REFERENCES goclaw.channel_contacts (tenant_id, id) ON DELETE SET NULL (merged_id),
    CONSTRAINT channel_contacts_merged_ck CHECK (merged_id <> id)
);

-- Stated: one row for each sender and thread.
CREATE UNIQUE INDEX channel_contacts_sender_uq
    ON goclaw.channel_contacts (tenant_id, channel_type, sender_id, COALESCE(thread_id, ''));

-- Stated: the contacts of an instance.
CREATE INDEX channel_contacts_channel_instance_ix
    ON goclaw.channel_contacts (tenant_id, channel_instance)
    WHERE channel_instance IS NOT NULL;

-- Stated: who turned out to be a contact. Serves the reference.
CREATE INDEX channel_contacts_merged_id_ix
    ON goclaw.channel_contacts (tenant_id, merged_id) WHERE merged_id IS NOT NULL;

-- Stated: contacts by name.
CREATE INDEX channel_contacts_name_ix
    ON goclaw.channel_contacts (tenant_id, display_name, username);

COMMENT ON TABLE goclaw.channel_contacts IS 'Somebody who wrote to the gateway.';
COMMENT ON COLUMN goclaw.channel_contacts.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.channel_contacts.id IS 'The contact.';
COMMENT ON COLUMN goclaw.channel_contacts.channel_type IS
    'The service, for example telegram or discord.';
COMMENT ON COLUMN goclaw.channel_contacts.channel_instance IS 'Name of the channel instance.';
COMMENT ON COLUMN goclaw.channel_contacts.sender_id IS 'The contact as the service knows it.';
COMMENT ON COLUMN goclaw.channel_contacts.user_id IS 'The user who that is. NULL when not known.';
COMMENT ON COLUMN goclaw.channel_contacts.display_name IS 'Name to show.';
COMMENT ON COLUMN goclaw.channel_contacts.username IS 'Name within the service.';
COMMENT ON COLUMN goclaw.channel_contacts.avatar_url IS 'Address of the picture.';
COMMENT ON COLUMN goclaw.channel_contacts.peer_kind IS
    'What it is, for example user, bot or group.';
COMMENT ON COLUMN goclaw.channel_contacts.contact_type IS 'What it is to the gateway.';
COMMENT ON COLUMN goclaw.channel_contacts.metadata IS 'Further facts from the service.';
COMMENT ON COLUMN goclaw.channel_contacts.thread_id IS 'The thread within a chat. NULL means none.';
COMMENT ON COLUMN goclaw.channel_contacts.thread_type IS 'What kind of thread.';
COMMENT ON COLUMN goclaw.channel_contacts.merged_id IS
    'The contact that this one turned out to be, which is itself not merged. NULL means itself.';
COMMENT ON COLUMN goclaw.channel_contacts.first_seen_at IS 'When it first wrote.';
COMMENT ON COLUMN goclaw.channel_contacts.last_seen_at IS 'When it last wrote.';

CREATE FUNCTION goclaw.check_merged_contact()
RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    -- Locked, so that it is not merged itself meanwhile; two who merge each other's contacts are
    -- told of a deadlock.
    PERFORM
    FROM goclaw.channel_contacts AS c
    WHERE c.tenant_id = NEW.tenant_id
        AND c.id = NEW.merged_id
    FOR NO KEY UPDATE;

    IF EXISTS (
        SELECT
        FROM goclaw.channel_contacts AS c
        WHERE c.tenant_id = NEW.tenant_id
            AND (
                (c.id = NEW.merged_id AND c.merged_id IS NOT NULL)
                OR c.merged_id = NEW.id
            )
    ) THEN
        RAISE EXCEPTION 'contact % cannot be merged into %', NEW.id, NEW.merged_id
            USING ERRCODE = 'MU314',
                  DETAIL = 'That one is merged itself, or others are merged into this one.',
                  HINT = 'Merge all of them into the one that stays.';
    END IF;
    RETURN NEW;
END;
$function$;

COMMENT ON FUNCTION goclaw.check_merged_contact() IS
    'Trigger function that keeps contacts from being merged in a chain or a circle. Raises MU314.';

-- A trigger runs its function without asking for EXECUTE; nobody has to call it directly.
REVOKE ALL ON FUNCTION goclaw.check_merged_contact() FROM PUBLIC;

CREATE TRIGGER channel_contacts_check_merged_tg
    BEFORE INSERT OR UPDATE OF merged_id ON goclaw.channel_contacts
    FOR EACH ROW WHEN (NEW.merged_id <> NEW.id)
    EXECUTE FUNCTION goclaw.check_merged_contact();

ALTER TABLE goclaw.channel_contacts ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.channel_contacts FORCE ROW LEVEL SECURITY;

CREATE POLICY channel_contacts_tenant ON goclaw.channel_contacts
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY channel_contacts_tenant_guard ON goclaw.channel_contacts AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.channel_contacts TO muniment_app;
GRANT UPDATE (
    channel_type, channel_instance, sender_id, user_id, display_name, username, avatar_url,
    peer_kind, contact_type, metadata, thread_id, thread_type, merged_id, first_seen_at,
    last_seen_at
) ON goclaw.channel_contacts TO muniment_app;
GRANT SELECT ON goclaw.channel_contacts TO muniment_reader;

COMMIT;
