-- Deploy astra:teams to pg
-- requires: org_memberships
--
-- Members who share agents. Whoever leaves the organisation leaves its teams: the reference is to
-- the membership, not to the person.
-- Locks: SHARE ROW EXCLUSIVE on org_memberships, organizations.  Docs: docs/schema/astra.md#teams

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE astra.teams (
    org_id     uuid        NOT NULL,
    id         uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name       text        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT teams_pk PRIMARY KEY (org_id, id),
    CONSTRAINT teams_name_uq UNIQUE (org_id, name),
    CONSTRAINT teams_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT teams_name_ck CHECK (name <> '')
);

COMMENT ON TABLE astra.teams IS 'A team of members.';
COMMENT ON COLUMN astra.teams.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.teams.id IS 'The team.';
COMMENT ON COLUMN astra.teams.name IS 'Its name, unique in the organisation.';
COMMENT ON COLUMN astra.teams.created_at IS 'When the row was made.';

ALTER TABLE astra.teams ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.teams FORCE ROW LEVEL SECURITY;

CREATE POLICY teams_tenant ON astra.teams
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY teams_tenant_guard ON astra.teams AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.teams TO muniment_app;
GRANT UPDATE (name) ON astra.teams TO muniment_app;
GRANT SELECT ON astra.teams TO muniment_reader;

CREATE TABLE astra.team_memberships (
    org_id  uuid NOT NULL,
    id      uuid NOT NULL DEFAULT platform.uuid_generate_v7(),
    team_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role    text NOT NULL DEFAULT 'member',

    CONSTRAINT team_memberships_pk PRIMARY KEY (org_id, id),
    CONSTRAINT team_memberships_user_id_uq UNIQUE (org_id, team_id, user_id),
    CONSTRAINT team_memberships_org_fk FOREIGN KEY (org_id)
        REFERENCES astra.organizations (id) ON DELETE RESTRICT,
    CONSTRAINT team_memberships_team_fk FOREIGN KEY (org_id, team_id)
        REFERENCES astra.teams (org_id, id) ON DELETE CASCADE,
    CONSTRAINT team_memberships_member_fk FOREIGN KEY (org_id, user_id)
        REFERENCES astra.org_memberships (org_id, user_id) ON DELETE CASCADE,
    CONSTRAINT team_memberships_role_ck CHECK (role IN ('lead', 'member'))
);

-- The teams of a member. Serves the reference.
CREATE INDEX team_memberships_user_id_ix ON astra.team_memberships (org_id, user_id);

COMMENT ON TABLE astra.team_memberships IS 'A member who is in a team.';
COMMENT ON COLUMN astra.team_memberships.org_id IS 'The organisation.';
COMMENT ON COLUMN astra.team_memberships.id IS 'The place in the team.';
COMMENT ON COLUMN astra.team_memberships.team_id IS 'The team.';
COMMENT ON COLUMN astra.team_memberships.user_id IS 'The member.';
COMMENT ON COLUMN astra.team_memberships.role IS 'lead or member.';

ALTER TABLE astra.team_memberships ENABLE ROW LEVEL SECURITY;
ALTER TABLE astra.team_memberships FORCE ROW LEVEL SECURITY;

CREATE POLICY team_memberships_tenant ON astra.team_memberships
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));
CREATE POLICY team_memberships_tenant_guard ON astra.team_memberships AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (org_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (org_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON astra.team_memberships TO muniment_app;
GRANT UPDATE (team_id, user_id, role) ON astra.team_memberships TO muniment_app;
GRANT SELECT ON astra.team_memberships TO muniment_reader;

COMMIT;
