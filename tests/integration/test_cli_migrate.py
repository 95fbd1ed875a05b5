from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from psycopg.conninfo import conninfo_to_dict
from tests.sample import Sample

from muniment._db import connect
from muniment.cli import main
from muniment.migrate.locks import LOCK_KEY

NOWHERE = "host=127.0.0.1 port=1 connect_timeout=1"


class Done(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> dict[str, Any]:
        document = json.loads(self.out)
        assert isinstance(document, dict)
        return document


Muniment = Callable[..., Done]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    made = Sample(tmp_path)
    made.add("p:a", note="Make a.")
    made.add("p:b", requires=["a"])
    made.tag("p", "v1")
    made.add("q:c", requires=["p:a"])
    return made


@pytest.fixture
def muniment(
    sample: Sample,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Muniment:
    """Run the command line in this process, on the sample and an empty database."""
    monkeypatch.setenv("MUNIMENT_SQL_DIR", str(sample.sql))
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("SQITCH_FULLNAME", "Carl Committer")
    monkeypatch.setenv("SQITCH_EMAIL", "carl@example.org")
    monkeypatch.chdir(sample.directory)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["muniment", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return Done(int(caught.value.code or 0), out, err)

    return run


def test_a_deploy_tells_on_stderr_and_leaves_stdout_to_data(muniment: Muniment) -> None:
    done = muniment("deploy", "q")

    assert done.code == 0
    assert done.out == ""
    lines = [re.sub(r"\d+ ms|\d+\.\d+ s", "N", line) for line in done.err.splitlines()]
    assert lines == [
        "created the registry of deployed changes",
        "deployed p:a (N)",
        "deployed q:c (N)",
        "deployed 2 changes in N",
    ]
    assert muniment("deploy", "q") == Done(0, "", "nothing to deploy\n")


def test_a_deploy_in_json_is_one_object_a_line(muniment: Muniment) -> None:
    done = muniment("deploy", "p", "--json")

    assert [line["event"] for line in done.lines] == [
        "registry_created",
        "run_planned",
        "change_started",
        "change_deployed",
        "change_started",
        "change_deployed",
        "run_finished",
    ]
    assert done.err == ""
    last = done.lines[-2]
    assert {key: last[key] for key in ("change", "tags", "verified")} == {
        "change": "p:b",
        "tags": ["@v1"],
        "verified": True,
    }
    assert isinstance(last["duration_ms"], int)
    assert muniment("deploy", "p", "--json").lines == [
        {"event": "nothing_to_do", "action": "deploy"}
    ]


def test_a_failure_in_json_ends_in_an_object_that_says_why(
    muniment: Muniment, sample: Sample
) -> None:
    sample.write("deploy", "p:b", "SELECT nowhere;", ["-- requires: a"])

    done = muniment("deploy", "p", "--json")

    assert done.code == 1
    failed, end = done.lines[-2:]
    assert failed == {
        "event": "change_failed",
        "action": "deploy",
        "change": "p:b",
        "path": "sql/deploy/p/b.sql",
        "line": 6,
        "column": 8,
        "sqlstate": "42703",
        "message": 'column "nowhere" does not exist',
        "detail": None,
        "hint": None,
    }
    assert end["event"] == "run_failed"
    assert end["error"] == "DeployFailed"
    assert end["exit_code"] == 1
    assert end["message"] in done.err


def test_an_error_is_told_with_its_place_and_what_to_do(muniment: Muniment, sample: Sample) -> None:
    sample.write("deploy", "p:b", "SELECT nowhere;", ["-- requires: a"])

    done = muniment("deploy")

    assert done.code == 1
    assert "muniment: deploy failed: p:b: sql/deploy/p/b.sql:6:8: column" in done.err
    assert "hint: Nothing of this change remains; 1 of 3 changes are deployed." in done.err
    assert "Traceback" not in done.err


def test_a_failing_verify_is_the_answer_no(muniment: Muniment, sample: Sample) -> None:
    sample.write("verify", "p:b", "SELECT nowhere FROM b;")

    assert muniment("deploy", "p").code == 3
    assert muniment("deploy", "p", "--no-verify").code == 0
    done = muniment("verify", "p")
    assert done.code == 3
    assert "FAILED p:b: sql/verify/p/b.sql:5:8: " in done.err
    assert "verified p:a" in done.err
    events = [line["event"] for line in muniment("verify", "--json").lines]
    assert events[-2:] == ["change_failed", "run_failed"]


def test_a_deploy_stops_at_the_change_that_is_named(muniment: Muniment) -> None:
    assert "deployed p:a" in muniment("deploy", "p", "--to", "a").err
    assert muniment("deploy", "p:a").err == "nothing to deploy\n"
    assert "deployed p:b @v1" in muniment("deploy", "p", "--to", "@v1").err


def test_a_dry_run_prints_what_would_be_done(muniment: Muniment, database: str) -> None:
    assert muniment("deploy", "q", "--dry-run").out == "would deploy p:a\nwould deploy q:c\n"
    assert muniment("deploy", "q", "--dry-run", "--json").lines == [
        {"event": "run_planned", "action": "deploy", "changes": ["p:a", "q:c"], "dry_run": True}
    ]
    with connect(database) as connection:
        assert (
            connection.execute(
                "SELECT FROM pg_namespace WHERE nspname IN ('sqitch', 'muniment')"
            ).rowcount
            == 0
        )


def test_a_deploy_can_be_written_down_instead(
    muniment: Muniment, sample: Sample, tmp_path: Path
) -> None:
    file = tmp_path / "deploy.sql"

    done = muniment("deploy", "q", "--sql", str(file))

    assert (done.code, done.out, done.err) == (0, "", f"wrote 2 changes to {file}\n")
    assert "CREATE TABLE a (id integer)" in file.read_text()
    assert muniment("status", "--check").code == 3
    assert muniment("deploy", "q", "--sql", "-").out == file.read_text()


def test_nothing_to_write_down_leaves_an_empty_script(muniment: Muniment, tmp_path: Path) -> None:
    muniment("deploy")
    file = tmp_path / "deploy.sql"

    assert muniment("deploy", "--sql", str(file)).err == f"wrote 0 changes to {file}\n"

    assert file.read_text() == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sql", "-", "--dry-run"),
        ("--sql", "-", "--json"),
        ("--sql", "-", "--single-transaction"),
        ("--mode", "all", "--single-transaction"),
        ("--mode", "some"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    muniment: Muniment, arguments: tuple[str, ...]
) -> None:
    assert muniment("deploy", *arguments).code == 2
    assert muniment("status", "--check").code == 3


def test_a_failure_in_mode_all_leaves_nothing(muniment: Muniment, sample: Sample) -> None:
    sample.write("deploy", "p:b", "SELECT 1/0;", ["-- requires: a"])

    done = muniment("deploy", "p", "--mode", "all")

    assert done.code == 1
    assert "reverted p:a" in done.err
    assert muniment("status", "p", "--json").document["projects"][0]["deployed"] == 0


def test_a_single_transaction_is_all_or_nothing(muniment: Muniment, sample: Sample) -> None:
    script = sample.path("deploy", "p:b").read_text()
    sample.write("deploy", "p:b", "SELECT 1/0;", ["-- requires: a"])
    failed = muniment("deploy", "p", "--single-transaction")
    sample.path("deploy", "p:b").write_text(script)

    done = muniment("deploy", "p", "--single-transaction")

    assert (failed.code, done.code) == (1, 0)
    assert "Nothing of this run remains" in failed.err
    assert "deployed 2 changes" in done.err


def test_a_deploy_on_drift_is_the_answer_no_unless_it_is_allowed(
    muniment: Muniment, sample: Sample
) -> None:
    muniment("deploy", "p:a")
    sample.write("deploy", "p:a", "CREATE TABLE a (id bigint);")

    refused = muniment("deploy", "p", "--json")

    assert refused.code == 3
    assert refused.lines[-1]["error"] == "DriftFound"
    assert "muniment bless p:a" in refused.lines[-1]["hint"]
    assert muniment("deploy", "p", "--allow-drift").code == 0


def test_a_revert_needs_to_be_told_how_far_and_to_be_meant(muniment: Muniment) -> None:
    muniment("deploy")

    for arguments, words in (
        (("revert", "--all", "--yes"), "Missing argument 'PROJECT...'"),
        (("revert", "p", "--yes"), "Say either --to CHANGE or --all."),
        (("revert", "p", "--to", "a", "--all", "--yes"), "Say either --to CHANGE or --all."),
        (("revert", "p", "--to", "a"), "say --yes"),
        (("revert", "p", "q", "--to", "a", "--yes"), "--to needs PROJECT:CHANGE"),
    ):
        done = muniment(*arguments)
        assert done.code == 2, arguments
        assert words in done.err
    assert "nothing to revert" in muniment("revert", "p", "--to", "@HEAD", "--yes").err
    assert muniment("revert", "p", "--to", "a", "--dry-run").out == "would revert p:b\n"
    assert "reverted p:b" in muniment("revert", "p", "--to", "a", "--yes").err
    refused = muniment("revert", "p", "--all", "--yes")
    assert refused.code == 1
    assert "muniment: revert refused: p:a: required by q:c" in refused.err
    done = muniment("revert", "p", "q", "--all", "--yes", "--json")
    assert [line["event"] for line in done.lines] == [
        "run_planned",
        "change_started",
        "change_reverted",
        "change_started",
        "change_reverted",
        "run_finished",
    ]


def test_status_shows_what_is_deployed_and_what_is_pending(muniment: Muniment) -> None:
    assert muniment("status").out == (
        "p  0/2  nothing deployed\n  pending: a\n  pending: b\n"
        "q  0/1  nothing deployed\n  pending: c\n"
    )
    muniment("deploy", "p")

    done = muniment("status", "p")
    assert re.fullmatch(
        r"p  2/2  at b @v1, [-0-9]{10} [0-9:]{8}\S* by Carl Committer <carl@example.org>\n",
        done.out,
    )
    assert done.err == ""
    assert muniment("status", "--check").code == 3
    assert muniment("status", "p", "--check").code == 0
    p, q = muniment("status", "--json").document["projects"]
    assert (p["project"], p["planned"], p["deployed"], p["pending"]) == ("p", 2, 2, [])
    assert (p["head"]["name"], p["head_tags"]) == ("b", ["@v1"])
    assert (q["head"], q["pending"], q["differences"]) == (None, ["c"], [])


def test_log_shows_the_newest_first(muniment: Muniment) -> None:
    assert muniment("log") == Done(0, "", "")
    muniment("deploy", "p")
    muniment("revert", "p", "--to", "a", "--yes")

    lines = muniment("log").out.splitlines()
    assert [line.split("  ")[1:] for line in lines] == [
        ["revert", "p:b @v1", "Carl Committer <carl@example.org>"],
        ["deploy", "p:b @v1", "Carl Committer <carl@example.org>"],
        ["deploy", "p:a", "Carl Committer <carl@example.org>"],
    ]
    (event,) = muniment("log", "-n", "1", "--json").document["events"]
    assert (event["event"], event["name"], event["tags"]) == ("revert", "b", ["@v1"])


def test_what_the_database_says_does_not_act_on_the_terminal(
    muniment: Muniment, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SQITCH_FULLNAME", "Carl \x1b[31mRed")
    notice = "DO $$BEGIN RAISE NOTICE E'\\x1b[2J\\nnothing to deploy'; END$$;"
    sample.write("deploy", "p:a", f"CREATE TABLE a (id integer);\n{notice}")
    told = muniment("deploy", "p:a").err
    sample.write("verify", "p:a", "SELECT id FROM a;")
    muniment("bless", "p:a", "--reason", "Well.\n2026-01-01  deploy  p:b \x9b31m\u202e")

    log, status = muniment("log"), muniment("status", "p")

    assert "notice p:a: \\x1b[2J\\nnothing to deploy\n" in told
    assert "(verify: Well.\\n2026-01-01  deploy  p:b \\x9b31m\\u202e)" in log.out
    assert len(log.out.splitlines()) == 2
    assert "by Carl \\x1b[31mRed <" in status.out
    assert not re.search(r"[\x1b\x9b]", told + log.out + status.out)
    # JSON has escapes of its own, and the reason as it is.
    (blessing,) = muniment("log", "--json").document["blessings"]
    assert blessing["reason"].endswith("\x9b31m\u202e")
    sample.write("deploy", "p:b", "DO $$BEGIN RAISE E'\\x1b[2J'; END$$;", ["-- requires: a"])
    failed = muniment("deploy", "p").err
    assert "\x1b" not in failed
    assert re.search(r"^muniment: deploy failed: p:b: .*\\x1b\[2J \(P0001\)$", failed, re.M)


def test_log_shows_what_was_blessed_too(muniment: Muniment, sample: Sample) -> None:
    muniment("deploy", "p:a")
    sample.write("verify", "p:a", "SELECT id FROM a;")
    muniment("bless", "p:a", "--reason", "Name the column.")

    assert "  bless   p:a (verify: Name the column.)  Carl" in muniment("log", "-n", "1").out
    assert [one["reason"] for one in muniment("log", "--json").document["blessings"]] == [
        "Name the column."
    ]
    document = muniment("log", "-n", "1", "--json").document
    assert (document["events"], len(document["blessings"])) == ([], 1)
    muniment("deploy", "p")
    document = muniment("log", "-n", "2", "--json").document
    assert [one["name"] for one in document["events"]] == ["b"]
    assert len(document["blessings"]) == 1


def test_plan_needs_no_database(muniment: Muniment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)

    done = muniment("plan")
    assert [line.split("  ")[1:] for line in done.out.splitlines()] == [
        ["p:a", "Make a."],
        ["p:b @v1"],
        ["q:c"],
    ]
    (project,) = muniment("plan", "p", "--json").document["projects"]
    assert [change["change"] for change in project["changes"]] == ["a", "b"]
    assert project["changes"][1]["requires"] == ["a"]
    assert project["changes"][1]["tags"] == ["@v1"]
    assert project["changes"][0]["planned_at"] == "2026-01-01T00:01:00+00:00"


def test_check_is_the_answer_no_where_a_script_has_changed(
    muniment: Muniment, sample: Sample
) -> None:
    muniment("deploy")
    assert muniment("check") == Done(0, "", "no drift\n")
    with sample.path("revert", "p:a").open("a") as file:
        file.write("-- drift\n")
    sample.path("verify", "p:b").unlink()

    done = muniment("check")
    assert done.code == 3
    assert done.out == (
        "p:a: sql/revert/p/a.sql has changed since\np:b: sql/verify/p/b.sql is missing\n"
    )
    assert muniment("check", "q").code == 0
    first = muniment("check", "--json").document["drifts"][0]
    assert (first["change"], first["kind"], first["path"]) == (
        "p:a",
        "revert",
        "sql/revert/p/a.sql",
    )
    assert first["deployed_hash"] != first["current_hash"]


def test_waiting_for_another_deploy_is_told_and_ends(muniment: Muniment, database: str) -> None:
    with connect(database, application_name="somebody") as holder:
        holder.execute(f"SELECT pg_advisory_lock({LOCK_KEY})")
        done = muniment("deploy", "--lock-wait", "0")

        assert done.code == 1
        pid = holder.info.backend_pid
        assert f"waiting for another deploy to end: process {pid} (somebody)" in done.err
        assert f"cannot take the deploy lock: it is held by process {pid} (somebody" in done.err
        (waiting, end) = muniment("deploy", "--lock-wait", "0", "--json").lines
        assert waiting["holder_pid"] == pid
        assert end["error"] == "LockTimedOut"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deploy", "x"), "no such project: x"),
        (("deploy", "p:x"), 'no change "x" in the plan'),
        (("status", "x"), "no such project: x"),
        (("revert", "x", "--all", "--yes"), "no such project: x"),
        (("plan", "x"), "no such project: x"),
    ],
)
def test_a_mistaken_name_is_told_before_a_server_is_asked_for(
    muniment: Muniment,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)

    done = muniment(*arguments)

    assert done.code == 1
    assert words in done.err


@pytest.mark.parametrize("command", ["deploy", "status", "log", "verify", "check", "doctor"])
def test_an_unreachable_server_is_told(
    muniment: Muniment, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)

    done, in_json = muniment(command), muniment(command, "--json")

    assert done.code == in_json.code == 1
    assert done.out == ""
    assert "muniment: cannot connect" in done.err
    (end,) = in_json.lines
    assert set(end) == {"event", "error", "message", "hint", "exit_code"}
    assert (end["event"], end["error"], end["exit_code"]) == ("run_failed", "ConnectFailed", 1)
    assert end["message"] in in_json.err


@pytest.mark.parametrize("command", ["plan", "status", "check"])
def test_a_mistaken_name_in_json_is_an_object_too(muniment: Muniment, command: str) -> None:
    (end,) = muniment(command, "x", "--json").lines

    assert (end["event"], end["error"]) == ("run_failed", "PlanError")
    assert end["message"] == "no such project: x"


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("deploy", "p", "--to", "nowhere"), "`muniment plan p` lists what there is."),
        (("deploy", "p", "--to", "bb"), 'Did you mean "b"?'),
        (("deploy", "p", "--to", "@HEAD~9"), "`muniment plan p` lists them."),
        (("bless", "p:nowhere", "--reason", "X."), "`muniment plan p` lists what there is."),
        (("tag", "p", "v 1", "-n", "X."), "Name it like v1.2.0"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(
    muniment: Muniment, arguments: tuple[str, ...], hint: str
) -> None:
    muniment("deploy")

    done = muniment(*arguments)

    assert done.code == 1
    assert f"\nhint: {hint}" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("deploy", "p", "--to", ""), "--to names no change."),
        (("deploy", "p", "--to", " "), "--to names no change."),
        (("deploy", "p:"), "'p:' names no change after the colon."),
        (("rehearse", "p", "--to", ""), "--to names no change."),
        (("adopt", "p", "--to", ""), "--to names no change."),
        (("revert", "p", "--to", "", "--yes"), "--to names no change."),
        (("revert", "p", "--to", "p:", "--yes"), "'p:' names no change after the colon."),
        (("bless", "p:a", "--reason", " "), "say in one sentence why the edit is right."),
        (("deploy", "--sql", "nowhere/deploy.sql"), "there is no directory nowhere."),
        (("deploy", "--sql", "sql"), "sql is a directory."),
    ],
)
def test_what_says_nothing_is_refused_before_a_server_is_asked_for(
    muniment: Muniment, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], words: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", NOWHERE)

    done = muniment(*arguments)

    assert done.code == 2
    assert words in done.err


