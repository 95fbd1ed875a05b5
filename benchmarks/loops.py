"""Child processes that deploy on one open connection and say how long that took.

Run as ``python loops.py engine|bare DIRECTORY PROJECT...`` with DATABASE_URL set; prints JSON.
Imports are inside the functions, so that the bare loop's process pays for psycopg alone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from time import perf_counter


def engine(directory: Path, projects: list[str]) -> dict[str, float]:
    """Deploy with muniment's engine, each change verified.

    Returns:
        ``loop``, from the plan of the run to its end; and ``engine``, with what comes before that:
        the lock, the plans, the scripts, the registry and its creation.
    """
    from muniment._db import connect
    from muniment.migrate.engine import Committer, Projects, Settings, Target, deploy
    from muniment.migrate.events import RunPlanned

    settings = Settings(Committer("Bench", "bench@example.org"), tool="muniment benchmarks")
    with connect(os.environ["DATABASE_URL"]) as connection:
        begun = looping = perf_counter()
        targets = [Target(project) for project in projects]
        for event in deploy(connection, Projects(directory), targets, settings=settings):
            if isinstance(event, RunPlanned):
                looping = perf_counter()
        ended = perf_counter()
    return {"loop": ended - looping, "engine": ended - begun}


def bare(directory: Path, _projects: list[str]) -> dict[str, float]:
    """Do what any deployer must with psycopg: a transaction a change, and a row that says so."""
    import psycopg

    scripts = [(path.stem, path.read_text()) for path in sorted(directory.glob("*.sql"))]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE public.bench_registry ("
            "name text PRIMARY KEY, deployed_at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
        begun = perf_counter()
        for name, script in scripts:
            connection.execute("BEGIN")
            connection.execute(script.encode())
            connection.execute("INSERT INTO public.bench_registry (name) VALUES (%s)", [name])
            connection.execute("COMMIT")
        ended = perf_counter()
    return {"loop": ended - begun}


if __name__ == "__main__":
    loop = {"engine": engine, "bare": bare}[sys.argv[1]]
    json.dump(loop(Path(sys.argv[2]), sys.argv[3:]), sys.stdout)
