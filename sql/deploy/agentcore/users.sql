-- Deploy agentcore:users to pg
-- requires: department_member
-- requires: system_role
-- requires: raise_token_version
-- requires: remember_member
--
-- The account of a person, in the department that is home. Whoever may write a role or an override
-- could open any department, whoever reads a password hash could try passwords, and a department is
-- not told which others there are: all that is for muniment_service, runtimes change the profile
-- only. The department can change (a transfer), because no reference points here: they point to
-- department_member. Called users, since user is a word of SQL.
-- Locks: SHARE ROW EXCLUSIVE on department, department_member, system_role.
-- Docs: docs/schema/agentcore.md#users

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.users (
    department_id          uuid        NOT NULL,
    id                     uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    email                  text        NOT NULL,
    name                   text        NOT NULL,
    phone                  text,
    password_hash          text,
    role                   text        NOT NULL DEFAULT 'employee',
    role_id                uuid,
    avatar_url             text,
    token_version          integer     NOT NULL DEFAULT 0,
    extra_permissions      text[]      NOT NULL DEFAULT '{}',
    revoked_permissions    text[]      NOT NULL DEFAULT '{}',
    extra_department_ids   uuid[]      NOT NULL DEFAULT '{}',
    revoked_department_ids uuid[]      NOT NULL DEFAULT '{}',
    is_active              boolean     NOT NULL DEFAULT true,
    created_at             timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT users_pk PRIMARY KEY (department_id, id),
    CONSTRAINT users_id_uq UNIQUE (id),
    CONSTRAINT users_email_uq UNIQUE (email),
    CONSTRAINT users_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT,
    CONSTRAINT users_member_fk FOREIGN KEY (department_id, id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT users_role_fk FOREIGN KEY (role_id)
        REFERENCES agentcore.system_role (id) ON DELETE RESTRICT,
    CONSTRAINT users_email_ck
        CHECK (email <> '' AND email = lower(email) AND email !~ '[[:space:]]'),
    CONSTRAINT users_role_ck CHECK (role IN ('admin', 'approver', 'dept_head', 'employee')),
    CONSTRAINT users_token_version_ck CHECK (token_version >= 0),
    CONSTRAINT users_extra_permissions_ck CHECK (array_position(extra_permissions, NULL) IS NULL),
    CONSTRAINT users_revoked_permissions_ck
        CHECK (array_position(revoked_permissions, NULL) IS NULL),
    CONSTRAINT users_extra_department_ids_ck
        CHECK (array_position(extra_department_ids, NULL) IS NULL),
    CONSTRAINT users_revoked_department_ids_ck
        CHECK (array_position(revoked_department_ids, NULL) IS NULL)
);

-- The users of a role, in all departments: asked by the backend. Serves the reference.
CREATE INDEX users_role_id_ix ON agentcore.users (role_id) WHERE role_id IS NOT NULL;

COMMENT ON TABLE agentcore.users IS 'The account of a person who may log in.';
COMMENT ON COLUMN agentcore.users.department_id IS 'The department that is home.';
COMMENT ON COLUMN agentcore.users.id IS
    'The user; unique over all departments, for a department knows its members by it.';
COMMENT ON COLUMN agentcore.users.email IS
    'With what the user logs in, in small letters and without blanks; unique over all departments.';
COMMENT ON COLUMN agentcore.users.name IS 'For people.';
COMMENT ON COLUMN agentcore.users.phone IS
    'Where the user can be called, and which chats are the user''s.';
COMMENT ON COLUMN agentcore.users.password_hash IS
    'Hash of the password, as the login makes it; the reader has no right to it. NULL means that '
    'there is none.';
COMMENT ON COLUMN agentcore.users.role IS
    'The former kind of role: admin, approver, dept_head or employee. Decides nothing.';
COMMENT ON COLUMN agentcore.users.role_id IS
    'The role. NULL allows nothing and opens the home only.';
COMMENT ON COLUMN agentcore.users.avatar_url IS 'Where the picture is.';
COMMENT ON COLUMN agentcore.users.token_version IS
    'Version that a session token must carry; a trigger raises it, which ends all sessions.';
COMMENT ON COLUMN agentcore.users.extra_permissions IS 'What is allowed beyond the role.';
COMMENT ON COLUMN agentcore.users.revoked_permissions IS
    'What is not allowed, whatever else says so.';
COMMENT ON COLUMN agentcore.users.extra_department_ids IS
    'Departments that are open beyond home and role. For the backend alone.';
COMMENT ON COLUMN agentcore.users.revoked_department_ids IS
    'Departments that are closed, whatever else says so. For the backend alone.';
COMMENT ON COLUMN agentcore.users.is_active IS 'Whether the user may do anything at all.';
COMMENT ON COLUMN agentcore.users.created_at IS 'When the row was made.';

CREATE TRIGGER users_raise_token_version_tg
    BEFORE UPDATE ON agentcore.users
    FOR EACH ROW EXECUTE FUNCTION agentcore.raise_token_version();
CREATE TRIGGER users_remember_member_tg
    BEFORE INSERT OR UPDATE OF department_id ON agentcore.users
    FOR EACH ROW EXECUTE FUNCTION agentcore.remember_member();

ALTER TABLE agentcore.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.users FORCE ROW LEVEL SECURITY;

CREATE POLICY users_tenant ON agentcore.users
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY users_tenant_guard ON agentcore.users AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

-- A login looks for the account before there is a department; accounts are made and moved.
CREATE POLICY users_service ON agentcore.users
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT (
    department_id, id, email, name, phone, role, role_id, avatar_url, token_version,
    extra_permissions, revoked_permissions, is_active, created_at
) ON agentcore.users TO muniment_app;
GRANT UPDATE (name, phone, avatar_url) ON agentcore.users TO muniment_app;
GRANT SELECT (
    department_id, id, email, name, phone, role, role_id, avatar_url, token_version,
    extra_permissions, revoked_permissions, is_active, created_at
) ON agentcore.users TO muniment_reader;
GRANT SELECT, INSERT ON agentcore.users TO muniment_service;
GRANT UPDATE (
    department_id, email, name, phone, password_hash, role, role_id, avatar_url, token_version,
    extra_permissions, revoked_permissions, extra_department_ids, revoked_department_ids,
    is_active
) ON agentcore.users TO muniment_service;

COMMIT;
