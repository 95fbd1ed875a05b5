"""What a plan may say, what it may not, and what the parts of a plan mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from muniment.errors import PlanError
from muniment.migrate.plan import (
    Plan,
    change_line,
    parse_plan,
    read_plan,
    validate_name,
)

STAMP = "2026-01-01T00:00:00Z"
BY = f"{STAMP} N <n@n>"
SHA = "0123456789" * 4


def parsed(text: str) -> Plan:
    return parse_plan(text, path=Path("test.plan"))


def with_lines(*lines: str) -> Plan:
    """Parse a plan whose third line is the first that is given."""
    return parsed("\n".join(["%project=p", "", *lines]))


def refused(text: str) -> PlanError:
    with pytest.raises(PlanError) as caught:
        parsed(text)
    assert caught.value.path == "test.plan"
    return caught.value


# Header ----------------------------------------------------------------------------------------


def test_a_plan_needs_only_a_project():
    plan = parsed("%project=p")
    assert (plan.project, plan.uri, plan.path) == ("p", None, Path("test.plan"))
    assert plan.pragmas == {"project": "p"}
    assert plan.changes == ()


def test_unknown_pragmas_are_kept():
    plan = parsed(
        "# c\n%syntax-version=1.0.0\n % project = p # note\n%x\n%y=a=b \n%é\\z= ü\n   # c\n\n"
    )
    assert plan.pragmas == {
        "syntax-version": "1.0.0",
        "project": "p",
        "x": "1",
        "y": "a=b",
        "é\\z": "ü",
    }


@pytest.mark.parametrize("comment", ["# \t", "# 0"])
def test_a_comment_that_perl_takes_for_false_ends_the_header(comment):
    assert parsed(f"%project=p\n{comment}\na {BY}\n").changes[0].name == "a"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "the plan names no project"),
        ("\n%project=p\n", 1, "the plan names no project"),
        ("%syntax-version=1.0.0\n\na\n", 1, "the plan names no project"),
        ("%project\n", 1, "%project names no project"),
        ("%project=\n", 1, 'not a pragma: "%project="'),
        ("%project=0\n", 1, 'illegal project name "0"'),
        ("%x\n%project=-p\n", 2, 'illegal project name "-p": it begins with punctuation'),
        ("%project=p:q\n", 1, "it contains ':'"),
        ("%project=p[q\n", 1, "it contains '['"),
        ("%project=p\n%project=q\n", 2, "duplicate pragma %project: first on line 1"),
        ("%uri=a\n%project=p\n%uri=b\n", 3, "duplicate pragma %uri: first on line 1"),
        ("%syntax-version=1.1.0\n%project=p\n", 1, "unknown syntax-version 1.1.0"),
        ("%syntax-version\n%project=p\n", 1, "unknown syntax-version 1"),
        (f"%project=p\na {BY}\n", 2, "not a pragma"),
        ("%project=p\n%-x=1\n", 2, "not a pragma"),
        ("%project=p\n%x y\n", 2, "not a pragma"),
        ("%project=p\n#\n\n", 2, 'a comment needs text after "#"'),
        ("\ufeff%project=p\n", 1, "the plan begins with a byte order mark"),
        (f"%project=p\n\na {BY} # \x00\n", 3, "forbidden character U+0000"),
        (f"%project=p\n\na {BY} # \ufffe\n", 3, "forbidden character U+FFFE"),
        (f"%project=p\n\na {BY} # \U0001ffff\n", 3, "forbidden character U+1FFFF"),
        (f"%project=p\n\na {BY} # \ud800\n", 3, "forbidden character U+D800"),
    ],
)
def test_a_header_that_is_not_in_order_is_refused_on_its_line(text, line, message):
    error = refused(text)
    assert error.line == line
    assert message in str(error)


def test_a_missing_blank_line_after_the_pragmas_is_explained():
    error = refused(f"%project=p\na {BY}\n")
    assert error.hint == "A blank line must come between the pragmas and the changes."


# Lines -----------------------------------------------------------------------------------------


def test_the_parts_of_a_change():
    [change] = with_lines(
        r"a/b 2026-02-03T04:05:06Z  A. Planner <a@b.org> # Make it.\nNow. "
    ).changes
    assert (change.project, change.name, change.qualified) == ("p", "a/b", "p:a/b")
    assert (change.planner_name, change.planner_email) == ("A. Planner", "a@b.org")
    assert change.planned_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    assert change.note == "Make it.\nNow."
    assert (change.line, change.index, change.parent_id) == (3, 0, None)
    assert (change.requires, change.conflicts, change.tags, change.rework_tags) == ((),) * 4
    assert change.stems == ("a/b",)


def test_the_parts_of_a_tag():
    [change] = with_lines(f"a {BY}", "# c", "", " @v1.0 2026-02-03T04:05:06Z M  <m@m> #x").changes
    [tag] = change.tags
    assert (tag.name, tag.change_id, tag.line) == ("v1.0", change.change_id, 6)
    assert (tag.planner_name, tag.planner_email, tag.note) == ("M ", "m@m", "x")
    assert tag.planned_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_the_parts_of_dependencies():
    change = with_lines(
        f"a {BY}", f"@t {BY}", f"b [a !p:a@t other:@t other:a@t !other:{SHA} p:@t]{BY}"
    ).changes[1]
    assert [
        (d.text, d.is_conflict, d.project, d.change, d.tag, d.change_id)
        for d in (*change.requires, *change.conflicts)
    ] == [
        ("a", False, "p", "a", None, None),
        ("other:@t", False, "other", None, "t", None),
        ("other:a@t", False, "other", "a", "t", None),
        ("@t", False, "p", None, "t", None),
        ("a@t", True, "p", "a", "t", None),
        (f"other:{SHA}", True, "other", None, None, SHA),
    ]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"  a {BY}", "a"),
        (f"+a {BY}", "a"),
        (f" - a {BY}", "a"),
        (f"\u00a0a\u2003{BY}", "a"),
        (f"a [ ]{BY}", "a"),
        (f"a.b-c_ {BY}", "a.b-c_"),
        (f"a~1b {BY}", "a~1b"),
        (f"a' {BY}".replace("'", "_"), "a_"),
        (f"€uro {BY}", "€uro"),
        (f"cafe\u0301 {BY}", "cafe\u0301"),
        (f"{'x' * 300} {BY}", "x" * 300),
        (f"{SHA[:39]} {BY}", SHA[:39]),
        (f"a {STAMP}N <n@n>", "a"),
    ],
)
def test_what_a_line_may_look_like(line, name):
    assert [change.name for change in with_lines(line).changes] == [name]


def test_a_last_line_may_lack_its_end_and_lines_may_end_as_on_windows():
    text = f"%project=p\r\n\r\na {BY}\r\n@t {BY} # x\r\n\r\nb [a]  {BY} # y"
    changes = parsed(text).changes
    assert [(c.name, c.planner_email, c.note) for c in changes] == [
        ("a", "n@n", ""),
        ("b", "n@n", "y"),
    ]
    assert changes[0].tags[0].note == "x"


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        # Names
        ([f"-a- {BY}"], 3, 'illegal name "a-": it ends in neither'),
        ([f"a. {BY}"], 3, 'illegal name "a."'),
        ([f".a {BY}"], 3, 'illegal name ".a": it begins with punctuation'),
        ([f"a@b {BY}"], 3, "it contains '@'"),
        ([f"a:b {BY}"], 3, "it contains ':'"),
        ([f"a\\b {BY}"], 3, r"it contains '\\'"),
        ([f"a[b {BY}"], 3, "it contains '['"),
        ([f"a]b {BY}"], 3, "it contains ']'"),
        ([f"a[b] {BY}"], 3, "it contains '['"),
        ([f"a~2 {BY}"], 3, "it ends in one of ~ / = % ^ and digits"),
        ([f"a/\u0662 {BY}"], 3, "it ends in one of ~ / = % ^ and digits"),
        ([f"a€ {BY}"], 3, "it ends in neither a letter, a digit nor an underscore"),
        ([f"a½ {BY}"], 3, "it ends in neither"),
        ([f"0 {BY}"], 3, "sqitch takes 0 for no name"),
        ([f"HEAD {BY}"], 3, 'change "HEAD": it is reserved'),
        ([f"ROOT {BY}"], 3, 'change "ROOT": it is reserved'),
        ([f"{SHA} {BY}"], 3, "it could be confused with an id"),
        ([f"{SHA}x {BY}"], 3, "it could be confused with an id"),
        ([f"a {BY}", f"@HEAD {BY}"], 4, "tag @HEAD: it is reserved"),
        ([f"a {BY}", f"@{SHA} {BY}"], 4, "it could be confused with an id"),
        ([f"a {BY}", f"@x/y {BY}"], 4, "tag @x/y: it contains '/'"),
        ([f"a {BY}", f"@ x {BY}"], 4, "neither a change nor a tag"),
        ([f"a {BY}", f"@-x {BY}"], 4, "it begins with punctuation"),
        # Parts
        (["a"], 3, 'change "a" has no date, planner and email'),
        ([f"a {STAMP}"], 3, 'change "a" has no planner and email'),
        ([f"a {STAMP} N"], 3, "neither a change nor a tag"),
        ([f"a {STAMP} <n@n>"], 3, "neither a change nor a tag"),
        ([f"a {STAMP} 0 <n@n>"], 3, "has no planner and email"),
        (["a N <n@n>"], 3, 'change "a" has no date'),
        (["a 2026-1-01T00:00:00Z N <n@n>"], 3, 'change "a" has no date'),
        (["a \u06602026-01-01T00:00:00Z N <n@n>"], 3, "neither a change nor a tag"),
        (["a 2026-02-29T00:00:00Z N <n@n>"], 3, "2026-02-29T00:00:00Z is not a date"),
        (["a 2026-01-01T24:00:00Z N <n@n>"], 3, "is not a date"),
        (["a 2016-12-31T23:59:60Z N <n@n>"], 3, "is not a date"),
        (["a 0000-01-01T00:00:00Z N <n@n>"], 3, "is not a date"),
        ([f"a {BY} x"], 3, "neither a change nor a tag"),
        ([f"a {STAMP} N <>"], 3, "neither a change nor a tag"),
        ([f"a {BY}", "#"], 4, 'a comment needs text after "#"'),
        ([f"a {BY}", "%x=1"], 4, "a pragma among the changes"),
        ([f"a {BY}\r"], 3, "neither a change nor a tag"),
        # Twice
        ([f"a {BY}", f"b {BY}", f"a {BY}"], 5, 'duplicate change "a": first on line 3'),
        ([f"a {BY}", f"@t {BY}", f"a {BY}", f"a {BY}"], 6, 'duplicate change "a": first on line 5'),
        ([f"a {BY}", f"@t {BY}", f"b {BY}", f"@t {BY}"], 6, "duplicate tag @t: first on line 4"),
        # Tags
        ([f"@t {BY}"], 3, "tag @t has no change before it"),
        ([f"a {BY}", f"@t [a] {BY}"], 4, "tag @t has dependencies"),
        # Dependencies
        ([f"a [b!] {BY}"], 3, '"b!" is not a dependency'),
        ([f"a [ b] {BY}"], 3, '"" is not a dependency'),
        ([f"a [!] {BY}"], 3, '"!" is not a dependency'),
        ([f"a [other:] {BY}"], 3, '"other:" is not a dependency'),
        ([f"a [x:y:z] {BY}"], 3, '"x:y:z" is not a dependency'),
        ([f"a [x@] {BY}"], 3, '"x@" is not a dependency'),
        ([f"a [x@y@z] {BY}"], 3, '"x@y@z" is not a dependency'),
        ([f"a [other:x[y] {BY}"], 3, '"other:x[y" is not a dependency'),
        ([f"a [!!x] {BY}"], 3, '"!!x" is not a dependency'),
        ([f"a [b {BY}"], 3, "neither a change nor a tag"),
        ([f"a [] {BY}"], 3, "neither a change nor a tag"),
        ([f"a [{SHA}] {BY}"], 3, "a dependency by id needs another project"),
        ([f"a [p:{SHA}] {BY}"], 3, "a dependency by id needs another project"),
        ([f"a {BY}", f"b [a a] {BY}"], 4, 'duplicate dependency "a"'),
        ([f"a {BY}", f"b [a p:a] {BY}"], 4, 'duplicate dependency "p:a"'),
        ([f"a {BY}", f"b [a !a] {BY}"], 4, 'duplicate dependency "!a"'),
        ([f"a [a] {BY}"], 3, 'change "a" requires itself'),
        ([f"a [p:a] {BY}"], 3, 'change "a" requires itself'),
        ([f"a [0] {BY}"], 3, 'requires "0": the plan has no "0"'),
        ([f"a [HEAD] {BY}"], 3, 'the plan has no "HEAD"'),
        ([f"a {BY}", f"b [@t] {BY}"], 4, 'the plan has no "@t"'),
        ([f"a {BY}", f"b [a@t] {BY}"], 4, 'the plan has no "@t"'),
        ([f"a {BY}", f"@t {BY}", f"b [x@t] {BY}"], 5, 'the plan has no "x"'),
        ([f"a [b] {BY}", f"b {BY}"], 3, 'requires "b": that is planned later, on line 4'),
        ([f"a [b] {BY}", f"@t {BY}", f"b {BY}"], 3, "planned later, on line 5"),
        ([f"a {BY}", f"b [@t] {BY}", f"@t {BY}"], 4, "planned later, on line 5"),
        ([f"a {BY}", f"b [a@t] {BY}", f"@t {BY}"], 4, "planned later, on line 5"),
        ([f"a {BY}", f"@t {BY}", f"b {BY}", f"c [b@t] {BY}"], 6, '"b" is planned after "@t"'),
        (
            [f"a {BY}", f"@t {BY}", f"a [a@t] {BY}", f"@u {BY}", f"b [a@t] {BY}"],
            7,
            '"a" was reworked and tagged since',
        ),
        # Conflicts
        ([f"a [!x] {BY}"], 3, 'conflicts with "x", which is not in the plan'),
        ([f"a [!@t] {BY}"], 3, 'conflicts with "@t", which is not in the plan'),
        ([f"a {BY}", f"@t {BY}", f"b [!b@t] {BY}"], 5, 'conflicts with "b@t"'),
        ([f"a {BY}", f"b [!a@t] {BY}"], 4, 'conflicts with "a@t"'),
    ],
)
def test_lines_that_are_not_in_order_are_refused_where_they_are_wrong(lines, line, message):
    error = refused("\n".join(["%project=p", "", *lines]))
    assert message in str(error)
    assert error.line == line


def test_a_requirement_planned_later_says_where_to_move_the_line():
    error = refused(f"%project=p\n\na [b c] {BY}\nc {BY}\nb {BY}\n")
    assert error.hint == "Move the line below line 5."


def test_a_misspelt_requirement_suggests_what_was_meant():
    error = refused(f"%project=p\n\ntool_call {BY}\nb [tool_cal] {BY}\n")
    assert error.hint == 'Did you mean "tool_call"?'


def test_a_conflict_may_be_planned_later_or_belong_to_another_project():
    change = with_lines(f"a [!b !@t !b@t !other:x] {BY}", f"b {BY}", f"@t {BY}").changes[0]
    assert [d.text for d in change.conflicts] == ["b", "@t", "b@t", "other:x"]


def test_a_requirement_of_another_project_is_not_looked_up():
    assert with_lines(f"a [other:x] {BY}").changes[0].requires[0].project == "other"


def test_a_rework_may_require_what_it_reworks():
    changes = with_lines(f"a {BY}", f"@t {BY}", f"a [a] {BY}", f"b [a@t] {BY}").changes
    assert [c.name for c in changes] == ["a", "a", "b"]


# Rework ----------------------------------------------------------------------------------------


def reworked() -> Plan:
    return with_lines(
        f"a {BY}",  # 0
        f"d/b {BY}",  # 1
        f"@t1 {BY}",
        f"@t2 {BY}",
        f"c {BY}",  # 2
        f"@t3 {BY}",
        f"a [a@t3] {BY}",  # 3
        f"d/b {BY}",  # 4
        f"@t4 {BY}",
        f"a [a@t4] {BY}",  # 5
    )


def test_an_older_instance_has_the_tags_up_to_the_next_the_latest_change_first():
    rework_tags = [change.rework_tags for change in reworked().changes]
    assert rework_tags == [("t3", "t1", "t2"), ("t3", "t1", "t2"), (), ("t4",), (), ()]


def test_the_newest_instance_owns_the_plain_file_name():
    stems = [change.stems for change in reworked().changes]
    assert stems[0] == ("a@t3", "a@t1", "a@t2")
    assert stems[1] == ("d/b@t3", "d/b@t1", "d/b@t2")
    assert stems[3:] == [("a@t4",), ("d/b",), ("a",)]


# find ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "index"),
    [
        ("c", 2),
        ("@t1", 1),
        ("@t2", 1),
        ("@t4", 4),
        ("a@t1", 0),
        ("a@t3", 0),
        ("a@t4", 3),
        ("a@HEAD", 5),
        ("a@ROOT", 0),
        ("d/b@HEAD", 4),
        ("@HEAD", 5),
        ("HEAD", 5),
        ("@ROOT", 0),
        ("ROOT", 0),
        ("c^", 1),
        ("c^^", 0),
        ("c^2", 0),
        ("c^1", 1),
        ("c~", 3),
        ("c~~", 4),
        ("c~3", 5),
        ("c~0", 2),
        ("@HEAD^", 4),
        ("HEAD^2", 3),
        ("@ROOT~", 1),
        ("a@t4^", 2),
        ("@t3~2", 4),
    ],
)
def test_a_spec_finds_its_change(spec, index):
    assert reworked().find(spec).index == index


def test_an_id_of_a_change_or_a_tag_finds_the_change():
    plan = reworked()
    change = plan.changes[1]
    assert plan.find(change.change_id) is change
    assert plan.find(change.tags[1].tag_id) is change
    assert plan.find(f"{change.change_id}~") is plan.changes[2]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("x", 'no change "x" in the plan'),
        ("@x", 'no change "@x" in the plan'),
        ("c@x", 'no change "c@x" in the plan'),
        ("c@t1", 'no change "c@t1" in the plan'),
        ("x@t1", 'no change "x@t1" in the plan'),
        ("", 'no change "" in the plan'),
        ("@", 'no change "@" in the plan'),
        ("^", 'no change "^" in the plan'),
        ("c^^^", 'no change "c^^^" in the plan'),
        ("C", 'no change "C" in the plan'),
        (SHA, f'no change "{SHA}" in the plan'),
        ("@ROOT^", 'no change "@ROOT^": the plan has 6 changes, and "@ROOT" is number 1'),
        ("HEAD~", 'no change "HEAD~": the plan has 6 changes, and "HEAD" is number 6'),
        ("c^9", 'no change "c^9"'),
    ],
)
def test_a_spec_that_finds_nothing_is_refused_by_name(spec, message):
    with pytest.raises(PlanError) as caught:
        reworked().find(spec)
    assert message in str(caught.value)
    assert caught.value.path == "test.plan"


def test_a_name_of_several_changes_is_refused_with_the_specs_to_choose_from():
    with pytest.raises(PlanError, match='ambiguous change "a"') as caught:
        reworked().find("a")
    assert caught.value.hint == 'Write "a@t3", "a@t4" or "a@HEAD".'
    assert [reworked().find(spec).index for spec in ("a@t3", "a@t4", "a@HEAD")] == [0, 3, 5]


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("widgest", 'Did you mean "widgets"?'),
        ("@v1.0", 'Did you mean "@v1.0.0"?'),
        ("widgets@v1.0", 'Did you mean "widgets@v1.0.0" or "widgets"?'),
        ("unlike", "`muniment plan p` lists what there is."),
    ],
)
def test_a_spec_that_finds_nothing_suggests_what_is_close(spec, hint):
    with pytest.raises(PlanError) as caught:
        with_lines(f"widgets {BY}", f"@v1.0.0 {BY}").find(spec)
    assert caught.value.hint == hint


def test_an_empty_plan_has_no_head():
    with pytest.raises(PlanError, match='no change "@HEAD"'):
        parsed("%project=p\n").find("@HEAD")


# read_plan -------------------------------------------------------------------------------------


def test_a_plan_is_read_from_a_file(tmp_path):
    path = tmp_path / "x.plan"
    path.write_bytes(f"%project=p\r\n\r\né {BY}\r\n".encode())
    plan = read_plan(path)
    assert plan.path == path
    assert plan.changes[0].name == "é"


def test_a_missing_plan_is_named(tmp_path):
    with pytest.raises(PlanError, match="no such plan") as caught:
        read_plan(tmp_path / "x.plan")
    assert caught.value.path == str(tmp_path / "x.plan")
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_plan_that_is_no_file_is_refused(tmp_path):
    with pytest.raises(PlanError, match="cannot read the plan: Is a directory"):
        read_plan(tmp_path)


def test_a_plan_that_is_not_utf_8_is_refused_on_its_line(tmp_path):
    path = tmp_path / "x.plan"
    path.write_bytes(b"%project=p\n\n# \xe9\n")
    with pytest.raises(PlanError, match="not UTF-8: byte 0xe9") as caught:
        read_plan(path)
    assert caught.value.line == 3


# change_line -----------------------------------------------------------------------------------


def test_a_line_is_written_as_sqitch_writes_it():
    line = change_line(
        "agents/run",
        requires=["a@t", "other:b"],
        conflicts=["c"],
        planned_at=datetime(2026, 1, 2, 4, 4, 5, 999999, tzinfo=timezone(timedelta(hours=1))),
        planner_name="A. Planner",
        planner_email="a@b.org",
        note=" one\ntwo\r\\three # four\n",
    )
    assert line == (
        "agents/run [a@t other:b !c] 2026-01-02T03:04:05Z A. Planner <a@b.org>"
        r" # one\ntwo\r\\three # four"
    )


def minimal(
    name: str = "a", planner_name: str = "N", planner_email: str = "n@n", **rest: Any
) -> str:
    return change_line(
        name,
        planned_at=datetime(987, 1, 1, tzinfo=UTC),
        planner_name=planner_name,
        planner_email=planner_email,
        **rest,
    )


def test_a_line_without_dependencies_and_note_is_short():
    assert minimal() == "a 0987-01-01T00:00:00Z N <n@n>"


@pytest.mark.parametrize("note", ["x", r"a\nb", "a\nb", "\\", "# x", "a\\\nb\r\\r", "é\u2028 €"])
def test_a_plan_gives_back_the_note_of_a_line(note):
    [change] = with_lines(minimal(note=note)).changes
    assert change.note == note


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"name": "a-"}, 'illegal change name "a-"'),
        ({"name": ""}, 'illegal change name "": it is empty'),
        ({"requires": ["a b"]}, '"a b" is not a dependency'),
        ({"requires": [""]}, '"" is not a dependency'),
        ({"requires": ["a]b"]}, '"a]b" is not a dependency'),
        ({"conflicts": ["!a"]}, '"!!a" is not a dependency'),
        ({"planner_name": ""}, "a plan cannot hold the planner"),
        ({"planner_name": "0"}, "a plan cannot hold the planner"),
        ({"planner_name": " N"}, "a plan cannot hold the planner"),
        ({"planner_name": "N#"}, "a plan cannot hold the planner"),
        ({"planner_name": "N <x>"}, "a plan cannot hold the planner"),
        ({"planner_name": "N\nb 2026"}, "a plan cannot hold the planner"),
        ({"planner_email": ""}, "a plan cannot hold the planner"),
        ({"planner_email": "a>b"}, "a plan cannot hold the planner"),
        ({"planner_email": "a\n"}, "a plan cannot hold the planner"),
        ({"planner_email": "a\x00"}, "forbidden character U+0000"),
        ({"note": "\ufdd0"}, "forbidden character U+FDD0"),
    ],
)
def test_a_line_that_a_plan_would_not_give_back_is_refused(parts, message):
    with pytest.raises(PlanError) as caught:
        minimal(**parts)
    assert message in str(caught.value)


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="planned_at must be aware"):
        change_line("a", planned_at=datetime(2026, 1, 1), planner_name="N", planner_email="n@n")


# validate_name ---------------------------------------------------------------------------------

# Perl's \w holds all of these, Python's the second only: accent, number, tie, joiner, circles.
ODD_LETTERS = ["a\u0301", "a\u2167", "a\u203f", "a\u200d", "a\u24d0", "a\U0001f130"]


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "_a_",
        "a/b/c",
        "a.b",
        "a-1",
        "1",
        "00",
        "a~b",
        "a=1b",
        "é",
        "x" * 300,
        "HEAD/x",
        *ODD_LETTERS,
    ],
)
def test_a_legal_name_has_no_fault(name):
    assert validate_name(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it is empty"),
        ("0", "sqitch takes 0 for no name at all"),
        ("a b", "it contains ' '"),
        ("a\u00a0b", "it contains '\\xa0'"),
        ("a\nb", "it contains '\\n'"),
        ("a\n", "it contains '\\n'"),
        ("a#b", "it contains '#'"),
        ("a]", "it contains ']'"),
        ("/a", "it begins with punctuation"),
        ("a/", "it ends in neither a letter, a digit nor an underscore"),
        ("a%1", "it ends in one of ~ / = % ^ and digits"),
        ("HEAD", "it is reserved"),
        (SHA, "it could be confused with an id"),
    ],
)
def test_an_illegal_name_has_a_reason(name, reason):
    assert validate_name(name) == reason
