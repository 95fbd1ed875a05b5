"""Ids are those that sqitch computes.

``golden/ids.json`` holds what sqitch 1.3.1 itself printed for the plans next to it: change ids by
``sqitch plan --format '%H %n'``, tag ids as the hash of what ``sqitch show tag`` prints.
``tests/integration/test_plan_against_sqitch.py`` asks the sqitch that is installed again.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from muniment.errors import PlanError
from muniment.migrate.plan import Plan, parse_plan, read_plan

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "ids.json").read_text(encoding="utf-8"))

LINE = "2026-01-01T00:00:00Z N <n@n>"


def parsed(text: str) -> Plan:
    return parse_plan(text, path=Path("test.plan"))


def first_id(uri: str) -> str:
    return parsed(f"%project=p\n%uri={uri}\n\na {LINE}\n").changes[0].change_id


def test_every_golden_plan_has_expected_ids():
    assert sorted(EXPECTED) == sorted(path.name for path in GOLDEN.glob("*.plan"))


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_change_ids_are_those_of_sqitch(name):
    changes = [[change.name, change.change_id] for change in read_plan(GOLDEN / name).changes]
    assert changes == EXPECTED[name]["changes"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_tag_ids_are_those_of_sqitch(name):
    changes = read_plan(GOLDEN / name).changes
    tags = [[tag.name, tag.tag_id] for change in changes for tag in change.tags]
    assert tags == EXPECTED[name]["tags"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_line_ends_of_windows_do_not_change_ids(name):
    text = (GOLDEN / name).read_text(encoding="utf-8").replace("\n", "\r\n")
    changes = [[change.name, change.change_id] for change in parsed(text).changes]
    assert changes == EXPECTED[name]["changes"]


def test_a_parent_is_the_change_before_and_tags_name_their_change():
    changes = read_plan(GOLDEN / "rework.plan").changes
    assert changes[0].parent_id is None
    assert [c.parent_id for c in changes[1:]] == [c.change_id for c in changes[:-1]]
    assert {tag.change_id for tag in changes[1].tags} == {changes[1].change_id}


def test_an_edit_of_a_line_changes_all_later_ids_and_no_earlier_one():
    text = (GOLDEN / "plain.plan").read_text(encoding="utf-8")
    before = parsed(text).changes
    after = parsed(text.replace("Record runs.", "Record all runs.")).changes
    same = [x.change_id == y.change_id for x, y in zip(before, after, strict=True)]
    assert same == [True, False, False, False]


# Each pair was compared with `URI->new(...)->canonical` of URI 5.17.
@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("HTTP://Example.ORG/Path", "http://example.org/Path"),
        ("http://example.org", "http://example.org/"),
        ("http://example.org?q", "http://example.org?q"),
        ("http://example.org:80/", "http://example.org/"),
        ("http://example.org:080/", "http://example.org/"),
        ("http://example.org:/", "http://example.org/"),
        ("http://example.org:8080/", "http://example.org:8080/"),
        ("https://example.org:80/", "https://example.org:80/"),
        ("ssh://Git@Host:22/x", "ssh://Git@host/x"),
        ("ssh://host", "ssh://host"),
        ("http://h/%7e%2f%c3%41", "http://h/~%2F%C3A"),
        ("http://h/a b|[c]é", "http://h/a%20b%7C%5Bc%5D%C3%A9"),
        ("<URL:http://h/>", "http://h/"),
        ('"http://h/"', "http://h/"),
        ("URN:ISO:X%2d", "urn:iso:X-"),
        ("Tag:Example.org,2026:X", "tag:Example.org,2026:X"),
        ("Relative/Path", "Relative/Path"),
        ("//Host:80/x", "//Host:80/x"),
        ("x\x1f", "x%1F"),
        ("x\u2028", "x"),
    ],
)
def test_a_uri_is_hashed_in_its_canonical_form(written, canonical):
    assert first_id(written) == first_id(canonical)


def test_the_canonical_form_of_a_uri_is_not_what_the_plan_shows():
    plan = parsed("%project=p\n%uri=HTTP://Host:80/é\n\n")
    assert plan.uri == "HTTP://Host:80/%C3%A9"


def test_different_uris_give_different_ids():
    uris = ["http://h/", "http://h/x", "https://h/", "http://h:81/", "h", "H", "git://h/"]
    assert len({first_id(uri) for uri in uris}) == len(uris)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///x",
        "mailto:x@y.org",
        "LDAP://host/",
        "db:pg:x",
        "sip:x@y.org",
        "urn:isbn:0395363411",
        "git://Host/x",
        "git://host:9418/x",
        "http://é.org/",
        "http://[::1]/",
        "http://%C3%A9.org/",
        "http://a b/",
    ],
)
def test_a_uri_whose_canonical_form_is_not_known_is_refused(uri):
    with pytest.raises(PlanError, match="unsupported URI") as caught:
        first_id(uri)
    assert caught.value.line == 2


@pytest.mark.parametrize("uri", ["0", "<>", '""'])
def test_a_uri_that_perl_takes_for_false_is_none(uri):
    plan = parsed(f"%project=p\n%uri={uri}\n\na {LINE}\n")
    assert plan.uri is None
    assert plan.changes[0].change_id == parsed(f"%project=p\n\na {LINE}\n").changes[0].change_id
