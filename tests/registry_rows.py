"""What is in a registry, so that two of them can be compared."""

from __future__ import annotations

from muniment._db import connect

# All that is not a clock and not in whose name: those two may differ.
TABLES = {
    "projects": "SELECT project, uri FROM sqitch.projects ORDER BY project",
    "changes": "SELECT change_id, script_hash, change, project, note, planned_at, planner_name,"
    " planner_email FROM sqitch.changes ORDER BY committed_at",
    "tags": "SELECT tag_id, tag, project, change_id, note, planned_at, planner_name,"
    " planner_email FROM sqitch.tags ORDER BY committed_at",
    "dependencies": "SELECT change_id, type, dependency, dependency_id FROM sqitch.dependencies"
    " ORDER BY change_id, dependency",
    "events": "SELECT event, change_id, change, project, note, requires, conflicts, tags,"
    " planned_at, planner_name, planner_email FROM sqitch.events ORDER BY committed_at",
    "releases": "SELECT version FROM sqitch.releases",
}


def rows(dsn: str) -> dict[str, list[tuple[object, ...]]]:
    with connect(dsn) as connection:
        return {table: connection.execute(query).fetchall() for table, query in TABLES.items()}


def assert_same(ours: str, theirs: str) -> None:
    written, expected = rows(ours), rows(theirs)
    for table in TABLES:
        assert written[table] == expected[table], table
