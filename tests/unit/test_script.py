from __future__ import annotations

import random
import subprocess
import sys
import time
from hashlib import sha1
from pathlib import Path

import pytest
from pglast import parser

from muniment.errors import PlanError, ScriptError
from muniment.migrate.plan import Change, parse_plan
from muniment.migrate.script import (
    Kind,
    Place,
    Script,
    check_header,
    hash_script,
    parse_script,
    read_script,
)
from muniment.migrate.statements import split_plain
from muniment.migrate.steps import BuiltIndex, DetachedPartition

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "sql").glob("*/*/*.sql"))

PLAN = """\
%syntax-version=1.0.0
%project=p

a 2026-01-01T00:00:00Z Ann <ann@example.org>
b [a other:x !other:y] 2026-01-01T00:00:00Z Ann <ann@example.org>
"""


def parsed(text: str, kind: Kind = "deploy") -> Script:
    return parse_script(text.encode(), kind, path="x.sql")


def refused(text: str, kind: Kind = "deploy") -> ScriptError:
    with pytest.raises(ScriptError) as caught:
        parsed(text, kind)
    return caught.value


def planned(name: str) -> Change:
    return parse_plan(PLAN, path=Path("p.plan")).find(name)


def test_the_envelope_is_taken_off_and_the_body_kept_byte_for_byte() -> None:
    script = parsed(
        "-- head\n\nBEGIN;\n\nSELECT 1;\nSELECT 'é;', $$ COMMIT; $$;\n\nCOMMIT;\n-- end\n"
    )

    assert script.body == "SELECT 1;\nSELECT 'é;', $$ COMMIT; $$\n;"
    assert len(script.statements) == 2


def test_a_body_that_ends_in_a_line_comment_still_ends_in_a_semicolon() -> None:
    script = parsed("BEGIN; SELECT 1 -- one\n; COMMIT;")

    assert script.body == "SELECT 1 -- one\n;"


def test_a_body_may_be_empty() -> None:
    script = parsed("BEGIN;\n-- nothing to do\nCOMMIT;\n")

    assert script.body == ""
    assert script.statements == ()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION f() RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END;",
        "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);",
        "SELECT E'\\\\' || U&'d\\0061t', 'a\\b', \"odd\\name\" FROM t;",
        "/* a /* nested; */ comment; */ SELECT 1;",
        "SELECT $tag$ $$ ; COMMIT; $$ $tag$;",
        "SELECT 'it''s :not a variable', a::text, b[1:2], 100 % 7;",
        "SAVEPOINT s;",
        "ROLLBACK TO SAVEPOINT s;",
        "ROLLBACK WORK TO s;",
        "RELEASE SAVEPOINT s;",
        "PREPARE p AS SELECT 1;",
        "SET TRANSACTION READ WRITE;",
        "COPY t FROM '/srv/file';",
    ],
)
def test_a_statement_may_hold_whatever_its_grammar_allows(statement: str) -> None:
    script = parsed(f"BEGIN;\n{statement}\nCOMMIT;\n")

    assert len(script.statements) == 1


