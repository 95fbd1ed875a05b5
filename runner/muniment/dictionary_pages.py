"""The data dictionary as Markdown: a page a schema, a section a change, in the order of the plan.

Pure, but for the headers of the deploy scripts, which say what a change is that leaves no object of
its name behind. A section's anchor is the name of its change with dashes, as the `Docs:` line of
each deploy script has it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence

from muniment.dictionary import Catalog, Column, Constraint, Function, Policy, Right, Schema, Table
from muniment.migrate.plan import Change
from muniment.migrate.projects import Projects

__all__ = ["anchor", "make_pages", "readable"]

_NOTICE = "<!-- Made by `muniment docs build` from the comments in the database. Do not edit. -->"

_COMMANDS = {"*": "every command", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_KINDS = {"r": "Table", "p": "Table", "v": "View", "m": "Materialized view"}
_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")
_VOLATILITY = {"i": "IMMUTABLE", "s": "STABLE", "v": "VOLATILE"}
_PARALLEL = {"s": "PARALLEL SAFE", "r": "PARALLEL RESTRICTED", "u": "PARALLEL UNSAFE"}

# A literal, and the cast behind it that goes without saying.
_LITERAL = re.compile(r"('(?:[^']|'')*')(?:::(?:text|jsonb|name)\b(?!\[))?")
_REPLACEMENTS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\s+", " "),
        (r"\( ", "("),
        (r"\b(\d+)::(?:bigint|numeric|integer|smallint)\b", r"\1"),
        (r"\bNULL::(?:timestamp with time zone|[a-z]+)", "NULL"),
        (r"= ANY \(ARRAY\[([^][]*)\]\)", r"IN (\1)"),
        (r"<> ALL \(ARRAY\[([^][]*)\]\)", r"NOT IN (\1)"),
        # A sub-select of one function, to which the server adds a name.
        (r"\(\((SELECT [^()]*\(\)) AS \w+\)\)", r"(\1)"),
        # Two comparisons of one thing, which is a name or a function of one, and no part of more.
        (
            r"(?:(?<=\()|(?<=AND )|(?<=OR )|(?<=THEN ))"
            r"(\w+(?:\(\w+\))?) >= (\d+) AND \1 <= (\d+)"
            r"(?=$|\)| AND | OR | END| ELSE | WHEN )",
            r"\1 BETWEEN \2 AND \3",
        ),
    )
]


def make_pages(catalog: Catalog, projects: Projects, *, sql_link: str) -> dict[str, str]:
    """Return a page for each schema, by its name.

    Args:
        catalog: What the database holds.
        projects: The plans; a schema is documented in the order of the plan of its name.
        sql_link: The way from the pages to the directory of the plans, as a relative link.

    Raises:
        PlanError: A plan is not in order, or a deploy script is missing.
    """
    return {
        name: _Page(catalog, schema, projects, sql_link).text()
        for name, schema in catalog.schemas.items()
    }


def anchor(name: str) -> str:
    """Return the anchor of a section: ``agent_run_key`` has ``agent-run-key``."""
    return name.replace("_", "-")


class _Page:
    """The page of one schema."""

    def __init__(self, catalog: Catalog, schema: Schema, projects: Projects, sql_link: str) -> None:
        self._catalog = catalog
        self._schema = schema
        self._projects = projects
        self._sql_link = sql_link
        self._changes: dict[str, Change] = {}
        if schema.name in projects:
            # Of a change that was reworked, the last instance is what the database has.
            self._changes = {one.name: one for one in projects.plan(schema.name).changes}
        self._tables = {table.name: table for table in schema.tables}
        self._functions: dict[str, list[Function]] = {}
        for function in schema.functions:
            self._functions.setdefault(function.name, []).append(function)

    def text(self) -> str:
        """Return the page."""
        unplanned = sorted({*self._tables, *self._functions} - set(self._changes))
        names = [*self._changes, *unplanned]
        lines = [_NOTICE, "", f"# Schema {self._schema.name}", "", _prose(self._schema.description)]
        lines += ["", *self._contents(names)]
        lines += _diagram(self._schema)
        for name in names:
            if anchor(name) != name:
                lines += ["", f'<a id="{anchor(name)}"></a>']
            lines += ["", f"## `{name}`", "", *_blocks(self._section(name))]
        return "\n".join(lines) + "\n"

    def _contents(self, names: Sequence[str]) -> Iterator[str]:
        rows = []
        for name in names:
            change = self._changes.get(name)
            rows.append((f"[`{name}`](#{anchor(name)})", _prose(change.note) if change else ""))
        yield from _grid(("section", "what its change does"), rows)

    def _section(self, name: str) -> Iterator[list[str]]:
        """Yield the blocks of a section."""
        change = self._changes.get(name)
        table = self._tables.get(name)
        functions = self._functions.get(name, [])
        if table is not None:
            yield from self._table(table)
        for function in functions:
            yield from _function(self._schema.name, function)
        if change is None:
            return
        if table is None and not functions:
            yield from self._other(change)
        yield [self._origin(change)]

    def _table(self, table: Table) -> Iterator[list[str]]:
        yield [f"{_KINDS[table.kind]}. {_prose(table.description)}"]
        if table.partition_key is not None:
            months = ", one partition a month" if table.is_monthly else ""
            yield [f"Partitioned by {_code(table.partition_key)}{months}."]
        yield list(
            _grid(("column", "type", "null", "default", "what it is"), map(_column, table.columns))
        )
        if table.constraints:
            found = [(_code(one.name), self._constraint(one)) for one in table.constraints]
            yield list(_grid(("constraint", "definition"), found))
        if table.indexes:
            found = [(_code(one.name), _index(one.definition)) for one in table.indexes]
            yield list(_grid(("index", "on"), found))
        if table.triggers:
            on = f" ON {self._schema.name}.{table.name} "
            rows = [(_code(one.name), *_trigger(one.definition, on)) for one in table.triggers]
            yield list(_grid(("trigger", "when", "runs"), rows))
        yield list(_rights(table.rights))
        yield list(_row_security(table))

    def _constraint(self, constraint: Constraint) -> str:
        shown = _code(readable(constraint.definition))
        if constraint.target_table is None:
            return shown
        return f"{shown}: see {self._link(constraint.target_schema, constraint.target_table)}"

    def _link(self, schema: str | None, name: str) -> str:
        page = "" if schema == self._schema.name else f"{schema}.md"
        shown = name if schema == self._schema.name else f"{schema}:{name}"
        return f"[`{shown}`]({page}#{anchor(name)})"

    def _other(self, change: Change) -> Iterator[list[str]]:
        """Yield what a change is that leaves no table or function of its name."""
        yield [_prose(change.note)]
        yield [_prose(self._why(change))]
        if change.name == "schema":
            yield list(_rights(self._schema.rights))
        if change.name == "roles":
            rows = [(_code(role.name), _prose(role.description)) for role in self._catalog.roles]
            yield list(_grid(("role", "what it is for"), rows))
            yield [self._logins()]
        seeds = self._catalog.seeds.get(change.qualified)
        if seeds:
            headings = tuple(heading.replace("_", " ") for heading in seeds[0])
            yield list(_grid(headings, [tuple(map(_prose, row.values())) for row in seeds]))

    def _logins(self) -> str:
        exceptions = [
            _code(role.name)
            for role in self._catalog.roles
            if role.can_login or role.is_above_row_security
        ]
        if exceptions:
            return f"In this database, {', '.join(exceptions)} can log in or pass row security."
        return "None of them can log in, and none passes row security."

    def _why(self, change: Change) -> str:
        """Return what the header of a deploy script says, without the lines for machines."""
        text = self._projects.script(change, "deploy").text
        header = text.partition("\n\n")[0].splitlines()
        told = [line.removeprefix("--").strip() for line in header[1:]]
        prose = " ".join(line for line in told if not re.match(r"(requires|conflicts):", line))
        return re.split(r"\s*\b(?:Locks|Docs): ", prose)[0].strip()

    def _origin(self, change: Change) -> str:
        """Return where a section comes from: the change, what it requires, its files."""
        said = [f"Change {_code(change.qualified)}"]
        if change.requires:
            required = [self._link(one.project, one.change or one.text) for one in change.requires]
            said.append(f"requires {', '.join(required)}")
        files = [
            f"[{kind}]({self._sql_link}/{kind}/{change.project}/{path.name})"
            for kind in ("deploy", "revert", "verify")
            for path in [self._projects.script_path(change, kind)]
        ]
        if (self._projects.directory.parent / "tests" / "pgtap").is_dir():
            tests = posixpath.normpath(f"{self._sql_link}/../tests/pgtap/{change.project}")
            files.append(f"[test]({tests}/{change.name}.sql)")
        said.append(f"scripts: {', '.join(files)}")
        return "; ".join(said) + "."


# Parts of a section ---------------------------------------------------------


def _column(column: Column) -> tuple[str, ...]:
    default = ""
    if column.expression is not None:
        default = _code(readable(column.expression))
    if column.is_generated:
        default = f"generated: {default}"
    if column.is_identity:
        default = "identity"
    return (
        _code(column.name),
        _short_type(column.type),
        "no" if column.is_not_null else "yes",
        default,
        _prose(column.description),
    )


def _index(definition: str) -> str:
    unique = "unique, " if definition.startswith("CREATE UNIQUE ") else ""
    body = definition.partition(" USING ")[2].removeprefix("btree ")
    return f"{unique}{_code(readable(body))}"


def _trigger(definition: str, on: str) -> tuple[str, str]:
    """Return when a trigger fires and what it runs; its table is known by then."""
    events, _, function = definition.partition(" EXECUTE FUNCTION ")
    when = re.sub(r"^CREATE (CONSTRAINT )?TRIGGER \S+ ", "", events).replace(on, " ", 1)
    return _code(readable(when)), _code(readable(function))


def _rights(rights: Sequence[Right]) -> Iterator[str]:
    """Yield who may do what; a right to single columns names them."""
    if not rights:
        yield "Nobody but the owner has a right to it."
        return
    of_role: dict[str, list[str]] = {}
    for right in sorted(rights, key=_right_order):
        columns = f" of {', '.join(map(_code, right.columns))}" if right.columns else ""
        of_role.setdefault(right.role, []).append(f"{right.privilege}{columns}")
    rows = [(_code(role), ", ".join(may)) for role, may in of_role.items()]
    yield from _grid(("role", "may"), rows)


def _right_order(right: Right) -> tuple[object, ...]:
    """Sort by role, whole tables before columns, and reading before writing."""
    name = right.privilege
    place = _PRIVILEGES.index(name) if name in _PRIVILEGES else len(_PRIVILEGES)
    return (right.role, bool(right.columns), place, name)


def _row_security(table: Table) -> Iterator[str]:
    if table.kind not in "rp":
        return
    if not table.is_row_security_enabled:
        yield "No row security: who has a right has it to every row."
        return
    forced = "for the owner too" if table.is_row_security_forced else "but not for the owner"
    yield f"Row security is on, {forced}:"
    yield ""
    for policy in sorted(table.policies, key=lambda one: (not one.is_permissive, one.name)):
        yield f"* {_code(policy.name)}, {_policy(policy)}"


def _policy(policy: Policy) -> str:
    """Say in words whom a policy is for and what it lets them do."""
    using = _code(readable(policy.using_expression or ""))
    check = _code(readable(policy.check_expression or ""))
    where = "where" if policy.is_permissive else "only where"
    if policy.command == "a":
        rows = f"rows may be written {where} {check}"
    elif policy.command in "rd":
        rows = f"rows are in reach {where} {using}"
    elif policy.check_expression in (None, policy.using_expression):
        # Without a WITH CHECK, the USING expression is used for both.
        rows = f"rows may be seen and written {where} {using}"
    else:
        rows = f"rows may be seen {where} {using}, and written {where} {check}"
    others = "" if policy.is_permissive else ", whatever other policies allow"
    to = ", ".join(map(_code, policy.roles))
    return f"to {to}, {_COMMANDS[policy.command]}: {rows}{others}."


def _function(schema: str, function: Function) -> Iterator[list[str]]:
    signature = f"{schema}.{function.name}({function.arguments})"
    if function.result is not None:
        signature += f" RETURNS {function.result}"
    yield ["```sql", signature, "```"]
    yield [_prose(function.description)]
    facts = [_VOLATILITY[function.volatility], _PARALLEL[function.parallel]]
    if function.is_strict:
        facts.append("STRICT")
    acts_as = (
        f"its owner, {_code(function.owner)}" if function.is_security_definer else "its caller"
    )
    settings = ", ".join(map(_code, function.settings)) or "those of its caller"
    yield [
        f"Written in {function.language}, {', '.join(facts)}. Acts as {acts_as}. "
        f"Settings: {settings}. {_executors(function)}"
    ]


def _executors(function: Function) -> str:
    executors = ", ".join(_code(role) for role in sorted(function.executors))
    if executors:
        return f"May be called by {executors}."
    if function.result == "trigger":
        return "Nobody may call it, and a trigger need not ask."
    return "Nobody but its owner may call it."


# The diagram ----------------------------------------------------------------


def _diagram(schema: Schema) -> Iterator[str]:
    """Yield a Mermaid diagram of the tables with their keys, if any refers to another."""
    tables = [table for table in schema.tables if table.kind in "rp"]
    references = [
        (table, key)
        for table in tables
        for key in table.constraints
        if key.kind == "f" and key.target_schema == schema.name
    ]
    if not references:
        return
    yield from ("", "```mermaid", "erDiagram")
    for table in tables:
        yield f"    {table.name} {{"
        yield from (f"        {line}" for line in _key_columns(table))
        yield "    }"
    for table, key in references:
        yield f"    {_relation(table, key)}"
    yield "```"


def _key_columns(table: Table) -> Iterator[str]:
    """Yield the columns that belong to a key or a reference, with which."""
    kinds = {"p": "PK", "f": "FK", "u": "UK"}
    for column in table.columns:
        found = {kinds[one.kind] for one in _keys(table) if column.name in one.columns}
        if found:
            kind = _short_type(column.type).partition("(")[0].replace(" ", "_")
            marks = [mark for mark in kinds.values() if mark in found]
            yield f"{kind} {column.name} {', '.join(marks)}"


def _keys(table: Table) -> list[Constraint]:
    return [one for one in table.constraints if one.kind in "puf"]


def _relation(table: Table, key: Constraint) -> str:
    """Say how many rows may refer to one, and whether each has to."""
    is_single = any(
        one.kind in "pu" and set(one.columns) <= set(key.columns) for one in _keys(table)
    )
    nullable = {column.name for column in table.columns if not column.is_not_null}
    one = "|o" if nullable & set(key.columns) else "||"
    many = "o|" if is_single else "o{"
    label = key.name.removeprefix(f"{table.name}_").removesuffix("_fk")
    return f"{key.target_table} {one}--{many} {table.name} : {label}"


# Text -----------------------------------------------------------------------


def readable(expression: str) -> str:
    """Return an expression as a person would write it, on one line.

    The server prints what it stored: ``= ANY (ARRAY['a'::text])`` for ``IN ('a')``, two comparisons
    for BETWEEN, a cast behind each literal. The meaning stays the same, and so do the literals.
    """
    literals: list[str] = []

    def set_aside(found: re.Match[str]) -> str:
        literals.append(found[1])
        return f"\0{len(literals) - 1}\0"

    text = _LITERAL.sub(set_aside, expression)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    return re.sub(r"\0(\d+)\0", lambda found: literals[int(found[1])], text)


def _short_type(name: str) -> str:
    return name.replace("timestamp with time zone", "timestamptz")


def _code(text: str) -> str:
    """Return text as code, also inside a table, where a bar would end the cell."""
    return f"`{text}`".replace("|", r"\|")


def _prose(text: str | None) -> str:
    """Return a comment so that Markdown shows it as it is."""
    plain = " ".join((text or "No comment.").split())
    return re.sub(r"[*<>|]", lambda found: f"\\{found[0]}", plain)


def _grid(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    for row in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(row)} |".replace("|  |", "| |")


def _blocks(blocks: Iterable[list[str]]) -> Iterator[str]:
    """Yield the lines of blocks with an empty one between them."""
    for number, block in enumerate(block for block in blocks if block):
        if number:
            yield ""
        yield from block
