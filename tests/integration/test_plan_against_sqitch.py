"""The same plans, read by this package and by the sqitch that is installed.

The golden plans go through the ``sqitch`` program. Thousands of generated plans go through the
Perl modules of the same installation, all in one process, because a start of sqitch takes 0.2 s.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from pathlib import Path
from typing import Any

import pytest

from muniment.errors import PlanError
from muniment.migrate.plan import Plan, change_line, parse_plan, read_plan

MISSING = "sqitch is not installed: apt-get install sqitch libdbd-pg-perl"
GOLDEN = Path(__file__).parents[1] / "unit" / "golden"
CONFIG = "[core]\n\tengine = pg\n[user]\n\tname = Ann Other\n\temail = ann@example.org\n"

# Reads [[path, [spec, ...]], ...] as JSON and answers one object a plan.
ORACLE = r"""
use strict;
use App::Sqitch;
use App::Sqitch::Config;
use App::Sqitch::Target;
use JSON::PP;
use Path::Class;

open STDERR, '>', '/dev/null';
my $sqitch = App::Sqitch->new(config => App::Sqitch::Config->new);
my @answers;
for my $question (@{ decode_json(do { local $/; <STDIN> }) }) {
    my ($file, $specs) = @{ $question };
    push @answers => eval {
        my $target = App::Sqitch::Target->new(sqitch => $sqitch, plan_file => file($file));
        my $plan = $target->plan;
        my @changes = map { +{
            name => $_->name, id => $_->id, note => $_->note, line => $_->as_string,
            planner => $_->format_planner,
            requires => [map { $_->as_string } $_->requires],
            conflicts => [map { $_->as_string } $_->conflicts],
            lost => (grep { my $conflict = $_; !eval { $conflict->id; 1 } } $_->conflicts) ? 1 : 0,
            stem => join('/', $_->path_segments),
            rework_tags => [map { $_->name } $_->rework_tags],
            tags => [map { [$_->name, $_->id] } $_->tags],
        } } $plan->changes;
        my @found = map { my $spec = $_; my $change = eval { $plan->get($spec) };
                          $change ? $change->id : undef } @{ $specs };
        my $uri = $plan->uri;
        { uri => defined $uri ? "$uri" : undef, changes => \@changes, found => \@found };
    } || { error => "$@" };
}
print encode_json(\@answers);
"""

# Where this package refuses what sqitch reads, and loses, ignores or dies of later.
STRICTER = re.compile(
    r"it contains '[\[\]]'|duplicate dependency|duplicate pragma|unknown syntax-version"
    r"|unsupported URI|which is not in the plan|requires \"0\""
)


class Sqitch:
    """sqitch in a folder of its own, that sees no settings but its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "sqitch.conf").write_text(CONFIG)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("SQITCH_")}
        self.env |= {
            "HOME": str(folder),
            "SQITCH_SYSTEM_CONFIG": str(folder / "none"),
            "SQITCH_USER_CONFIG": str(folder / "none"),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }

    def run(self, *command: str, stdin: str = "") -> bytes:
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, input=stdin.encode(), capture_output=True
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def ask(self, texts: list[str], specs: list[str]) -> list[dict[str, Any]]:
        """What sqitch's modules make of each plan."""
        questions = []
        for number, text in enumerate(texts):
            path = self.folder / f"{number}.plan"
            path.write_bytes(text.encode())
            questions.append([str(path), specs])
        answer: list[dict[str, Any]] = json.loads(
            self.run("perl", "-e", ORACLE, stdin=json.dumps(questions))
        )
        return answer


@pytest.fixture
def sqitch(tmp_path: Path) -> Sqitch:
    if shutil.which("sqitch") is None:
        pytest.skip(MISSING)
    return Sqitch(tmp_path)


@pytest.fixture
def sqitch_modules(sqitch: Sqitch) -> Sqitch:
    perl = subprocess.run(["perl", "-MApp::Sqitch", "-e1"], capture_output=True, env=sqitch.env)
    if perl.returncode:
        pytest.skip(f"{MISSING} (perl finds no App::Sqitch)")
    return sqitch


# The program -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.glob("*.plan")))
def test_golden_plans_have_the_ids_that_the_program_prints(sqitch, name):
    shutil.copy(GOLDEN / name, sqitch.folder / "sqitch.plan")
    changes = read_plan(GOLDEN / name).changes

    printed = sqitch.run("sqitch", "plan", "--no-headers", "--format", "format:%H %n").decode()
    ours = [f"{change.change_id} {change.name}" for change in changes]
    assert [line for line in printed.split("\n") if line] == ours

    for tag in (tag for change in changes for tag in change.tags):
        info = sqitch.run("sqitch", "show", "tag", f"@{tag.name}").removesuffix(b"\n")
        content = b"tag %d\0" % len(info) + info
        assert sha1(content, usedforsecurity=False).hexdigest() == tag.tag_id