def test_the_hash_is_that_of_the_raw_bytes(tmp_path: Path) -> None:
    data = "BEGIN;\r\nSELECT 'é';\r\nCOMMIT;\r\n".encode()
    path = tmp_path / "x.sql"
    path.write_bytes(data)
    expected = sha1(data, usedforsecurity=False).hexdigest()

    assert read_script(path, "deploy").sha1 == expected
    assert hash_script(path) == expected


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("SELECT 1;\nCOMMIT;", 1, "first statement is not `BEGIN;`"),
        ("-- a\nSTART TRANSACTION;\nCOMMIT;", 2, "first statement is not `BEGIN;`"),
        ("BEGIN ISOLATION LEVEL SERIALIZABLE;\nCOMMIT;", 1, "first statement is not `BEGIN;`"),
        ("", 1, "first statement is not `BEGIN;`"),
        ("-- only a comment\n", 1, "first statement is not `BEGIN;`"),
        ("BEGIN;\nSELECT 1;\n", 2, "last statement is not `COMMIT;`"),
        ("BEGIN;", 1, "last statement is not `COMMIT;`"),
        ("BEGIN;\nSELECT 1;\nEND;", 3, "last statement is not `COMMIT;`"),
        ("BEGIN;\nCOMMIT;\nSELECT 1;", 3, "last statement is not `COMMIT;`"),
        ("BEGIN;\nCOMMIT AND CHAIN;", 2, "last statement is not `COMMIT;`"),
        ("BEGIN;\n\nCOMMIT;\nBEGIN;\nCOMMIT;", 3, "transaction control inside the script: COMMIT"),
        ("BEGIN;\nBEGIN;\nCOMMIT;", 2, "transaction control inside the script: BEGIN"),
        ("BEGIN;\nSELECT 1;\nROLLBACK;\nCOMMIT;", 3, "inside the script: ROLLBACK"),
        ("BEGIN;\nabort;\nCOMMIT;", 2, "inside the script: ABORT"),
        ("BEGIN;\n/* x */ end work;\nCOMMIT;", 2, "inside the script: END WORK"),
        ("BEGIN;\nPREPARE TRANSACTION 'x';\nCOMMIT;", 2, "inside the script: PREPARE TRANSACTION"),
        ("BEGIN;\nROLLBACK PREPARED 'x';\nCOMMIT;", 2, "inside the script: ROLLBACK PREPARED"),
    ],
)
def test_anything_but_one_transaction_is_refused_with_its_line(
    text: str, line: int, words: str
) -> None:
    error = refused(text)

    assert words in error.message
    assert (error.path, error.line) == ("x.sql", line)


def test_a_verify_script_ends_in_rollback() -> None:
    assert parsed("BEGIN; SELECT 1; ROLLBACK;", "verify").body == "SELECT 1\n;"
    assert "last statement is not `ROLLBACK;`" in refused("BEGIN; COMMIT;", "verify").message
    assert "last statement is not `COMMIT;`" in refused("BEGIN; ROLLBACK;", "revert").message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\\set ON_ERROR_STOP 1\nBEGIN;\nCOMMIT;", 1),
        ("BEGIN;\nSELECT 1 \\gexec\nCOMMIT;", 2),
        ("BEGIN;\n\n  \\i other.sql\nCOMMIT;", 3),
        ("BEGIN;\nSELECT :'name';\nCOMMIT;", 2),
    ],
)
def test_what_only_psql_understands_is_refused_with_its_line(text: str, line: int) -> None:
    error = refused(text)

    assert "psql" in error.message
    assert error.line == line


@pytest.mark.parametrize(
    "copy",
    [
        "COPY t FROM STDIN;\n1\ttwo\n\\.\n",
        "COPY t (a) FROM STDIN WITH (FORMAT csv);\n\\.\n",
        "copy t /* x */ from /* y */ stdin;\n",
        "COPY t TO STDOUT;\n",
    ],
)
def test_copy_with_the_client_is_refused_with_its_line(copy: str) -> None:
    error = refused(f"BEGIN;\nSELECT 'COPY t FROM STDIN';\n{copy}COMMIT;\n")

    assert "COPY" in error.message
    assert error.line == 3


def test_a_statement_that_the_grammar_does_not_know_says_where_and_which_grammar() -> None:
    error = refused("BEGIN;\n/* a */ SELECT 1;\nFROBNICATE é TABLE t;\nCOMMIT;")

    assert error.line == 3
    assert "column 1" in error.message
    assert "FROBNICATE" in error.message
    assert error.hint is not None
    assert "grammar of PostgreSQL" in error.hint


def test_an_unterminated_quote_is_an_error_of_the_script() -> None:
    assert refused("BEGIN;\nSELECT 'abc;\nCOMMIT;").line == 2


