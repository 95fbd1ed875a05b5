-- Deploy agentcore:system_role to pg
-- requires: schema
-- requires: platform:uuid_generate_v7
--
-- What a role allows is the same in every department, so a role has no department and runtimes only
-- read it. Which departments a role opens they do not read: a department is not told which others
-- there are. It is a list without references: a department is never deleted. Roles are made by the
-- backend, which cannot turn one into a built-in one.
-- Locks: none beyond the new table.  Docs: docs/schema/agentcore.md#system-role

BEGIN;

SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.system_role (
    id              uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    name            text        NOT NULL,
    slug            text        NOT NULL,
    is_system       boolean     NOT NULL DEFAULT false,
    all_departments boolean     NOT NULL DEFAULT false,
    department_ids  uuid[]      NOT NULL DEFAULT '{}',
    permissions     text[]      NOT NULL DEFAULT '{}',
    created_at      timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT system_role_pk PRIMARY KEY (id),
    CONSTRAINT system_role_slug_uq UNIQUE (slug),
    CONSTRAINT system_role_slug_ck CHECK (slug <> ''),
    CONSTRAINT system_role_departments_ck
        CHECK (NOT (all_departments AND cardinality(department_ids) > 0)),
    CONSTRAINT system_role_department_ids_ck CHECK (array_position(department_ids, NULL) IS NULL),
    CONSTRAINT system_role_permissions_ck CHECK (array_position(permissions, NULL) IS NULL)
);

COMMENT ON TABLE agentcore.system_role IS
    'A role: what its users may do, and in which departments besides their own.';
COMMENT ON COLUMN agentcore.system_role.id IS 'The role.';
COMMENT ON COLUMN agentcore.system_role.name IS 'For people.';
COMMENT ON COLUMN agentcore.system_role.slug IS 'Short name, which does not change.';
COMMENT ON COLUMN agentcore.system_role.is_system IS
    'Whether it is built in, and not made by somebody.';
COMMENT ON COLUMN agentcore.system_role.all_departments IS 'Whether it opens every department.';
COMMENT ON COLUMN agentcore.system_role.department_ids IS
    'The departments that it opens, where it does not open all. For the backend alone.';
COMMENT ON COLUMN agentcore.system_role.permissions IS
    'What it allows, for example approval.decide.';
COMMENT ON COLUMN agentcore.system_role.created_at IS 'When the row was made.';

GRANT SELECT (
    id, name, slug, is_system, all_departments, permissions, created_at
) ON agentcore.system_role TO muniment_app;
GRANT SELECT (
    id, name, slug, is_system, all_departments, permissions, created_at
) ON agentcore.system_role TO muniment_reader;
GRANT SELECT ON agentcore.system_role TO muniment_service;
GRANT INSERT (
    id, name, slug, all_departments, department_ids, permissions
) ON agentcore.system_role TO muniment_service;
GRANT UPDATE (
    name, all_departments, department_ids, permissions
) ON agentcore.system_role TO muniment_service;

COMMIT;
