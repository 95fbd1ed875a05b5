"""The data dictionary: how expressions read, and what a page says of what the plans do not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from muniment.dictionary import (
    Catalog,
    Column,
    Constraint,
    Definition,
    Function,
    Policy,
    Right,
    Role,
    Schema,
    Table,
)
from muniment.dictionary_pages import anchor, make_pages, readable
from muniment.migrate.projects import Projects

PLAN = """\
%syntax-version=1.0.0
%project=room

schema 2026-01-01T00:00:00Z A. Planner <planner@example.org> # Add the schema.
thing [schema other:base] 2026-01-01T00:00:00Z A. Planner <planner@example.org> # Keep a thing.
extra [thing] 2026-01-01T00:00:00Z A. Planner <planner@example.org> # Do something else.
"""
DEPLOY = """\
-- Deploy room:{name} to pg
{requires}--
-- Nobody sees from the SQL why
-- this is so.
-- Locks: none.  Docs: docs/schema/room.md#{name}

BEGIN;

SELECT 1;

COMMIT;
"""


@pytest.mark.parametrize(
    ("printed", "written"),
    [
        ("'queued'::text", "'queued'"),
        ("'{}'::jsonb", "'{}'"),
        ("'{}'::text[]", "'{}'::text[]"),
        ("'it''s'::text = ANY (ARRAY['a'::text])", "'it''s' IN ('a')"),
        ("a = ANY (ARRAY['x'::text, 'y z'::text])", "a IN ('x', 'y z')"),
        ("a <> ALL (ARRAY['x'::text])", "a NOT IN ('x')"),
        ("a = ANY (b)", "a = ANY (b)"),
        ("a = '= ANY (ARRAY[1])'::text", "a = '= ANY (ARRAY[1])'"),
        ("a = 'two  blanks'::text", "a = 'two  blanks'"),
        ("COALESCE(a, 0::bigint)", "COALESCE(a, 0)"),
        ("CHECK (a >= 1 AND a <= 9)", "CHECK (a BETWEEN 1 AND 9)"),
        ("CHECK (f(a) >= 1 AND f(a) <= 9)", "CHECK (f(a) BETWEEN 1 AND 9)"),
        ("CHECK (b - a >= 1 AND a <= 9)", "CHECK (b - a >= 1 AND a <= 9)"),
        ("CHECK (a >= 1 AND a <= 9 + b)", "CHECK (a >= 1 AND a <= 9 + b)"),
        ("CHECK (\nCASE\n    WHEN a THEN b\nEND)", "CHECK (CASE WHEN a THEN b END)"),
        ("NULL::timestamp with time zone", "NULL"),
        ("a = (( SELECT s.f() AS f))", "a = (SELECT s.f())"),
        ("a ~ '^[a-z]{2}$'::text", "a ~ '^[a-z]{2}$'"),
    ],
)
def test_an_expression_reads_as_a_person_writes_it(printed: str, written: str) -> None:
    assert readable(printed) == written


def test_an_anchor_is_the_stem_with_dashes() -> None:
    assert anchor("uuid_generate_v7") == "uuid-generate-v7"


def column(name: str, **differently: object) -> Column:
    facts: dict[str, object] = {
        "type": "uuid",
        "is_not_null": True,
        "is_generated": False,
        "is_identity": False,
        "expression": None,
        "description": "What it is.",
    }
    return Column(name=name, **{**facts, **differently})  # type: ignore[arg-type]


def table(name: str, **differently: object) -> Table:
    facts: dict[str, object] = {
        "kind": "r",
        "description": "A table.",
        "is_row_security_enabled": False,
        "is_row_security_forced": False,
        "partition_key": None,
        "is_monthly": False,
        "columns": (column("id"),),
        "constraints": (),
        "indexes": (),
        "triggers": (),
        "policies": (),
        "rights": (),
    }
    return Table(name=name, **{**facts, **differently})  # type: ignore[arg-type]


def function(name: str, **differently: object) -> Function:
    facts: dict[str, object] = {
        "identity_arguments": "",
        "arguments": "",
        "result": "integer",
        "kind": "f",
        "language": "sql",
        "volatility": "s",
        "parallel": "s",
        "is_strict": False,
        "is_security_definer": False,
        "owner": "muniment_owner",
        "settings": (),
        "description": "A function.",
        "executors": (),
    }
    return Function(name=name, **{**facts, **differently})  # type: ignore[arg-type]


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    """One project, without tests beside it."""
    (tmp_path / "sql" / "plans").mkdir(parents=True)
    (tmp_path / "sql" / "plans" / "room.plan").write_text(PLAN)
    deploy = tmp_path / "sql" / "deploy" / "room"
    deploy.mkdir(parents=True)
    for name, requires in {
        "schema": "",
        "thing": "-- requires: schema\n-- requires: other:base\n",
        "extra": "-- requires: thing\n",
    }.items():
        (deploy / f"{name}.sql").write_text(DEPLOY.format(name=name, requires=requires))
    return Projects(tmp_path / "sql")


def page(projects: Projects, *tables: Table, functions: tuple[Function, ...] = ()) -> str:
    schema = Schema("room", "A room.", (Right("muniment_app", "USAGE"),), tables, functions)
    roles = (Role("muniment_app", False, False, "Writes."),)
    catalog = Catalog({"room": schema}, roles, {"room:extra": ({"a_name": "x|y"},)})
    return make_pages(catalog, projects, sql_link="../../sql")["room"]


def test_sections_follow_the_plan_and_what_no_plan_knows_comes_last(projects: Projects) -> None:
    text = page(projects, table("thing"), table("a_stray"), functions=(function("b_stray"),))

    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## `schema`", "## `thing`", "## `extra`", "## `a_stray`", "## `b_stray`"]
    assert '<a id="a-stray"></a>' in text
    assert '<a id="thing"></a>' not in text


def test_a_section_says_what_its_change_requires_and_where_its_scripts_are(
    projects: Projects,
) -> None:
    assert (
        "Change `room:thing`; requires [`schema`](#schema), [`other:base`](other.md#base); scripts:"
        " [deploy](../../sql/deploy/room/thing.sql), [revert](../../sql/revert/room/thing.sql),"
        " [verify](../../sql/verify/room/thing.sql)."
    ) in page(projects, table("thing"))


def test_a_change_without_an_object_is_told_by_its_note_and_its_header(projects: Projects) -> None:
    text = page(projects, table("thing"))

    assert "Do something else.\n\nNobody sees from the SQL why this is so.\n" in text
    assert "| a name |\n| --- |\n| x\\|y |" in text
    assert "| `muniment_app` | USAGE |" in text


def test_a_table_is_told_with_all_that_hangs_on_it(projects: Projects) -> None:
    text = page(
        projects,
        table("thing", columns=(column("id"), column("at", type="timestamp with time zone"))),
        table(
            "part",
            description=None,
            columns=(
                column("id", is_identity=True),
                column("thing_id", is_not_null=False, description="<b> | *"),
                column("twice", type="integer", is_generated=True, expression="(id * 2)"),
            ),
            constraints=(
                Constraint("part_pk", "p", "PRIMARY KEY (id)", ("id",), None, None),
                Constraint("part_thing_fk", "f", "FOREIGN KEY", ("thing_id",), "room", "thing"),
                Constraint("part_far_fk", "f", "FOREIGN KEY", ("id",), "far", "far_thing"),
            ),
            indexes=(Definition("part_ix", "CREATE UNIQUE INDEX part_ix ON x USING btree (id)"),),
            triggers=(
                Definition(
                    "part_tg",
                    "CREATE TRIGGER part_tg BEFORE DELETE ON room.part FOR EACH ROW "
                    "EXECUTE FUNCTION room.f()",
                ),
            ),
            rights=(
                Right("muniment_app", "INSERT", ("id", "twice")),
                Right("muniment_app", "DELETE"),
                Right("muniment_app", "SELECT"),
            ),
        ),
    )

    for line in (
        "Table. No comment.",
        "| `id` | uuid | no | identity | What it is. |",
        r"| `thing_id` | uuid | yes | | \<b\> \| \* |",
        "| `twice` | integer | no | generated: `(id * 2)` | What it is. |",
        "| `at` | timestamptz | no | | What it is. |",
        "| `part_thing_fk` | `FOREIGN KEY`: see [`thing`](#thing) |",
        "| `part_far_fk` | `FOREIGN KEY`: see [`far:far_thing`](far.md#far-thing) |",
        "| `part_ix` | unique, `(id)` |",
        "| `part_tg` | `BEFORE DELETE FOR EACH ROW` | `room.f()` |",
        "| `muniment_app` | SELECT, DELETE, INSERT of `id`, `twice` |",
        "No row security: who has a right has it to every row.",
        "        uuid id PK, FK",
        "    thing |o--o{ part : thing",
    ):
        assert line in text.splitlines()
    assert "far" not in text.partition("```mermaid")[2].partition("```")[0]


def test_policies_are_told_in_words(projects: Projects) -> None:
    text = page(
        projects,
        table(
            "thing",
            is_row_security_enabled=True,
            policies=(
                Policy("a_guard", False, "*", ("muniment_app",), "a = b", "a = b"),
                Policy("b_all", True, "*", ("muniment_app", "PUBLIC"), "a = b", None),
                Policy("c_insert", True, "a", ("muniment_app",), None, "a = c"),
                Policy("d_select", True, "r", ("muniment_app",), "a = d", None),
                Policy("e_update", True, "w", ("muniment_app",), "a = e", "a = f"),
            ),
        ),
    )

    assert (
        "Row security is on, but not for the owner:\n\n"
        "* `b_all`, to `muniment_app`, `PUBLIC`, every command: rows may be seen and written where"
        " `a = b`.\n"
        "* `c_insert`, to `muniment_app`, INSERT: rows may be written where `a = c`.\n"
        "* `d_select`, to `muniment_app`, SELECT: rows are in reach where `a = d`.\n"
        "* `e_update`, to `muniment_app`, UPDATE: rows may be seen where `a = e`, and written where"
        " `a = f`.\n"
        "* `a_guard`, to `muniment_app`, every command: rows may be seen and written only where"
        " `a = b`, whatever other policies allow.\n"
    ) in text


def test_a_view_has_no_row_security_of_its_own(projects: Projects) -> None:
    text = page(projects, table("thing", kind="v", description="A view."))

    assert "View. A view." in text
    assert "ow security" not in text
    assert "Nobody but the owner has a right to it." in text


def test_a_function_says_as_whom_it_acts_and_who_may_call_it(projects: Projects) -> None:
    text = page(
        projects,
        functions=(
            function(
                "thing",
                arguments="p_a integer",
                is_strict=True,
                is_security_definer=True,
                settings=("lock_timeout=3s",),
                executors=("PUBLIC", "muniment_app"),
            ),
            function("fires", result="trigger"),
            function("own"),
        ),
    )

    assert "```sql\nroom.thing(p_a integer) RETURNS integer\n```" in text
    assert (
        "Written in sql, STABLE, PARALLEL SAFE, STRICT. Acts as its owner, `muniment_owner`."
        " Settings: `lock_timeout=3s`. May be called by `PUBLIC`, `muniment_app`."
    ) in text
    assert "Nobody may call it, and a trigger need not ask." in text
    assert (
        "Acts as its caller. Settings: those of its caller. Nobody but its owner may call" in text
    )
