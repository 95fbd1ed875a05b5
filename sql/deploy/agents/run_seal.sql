-- Deploy agents:run_seal to pg
-- requires: agent_run_key
-- requires: seal_sha256
--
-- A firm has as many chains of seals as it ever had writers at once: each takes a chain that nobody
-- holds, so no writer waits for another. The head of a chain is the lock and says where it goes on;
-- within a chain each seal holds the hash of the one before it. Seals stay when months leave.
-- Locks: SHARE ROW EXCLUSIVE on agent_run_key, which the foreign key takes.
-- Docs: docs/schema/agents.md#run-seal

BEGIN;

SET LOCAL lock_timeout = '3s';
SET LOCAL ROLE muniment_owner;

CREATE TABLE agents.seal_chain (
    firm_id      uuid     NOT NULL,
    chain_no     smallint NOT NULL,
    last_seal_no bigint   NOT NULL DEFAULT 0,
    last_sha256  bytea,

    CONSTRAINT seal_chain_pk PRIMARY KEY (firm_id, chain_no),
    CONSTRAINT seal_chain_chain_no_ck CHECK (chain_no >= 1),
    CONSTRAINT seal_chain_last_seal_no_ck
        CHECK (last_seal_no >= 0 AND (last_seal_no = 0) = (last_sha256 IS NULL)),
    CONSTRAINT seal_chain_last_sha256_ck CHECK (octet_length(last_sha256) = 32)
)
-- Every seal updates its head: room on the page keeps that off the index.
WITH (fillfactor = 50);

CREATE TABLE agents.run_seal (
    firm_id         uuid        NOT NULL,
    chain_no        smallint    NOT NULL,
    seal_no         bigint      NOT NULL,
    format_no       smallint    NOT NULL DEFAULT 1,
    kind            text        NOT NULL,
    run_id          uuid,
    run_started_at  timestamptz,
    redaction_id    uuid,
    sealed_at       timestamptz NOT NULL,
    row_count       integer     NOT NULL,
    row_digests     bytea       NOT NULL,
    content_sha256  bytea       NOT NULL,
    previous_sha256 bytea,
    seal_sha256     bytea       NOT NULL,

    CONSTRAINT run_seal_pk PRIMARY KEY (firm_id, chain_no, seal_no),
    CONSTRAINT run_seal_chain_fk FOREIGN KEY (firm_id, chain_no)
        REFERENCES agents.seal_chain (firm_id, chain_no) ON DELETE RESTRICT,
    CONSTRAINT run_seal_run_fk FOREIGN KEY (firm_id, run_id, run_started_at)
        REFERENCES agents.agent_run_key (firm_id, run_id, started_at) ON DELETE RESTRICT,
    CONSTRAINT run_seal_seal_no_ck CHECK (seal_no >= 1),
    CONSTRAINT run_seal_first_has_no_previous_ck
        CHECK ((seal_no = 1) = (previous_sha256 IS NULL)),
    CONSTRAINT run_seal_kind_ck
        CHECK (
            CASE kind
                WHEN 'run' THEN run_id IS NOT NULL AND redaction_id IS NULL
                WHEN 'redaction' THEN redaction_id IS NOT NULL
                ELSE false
            END
        ),
    -- Half a reference would not be checked at all.
    CONSTRAINT run_seal_run_is_whole_ck CHECK ((run_id IS NULL) = (run_started_at IS NULL)),
    CONSTRAINT run_seal_format_no_ck CHECK (format_no = 1),
    CONSTRAINT run_seal_row_count_ck
        CHECK (row_count >= 1 AND octet_length(row_digests) = 8 * row_count),
    CONSTRAINT run_seal_content_sha256_ck CHECK (octet_length(content_sha256) = 32),
    CONSTRAINT run_seal_previous_sha256_ck CHECK (octet_length(previous_sha256) = 32),
    CONSTRAINT run_seal_sealed_at_ck CHECK (isfinite(sealed_at)),
    -- A seal is the hash of what is written on it: nobody can write another.
    CONSTRAINT run_seal_seal_sha256_ck
        CHECK (
            seal_sha256 = agents.seal_sha256(
                firm_id, chain_no, seal_no, format_no, kind, run_id, run_started_at, redaction_id,
                sealed_at, row_count, row_digests, content_sha256, previous_sha256
            )
        )
);

-- A run is sealed once, and found by its id.
CREATE UNIQUE INDEX run_seal_run_uq ON agents.run_seal (firm_id, run_id) WHERE kind = 'run';

-- And so is a redaction.
CREATE UNIQUE INDEX run_seal_redaction_uq ON agents.run_seal (firm_id, redaction_id)
    WHERE redaction_id IS NOT NULL;

