-- What sqitch's registry has no column for. One row a deployed change, made and removed with it, in
-- a schema of its own, because sqitch's is shared with sqitch.

CREATE SCHEMA IF NOT EXISTS muniment;

COMMENT ON SCHEMA muniment IS 'What the muniment runner keeps beside sqitch''s registry.';

CREATE TABLE muniment.change_detail (
    change_id     text    NOT NULL,
    revert_hash   text,
    verify_hash   text,
    duration_ms   integer NOT NULL,
    deployed_with text    NOT NULL,

    CONSTRAINT change_detail_pk PRIMARY KEY (change_id),
    CONSTRAINT change_detail_change_fk FOREIGN KEY (change_id)
        REFERENCES sqitch.changes (change_id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT change_detail_revert_hash_ck CHECK (revert_hash ~ '^[0-9a-f]{40}$'),
    CONSTRAINT change_detail_verify_hash_ck CHECK (verify_hash ~ '^[0-9a-f]{40}$'),
    CONSTRAINT change_detail_duration_ms_ck CHECK (duration_ms >= 0)
);

COMMENT ON TABLE muniment.change_detail IS
    'How a change of sqitch.changes was deployed by muniment; sqitch''s own deploys leave no row.';
COMMENT ON COLUMN muniment.change_detail.change_id IS
    'The change; the row goes when the change is reverted, by whichever tool.';
COMMENT ON COLUMN muniment.change_detail.revert_hash IS
    'SHA-1 of the revert script as it was then, as sqitch.changes.script_hash is of the deploy script.';
COMMENT ON COLUMN muniment.change_detail.verify_hash IS
    'SHA-1 of the verify script as it was then.';
COMMENT ON COLUMN muniment.change_detail.duration_ms IS
    'Milliseconds that the deploy and the verify script took together.';
COMMENT ON COLUMN muniment.change_detail.deployed_with IS
    'Tool and version, such as "muniment 0.1.0".';
