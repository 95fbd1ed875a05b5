-- Deploy goclaw:browser_cookies to pg
-- requires: tenants
--
-- Cookies that a user lent to an agent for browsing. The key holds tenant, user and agent: no
-- cookie of one is ever found for another. It also serves the lookup by domain, so there is no
-- second index for that.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#browser-cookies

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.browser_cookies (
    tenant_id       uuid         NOT NULL,
    id              uuid         NOT NULL DEFAULT gen_random_uuid(),
    user_id         varchar(255) NOT NULL,
    agent_id        varchar(255) NOT NULL,
    domain          text         NOT NULL,
    name            text         NOT NULL,
    path            text         NOT NULL DEFAULT '/',
    encrypted_value text         NOT NULL,
    secure          boolean      NOT NULL DEFAULT false,
    http_only       boolean      NOT NULL DEFAULT false,
    same_site       varchar(32)  NOT NULL DEFAULT '',
    expires_at      timestamptz,
    source          varchar(64)  NOT NULL DEFAULT '',
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),

    CONSTRAINT browser_cookies_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT browser_cookies_cookie_uq
        UNIQUE (tenant_id, user_id, agent_id, domain, path, name),
    CONSTRAINT browser_cookies_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE CASCADE,
    CONSTRAINT browser_cookies_domain_ck CHECK (domain <> ''),
    CONSTRAINT browser_cookies_name_ck CHECK (name <> ''),
    CONSTRAINT browser_cookies_path_ck CHECK (path <> ''),
    -- What the key holds. Beyond, the server would refuse with the name of an index page.
    CONSTRAINT browser_cookies_length_ck CHECK (
        octet_length(user_id) + octet_length(agent_id) + octet_length(domain)
            + octet_length(path) + octet_length(name) <= 2500
    )
);

-- Stated: cookies that have ended, of all tenants, which is why the tenant is not in it.
CREATE INDEX browser_cookies_expires_at_ix ON goclaw.browser_cookies (expires_at);

COMMENT ON TABLE goclaw.browser_cookies IS 'A cookie that a user lent to an agent.';
COMMENT ON COLUMN goclaw.browser_cookies.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.browser_cookies.id IS 'The cookie.';
COMMENT ON COLUMN goclaw.browser_cookies.user_id IS 'The user whose cookie it is.';
COMMENT ON COLUMN goclaw.browser_cookies.agent_id IS 'The agent that may use it, by id or name.';
COMMENT ON COLUMN goclaw.browser_cookies.domain IS 'Domain of the cookie.';
COMMENT ON COLUMN goclaw.browser_cookies.name IS 'Name of the cookie.';
COMMENT ON COLUMN goclaw.browser_cookies.path IS 'Path of the cookie.';
COMMENT ON COLUMN goclaw.browser_cookies.encrypted_value IS
    'Ciphertext, AES-256-GCM: the gateway holds the key, the reader has no right to it.';
COMMENT ON COLUMN goclaw.browser_cookies.secure IS 'Whether it is sent by HTTPS only.';
COMMENT ON COLUMN goclaw.browser_cookies.http_only IS 'Whether scripts of the page do not see it.';
COMMENT ON COLUMN goclaw.browser_cookies.same_site IS 'Its SameSite attribute. Empty means none.';
COMMENT ON COLUMN goclaw.browser_cookies.expires_at IS
    'When it ends; it may be pruned then. NULL means with the session of the browser.';
COMMENT ON COLUMN goclaw.browser_cookies.source IS 'Where it was taken from.';
COMMENT ON COLUMN goclaw.browser_cookies.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.browser_cookies.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER browser_cookies_set_updated_at_tg
    BEFORE UPDATE ON goclaw.browser_cookies
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.browser_cookies ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.browser_cookies FORCE ROW LEVEL SECURITY;

CREATE POLICY browser_cookies_tenant ON goclaw.browser_cookies
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY browser_cookies_tenant_guard ON goclaw.browser_cookies AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

-- Cookies of all tenants are pruned when they have ended.
CREATE POLICY browser_cookies_service ON goclaw.browser_cookies
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT, DELETE ON goclaw.browser_cookies TO muniment_app;
GRANT UPDATE (
    user_id, agent_id, domain, name, path, encrypted_value, secure, http_only, same_site,
    expires_at, source, updated_at
) ON goclaw.browser_cookies TO muniment_app;
GRANT SELECT (
    tenant_id, id, user_id, agent_id, domain, name, path, secure, http_only, same_site,
    expires_at, source, created_at, updated_at
) ON goclaw.browser_cookies TO muniment_reader;
GRANT DELETE ON goclaw.browser_cookies TO muniment_service;
GRANT SELECT (tenant_id, id, expires_at) ON goclaw.browser_cookies TO muniment_service;
-- FOR UPDATE asks for a right to update; this column means least.
GRANT UPDATE (updated_at) ON goclaw.browser_cookies TO muniment_service;

COMMIT;