@pytest.mark.parametrize(
    ("data", "line", "words"),
    [
        (b"BEGIN;\n-- \xff\nCOMMIT;", 2, "not UTF-8"),
        ("\ufeffBEGIN;\nCOMMIT;".encode(), 1, "byte order mark"),
        (b"BEGIN;\nSELECT 'a\0';\nCOMMIT;", 2, "NUL"),
    ],
)
def test_bytes_that_cannot_be_sent_are_refused(data: bytes, line: int, words: str) -> None:
    with pytest.raises(ScriptError, match=words) as caught:
        parse_script(data, "deploy", path="x.sql")

    assert caught.value.line == line


def outside(*statements: str, kind: Kind = "deploy") -> Script:
    text = "\n".join(["-- Deploy p:a to pg", "-- transactional: false", *statements, ""])
    return parse_script(text.encode(), kind, path="x.sql")


def test_a_script_outside_of_a_transaction_is_read_statement_by_statement() -> None:
    script = outside(
        "SET ROLE a;",
        "CREATE TABLE s.t (i int); -- ordinary",
        "CREATE INDEX CONCURRENTLY t_ix ON s.t (i);",
        "CALL s.backfill()",
    )

    assert not script.is_transactional
    assert [step.nature for step in script.steps] == ["setting", "ordinary", "alone", "alone"]
    assert script.steps[2].index == BuiltIndex("s", "t", "t_ix")
    assert [script.place(step.offset).line for step in script.steps] == [3, 4, 5, 6]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP INDEX CONCURRENTLY s.t_ix",
        "REINDEX TABLE CONCURRENTLY s.t",
        "VACUUM s.t",
        "ALTER TABLE s.t DETACH PARTITION s.p CONCURRENTLY",
        "CREATE DATABASE d",
        "DROP DATABASE d",
        "ALTER SYSTEM SET work_mem = '1GB'",
        "DO $$ BEGIN COMMIT; END $$",
        "CALL s.backfill()",
    ],
)
def test_what_the_server_refuses_in_a_transaction_stands_alone(statement: str) -> None:
    assert [step.nature for step in outside(statement).steps] == ["alone"]


def test_a_block_that_cannot_end_a_transaction_shares_one_with_its_note() -> None:
    script = outside("DO $$ BEGIN INSERT INTO s.t VALUES (1); END $$")

    assert [step.nature for step in script.steps] == ["ordinary"]


def test_a_partition_that_is_detached_is_known_by_its_names() -> None:
    script = outside("ALTER TABLE s.t DETACH PARTITION p CONCURRENTLY")

    assert script.steps[0].detached == DetachedPartition(("s", "t"), (None, "p"))


@pytest.mark.parametrize(
    ("lines", "line", "words"),
    [
        (["BEGIN;", "VACUUM;", "COMMIT;"], 3, "transaction control"),
        (["SET LOCAL ROLE a;"], 3, "SET LOCAL has no effect"),
        (["SET TRANSACTION READ ONLY;"], 3, "SET TRANSACTION has no effect"),
        (["VACUUM;", "CREATE TEMP TABLE t (i int);"], 4, "is gone with the next statement"),
        (["SELECT 1 AS i INTO TEMP t;"], 3, "is gone with the next statement"),
        (["SELECT set_config('search_path', 'a', false);"], 3, "is gone with the next"),
        (["PREPARE p AS SELECT 1;"], 3, "is gone with the next statement"),
        (["LOCK TABLE s.t;"], 3, "is gone with the next statement"),
        (["DISCARD ALL;"], 3, "is gone with the next statement"),
        (["CREATE INDEX CONCURRENTLY ON s.t (i);"], 3, "without a name"),
        (["VACUUM;", "COPY s.t FROM STDIN;"], 4, "COPY"),
    ],
)
def test_what_makes_no_sense_outside_of_a_transaction_is_refused(
    lines: list[str], line: int, words: str
) -> None:
    with pytest.raises(ScriptError, match=words) as caught:
        outside(*lines)

    assert caught.value.line == line


def test_a_verify_script_is_always_a_transaction() -> None:
    with pytest.raises(ScriptError, match="always a transaction") as caught:
        outside("SELECT 1;", kind="verify")

    assert caught.value.line == 2


