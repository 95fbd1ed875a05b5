-- Deploy agentcore:employee_profile to pg
-- requires: department_member
-- requires: raise_profile_version
--
-- What assistants of a department have learned about a user there. Another department has a profile
-- of its own, since what was said to one is not for the other.
-- Locks: SHARE ROW EXCLUSIVE on department_member.  Docs: docs/schema/agentcore.md#employee-profile

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.employee_profile (
    department_id     uuid        NOT NULL DEFAULT platform.current_tenant_id(),
    id                uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id           uuid        NOT NULL,
    summary           text,
    current_projects  jsonb       NOT NULL DEFAULT '[]',
    preferences       jsonb       NOT NULL DEFAULT '{}',
    frequent_intents  jsonb       NOT NULL DEFAULT '[]',
    access_level      text,
    profile_version   integer     NOT NULL DEFAULT 1,
    last_extracted_at timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT employee_profile_pk PRIMARY KEY (department_id, id),
    CONSTRAINT employee_profile_user_uq UNIQUE (department_id, user_id),
    CONSTRAINT employee_profile_user_fk FOREIGN KEY (department_id, user_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT employee_profile_profile_version_ck CHECK (profile_version > 0)
);

COMMENT ON TABLE agentcore.employee_profile IS 'What a department''s assistants know about a user.';
COMMENT ON COLUMN agentcore.employee_profile.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.employee_profile.id IS 'The profile.';
COMMENT ON COLUMN agentcore.employee_profile.user_id IS 'The user.';
COMMENT ON COLUMN agentcore.employee_profile.summary IS 'What is known, in words.';
COMMENT ON COLUMN agentcore.employee_profile.current_projects IS 'What the user works on.';
COMMENT ON COLUMN agentcore.employee_profile.preferences IS 'What the user likes.';
COMMENT ON COLUMN agentcore.employee_profile.frequent_intents IS 'What the user often wants.';
COMMENT ON COLUMN agentcore.employee_profile.access_level IS
    'What the user may be told, as the application understands it.';
COMMENT ON COLUMN agentcore.employee_profile.profile_version IS
    'How often it was written; a trigger counts.';
COMMENT ON COLUMN agentcore.employee_profile.last_extracted_at IS
    'When conversations were last looked through for it.';
COMMENT ON COLUMN agentcore.employee_profile.created_at IS 'When the row was made.';

CREATE TRIGGER employee_profile_raise_profile_version_tg
    BEFORE UPDATE ON agentcore.employee_profile
    FOR EACH ROW EXECUTE FUNCTION agentcore.raise_profile_version();

ALTER TABLE agentcore.employee_profile ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.employee_profile FORCE ROW LEVEL SECURITY;

CREATE POLICY employee_profile_tenant ON agentcore.employee_profile
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY employee_profile_tenant_guard ON agentcore.employee_profile AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON agentcore.employee_profile TO muniment_app;
GRANT UPDATE (
    summary, current_projects, preferences, frequent_intents, access_level, last_extracted_at
) ON agentcore.employee_profile TO muniment_app;
GRANT SELECT ON agentcore.employee_profile TO muniment_reader;

COMMIT;
