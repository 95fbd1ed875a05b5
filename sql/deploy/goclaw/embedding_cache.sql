-- Deploy goclaw:embedding_cache to pg
-- requires: tenants
-- requires: platform:vector
--
-- Spares a second call for a text that was embedded before. A cache of a tenant's own: a hit in a
-- common one would tell that somebody else has embedded the same text. What is lost here is only
-- computed again.
-- Locks: SHARE ROW EXCLUSIVE on tenants.  Docs: docs/schema/goclaw.md#embedding-cache

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE goclaw.embedding_cache (
    tenant_id  uuid                  NOT NULL,
    hash       varchar(64)           NOT NULL,
    provider   varchar(50)           NOT NULL,
    model      varchar(200)          NOT NULL,
    embedding  platform.vector(1536) NOT NULL,
    dims       integer               NOT NULL,
    created_at timestamptz           NOT NULL DEFAULT now(),
    updated_at timestamptz           NOT NULL DEFAULT now(),

    CONSTRAINT embedding_cache_pk PRIMARY KEY (tenant_id, hash, provider, model),
    CONSTRAINT embedding_cache_tenant_fk FOREIGN KEY (tenant_id)
        REFERENCES goclaw.tenants (id) ON DELETE RESTRICT,
    CONSTRAINT embedding_cache_hash_ck CHECK (hash <> ''),
    -- What has no distance to itself (too short or too long for its square) has none to anything.
    CONSTRAINT embedding_cache_embedding_ck CHECK (
        (embedding OPERATOR(platform.<=>) embedding) <= 1
    ),
    CONSTRAINT embedding_cache_dims_ck CHECK (dims BETWEEN 1 AND 1536)
);

COMMENT ON TABLE goclaw.embedding_cache IS 'The embedding of a text, by the hash of the text.';
COMMENT ON COLUMN goclaw.embedding_cache.tenant_id IS 'The tenant.';
COMMENT ON COLUMN goclaw.embedding_cache.hash IS 'Hash of the text.';
COMMENT ON COLUMN goclaw.embedding_cache.provider IS 'Who computed it.';
COMMENT ON COLUMN goclaw.embedding_cache.model IS 'The model that was used.';
COMMENT ON COLUMN goclaw.embedding_cache.embedding IS 'The text''s meaning as a vector.';
COMMENT ON COLUMN goclaw.embedding_cache.dims IS
    'How many dimensions the model computed; the rest of the vector is zero.';
COMMENT ON COLUMN goclaw.embedding_cache.created_at IS 'When the row was made.';
COMMENT ON COLUMN goclaw.embedding_cache.updated_at IS
    'When the row was last changed; a trigger sets it.';

CREATE TRIGGER embedding_cache_set_updated_at_tg
    BEFORE UPDATE ON goclaw.embedding_cache
    FOR EACH ROW EXECUTE FUNCTION platform.set_updated_at();

ALTER TABLE goclaw.embedding_cache ENABLE ROW LEVEL SECURITY;
ALTER TABLE goclaw.embedding_cache FORCE ROW LEVEL SECURITY;

CREATE POLICY embedding_cache_tenant ON goclaw.embedding_cache
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));
CREATE POLICY embedding_cache_tenant_guard ON goclaw.embedding_cache AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (tenant_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (tenant_id = (SELECT platform.current_tenant_id()));

GRANT SELECT, INSERT, DELETE ON goclaw.embedding_cache TO muniment_app;
GRANT UPDATE (embedding, dims, updated_at) ON goclaw.embedding_cache TO muniment_app;
GRANT SELECT ON goclaw.embedding_cache TO muniment_reader;

COMMIT;