def test_a_written_line_is_the_one_that_sqitch_add_writes(sqitch):
    path = sqitch.folder / "sqitch.plan"
    path.write_text(f"%project=p\n\na {SIGNED}\n@t {SIGNED}\nb {SIGNED}\n")
    options = ["-r", "a@t", "-r", "other:x", "-x", "b"]
    sqitch.run("sqitch", "add", "d/c", *options, "-n", r" one\ntwo\\ # é ")

    written = path.read_text(encoding="utf-8").splitlines()[-1]
    change = read_plan(path).find("d/c")
    assert change.note == "one\ntwo\\ # é"
    assert written == change_line(
        "d/c",
        requires=["a@t", "other:x"],
        conflicts=["b"],
        planned_at=change.planned_at,
        planner_name="Ann Other",
        planner_email="ann@example.org",
        note="one\ntwo\\ # é",
    )


# The modules -----------------------------------------------------------------------------------


NAMES = ["a", "b", "a/b", "a.b", "x-1", "_p_", "f~1g", "é", "cafe\u0301", "€uro", "v1+2a", "00"]
PLANNERS = [("N", "n@n"), ("Two  Words", "x@y.org"), ("Ünal Ø.", "ü@n"), ("N ", "not <an address")]
NOTES = ["", "", "Do it.", "a # b", "one\ntwo\r\nthree", r"back\slash \n", "é €\u2028x", "00"]
URIS = ["https://example.org/x", "HTTP://H.org:80?%7e%c3", "urn:Uuid:A", "ssh://me@H/é [x]", "Foo"]
SIGNED = "2026-01-01T00:00:00Z N <n@n>"


def well_formed(rng: random.Random) -> str:
    """A plan with reworks, tags and all forms of dependencies, written by ``change_line``."""
    lines = ["%syntax-version=1.0.0", "%project=own"]
    lines += [f"%uri={rng.choice(URIS)}"] if rng.random() < 0.6 else []
    lines += [""]
    planned_at = datetime(2026, 1, 1, tzinfo=UTC)
    tags: list[str] = []
    as_of: dict[str, str] = {}  # what name@tag may be required: the newest instance, tagged
    since_tag: list[str] = []
    for number in range(rng.randint(1, 14)):
        planned_at += timedelta(seconds=rng.randint(0, 10**7))
        name = rng.choice(NAMES)
        if name in since_tag:
            name = f"{name}/x{number}"
        known = [*{**dict.fromkeys(since_tag), **as_of}, *(f"@{tag}" for tag in tags)]
        known += [f"{name}@{tag}" for name, tag in as_of.items() if name not in since_tag]
        known += [f"other:{key}" for key in ("x", "@y", "x@y", "0" * 40)]
        chosen = rng.sample(known, k=min(len(known), rng.choice([0, 0, 1, 2, 4])))
        chosen = [key for key in chosen if key != name]
        cut = rng.randint(0, len(chosen))
        planner_name, planner_email = rng.choice(PLANNERS)
        prefix = rng.choice(["", "own:"])
        line = change_line(
            name,
            requires=[key if ":" in key else prefix + key for key in chosen[cut:]],
            conflicts=chosen[:cut],
            planned_at=planned_at,
            planner_name=planner_name,
            planner_email=planner_email,
            note=rng.choice(NOTES),
        )
        lines.append(rng.choice(["", "", "", "+", "  "]) + line)
        since_tag.append(name)
        while rng.random() < 0.35:
            tag = f"t{len(tags)}"
            note = rng.choice(["", " # Release it.", " #\\n 0", " # 0"])
            lines.append(f"@{tag} {planned_at:%Y-%m-%dT%H:%M:%SZ} {planner_name} <n@n>{note}")
            tags.append(tag)
            as_of |= dict.fromkeys(since_tag, tag)
            since_tag.clear()
        lines += rng.choice([[], [], [""], ["# a comment"]])
    return "\n".join(lines) + rng.choice(["\n", ""])


CHARACTERS = [
    *"aabbzBZ019_-+./~^=%@:#[]!<> \t,;\\'\"(){}|&*$?",
    *"éß€½²ⓐ\u0301\u0661\u00a0\u2003\u200d",
]
CHARACTERS += ["\u2028", "\x0b", "\x1c", "\r"]


def noise(rng: random.Random) -> str:
    return "".join(rng.choice(CHARACTERS) for _ in range(rng.randint(0, 4)))


