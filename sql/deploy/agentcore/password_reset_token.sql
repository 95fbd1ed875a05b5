-- Deploy agentcore:password_reset_token to pg
-- requires: users
--
-- A link that was sent by mail is found before there is a department, so its hash is unique over
-- all of them: who can meet it holds the link. Only the hash is kept; muniment_service alone writes
-- it and reads it. That a user has one open link is a key, which holds at every isolation level.
-- Locks: SHARE ROW EXCLUSIVE on department_member.
-- Docs: docs/schema/agentcore.md#password-reset-token

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agentcore.password_reset_token (
    department_id uuid        NOT NULL,
    id            uuid        NOT NULL DEFAULT platform.uuid_generate_v7(),
    user_id       uuid        NOT NULL,
    token         bytea       NOT NULL,
    expires_at    timestamptz NOT NULL,
    used_at       timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT password_reset_token_pk PRIMARY KEY (department_id, id),
    CONSTRAINT password_reset_token_token_uq UNIQUE (token),
    CONSTRAINT password_reset_token_user_fk FOREIGN KEY (department_id, user_id)
        REFERENCES agentcore.department_member (department_id, user_id) ON DELETE RESTRICT,
    CONSTRAINT password_reset_token_token_ck CHECK (octet_length(token) = 32),
    CONSTRAINT password_reset_token_expires_at_ck CHECK (expires_at > created_at)
);

-- The links of a user, also those that were used. Serves the reference.
CREATE INDEX password_reset_token_user_id_ix
    ON agentcore.password_reset_token (department_id, user_id);

-- A user has one link that works.
CREATE UNIQUE INDEX password_reset_token_open_uq
    ON agentcore.password_reset_token (department_id, user_id) WHERE used_at IS NULL;

COMMENT ON TABLE agentcore.password_reset_token IS
    'A link with which a user may set a new password, once.';
COMMENT ON COLUMN agentcore.password_reset_token.department_id IS 'The department.';
COMMENT ON COLUMN agentcore.password_reset_token.id IS 'The link''s identity, which is no secret.';
COMMENT ON COLUMN agentcore.password_reset_token.user_id IS 'The user.';
COMMENT ON COLUMN agentcore.password_reset_token.token IS
    'SHA-256 of what the link carries; the reader has no right to it.';
COMMENT ON COLUMN agentcore.password_reset_token.expires_at IS 'When it stops to work.';
COMMENT ON COLUMN agentcore.password_reset_token.used_at IS
    'When it was used or made void: by a newer link, or by what ends the sessions of the user or '
    'changes the address. NULL means that it works until it expires.';
COMMENT ON COLUMN agentcore.password_reset_token.created_at IS 'When the row was made.';

ALTER TABLE agentcore.password_reset_token ENABLE ROW LEVEL SECURITY;
ALTER TABLE agentcore.password_reset_token FORCE ROW LEVEL SECURITY;

CREATE POLICY password_reset_token_tenant ON agentcore.password_reset_token
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));
CREATE POLICY password_reset_token_tenant_guard ON agentcore.password_reset_token AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (department_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (department_id = (SELECT platform.current_tenant_id()));

-- A link is looked up to learn whose it is.
CREATE POLICY password_reset_token_service ON agentcore.password_reset_token
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT (
    department_id, id, user_id, expires_at, used_at, created_at
) ON agentcore.password_reset_token TO muniment_app;
GRANT SELECT (
    department_id, id, user_id, expires_at, used_at, created_at
) ON agentcore.password_reset_token TO muniment_reader;
GRANT SELECT ON agentcore.password_reset_token TO muniment_service;
GRANT INSERT (
    department_id, id, user_id, token, expires_at
) ON agentcore.password_reset_token TO muniment_service;
GRANT UPDATE (used_at) ON agentcore.password_reset_token TO muniment_service;

COMMIT;