COMMENT ON TABLE agents.seal_chain IS
    'The heads of the chains of seals of a firm: whoever holds one writes the next seal of it.';
COMMENT ON COLUMN agents.seal_chain.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.seal_chain.chain_no IS 'The chains of a firm, from 1.';
COMMENT ON COLUMN agents.seal_chain.last_seal_no IS
    'Number of the latest seal; 0 before the first.';
COMMENT ON COLUMN agents.seal_chain.last_sha256 IS
    'seal_sha256 of it: what the next seal holds as the previous one. NULL before the first.';
COMMENT ON TABLE agents.run_seal IS
    'One seal a finished run or a redaction: the hash of its rows, chained to the seal before it.';
COMMENT ON COLUMN agents.run_seal.firm_id IS 'The tenant.';
COMMENT ON COLUMN agents.run_seal.chain_no IS 'The chain that it is part of.';
COMMENT ON COLUMN agents.run_seal.seal_no IS 'Its place in the chain, from 1 without a gap.';
COMMENT ON COLUMN agents.run_seal.format_no IS
    'Which columns are hashed, and how: 1 is what agents.sealed_rows() does.';
COMMENT ON COLUMN agents.run_seal.kind IS 'What is sealed: run or redaction.';
COMMENT ON COLUMN agents.run_seal.run_id IS
    'The run; of a redaction the run of its turn or call, NULL before any run.';
COMMENT ON COLUMN agents.run_seal.run_started_at IS 'started_at of that run.';
COMMENT ON COLUMN agents.run_seal.redaction_id IS 'The redaction. NULL for a run.';
COMMENT ON COLUMN agents.run_seal.sealed_at IS 'When, by the clock of the database.';
COMMENT ON COLUMN agents.run_seal.row_count IS 'How many rows are sealed.';
COMMENT ON COLUMN agents.run_seal.row_digests IS
    'The first 8 bytes of the hash of each row, in order: they tell which row differs, while '
    'content_sha256 tells that one does.';
COMMENT ON COLUMN agents.run_seal.content_sha256 IS
    'SHA-256 over the SHA-256 of each row, in order.';
COMMENT ON COLUMN agents.run_seal.previous_sha256 IS
    'seal_sha256 of the seal before it in the chain. NULL for the first.';
COMMENT ON COLUMN agents.run_seal.seal_sha256 IS
    'The seal: agents.seal_sha256() over all the other columns.';

CREATE TRIGGER seal_chain_forbid_delete_tg
    BEFORE DELETE ON agents.seal_chain
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER seal_chain_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.seal_chain
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER run_seal_forbid_update_tg
    BEFORE UPDATE ON agents.run_seal
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER run_seal_forbid_delete_tg
    BEFORE DELETE ON agents.run_seal
    FOR EACH ROW EXECUTE FUNCTION platform.forbid_change();
CREATE TRIGGER run_seal_forbid_truncate_tg
    BEFORE TRUNCATE ON agents.run_seal
    FOR EACH STATEMENT EXECUTE FUNCTION platform.forbid_change();

ALTER TABLE agents.seal_chain ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.seal_chain FORCE ROW LEVEL SECURITY;
ALTER TABLE agents.run_seal ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents.run_seal FORCE ROW LEVEL SECURITY;

-- The owner is named too: under FORCE it would silently see nothing; this way it gets 42501.
CREATE POLICY seal_chain_tenant ON agents.seal_chain
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY seal_chain_tenant_guard ON agents.seal_chain AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY run_seal_tenant ON agents.run_seal
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
CREATE POLICY run_seal_tenant_guard ON agents.run_seal AS RESTRICTIVE
    TO muniment_app, muniment_reader, muniment_owner
    USING (firm_id = (SELECT platform.current_tenant_id()))
    WITH CHECK (firm_id = (SELECT platform.current_tenant_id()));
-- The backend seals the runs that it ends and the redactions that it makes, for all firms.
CREATE POLICY seal_chain_service ON agents.seal_chain
    TO muniment_service
    USING (true)
    WITH CHECK (true);
CREATE POLICY run_seal_service ON agents.run_seal
    TO muniment_service
    USING (true)
    WITH CHECK (true);

GRANT SELECT, INSERT ON agents.seal_chain TO muniment_app, muniment_service;
GRANT UPDATE (last_seal_no, last_sha256)
    ON agents.seal_chain TO muniment_app, muniment_service;
GRANT SELECT ON agents.seal_chain TO muniment_reader;
GRANT SELECT, INSERT ON agents.run_seal TO muniment_app, muniment_service;
GRANT SELECT ON agents.run_seal TO muniment_reader;

COMMIT;