def doubtful(rng: random.Random) -> str:
    """A short plan in which any part may be malformed."""

    def one_of(usual: list[str], odd: list[str]) -> str:
        choice = rng.random()
        return rng.choice(usual if choice < 0.93 else odd) if choice < 0.97 else noise(rng)

    def dependency() -> str:
        mark = rng.choice(["", "", "!", "own:", "other:", "!own:"])
        return mark + one_of(
            ["a", "b", "@t", "a@t", "b@t"], ["", "0", "@HEAD", "a@ROOT", "HEAD", "é"]
        )

    def dependencies() -> str:
        chosen = [dependency() for _ in range(rng.choice([0, 0, 0, 1, 2]))]
        return one_of(
            ["[" + " ".join(chosen) + "] "] if chosen else [""], ["[ ]", "[]", "[a", "[ a]"]
        )

    def line() -> str:
        if rng.random() < 0.1:
            return rng.choice(["", "  ", "#", "# ", "# c", "%x=1", "\u00a0"])
        mark = rng.choice(["", "", "", "", "@", "@", "+", " - "])
        name = one_of(
            [*NAMES, "t", "u"], ["HEAD", "ROOT", "0", "0123456789" * 4, "a@", "a€", "-a", "a/1"]
        )
        date = one_of(
            ["2026-01-01T00:00:00Z"],
            ["2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "", "\u06612"],
        )
        planner = one_of(
            [" N <n@n>"], ["N <n@n>", "  <n@n>", " <n@n>", " 0 <n>", " N <>", " N", ""]
        )
        note = one_of(["", " # x"], ["#", " # 0", "#\\n\\q", " # \u2028x\u00a0", "\r"])
        return f"{mark}{name} {dependencies() if mark != '@' else ''}{date}{planner}{note}"

    header = ["%syntax-version=1.0.0", "%project=own", ""]
    if rng.random() < 0.15:
        odd = [
            "%x",
            "%x y",
            " % y = z # n",
            "# c",
            "#",
            "# 0",
            "%=1",
            "%-x=1",
            "%x=",
            "%é\\b=ü",
            "x",
        ]
        odd += ["%uri", "%uri=0", "%project=0", "%project=a.b"]
        header.insert(rng.randint(0, 2), rng.choice(odd))
    body = [f"a {SIGNED}", f"@t {SIGNED}"] if rng.random() < 0.7 else []
    end = rng.choice(["\n", "\r\n"])
    return end.join([*header, *body, *(line() for _ in range(rng.randint(1, 2)))]) + end


def shown(plan: Plan) -> list[dict[str, Any]]:
    """A plan in the form in which the modules answer."""
    return [
        {
            "name": change.name,
            "id": change.change_id,
            "note": change.note,
            "planner": f"{change.planner_name} <{change.planner_email}>",
            "requires": [required.text for required in change.requires],
            "conflicts": [conflict.text for conflict in change.conflicts],
            "stem": f"{change.stems[0]}.sql",
            "rework_tags": list(change.rework_tags),
            "tags": [[tag.name, tag.tag_id] for tag in change.tags],
            "lost": 0,
        }
        for change in plan.changes
    ]


def plan_or_error(text: str) -> Plan | PlanError:
    try:
        return parse_plan(text, path=Path("generated.plan"))
    except PlanError as error:
        return error


def found(plan: Plan, spec: str) -> str | None:
    try:
        return plan.find(spec).change_id
    except PlanError:
        return None


def test_generated_plans_mean_the_same_to_sqitch(sqitch_modules):
    rng = random.Random(20260101)  # noqa: S311
    texts = [well_formed(rng) for _ in range(200)]
    names = ["a", "a/b", "@t0", "@t1", "@t3", "a@t1", "b@t2", "a@HEAD", "b@ROOT", "HEAD", "@ROOT"]
    names += ["HEAD@t1", "a@none", "none@t1", "@", "", "a@t1@t2", "00", "f~1g"]
    offsets = ["", "^", "~", "^^", "~~", "^2", "~1", "^0", "~9", "^^^", "~~~"]
    specs = [name + offset for name in names for offset in offsets]

    seen: Counter[str] = Counter()
    for text, answer in zip(texts, sqitch_modules.ask(texts, specs), strict=True):
        plan = parse_plan(text, path=Path("generated.plan"))
        lines = [change.pop("line") for change in answer["changes"]]
        assert shown(plan) == answer["changes"], text
        assert plan.uri == answer["uri"]
        assert [found(plan, spec) for spec in specs] == answer["found"], text
        written = text.replace("own:", "").split("\n")
        assert lines == [written[change.line - 1] for change in plan.changes]
        seen["changes"] += len(plan.changes)
        seen["tags"] += sum(len(change.tags) for change in plan.changes)
        seen["reworks"] += sum(bool(change.rework_tags) for change in plan.changes)
        seen["dependencies"] += sum(len(c.requires) + len(c.conflicts) for c in plan.changes)
        seen["found"] += sum(change_id is not None for change_id in answer["found"])
    assert min(seen.values()) > 100, seen


def test_what_sqitch_refuses_is_refused_and_what_it_reads_is_read(sqitch_modules):
    rng = random.Random(20260102)  # noqa: S311
    texts = [doubtful(rng) for _ in range(3000)]
    seen: Counter[str] = Counter()
    for text, answer in zip(texts, sqitch_modules.ask(texts, []), strict=True):
        outcome = plan_or_error(text)
        if isinstance(outcome, Plan):
            assert "error" not in answer, f"{answer['error']}\n{text!r}"
            for change in answer["changes"]:
                del change["line"]
            assert shown(outcome) == answer["changes"], text
            seen["both read"] += 1
        elif "error" in answer:
            seen["both refuse"] += 1
        else:
            assert STRICTER.search(str(outcome)), f"{outcome}\n{text!r}"
            if "which is not in the plan" in str(outcome):
                assert any(change["lost"] for change in answer["changes"]), text
            seen["stricter"] += 1
    assert min(seen["both refuse"], seen["both read"]) > 1000, seen
    assert 50 < seen["stricter"] < 400, seen