@pytest.mark.parametrize(
    "arguments",
    [("deploy", "p", "q", "--to", "a"), ("deploy", "p:a", "--to", "a"), ("deploy", "--to", "a")],
)
def test_to_needs_one_project(muniment: Muniment, arguments: tuple[str, ...]) -> None:
    done = muniment(*arguments)

    assert done.code == 2
    assert "--to needs exactly one PROJECT" in done.err


@pytest.mark.parametrize(
    "command", ["deploy", "verify", "revert", "status", "log", "plan", "check", "new"]
)
def test_every_command_has_help(muniment: Muniment, command: str) -> None:
    done = muniment(command, "--help")

    assert done.code == 0
    assert "Usage: muniment" in done.out


def test_a_new_change_is_written_with_its_test_and_its_line(
    muniment: Muniment, sample: Sample
) -> None:
    done = muniment(
        *("new", "p:tool_call", "--requires", "b", "--requires", "a@v1"),
        *("--conflicts", "other:x", "--note", "Record calls."),
    )

    assert done.code == 0
    assert done.out.splitlines() == [
        *(f"sql/{kind}/p/tool_call.sql" for kind in ("deploy", "revert", "verify")),
        "tests/pgtap/p/tool_call.sql",
        "sql/plans/p.plan",
    ]
    change = sample.projects.plan("p").find("tool_call")
    assert [required.text for required in change.requires] == ["b", "a@v1"]
    assert (change.note, change.planner_name) == ("Record calls.", "Carl Committer")
    assert sample.projects.scripts(change)
    assert "docs/schema/p.md#tool-call" in sample.path("deploy", "p:tool_call").read_text()