def test_the_header_says_true_or_false() -> None:
    error = refused("-- Deploy p:a to pg\n-- transactional: no\nVACUUM;\n")

    assert "neither true nor false" in error.message


def test_a_missing_script_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"/a.sql: missing script"):
        read_script(tmp_path / "a.sql", "deploy")


def test_a_statement_and_a_position_are_found_in_the_file() -> None:
    script = parsed("-- head\nBEGIN;\n\nSELECT 'é';\n  SELECT x,\n    ÿ, z;\nCOMMIT;")

    assert script.place(script.statements[0]) == Place("x.sql", 4, 1)
    assert script.place(script.statements[1]) == Place("x.sql", 5, 3)
    assert str(script.place(script.text.index("z"))) == "x.sql:6:8"


def test_a_header_that_says_what_the_plan_says_passes() -> None:
    check_header(parsed("-- Deploy p:a to pg\nBEGIN;\nCOMMIT;"), planned("a"))
    check_header(
        parsed(
            "-- Deploy p:b to pg\r\n-- requires: other:x\n-- requires: p:a\n-- conflicts: other:y\n"
            "--\n-- requires nothing else: not a field\n\n-- requires: c\nBEGIN;\nCOMMIT;"
        ),
        planned("b"),
    )
    check_header(parsed("-- Revert p:b from pg\nBEGIN;\nCOMMIT;", "revert"), planned("b"))
    check_header(parsed("-- Verify p:b on pg\nBEGIN;\nROLLBACK;", "verify"), planned("b"))


@pytest.mark.parametrize(
    ("header", "line", "words"),
    [
        ("-- Deploy p:a to pg", 1, "does not name the change"),
        ("", 1, "does not name the change"),
        ("-- Deploy p:b to pg", 1, "requires nothing, the plan has a, other:x"),
        (
            "-- Deploy p:b to pg\n-- requires: a",
            2,
            "header has requires a, the plan has a, other:x",
        ),
        (
            "-- Deploy p:b to pg\n-- requires: a\n-- requires: other:x",
            1,
            "conflicts nothing, the plan has other:y",
        ),
    ],
)
def test_a_header_that_differs_from_the_plan_is_refused(header: str, line: int, words: str) -> None:
    with pytest.raises(ScriptError, match=words) as caught:
        check_header(parsed(f"{header}\nBEGIN;\nCOMMIT;"), planned("b"))

    assert caught.value.line == line


