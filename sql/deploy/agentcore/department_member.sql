-- Deploy agentcore:department_member to pg
-- requires: department
--
-- A user has one home and may work in other departments. This is the user as a department knows it:
-- whatever names a user within a department refers to this row, so every reference carries the
-- department, and what somebody did in a department stays there when the person is transferred.
-- Rows are made by the trigger on users and by enter_department() only, and never deleted.
-- Locks: SHARE ROW EXCLUSIVE on department.  Docs: docs/schema/agentcore.md#department-member

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.department_member (
    department_id uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    name          text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT department_member_pk PRIMARY KEY (department_id, user_id),
    CONSTRAINT department_member_department_fk FOREIGN KEY (department_id)
        REFERENCES agentcore.department (id) ON DELETE RESTRICT
);

COMMENT ON TABLE agentcore.department_member IS 'A user who works or has worked in a department.';
COMMENT ON COLUMN agentcore.department_member.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.department_member.user_id IS
    'The user, whose account is in the home department.';
COMMENT ON COLUMN agentcore.department_member.name IS
    'What the user was called when the department was last entered.';
COMMENT ON COLUMN agentcore.department_member.created_at IS 'When the row was made.';

ALTER TABLE agentcore.department_member ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.department_member FORCE ROW LEVEL SECURITY;

CREATE POLICY department_member_tenant ON agentcore.department_member
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY department_member_tenant_guard ON agentcore.department_member AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

-- A user who is made or transferred becomes known at home.
CREATE POLICY department_member_service ON agentcore.department_member
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT ON agentcore.department_member TO muniment_app;
GRANT SELECT ON agentcore.department_member TO muniment_reader;
GRANT INSERT ON agentcore.department_member TO muniment_service;

COMMIT;