def test_a_new_change_whose_verification_is_not_written_is_not_deployed(
    muniment: Muniment, sample: Sample
) -> None:
    muniment("new", "p:d", "--note", "Do it.")
    script = sample.path("deploy", "p:d")
    script.write_text(script.read_text().replace("SET LOCAL ROLE muniment_owner;\n", ""))

    done = muniment("deploy", "p")

    assert done.code == 3
    assert "p:d: the verification is not written yet" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("p:a",), "p:a is planned already"),
        (("x:a",), "no such project: x"),
        (("p:d", "--requires", "nothing"), 'the plan has no "nothing"'),
        (("p:d", "--requires", "q:nothing"), "p:d requires q:nothing, which is not planned"),
        (("p:taken",), "the file is there already"),
    ],
)
def test_a_new_change_that_cannot_be_leaves_nothing(
    muniment: Muniment, sample: Sample, arguments: tuple[str, ...], words: str
) -> None:
    sample.write("verify", "p:taken", "SELECT 1;")
    before = {path: path.read_bytes() for path in sample.directory.rglob("*") if path.is_file()}

    done = muniment("new", *arguments, "--note", "Do it.")

    assert done.code == 1
    assert words in done.err
    assert before == {
        path: path.read_bytes() for path in sample.directory.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("arguments", [("p:Bad-Name", "--note", "Do it."), ("p:good_name",)])
def test_a_new_change_keeps_the_house_rules(
    muniment: Muniment, sample: Sample, arguments: tuple[str, ...]
) -> None:
    done = muniment("new", *arguments)

    assert done.code == 2
    assert not list(sample.directory.rglob("*ame.sql"))


@pytest.mark.parametrize("seconds", ["nan", "inf", "1e300", "-1"])
@pytest.mark.parametrize("option", ["--lock-wait", "--lock-timeout"])
def test_seconds_are_a_number_of_them(muniment: Muniment, option: str, seconds: str) -> None:
    assert muniment("deploy", "p", option, seconds).code == 2


def test_a_new_change_is_all_or_nothing(
    muniment: Muniment, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path: path.read_bytes() for path in sample.directory.rglob("*") if path.is_file()}
    replace = Path.replace

    def full(path: Path, target: Path) -> Path:
        if path.suffix == ".new":
            raise OSError(28, "No space left on device", str(target))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", full)

    done = muniment("new", "p:d", "--note", "Do it.")

    assert done.code == 1
    assert "p.plan: cannot write: No space left on device" in done.err
    assert before == {
        path: path.read_bytes() for path in sample.directory.rglob("*") if path.is_file()
    }


@pytest.mark.parametrize("section", ['engine "pg"', 'target "p"'])
def test_another_registry_than_sqitch_is_told(
    muniment: Muniment, sample: Sample, section: str
) -> None:
    with (sample.directory / "sqitch.conf").open("a") as config:
        config.write(f"[{section}]\n\tregistry = meta\n")

    done = muniment("deploy")

    assert done.code == 1
    assert f"sqitch.conf: [{section}] has the registry meta" in done.err
    assert 'ALTER SCHEMA "meta" RENAME TO sqitch;' in done.err


# What sqitch.conf says, and the registry that is refused, if any. sqitch itself is asked too.
REGISTRIES = [
    ('[engine "pg"]\n\tregistry = sqitch ; ours\n', None),
    ('[engine "pg"]\n\tregistry = sqitch # ours\n', None),
    ('[engine "pg"] ; here\n\tRegistry = "sqitch"; ours\n', None),
    ('[engine "pg"]\n\tregistry =\n', None),
    ('[engine "pg"]\n\tregistry = meta\n\tregistry = sqitch\n', None),
    ('[engine "sqlite"]\n\tregistry = meta\n', None),
    ('[target "x"]\n\turi = db:sqlite:x.db\n\tregistry = meta\n', None),
    ('[core]\n\tregistry = meta\n[engine "pg"]\n\tregistry = sqitch\n', None),
    ("[core]\n\tregistry = meta\n", "meta"),
    ('[target "x"]\n\turi = postgresql://h/x\n\tregistry = meta\n', "meta"),
    ('[target "db:pg:x"]\n\tregistry = meta\n', "meta"),
    ('[engine "pg"] registry = me\\\nta ; theirs\n', "meta"),
    ('[Engine.pg]\n\tregistry = my "old;  one"\n', "my old;  one"),
    ('[engine "pg"]\n\tregistry = a#b"\\\\"c\n', "a#b\\c"),
]


@pytest.mark.parametrize(("text", "refused"), REGISTRIES)
def test_sqitch_conf_is_read_as_sqitch_reads_it(
    muniment: Muniment, sample: Sample, text: str, refused: str | None
) -> None:
    (sample.directory / "sqitch.conf").write_text(f"[core]\n\tengine = pg\n{text}")

    done = muniment("status")

    if refused is None:
        assert done.code == 0, done.err
    else:
        assert done.code == 1
        assert f" has the registry {refused}\n" in done.err
    if shutil.which("sqitch") is None:
        pytest.skip("sqitch is not installed: apt-get install sqitch libdbd-pg-perl")
    listed = sample.sqitch(f"{NOWHERE} user=nobody dbname=none", "config", "-l")
    assert listed.returncode == 0, listed.stderr
    if refused is not None:
        assert f"registry={refused}\n" in listed.stdout


def test_what_a_later_file_says_of_the_registry_holds(
    muniment: Muniment, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = sample.directory / "user.conf"
    theirs.write_text('[engine "pg"]\n\tregistry = meta\n')
    monkeypatch.setenv("SQITCH_USER_CONFIG", str(theirs))
    assert f"{theirs}: [engine" in muniment("status").err

    with (sample.directory / "sqitch.conf").open("a") as config:
        config.write('[engine "pg"]\n\tregistry = sqitch\n')

    assert muniment("status").code == 0


def test_the_schema_of_another_registry_is_named_as_sql_has_it(
    muniment: Muniment, sample: Sample
) -> None:
    with (sample.directory / "sqitch.conf").open("a") as config:
        config.write('[engine "pg"]\n\tregistry = My \\"old\\" one\n')

    assert 'ALTER SCHEMA "My ""old"" one" RENAME TO sqitch;' in muniment("check").err


@pytest.mark.parametrize(
    "arguments", [("up",), ("yoyo", "install"), ("log",), ("rehearse",), ("verify",), ("adopt",)]
)
def test_nothing_works_beside_another_registry(
    muniment: Muniment, sample: Sample, arguments: tuple[str, ...]
) -> None:
    (sample.directory / "sqitch.conf").write_text('[engine "pg"]\n\tregistry = meta\n')

    done = muniment(*arguments)

    assert done.code == 1
    assert "has the registry meta" in done.err
    assert not (sample.directory / ".muniment").exists()


@pytest.mark.parametrize("command", ["list", "apply"])
@pytest.mark.parametrize("uri", ["muniment://", "postgresql+psycopg://"])
def test_yoyo_does_not_work_beside_another_registry(
    muniment: Muniment, sample: Sample, database: str, command: str, uri: str
) -> None:
    muniment("yoyo", "generate")
    place = conninfo_to_dict(database)
    libpq = {f"PG{name.upper()}": str(place[name]) for name in ("host", "port", "user")}
    libpq["PGDATABASE"] = str(place["dbname"])
    if "password" in place:
        libpq["PGPASSWORD"] = str(place["password"])
    if uri != "muniment://":
        uri = f"{uri}/{place['dbname']}"
    (sample.directory / "sqitch.conf").write_text('[engine "pg"]\n\tregistry = meta\n')

    done = subprocess.run(
        [sys.executable, "-m", "yoyo", command, "--batch", "-d", uri, "sql/yoyo"],
        cwd=sample.directory,
        env={**os.environ, **libpq},
        capture_output=True,
        text=True,
        check=False,
    )

    with connect(database) as connection:
        query = "SELECT FROM pg_class WHERE relname = 'a' AND relkind = 'r'"
        assert connection.execute(query).rowcount == 0
    # Of a list from a database that yoyo has opened itself, nobody here is asked.
    if uri == "muniment://" or command == "apply":
        assert done.returncode != 0
        assert "has the registry meta" in done.stderr
        assert "hint: muniment keeps its record in the schema sqitch" in done.stderr


@pytest.mark.parametrize("content", ["Sqitch User", '"Sqitch User"'])
def test_the_committer_is_found_where_sqitch_finds_it(
    muniment: Muniment, sample: Sample, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.delenv("SQITCH_FULLNAME")
    monkeypatch.delenv("SQITCH_EMAIL")
    monkeypatch.setenv("SQITCH_USER_CONFIG", str(sample.directory / "user.conf"))
    (sample.directory / "user.conf").write_text(
        f"[core]\n\tname = no\n# [user]\n[user]\n\tname = {content}\n\temail = user@example.org\n"
    )
    with (sample.directory / "sqitch.conf").open("a") as config:
        config.write("[user]\n\temail = here@example.org\n")

    muniment("deploy", "p")

    assert "Sqitch User <here@example.org>" in muniment("log").out


def on_a_terminal(sample: Sample, database: str, **environment: str) -> str:
    """Deploy with stderr on a terminal, and return what it was sent."""
    ours, theirs = pty.openpty()
    clean = {key: value for key, value in os.environ.items() if key not in {"CI", "NO_COLOR"}}
    process = subprocess.Popen(
        [sys.executable, "-m", "muniment", "deploy", "--dsn", database],
        env={**clean, "TERM": "xterm", "MUNIMENT_SQL_DIR": str(sample.sql), **environment},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    sent = b""
    # A terminal whose other end is closed is an error on Linux, the end elsewhere.
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        sent += piece
    os.close(ours)
    assert process.wait(20) == 0
    return sent.decode()


def test_on_a_terminal_there_is_a_bar(sample: Sample, database: str) -> None:
    # Long enough for the bar to be drawn, which happens ten times a second.
    sample.write("deploy", "q:c", "CREATE TABLE c ();\nSELECT pg_sleep(0.5);", ["-- requires: p:a"])
    sample.write("verify", "q:c", "TABLE c;")

    sent = on_a_terminal(sample, database)

    assert "deployed p:b @v1" in sent
    assert re.search(r"q:c .*2/3", sent)


def test_without_colour_there_is_no_colour(sample: Sample, database: str) -> None:
    sent = on_a_terminal(sample, database, NO_COLOR="1")

    assert "deployed p:b @v1" in sent
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", sent)


@pytest.mark.parametrize("environment", [{"CI": "true"}, {"TERM": "dumb"}])
def test_where_nobody_watches_there_are_plain_lines(
    sample: Sample, database: str, environment: dict[str, str]
) -> None:
    assert "\x1b" not in on_a_terminal(sample, database, **environment)