def test_twenty_scripts_are_read_in_a_few_milliseconds() -> None:
    body = "\n".join(
        f"CREATE TABLE t{n} (id uuid NOT NULL, note text DEFAULT 'x;y', CHECK (id IS NOT NULL));"
        for n in range(30)
    )
    text = f"-- Deploy p:a to pg\nBEGIN;\n{body}\nCOMMIT;\n"
    parsed(text)
    fastest = 1.0
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(20):
            parsed(text)
        fastest = min(fastest, time.perf_counter() - started)

    # About 5 ms here; room for slow machines, none for another order of magnitude.
    assert fastest < 0.05


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_shipped_script_is_split_without_the_grammar_as_the_grammar_would(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    last = "ROLLBACK" if path.is_relative_to(ROOT / "sql" / "verify") else "COMMIT"

    assert split_plain(text, last) == list(parser.split(text, only_slices=True))


def test_to_read_the_shipped_scripts_does_not_load_the_grammar() -> None:
    # It takes 15 to 25 ms, as long as three changes.
    program = """
import sys
from pathlib import Path
from muniment.migrate.projects import Projects

projects = Projects(Path(sys.argv[1]))
assert [projects.scripts(change) for change in projects.steps([])]
assert "pglast" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(ROOT / "sql")], check=True)


# What a script may be made of: whole statements, and splinters that may break or swallow others.
STATEMENTS = (
    "SELECT 1",
    "SELECT ';', 'it''s', '--', '/*', '$$', e'a', U&'b' UESCAPE '!'",
    'SELECT 1 AS ";", 2 AS "a""b", 3 AS "--é"',
    "SELECT $$;'$$, $a$ $$ ; $b$ $a$, $_1$;$_1$, $$$$",
    "SELECT 1 AS a$b, 2 AS é$$",
    "SELECT 1::text, b[1:2] FROM t -- ; a comment",
    "SELECT 1 --; '\n + 2",
    "SELECT 1 --; $$\r + 2",
    "SELECT 1 /* ; /* ' */ ; */ + 2",
    "SELECT 2*/* ; */ 1, 4 / 2 - -1, a <-- ;\n b FROM t",
    "SELECT 'a'\n';'",
    "SELECT E'\\';', 2",
    "SELECT '\\'",
    "PREPARE p AS SELECT $1",
    "CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2)",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT 2; END",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql begin atomic; end",
    "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql AS $f$ SELECT 1; $f$",
    "DO $do$ BEGIN PERFORM 1; COMMIT; v := 'x'; END $do$",
    "CALL f(a := 1)",
    "COPY t FROM STDIN",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "COMMIT",
    "begin",
    "END",
    "",
)
SPLINTERS = (
    "'",
    '"',
    "$",
    "$$",
    "$a$",
    "(",
    ")",
    ";",
    "\\",
    ":",
    "/*",
    "*/",
    "--",
    "\n",
    "é",
    "\v",
)
SPACES = ("", " ", "\n", "\r\n", "\t\f\v", "-- ; c\n", "--'\r", "\n/* ; */\n", "\u00a0")


def odd_script(chance: random.Random) -> str:
    """Return a script that is often plain, sometimes odd and sometimes broken."""
    middle = chance.choices(STATEMENTS, k=chance.randrange(5))
    parts = []
    for statement in ("BEGIN", *middle, "COMMIT"):
        before, after = chance.choices(SPACES, weights=(9, 9, 9, 5, 2, 5, 2, 1, 0.2), k=2)
        parts.append(f"{before}{statement}{after};")
    text = "".join(parts) + chance.choice(SPACES)
    if chance.random() < 0.3:
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice(SPLINTERS) + text[at:]
    return text


def test_an_odd_script_is_split_as_the_grammar_would_or_left_to_it() -> None:
    chance = random.Random(20261121)  # noqa: S311
    agreed = doubted = 0
    for _ in range(20_000):
        text = odd_script(chance)
        plain = split_plain(text, "COMMIT")
        try:
            expected = list(parser.split(text, only_slices=True))
        except parser.ParseError:
            # Such a text is the server's to refuse, and it does so before it runs any of it.
            continue
        if plain is None:
            doubted += 1
            continue
        assert plain == expected, text
        agreed += 1
        # What the fast way accepts, the slow way accepts too.
        words = [text[one].partition(" ")[0].upper() for one in plain[1:-1]]
        assert {"COPY", "COMMIT", "BEGIN", "END", "ROLLBACK"}.isdisjoint(words), text
    assert agreed > 2_000
    assert doubted > 2_000


@pytest.mark.parametrize(
    "text",
    [
        "BEGIN;\nSELECT 1;\nCOMMIT",
        "begin;\nSELECT 1;\nCOMMIT;",
        "BEG\u0131N;\nSELECT 1;\nCOMMIT;",
        "BEGIN;\nCOMMIT;\nSELECT 1;",
        "BEGIN;\nCREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2);\nCOMMIT;",
        "BEGIN;\nSELECT :name;\nCOMMIT;",
        "BEGIN;\nSELECT x$$;$$;\nCOMMIT;",
        "BEGIN;\nSELECT €$$;$$;\nCOMMIT;",
        "BEGIN;\nSELECT 'abc;\nCOMMIT;",
        "BEGIN;\nSELECT (1;\nCOMMIT;",
        "BEGIN;\n\\echo x\nCOMMIT;",
        "BEGIN;\n/* x */ SELECT 1;\nCOMMIT;",
        "BEGIN;\ncopy t FROM STDIN;\nCOMMIT;",
        "",
    ],
)
def test_a_doubtful_script_is_left_to_the_grammar(text: str) -> None:
    assert split_plain(text, "COMMIT") is None
