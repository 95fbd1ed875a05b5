-- Deploy astra:users to pg
-- requires: organizations
--
-- A person as one organisation knows them. Somebody who works for two organisations has a row in
-- each, with the same id where the login gives it: one row for all would let an organisation find
-- out who else knows the address. The row stays when the membership ends, because decisions and
-- chats refer to it.
-- Locks: SHARE ROW EXCLUSIVE on organizations.  Docs: docs/schema/astra.md#users

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.users (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    email      text        NOT NULL,
    name       text,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT users_pk PRIMARY KEY (org_id, id),
    CONSTRAINT users_email_uq UNIQUE (org_id, email),
    CONSTRAINT users_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT users_email_ck CHECK (email <> '' AND email = lower(email))
);

-- A login, which looks across organisations.
CREATE INDEX users_email_ix ON astra.users (email);

COMMENT ON TABLE astra.users IS 'A person whom the organisation knows.';
COMMENT ON COLUMN astra.users.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.users.id IS 'The person.';
COMMENT ON COLUMN astra.users.email IS 'The address, in small letters.';
COMMENT ON COLUMN astra.users.name IS 'For people.';
COMMENT ON COLUMN astra.users.created_at IS 'When the row was made.';

ALTER TABLE astra.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.users FORCE ROW LEVEL SECURITY;

CREATE POLICY users_tenant ON astra.users
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY users_tenant_guard ON astra.users AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- A login asks which organisations know an address, and a new one gets its first person.
CREATE POLICY users_service ON astra.users
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON astra.users TO muniment_app;
GRANT UPDATE (email, name) ON astra.users TO muniment_app;
GRANT SELECT ON astra.users TO muniment_reader;
GRANT SELECT, INSERT ON astra.users TO muniment_service;

COMMIT;
