-- Deploy open_agents:sessions to pg
-- requires: accounts
-- requires: platform:set_updated_at
--
-- An agent at work on a repository in a sandbox. The account is in the key, so that whatever
-- belongs to a session can refer to session and account in one, and the two cannot disagree.
-- Locks: SHARE ROW EXCLUSIVE on accounts.  Docs: docs/schema/open_agents.md#sessions

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE open_agents.sessions (
    account_id                uuid        NOT NULL,
    id                        text        NOT NULL,
    status                    text        NOT NULL DEFAULT 'running',
    lifecycle_state           text,
    auto_commit_push_override boolean,
    global_skill_refs         jsonb       NOT NULL DEFAULT '[]',
    title                     text,
    repo_owner                text,
    repo_name                 text,
    branch                    text,
    clone_url                 text,
    sandbox_state             jsonb,
    created_at                timestamptz NOT NULL DEFAULT now(),
    updated_at                timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT sessions_pk PRIMARY KEY (account_id, id),
    CONSTRAINT sessions_account_fk FOREIGN KEY (account_id)
        REFERENCES open_agents.accounts (id) ON DELETE CASCADE,
    CONSTRAINT sessions_id_ck CHECK (id <> ''),
    CONSTRAINT sessions_status_ck CHECK (status IN ('running', 'completed', 'failed', 'archived')),
    CONSTRAINT sessions_lifecycle_state_ck CHECK (
        lifecycle_state IN (
            'provisioning', 'active', 'hibernating', 'hibernated', 'restoring', 'archived', 'failed'
        )
    ),
    -- Nothing before the host but, over ssh, a name, which is no secret; and no parameter that is
    -- called like one.
    CONSTRAINT sessions_clone_url_ck CHECK (
        clone_url !~* '^[[:space:]]*[a-z0-9+.-]*https?:/*[^/]*@'
        AND clone_url !~* '^[[:space:]]*[a-z0-9+.-]+://[^/@]*:[^/@]*@'
        AND clone_url !~* '[?&;][^=&]*(token|password|secret|key|auth|sig)[^=&]*='
    ),
    CONSTRAINT sessions_global_skill_refs_ck CHECK (jsonb_typeof(global_skill_refs) = 'array')
);

-- Stated: the sessions of an account. The primary key begins with the account and serves the
-- reference, so this holds only those that run: few among many, and asked for most.
CREATE INDEX sessions_account_id_ix ON open_agents.sessions (account_id) WHERE status = 'running';

COMMENT ON TABLE open_agents.sessions IS
    'An agent at work for an account, in a sandbox with a repository.';
COMMENT ON COLUMN open_agents.sessions.account_id IS 'The account.';
COMMENT ON COLUMN open_agents.sessions.id IS
    'The session; whoever makes it chooses the id, a nanoid.';
COMMENT ON COLUMN open_agents.sessions.status IS
    'How the work stands: running, completed, failed or archived.';
COMMENT ON COLUMN open_agents.sessions.lifecycle_state IS
    'How the sandbox stands: provisioning, active, hibernating, hibernated, restoring, archived '
    'or failed. NULL before there is one.';
COMMENT ON COLUMN open_agents.sessions.auto_commit_push_override IS
    'Whether changes are committed and pushed by themselves. NULL leaves it to the backend.';
COMMENT ON COLUMN open_agents.sessions.global_skill_refs IS
    'The skills from outside of the repository that the agent may use, an array.';
COMMENT ON COLUMN open_agents.sessions.title IS 'For people. NULL until it has one.';
COMMENT ON COLUMN open_agents.sessions.repo_owner IS 'Who owns the repository.';
COMMENT ON COLUMN open_agents.sessions.repo_name IS 'The repository.';
COMMENT ON COLUMN open_agents.sessions.branch IS 'The branch that is worked on.';
COMMENT ON COLUMN open_agents.sessions.clone_url IS
    'Where the repository is cloned from, without a password or token.';
COMMENT ON COLUMN open_agents.sessions.sandbox_state IS
    'What the backend needs to find and restore the sandbox. It may hold tokens: the reader has '
    'no right to it.';
COMMENT ON COLUMN open_agents.sessions.created_at IS 'When the row was made.';
COMMENT ON COLUMN open_agents.sessions.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER sessions_set_updated_at_tg
    BEFORE UPDATE ON open_agents.sessions
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE open_agents.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE open_agents.sessions FORCE ROW LEVEL SECURITY;

CREATE POLICY sessions_tenant ON open_agents.sessions
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));
CREATE POLICY sessions_tenant_guard ON open_agents.sessions AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (account_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (account_id = (SELECT platform.current_tenant_id()));

-- The backend serves all accounts.
CREATE POLICY sessions_service ON open_agents.sessions
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, DELETE ON open_agents.sessions TO muniment_app;
GRANT INSERT (
    account_id, id, status, lifecycle_state, auto_commit_push_override, global_skill_refs, title,
    repo_owner, repo_name, branch, clone_url, sandbox_state, updated_at
) ON open_agents.sessions TO muniment_app;
GRANT UPDATE (
    status, lifecycle_state, auto_commit_push_override, global_skill_refs, title, repo_owner,
    repo_name, branch, clone_url, sandbox_state, updated_at
) ON open_agents.sessions TO muniment_app;
GRANT SELECT (
    account_id, id, status, lifecycle_state, auto_commit_push_override, global_skill_refs,
    title, repo_owner, repo_name, branch, clone_url, created_at, updated_at
) ON open_agents.sessions TO muniment_reader;
GRANT SELECT, DELETE ON open_agents.sessions TO muniment_service;
GRANT INSERT (
    account_id, id, status, lifecycle_state, auto_commit_push_override, global_skill_refs, title,
    repo_owner, repo_name, branch, clone_url, sandbox_state, updated_at
) ON open_agents.sessions TO muniment_service;
GRANT UPDATE (
    status, lifecycle_state, auto_commit_push_override, global_skill_refs, title, repo_owner,
    repo_name, branch, clone_url, sandbox_state, updated_at
) ON open_agents.sessions TO muniment_service;

COMMIT;
