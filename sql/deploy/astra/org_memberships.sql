-- Deploy astra:org_memberships to pg
-- requires: users
--
-- Who works for the organisation now. When somebody leaves, the row goes, and with it what was
-- shared with them and their place in teams.
-- Locks: SHARE ROW EXCLUSIVE on organizations, users.  Docs: docs/schema/astra.md#org-memberships

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.org_memberships (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id    uuid        NOT NULL,
    role       text        NOT NULL DEFAULT 'member',
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT org_memberships_pk PRIMARY KEY (org_id, id),
    CONSTRAINT org_memberships_user_id_uq UNIQUE (org_id, user_id),
    CONSTRAINT org_memberships_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT org_memberships_user_fk FOREIGN KEY (org_id, user_id)
        REFERENCES astra.users (org_id, id) ON DELETE CASCADE,
    CONSTRAINT org_memberships_role_ck CHECK (role IN ('owner', 'admin', 'member', 'viewer'))
);

-- The organisations of a person, at login: asked across tenants.
CREATE INDEX org_memberships_user_id_ix ON astra.org_memberships (user_id);

COMMENT ON TABLE astra.org_memberships IS 'A person who works for the organisation.';
COMMENT ON COLUMN astra.org_memberships.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.org_memberships.id IS 'The membership.';
COMMENT ON COLUMN astra.org_memberships.user_id IS 'The person.';
COMMENT ON COLUMN astra.org_memberships.role IS
    'owner, admin, member or viewer. A viewer decides nothing.';
COMMENT ON COLUMN astra.org_memberships.created_at IS 'When the row was made.';

ALTER TABLE astra.org_memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.org_memberships FORCE ROW LEVEL SECURITY;

CREATE POLICY org_memberships_tenant ON astra.org_memberships
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY org_memberships_tenant_guard ON astra.org_memberships AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

-- A login asks for the organisations of a person, and a new one gets its first member.
CREATE POLICY org_memberships_service ON astra.org_memberships
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON astra.org_memberships TO muniment_app;
GRANT UPDATE (role) ON astra.org_memberships TO muniment_app;
GRANT SELECT ON astra.org_memberships TO muniment_reader;
GRANT SELECT, INSERT ON astra.org_memberships TO muniment_service;

COMMIT;
