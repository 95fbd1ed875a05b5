"""What `muniment new`, `tag` and `rework` write is what sqitch would have written, or nothing."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha1
from pathlib import Path
from typing import NamedTuple, get_args

import pytest
from tests.fix_postgres import ROOT, Cluster
from tests.processes import needs_sqitch
from tests.registry_rows import assert_same
from tests.sample import SETTINGS, Sample

from muniment._db import connect
from muniment.cli import main
from muniment.errors import PlanError, ScriptError, VerifyFailed
from muniment.migrate import engine
from muniment.migrate.plan import parse_plan, read_plan
from muniment.migrate.projects import Target
from muniment.migrate.scaffold import (
    Draft,
    NewChange,
    NewTag,
    draft_change,
    draft_rework,
    draft_tag,
)
from muniment.migrate.script import Kind
from muniment.migrate.settings import Committer

# Whom tests.sample lets sqitch act for.
SQITCH = Committer("Sqi Tch", "sqitch@example.org")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
NO_DATABASE = "host=127.0.0.1 port=1 user=nobody dbname=none"
KINDS: tuple[Kind, ...] = get_args(Kind)
SIGNED = "2026-01-01T00:00:00Z Ann Other <ann@example.org>"


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path / "ours")


@pytest.fixture
def theirs(server: Cluster) -> Iterator[str]:
    """A second empty database, for sqitch."""
    with server.database() as dsn:
        yield dsn


def new(
    project: str,
    name: str,
    *,
    requires: tuple[str, ...] = (),
    conflicts: tuple[str, ...] = (),
    note: str = "Do it.",
    at: datetime = NOON,
) -> NewChange:
    return NewChange(project, name, requires, conflicts, note, SQITCH, at)


def new_tag(
    project: str, name: str, change: str | None = None, *, note: str = "Do it.", at: datetime = NOON
) -> NewTag:
    return NewTag(project, name, change, note, SQITCH, at)


def files(sample: Sample) -> dict[str, bytes]:
    """Return everything below a sample, hidden files too."""
    return {
        path.relative_to(sample.directory).as_posix(): path.read_bytes()
        for path in sample.directory.rglob("*")
        if path.is_file()
    }


class Twin(NamedTuple):
    """The same project twice: where sqitch works, and where this package does."""

    theirs: Sample
    ours: Sample

    def sqitch(self, *arguments: str) -> datetime:
        """Let sqitch edit its plan; return the time that it wrote."""
        before = self.theirs.plan_path("p").read_text().splitlines()
        done = self.theirs.sqitch(NO_DATABASE, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        after = self.theirs.plan_path("p").read_text().splitlines()
        (line,) = [line for line in after if line and line not in before]
        found = re.search(r" (\S+Z) Sqi Tch <", line)
        assert found is not None, line
        return datetime.fromisoformat(found[1])

    def assert_same(self) -> None:
        plans = [one.plan_path("p") for one in self]
        assert plans[1].read_text() == plans[0].read_text()
        listed = [
            one.sqitch(NO_DATABASE, "plan", "-f", "format:%H %n", "--no-headers", "p")
            for one in self
        ]
        assert listed[1].stdout == listed[0].stdout, listed[1].stderr
        planned = read_plan(plans[1]).changes
        assert listed[1].stdout.split() == [
            word for change in planned for word in (change.change_id, change.name)
        ]
        for tag in (tag for change in planned for tag in change.tags):
            shown = self.theirs.sqitch(NO_DATABASE, "show", "tag", "-t", "p", f"@{tag.name}")
            info = shown.stdout.removesuffix("\n").encode()
            content = b"tag %d\0" % len(info) + info
            assert sha1(content, usedforsecurity=False).hexdigest() == tag.tag_id

    def edit(self, path: str, before: str, after: str) -> None:
        """Edit a script in both; it must be there."""
        for one in self:
            script = one.sql / path
            text = script.read_text()
            assert before in text
            script.write_text(text.replace(before, after))


@pytest.fixture
def twin(tmp_path: Path, sample: Sample) -> Twin:
    other = Sample(tmp_path / "theirs")
    for one in (other, sample):
        one.project("p", uri="https://example.org/p")
        with one.plan_path("p").open("a") as plan:
            plan.write("# What came first.\n\n")
        one.add("p:a", note="Make a.")
        one.add("p:views/b", requires=["a"])
        one.tag("p", "v1", note="The first.")
        one.tag("p", "v1b")
        one.add("p:c", requires=["a"], conflicts=["other:x"])
    return Twin(other, sample)


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def muniment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], sample: Sample
) -> Callable[..., Done]:
    """Run the command line in this process, in the directory of the sample."""
    monkeypatch.delenv("MUNIMENT_SQL_DIR", raising=False)
    monkeypatch.setenv("SQITCH_FULLNAME", SQITCH.name)
    monkeypatch.setenv("SQITCH_EMAIL", SQITCH.email)
    monkeypatch.chdir(sample.directory)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["muniment", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return Done(int(caught.value.code or 0), out, err)

    return run


# tag ---------------------------------------------------------------------------------------------


@needs_sqitch
@pytest.mark.parametrize(
    ("change", "theirs"), [(None, []), ("views/b", ["-c", "views/b"]), ("a", ["-c", "a"])]
)
def test_a_tag_is_the_line_that_sqitch_writes_where_sqitch_writes_it(
    twin: Twin, change: str | None, theirs: list[str]
) -> None:
    note = "Ship it: ü, \\ and # too.\nOn two lines."
    for name in ("v2", "v2b"):
        at = twin.sqitch("tag", name, "p", *theirs, "-n", note)
        draft = draft_tag(twin.ours.projects, new_tag("p", name, change, note=note, at=at))
        draft.write()
        twin.assert_same()
        assert [tag.name for tag in draft.change.tags][-1] == name


def test_all_other_bytes_of_a_plan_stay(sample: Sample) -> None:
    sample.project("p")
    lines = ["%project=p", "", f"a {SIGNED}", f"@v1 {SIGNED} # one ", "# comment", f"b {SIGNED}"]
    plan = sample.plan_path("p")
    plan.write_bytes("\r\n".join(lines).encode())
    plan.chmod(0o640)

    draft_tag(sample.projects, new_tag("p", "@v1b", "p:a")).write()
    draft_tag(sample.projects, new_tag("p", "v2")).write()

    signed = "2026-06-01T12:00:00Z Sqi Tch <sqitch@example.org> # Do it."
    lines[4:4] = [f"@v1b {signed}"]
    lines += [f"@v2 {signed}", ""]
    assert plan.read_bytes() == "\r\n".join(lines).encode()
    assert plan.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in plan.parent.iterdir()] == ["p.plan"]


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        (new_tag("p", "v1"), r"p\.plan:5: p has the tag @v1 already"),
        (new_tag("p", "@v1"), "p has the tag @v1 already"),
        (new_tag("p", ""), 'illegal tag name "": it is empty'),
        (new_tag("p", "HEAD"), 'illegal tag name "HEAD": it is reserved'),
        (new_tag("p", "v 2"), "illegal tag name \"v 2\": it contains ' '"),
        (new_tag("p", "v/x"), "illegal tag name \"v/x\": it contains '/'"),
        (new_tag("p", "f" * 40), "it could be confused with an id"),
        (new_tag("p", "v2", "zz"), 'p.plan: no change "zz" in the plan'),
        (new_tag("p", "v2", "a"), 'ambiguous change "a"'),
        (new_tag("p", "v2", "q:a"), 'no change "q:a"'),
        (new_tag("q", "v2"), "q has no change to put the tag @v2 on"),
        (new_tag("r", "v2"), "no such project: r"),
        (new_tag("p", "v2", note="\x00"), r"tag @v2: forbidden character U\+0000"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.project}-{value.name:.5}",
)
def test_a_tag_that_cannot_be_is_refused_and_nothing_is_written(
    sample: Sample, tag: NewTag, message: str
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="SELECT 2;", revert="SELECT 1;", verify="SELECT 1;")
    sample.project("q")
    before = files(sample)

    with pytest.raises(PlanError, match=message):
        draft_tag(sample.projects, tag)

    assert files(sample) == before


def test_a_tag_after_which_a_later_line_could_not_be_read_is_refused(sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="SELECT 2;", revert="SELECT 1;", verify="SELECT 1;")
    sample.add("p:b", requires=["a@v1"])

    with pytest.raises(PlanError) as caught:
        draft_tag(sample.projects, new_tag("p", "v2", "a@HEAD"))

    assert caught.value.message == (
        'cannot plan p:@v2: change "b" requires "a@v1": "a" was reworked and tagged since'
    )


def test_the_command_tags(sample: Sample, muniment: Callable[..., Done]) -> None:
    sample.add("p:a")

    done = muniment("tag", "p", "v1", "-n", "The first.")

    assert done == Done(0, "sql/plans/p.plan\n", "tagged p:a with @v1\n")
    (change,) = sample.projects.plan("p").changes
    assert [(tag.name, tag.note, tag.planner_name) for tag in change.tags] == [
        ("v1", "The first.", "Sqi Tch")
    ]
    taken = muniment("tag", "p", "v1", "-n", "Again.")
    assert taken.code == 1
    assert "muniment: sql/plans/p.plan:5: p has the tag @v1 already" in taken.err
    assert "hint: It is on a." in taken.err
    assert muniment("tag", "p", "v2", "-n", " ").code == 2
    assert muniment("tag", "p", "v2").code == 2
    nowhere = muniment("tag", "p", "v2", "-n", "X.", "--sql-dir", "nowhere")
    assert nowhere.code == 1
    assert "no plans directory: nowhere/plans" in nowhere.err


# rework ------------------------------------------------------------------------------------------


@needs_sqitch
def test_a_rework_has_the_line_the_ids_and_the_files_of_sqitch(twin: Twin) -> None:
    """Once with two tags on it, then with tags on later changes, then in a folder."""
    steps = [
        ("a", ("c", "c"), ("other:x", "other:y")),
        ("tag", "v2", "v2b"),
        ("a", (), ()),
        ("tag", "v3"),
        ("views/b", ("a@v3",), ()),
    ]
    for step in steps:
        if step[0] == "tag":
            for name in step[1:]:
                assert isinstance(name, str)
                at = twin.sqitch("tag", name, "p", "-n", "Ship it.")
                draft_tag(twin.ours.projects, new_tag("p", name, note="Ship it.", at=at)).write()
            continue
        name, requires, conflicts = step
        assert isinstance(name, str)
        options = [word for one in requires for word in ("-r", one)]
        options += [word for one in conflicts for word in ("-x", one)]
        kept = [[one.path(kind, f"p:{name}").read_bytes() for kind in KINDS] for one in twin]

        at = twin.sqitch("rework", name, "p", *options, "-n", "Do it again.")
        change = new(
            "p",
            name,
            requires=tuple(requires),
            conflicts=tuple(conflicts),
            note="Do it again.",
            at=at,
        )
        written = draft_rework(twin.ours.projects, change).write()

        twin.assert_same()
        assert files(twin.ours).keys() == files(twin.theirs).keys()
        copies = [path.relative_to(twin.ours.sql) for path in written[: len(KINDS)]]
        assert [[(one.sql / path).read_bytes() for path in copies] for one in twin] == kept
        # The scripts agree with the plan, also those of the older instances.
        projects = twin.ours.projects
        for one in projects.plan("p").changes:
            for kind in KINDS:
                projects.script(one, kind)
    assert {path.name for path in (twin.ours.sql / "deploy").rglob("*@*")} == {
        "a@v1.sql",
        "a@v2.sql",
        "b@v3.sql",
    }


def test_the_new_scripts_begin_as_the_old_ones_under_headers_of_their_own(sample: Sample) -> None:
    sample.add("p:b")
    sample.add("p:f", requires=["b"], conflicts=["other:x"])
    sample.tag("p", "v1")
    deploy = (
        "-- Deploy p:f to pg\r\n--requires:  b \r\n-- conflicts: other:x\r\n--\r\n"
        "-- Why.\r\n\r\n-- requires: nothing\r\nBEGIN;\r\nSELECT 'ü';\r\nCOMMIT;\r\n"
    )
    sample.path("deploy", "p:f").write_bytes(deploy.encode())
    sample.path("deploy", "p:f").chmod(0o600)
    verify = sample.path("verify", "p:f").read_bytes()

    draft_rework(sample.projects, new("p", "f", requires=("f@v1", "b", "b"))).write()

    body = "--\r\n-- Why.\r\n\r\n-- requires: nothing\r\nBEGIN;\r\nSELECT 'ü';\r\nCOMMIT;\r\n"
    assert sample.path("deploy", "p:f").read_bytes().decode() == (
        f"-- Deploy p:f to pg\r\n-- requires: f@v1\r\n-- requires: b\r\n{body}"
    )
    assert sample.path("deploy", "p:f").stat().st_mode & 0o777 == 0o600
    assert sample.path("revert", "p:f").read_bytes().decode() == (
        f"-- Revert p:f from pg\r\n{body}"
    )
    assert sample.path("verify", "p:f").read_bytes() == verify
    assert sample.plan_path("p").read_text().splitlines()[-1].startswith("f [f@v1 b] 2026-06-01")


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (new("p", "b"), r"p\.plan:6: p:b is not released: no tag", "Edit its scripts in place."),
        (new("p", "zz"), r"p\.plan: p:zz is not planned", "`muniment plan p` lists what is."),
        (new("p", "a@v1"), "p:a@v1 is not planned", "muniment plan p"),
        (new("p", "@v1"), "p:@v1 is not planned", "muniment plan p"),
        (new("z", "a"), "no such project: z", "Did you mean"),
        (
            new("p", "a", requires=("bb",)),
            '^cannot plan p:a: change "a" requires "bb": the plan has no "bb"',
            "Did you mean",
        ),
        (
            new("p", "a", requires=("q:nothing",)),
            "^cannot plan p:a: p:a requires q:nothing, which is not planned",
            "",
        ),
        (
            new("p", "a", requires=("z:a",)),
            "^cannot plan p:a: no such project: z",
            "Did you mean",
        ),
        (
            new("p", "a", conflicts=("zz",)),
            '^cannot plan p:a: change "a" conflicts with "zz", which is not in the plan',
            "",
        ),
        (
            new("p", "a", requires=("q:needs_p",)),
            "^cannot plan p:a: circular requirement: q:needs_p -> p:a -> q:needs_p",
            "an order that can be deployed",
        ),
        (new("p", "a", requires=("a b",)), '"a b" is not a dependency', ""),
    ],
    ids=lambda value: (
        " ".join([value.project, value.name, *value.requires, *value.conflicts])
        if isinstance(value, NewChange)
        else None
    ),
)
def test_a_rework_that_cannot_be_is_refused_and_nothing_is_written(
    sample: Sample, change: NewChange, message: str, hint: str
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.add("p:b")
    sample.add("q:needs_p", requires=["p:@HEAD"])
    before = files(sample)

    with pytest.raises(PlanError, match=message) as caught:
        draft_rework(sample.projects, change)

    assert hint in (caught.value.hint or "")
    assert files(sample) == before


def test_only_what_is_in_order_is_reworked(sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    script = sample.path("deploy", "p:a")
    text = script.read_text()
    stray = script.with_name("a@v1.sql")

    script.write_text(text.replace("COMMIT;", ""))
    with pytest.raises(ScriptError, match="the last statement is not `COMMIT;`"):
        draft_rework(sample.projects, new("p", "a"))
    script.write_text(text)
    sample.path("verify", "p:a").unlink()
    with pytest.raises(PlanError, match=r"verify/p/a\.sql: missing script"):
        draft_rework(sample.projects, new("p", "a"))
    sample.write("verify", "p:a", "TABLE a;")
    stray.write_text("precious")
    with pytest.raises(PlanError, match=r"deploy/p/a@v1\.sql: the file is there already"):
        draft_rework(sample.projects, new("p", "a"))
    assert stray.read_text() == "precious"


def lost_race(draft: Draft, sample: Sample) -> str:
    """Somebody makes the last of the new files."""
    list(draft.created)[-1].write_text("precious")
    return "the file is there already"


def changed_plan(draft: Draft, sample: Sample) -> str:
    """Somebody plans something; the plan is the last file to be replaced."""
    sample.add("p:meanwhile")
    return r"p\.plan: somebody has changed it just now"


def no_place(draft: Draft, sample: Sample) -> str:
    """Something stands where the new text of the plan is to wait."""
    (sample.sql / "plans" / ".p.plan.new").mkdir()
    return r"\.p\.plan\.new: cannot write: Is a directory"


@pytest.mark.parametrize("accident", [lost_race, changed_plan, no_place])
def test_all_is_written_or_nothing(
    sample: Sample, accident: Callable[[Draft, Sample], str]
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    draft = draft_rework(sample.projects, new("p", "a"))
    message = accident(draft, sample)
    before = files(sample)

    with pytest.raises(PlanError, match=message):
        draft.write()

    assert files(sample) == before


@needs_sqitch
def test_a_reworked_change_lives_as_under_sqitch(database: str, theirs: str, twin: Twin) -> None:
    """Deploy, tag, rework, edit, deploy, revert one, deploy it again, revert all."""
    say = "CREATE FUNCTION say() RETURNS text LANGUAGE sql RETURN 'one';"
    for one in twin:
        one.add(
            "p:say", deploy=say, revert="DROP FUNCTION say();", verify="SELECT 1 / length(say());"
        )

    def deploy() -> str:
        with connect(database) as connection:
            list(engine.deploy(connection, twin.ours.projects, settings=SETTINGS))
        done = twin.theirs.sqitch(theirs, "deploy", "--verify", "p")
        assert done.returncode == 0, done.stdout + done.stderr
        return said()

    def revert(keep: str | None) -> None:
        with connect(database) as connection:
            list(
                engine.revert(
                    connection,
                    twin.ours.projects,
                    ["p"],
                    keep=Target("p", keep) if keep else None,
                    settings=SETTINGS,
                )
            )
        to = ["--to", keep] if keep else []
        done = twin.theirs.sqitch(theirs, "revert", "-y", *to, "p")
        assert done.returncode == 0, done.stdout + done.stderr
        assert_same(database, theirs)

    def said() -> str:
        found = set()
        for dsn in (database, theirs):
            with connect(dsn) as connection:
                (row,) = connection.execute("SELECT say()").fetchall()
                found.add(row[0])
        (word,) = found
        return str(word)

    def rework(tag: str, before: str, after: str) -> None:
        at = twin.sqitch("tag", tag, "p", "-n", "Ship it.")
        draft_tag(twin.ours.projects, new_tag("p", tag, note="Ship it.", at=at)).write()
        at = twin.sqitch("rework", "say", "p", "-n", "Say more.")
        draft_rework(twin.ours.projects, new("p", "say", note="Say more.", at=at)).write()
        # sqitch leaves the headers to whoever edits; its registry has the hash of the whole file.
        for kind in KINDS:
            shutil.copy(twin.ours.path(kind, "p:say"), twin.theirs.path(kind, "p:say"))
        if "OR REPLACE" not in twin.ours.path("deploy", "p:say").read_text():
            for kind in ("deploy", "revert"):
                twin.edit(f"{kind}/p/say.sql", "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        twin.edit("deploy/p/say.sql", f"'{before}'", f"'{after}'")

    assert deploy() == "one"
    rework("v2", "one", "two")
    assert deploy() == "two"
    rework("v3", "two", "three")
    assert deploy() == "three"
    assert_same(database, theirs)
    revert("@HEAD^")
    assert said() == "two"
    revert("say@v2")
    assert said() == "one"
    assert deploy() == "three"
    assert_same(database, theirs)
    assert "Verify successful" in twin.theirs.sqitch(database, "verify", "p").stdout
    revert(None)
    for dsn in (database, theirs):
        with connect(dsn) as connection:
            assert connection.execute("SELECT to_regproc('say')").fetchall() == [(None,)]


def test_a_rework_that_is_not_edited_is_not_deployed(database: str, sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")

    with connect(database) as connection:
        list(engine.deploy(connection, sample.projects, settings=SETTINGS))
        draft_rework(sample.projects, new("p", "a")).write()
        with pytest.raises(ScriptError, match="does what the change did before"):
            list(engine.deploy(connection, sample.projects, settings=SETTINGS))
        (status,) = engine.status(connection, sample.projects)

    assert (status.deployed, status.pending) == (1, ("a",))


def test_the_command_reworks_and_says_what_to_edit(
    sample: Sample, muniment: Callable[..., Done]
) -> None:
    sample.add("p:a")
    test = sample.directory / "tests" / "pgtap" / "p" / "a.sql"
    test.parent.mkdir(parents=True)
    test.write_text("SELECT 1;\n")
    refused = muniment("rework", "p:a", "-n", "Do it again.")
    sample.tag("p", "v1.2.0")

    done = muniment("rework", "p:a", "-n", "Do it again.", "--conflicts", "other:x")

    assert refused.code == 1
    assert "p:a is not released: no tag comes after it" in refused.err
    assert "run `muniment tag p NAME` first." in refused.err
    assert done.code == 0
    assert done.out.splitlines() == [
        "sql/deploy/p/a@v1.2.0.sql",
        "sql/revert/p/a@v1.2.0.sql",
        "sql/verify/p/a@v1.2.0.sql",
        "sql/deploy/p/a.sql",
        "sql/revert/p/a.sql",
        "sql/plans/p.plan",
    ]
    assert done.err.splitlines() == [
        "now edit:",
        "  sql/deploy/p/a.sql: from a@v1.2.0 to what it is to be",
        "  sql/revert/p/a.sql: back to a@v1.2.0, whose deploy script this was",
        "  sql/verify/p/a.sql: what proves the new one",
        "  tests/pgtap/p/a.sql: what the new one promises",
    ]
    assert "a [a@v1.2.0 !other:x] " in sample.plan_path("p").read_text()
    assert muniment("rework", "p", "-n", "X.").code == 2
    assert "'p' is not PROJECT:CHANGE." in muniment("rework", "p", "-n", "X.").err


# new ---------------------------------------------------------------------------------------------


@needs_sqitch
def test_a_new_change_is_the_line_that_sqitch_writes_where_sqitch_writes_it(twin: Twin) -> None:
    options = ["-r", "a", "-r", "a", "-r", "views/b@v1", "-x", "other:x"]
    requires, conflicts = ("a", "a", "views/b@v1"), ("other:x",)
    for number in (1, 2, 3):
        at = twin.sqitch("add", f"n{number}", "p", *options, "-n", "Do it.")
        wanted = new("p", f"n{number}", requires=requires, conflicts=conflicts, at=at)
        draft_change(twin.ours.projects, wanted).write()
        twin.assert_same()
        if number == 2:
            # A blank line sets off what comes after it.
            at = twin.sqitch("tag", "v2", "p", "-n", "Ship it.")
            draft_tag(twin.ours.projects, new_tag("p", "v2", note="Ship it.", at=at)).write()


def test_a_new_change_fails_until_it_is_filled_in(
    ledger: str, sample: Sample, muniment: Callable[..., Done]
) -> None:
    done = muniment("new", "p:thing", "-n", "Make a thing.")
    assert done.code == 1, "a project begins with its plan"
    sample.project("p")

    done = muniment("new", "p:thing", "-n", "Make a thing.")

    assert done.code == 0
    assert done.err == ""
    assert done.out.splitlines() == [
        "sql/deploy/p/thing.sql",
        "sql/revert/p/thing.sql",
        "sql/verify/p/thing.sql",
        "tests/pgtap/p/thing.sql",
        "sql/plans/p.plan",
    ]
    # In a database that has the roles.
    with connect(ledger) as connection, pytest.raises(VerifyFailed, match="not written yet"):
        list(engine.deploy(connection, sample.projects, settings=SETTINGS))


@pytest.mark.parametrize(
    ("change", "message", "hint"),
    [
        (new("p", "a"), r"p\.plan:4: p:a is planned already", "run `muniment rework p:a`."),
        (new("p", "a b"), "illegal change name", ""),
        (new("p", "c", requires=("aa",)), '^cannot plan p:c: change "c" requires "aa"', "Did you"),
        (new("p", "c", requires=("q:zz",)), "p:c requires q:zz, which is not planned", ""),
        (new("p", "c", requires=("z:a",)), "^cannot plan p:c: no such project: z", "Did you"),
        (new("p", "stray"), r"tests/pgtap/p/stray\.sql: the file is there already", ""),
    ],
    ids=lambda value: (
        " ".join([value.name, *value.requires]) if isinstance(value, NewChange) else None
    ),
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_written(
    sample: Sample, change: NewChange, message: str, hint: str
) -> None:
    sample.add("p:a")
    sample.add("q:b")
    stray = sample.directory / "tests" / "pgtap" / "p" / "stray.sql"
    stray.parent.mkdir(parents=True)
    stray.write_text("precious")
    before = files(sample)

    with pytest.raises(PlanError, match=message) as caught:
        draft_change(sample.projects, change)

    assert hint in (caught.value.hint or "")
    assert files(sample) == before


def test_what_was_reworked_can_be_required_by_its_name(sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="SELECT 2;", revert="SELECT 1;", verify="SELECT 1;")
    sample.add("q:b")

    draft = draft_change(sample.projects, new("q", "c", requires=("p:a", "p:a@HEAD")))

    assert [required.text for required in draft.change.requires] == ["p:a", "p:a@HEAD"]


def test_a_plan_keeps_its_line_ends_when_it_grows(sample: Sample) -> None:
    sample.project("p")
    sample.plan_path("p").write_bytes(f"%project=p\r\n\r\na {SIGNED}".encode())

    draft_change(sample.projects, new("p", "b")).write()

    text = sample.plan_path("p").read_bytes().decode()
    assert text.count("\r\n") == text.count("\n") == 4
    assert [change.name for change in parse_plan(text, path=Path("p")).changes] == ["a", "b"]


# yoyo --------------------------------------------------------------------------------------------


def test_the_files_for_yoyo_follow(sample: Sample, muniment: Callable[..., Done]) -> None:
    sample.add("p:a")
    directory = sample.sql / "yoyo"
    muniment("yoyo", "generate", "--sql-dir", "sql")
    assert len(list(directory.iterdir())) == 1
    (directory / "20260101000000_p.gone_12345678.py").write_bytes(
        next(directory.iterdir()).read_bytes()
    )
    (directory / "own.sql").write_text("SELECT 1;\n")

    began = muniment("new", "p:b", "-n", "Make b.", "--requires", "a")
    tagged = muniment("tag", "p", "v1", "-n", "Ship it.")
    reworked = muniment("rework", "p:a", "-n", "Do it again.")

    made = [
        re.findall(r"^sql/yoyo/\d{14}_(\S+)_\w{8}\.py$", done.out, re.M)
        for done in (began, tagged, reworked)
    ]
    assert made == [["p.b"], [], ["p.a"]]
    assert began.err.splitlines() == [
        "deleted sql/yoyo/20260101000000_p.gone_12345678.py, which is stale",
        "left alone sql/yoyo/own.sql, which is foreign",
    ]
    (directory / "own.sql").unlink()
    assert muniment("yoyo", "generate", "--check", "--sql-dir", "sql") == Done(0, "", "")


def test_what_yoyo_could_not_take_is_not_begun(
    sample: Sample, muniment: Callable[..., Done]
) -> None:
    sample.add("p:a")
    muniment("yoyo", "generate", "--sql-dir", "sql")
    before = files(sample)

    done = muniment("new", f"p:{'x' * 230}", "-n", "Make b.")

    assert done.code == 1
    assert "too long a name for yoyo" in done.err
    assert files(sample) == before


@pytest.mark.parametrize("is_for_yoyo", [False, True])
@pytest.mark.parametrize(
    "arguments",
    [
        ("new", "p:b", "-n", "Make b\x1b.", "--requires", "a"),
        ("tag", "p", "v2", "-n", "Ship\nit."),
        ("tag", "p", "v0", "-n", "Ship it.", "--change", "a"),
        ("rework", "p:a", "-n", "Do it again."),
    ],
    ids=["new", "tag", "tag before", "rework"],
)
def test_a_dry_run_says_what_would_be_written_and_writes_nothing(
    sample: Sample,
    muniment: Callable[..., Done],
    arguments: tuple[str, ...],
    is_for_yoyo: bool,
) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.add("p:z")
    if is_for_yoyo:
        muniment("yoyo", "generate", "--sql-dir", "sql")
        stale = sample.sql / "yoyo" / "20260101000000_p.gone_12345678.py"
        stale.write_bytes(next((sample.sql / "yoyo").iterdir()).read_bytes())
    before = files(sample)
    said = muniment(*arguments, "--dry-run")
    assert files(sample) == before

    done = muniment(*arguments)

    assert (said.code, said.err) == (0, "")
    *would, planned = said.out.splitlines()
    wrote = [f"would write {path}" for path in done.out.splitlines()]
    deleted = re.findall(r"^deleted (\S+),", done.err, re.MULTILINE)
    # The name of a file for yoyo has the id of the change in it, and that the second.
    assert sorted(without_ids(would)) == sorted(
        without_ids([*wrote, *(f"would delete {path}" for path in deleted)])
    )
    assert bool(deleted) is is_for_yoyo
    line = planned.removeprefix("would add to sql/plans/p.plan: ")
    written = [one for one in sample.plan_path("p").read_text().splitlines() if one]
    shown = [one.replace("\x1b", "\\x1b") for one in without_times(written)]
    assert without_times([line])[0] in shown
    assert without_times([line])[0] not in without_times(
        before["sql/plans/p.plan"].decode().split("\n")
    )


def without_times(lines: list[str]) -> list[str]:
    return [re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", line) for line in lines]


def without_ids(lines: list[str]) -> list[str]:
    return [re.sub(r"/\d{14}_(\S+)_\w{8}\.py$", r"/\1.py", line) for line in lines]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("new", "p:a", "-n", "X."), 1),
        (("new", "p:B", "-n", "X."), 2),
        (("tag", "p", "v 1", "-n", "X."), 1),
        (("rework", "p:a", "-n", "X."), 1),
    ],
)
def test_a_dry_run_refuses_what_would_be_refused(
    sample: Sample, muniment: Callable[..., Done], arguments: tuple[str, ...], code: int
) -> None:
    sample.add("p:a")

    assert muniment(*arguments, "--dry-run").code == muniment(*arguments).code == code


def test_without_files_for_yoyo_none_are_made(
    sample: Sample, muniment: Callable[..., Done]
) -> None:
    sample.add("p:a")

    assert muniment("new", "p:b", "-n", "Make b.").code == 0
    assert not (sample.sql / "yoyo").exists()


# The how-to pages ---------------------------------------------------------------------------------


def console(page: str) -> list[tuple[str, str]]:
    """Return the commands of a how-to page, each with the lines that are shown under it."""
    text = (ROOT / "docs" / "how-to" / page).read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [
        (command, shown)
        for block in blocks
        for command, shown in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


def test_the_how_to_pages_are_true(
    database: str, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = "CREATE FUNCTION ensure_partitions() RETURNS integer LANGUAGE sql RETURN 1;"
    sample.add("agents:schema")
    sample.add(
        "agents:ensure_partitions",
        deploy=function,
        revert="DROP FUNCTION ensure_partitions();",
        verify="SELECT ensure_partitions();",
    )
    test = sample.directory / "tests" / "pgtap" / "agents" / "ensure_partitions.sql"
    test.parent.mkdir(parents=True)
    test.write_text("SELECT 1;\n")
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("MUNIMENT_SQL_DIR", "sql")

    def follow(commands: list[tuple[str, str]]) -> None:
        for command, shown in commands:
            words = shlex.split(command)
            assert words[0] == "muniment"
            done = subprocess.run(
                [sys.executable, "-m", *words],
                cwd=sample.directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"$ {command}\n{done.stdout}"
            assert not shown or done.stdout == shown

    (tag,) = console("tag-a-release.md")
    rework, *rest = console("rework-a-change.md")
    follow([("muniment deploy", "")])
    follow([tag, rework])
    for kind in ("deploy", "revert"):
        script = sample.path(kind, "agents:ensure_partitions")
        text = script.read_text().replace("CREATE", "CREATE OR REPLACE")
        script.write_text(text.replace("RETURN 1", "RETURN 2") if kind == "deploy" else text)
    assert [words.split()[1] for words, _ in rest] == [
        "rehearse",
        "deploy",
        "verify",
        "revert",
        "deploy",
    ]
    follow(rest[:-1])
    with connect(database) as connection:
        assert connection.execute("SELECT ensure_partitions()").fetchall() == [(1,)]
        follow(rest[-1:])
        assert connection.execute("SELECT ensure_partitions()").fetchall() == [(2,)]
