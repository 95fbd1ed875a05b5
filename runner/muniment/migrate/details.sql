-- What sqitch's registry has no column for, in a schema of its own, because sqitch's is shared with
-- sqitch. A database that has only some of it gets the rest.

CREATE SCHEMA IF NOT EXISTS muniment;

COMMENT ON SCHEMA muniment IS 'What the muniment runner keeps beside sqitch''s registry.';

CREATE TABLE IF NOT EXISTS muniment.change_detail (
    change_id     text    NOT NULL,
    revert_hash   text,
    verify_hash   text,
    duration_ms   integer,
    deployed_with text,

    CONSTRAINT change_detail_pk PRIMARY KEY (change_id),
    CONSTRAINT change_detail_change_fk FOREIGN KEY (change_id)
        REFERENCES sqitch.changes (change_id) ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT change_detail_revert_hash_ck CHECK (revert_hash ~ '^[0-9a-f]{40}$'),
    CONSTRAINT change_detail_verify_hash_ck CHECK (verify_hash ~ '^[0-9a-f]{40}$'),
    CONSTRAINT change_detail_duration_ms_ck CHECK (duration_ms >= 0)
);

COMMENT ON TABLE muniment.change_detail IS
    'How a change of sqitch.changes was deployed by muniment. One that sqitch deployed has no row, '
    'unless it was blessed since.';
COMMENT ON COLUMN muniment.change_detail.change_id IS
    'The change; the row goes when the change is reverted, by whichever tool.';
COMMENT ON COLUMN muniment.change_detail.revert_hash IS
    'SHA-1 of the revert script as it was then, as sqitch.changes.script_hash is of the deploy script.';
COMMENT ON COLUMN muniment.change_detail.verify_hash IS
    'SHA-1 of the verify script as it was then.';
COMMENT ON COLUMN muniment.change_detail.duration_ms IS
    'Milliseconds that the deploy and the verify script took together; NULL where no script was run.';
COMMENT ON COLUMN muniment.change_detail.deployed_with IS
    'Tool and version, such as "muniment 0.1.0"; NULL where another tool deployed the change.';

CREATE TABLE IF NOT EXISTS muniment.change_progress (
    change_id        text        NOT NULL,
    project          text        NOT NULL,
    change           text        NOT NULL,
    action           text        NOT NULL,
    statement_hashes text[]      NOT NULL DEFAULT '{}',
    is_running       boolean     NOT NULL DEFAULT false,
    error            text,
    started_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    committer_name   text        NOT NULL,
    committer_email  text        NOT NULL,

    CONSTRAINT change_progress_pk PRIMARY KEY (change_id),
    CONSTRAINT change_progress_action_ck CHECK (action IN ('deploy', 'revert'))
);

COMMENT ON TABLE muniment.change_progress IS
    'How far the script of a change has come that cannot run in a transaction; the row goes when '
    'the change is recorded, so one that stays is of a run that was interrupted or has failed.';
COMMENT ON COLUMN muniment.change_progress.action IS 'deploy or revert: which script is being run.';
COMMENT ON COLUMN muniment.change_progress.statement_hashes IS
    'SHA-1 of each statement that is done, in the order of the script.';
COMMENT ON COLUMN muniment.change_progress.is_running IS
    'Whether the statement after these was begun, so that nobody knows whether it is done.';
COMMENT ON COLUMN muniment.change_progress.error IS
    'The server''s words if that statement failed; NULL if the run was interrupted, or goes on.';

CREATE TABLE IF NOT EXISTS muniment.blessing (
    change_id       text        NOT NULL,
    project         text        NOT NULL,
    change          text        NOT NULL,
    script          text        NOT NULL,
    old_hash        text,
    new_hash        text        NOT NULL,
    reason          text        NOT NULL,
    blessed_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    committer_name  text        NOT NULL,
    committer_email text        NOT NULL,

    CONSTRAINT blessing_pk PRIMARY KEY (change_id, script, blessed_at),
    CONSTRAINT blessing_script_ck CHECK (script IN ('deploy', 'revert', 'verify')),
    CONSTRAINT blessing_new_hash_ck CHECK (new_hash ~ '^[0-9a-f]{40}$'),
    CONSTRAINT blessing_reason_ck CHECK (reason <> '')
);

COMMENT ON TABLE muniment.blessing IS
    'Who accepted the edit of a script of a deployed change, and why. Rows stay when the change is '
    'reverted: this is a history.';
COMMENT ON COLUMN muniment.blessing.script IS 'Which of its three scripts was edited.';
COMMENT ON COLUMN muniment.blessing.old_hash IS
    'SHA-1 of the script as it was deployed or blessed before; NULL where it was not known.';
COMMENT ON COLUMN muniment.blessing.new_hash IS 'SHA-1 of the script as it is since.';
