"""The S3 server of `muniment up`: it comes up, keeps what it has, and can be done without."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import pytest
from tests.integration.test_embedded import clean_environment, muniment, wait_for
from tests.integration.test_import_shelf import LARGE, record

from muniment.embedded import running_shelf, stop
from muniment.embedded.bucket import make_bucket, settings_of
from muniment.embedded.state import lock
from muniment.embedded.weed import start_shelf
from muniment.errors import ServerError
from muniment.shelf import Shelf

FIRM = UUID("00000000-0000-4000-8000-00000000000a")
WHERE = ("--firm", str(FIRM))


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A directory in which `muniment up` was run, and a file with a large transcript is."""
    (tmp_path / "chats.json").write_text(json.dumps([record()]))
    try:
        done = muniment(tmp_path, "up")
        assert done.returncode == 0, done.stderr
        assert "The shelf is up on 127.0.0.1:" in done.stdout
        yield tmp_path
    finally:
        stop(tmp_path / ".muniment")


def bring_in(room: Path, *others: str) -> subprocess.CompletedProcess[str]:
    started = ("--started-at", "2026-06-09T12:00:00Z")
    return muniment(room, "import", "chats.json", *started, *WHERE, *others)


def shown(room: Path) -> str:
    """Return the first turn of the only run, fetched and proven."""
    (run,) = json.loads(muniment(room, "runs", "--json", *WHERE).stdout)
    done = muniment(room, "show", run["run_id"], "--full", "--json", *WHERE)
    assert done.returncode == 0, done.stdout + done.stderr
    text = json.loads(done.stdout)["turns"][0]["content"]["text"]
    assert isinstance(text, str)
    return text


def kill(room: Path) -> None:
    os.kill(int((room / ".muniment" / "shelf.pid").read_text()), signal.SIGKILL)
    wait_for(lambda: running_shelf(room) is None)

    def is_gone() -> bool:
        held = lock(room / ".muniment" / "shelf.running")
        if held is not None:
            held.close()
        return held is not None

    # Its ports are free when the lock is, not when it is killed.
    wait_for(is_gone)


def test_what_was_imported_outlives_the_server(room: Path) -> None:
    done = bring_in(room)
    assert done.returncode == 0, done.stderr
    assert shown(room) == f"q {LARGE}"

    down = muniment(room, "down")
    assert "stopping the shelf" in down.stderr
    assert running_shelf(room) is None
    before = (room / ".muniment" / "shelf.json").read_text()
    assert muniment(room, "up").returncode == 0
    assert (room / ".muniment" / "shelf.json").read_text() == before
    assert shown(room) == f"q {LARGE}"

    kill(room)
    again = muniment(room, "up")
    assert again.returncode == 0, again.stderr
    assert shown(room) == f"q {LARGE}"
    checked = muniment(room, "shelf", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "4 proven" in checked.stdout

    # Even when another program has its ports by then.
    kill(room)
    ports = json.loads(before)["ports"]
    with socket.create_server(("127.0.0.1", ports["s3"])):
        assert muniment(room, "up").returncode == 0
        server = running_shelf(room)
        assert server is not None
        assert server.port != ports["s3"]
        assert shown(room) == f"q {LARGE}"


def test_only_its_own_user_gets_in(room: Path) -> None:
    assert bring_in(room).returncode == 0
    server = running_shelf(room)
    assert server is not None
    with Shelf(settings_of(server)) as shelf:
        key = next(shelf.bucket.listing("agents/")).key
    ports = json.loads((room / ".muniment" / "shelf.json").read_text())["ports"]

    for port, path in (
        (ports["s3"], f"/{server.bucket}/{key}"),
        (ports["filer"], f"/buckets/{server.bucket}/{key}"),
        (ports["filer"], "/"),
        (ports["volume"], "/1,01"),
    ):
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)
        caught.value.close()
        assert caught.value.code in {401, 403}, (port, path)

    others = subprocess.run(["ss", "-ltnH"], capture_output=True, text=True, check=False).stdout
    for line in others.splitlines():
        place = line.split()[3]
        if int(place.rpartition(":")[2]) in {n for p in ports.values() for n in (p, p + 10_000)}:
            assert place.startswith("127.0.0.1:")


def test_a_database_of_somebody_else_has_no_shelf_here(room: Path, ledger: str) -> None:
    own = muniment(room, "dsn").stdout.strip()
    elsewhere = bring_in(room, "--dsn", ledger)
    assert elsewhere.returncode == 1
    assert "needs a shelf, and none is configured" in elsewhere.stderr

    # Nor has another database on the very server: its rows are not those that name the objects.
    other = muniment(room, "shelf", "sweep", "--dsn", own.replace("/muniment?", "/postgres?"))
    assert other.returncode == 1
    assert "no shelf named" in other.stderr

    assert bring_in(room, "--dsn", own).returncode == 0
    by_socket = own.replace("127.0.0.1", "").split("?")[0] + f"?host={room / '.muniment'}"
    done = muniment(room, "shelf", "check", "--dsn", by_socket)
    assert done.returncode == 0, done.stderr


def test_other_programs_are_led_to_it(room: Path) -> None:
    printed = muniment(room, "shelf", "env").stdout
    given = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    program = (
        "from muniment.settings import get_settings; from muniment.shelf import Shelf;"
        "print(list(Shelf(get_settings()).bucket.listing('agents/')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=clean_environment() | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_servers_that_start_at_once_are_one(tmp_path: Path) -> None:
    state = tmp_path / ".muniment"
    try:
        with ThreadPoolExecutor(4) as threads:
            servers = list(threads.map(start_shelf, [state] * 4))
        assert len({server.port for server in servers}) == 1
        assert sum(not server.was_running for server in servers) == 1
        make_bucket(servers[0])
        # The server holds it, and would after a kill -9 of whoever started it.
        assert lock(state / "shelf.running") is None
    finally:
        stop(state)
    free = lock(state / "shelf.running")
    assert free is not None
    free.close()


def test_a_server_that_is_only_just_coming_up_is_stopped(tmp_path: Path) -> None:
    state = tmp_path / ".muniment"
    for _ in range(5):
        start_shelf(state)
        assert stop(state)
        free = lock(state / "shelf.running")
        assert free is not None
        free.close()


def test_ports_that_are_in_each_others_way_are_chosen_anew(tmp_path: Path) -> None:
    state = tmp_path / ".muniment"
    try:
        start_shelf(state)
        stop(state)
        notes = json.loads((state / "shelf.json").read_text())
        # SeaweedFS takes the port 10,000 above each for its own kind, and refuses to start.
        notes["ports"]["filer"] = notes["ports"]["s3"] + 10_000
        (state / "shelf.json").write_text(json.dumps(notes))

        make_bucket(start_shelf(state))
    finally:
        stop(state)


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    state = tmp_path / ".muniment"
    state.mkdir()
    (state / "shelf").mkdir()
    (state / "shelf" / "filerldb2").write_text("no directory")
    try:
        server = start_shelf(state)
        with pytest.raises(ServerError, match="the shelf does not start") as caught:
            make_bucket(server)
        assert "shelf.log" in (caught.value.hint or "")
    finally:
        stop(state)


def test_without_its_wheel_the_ledger_works_as_before(tmp_path: Path) -> None:
    """The same packages in a virtual environment that has no `weed`."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    bare = {"PATH": os.defpath, "HOME": str(tmp_path)}
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    paths = [sysconfig.get_path("purelib"), str(Path(__file__).parents[2] / "runner")]
    Path(site, "all.pth").write_text("\n".join(paths) + "\n")
    (tmp_path / "chats.json").write_text(json.dumps([record("small"), record()]))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "muniment", *arguments],
            cwd=tmp_path,
            env=bare,
            capture_output=True,
            text=True,
            check=False,
        )

    try:
        up = run("up")
        assert up.returncode == 0, up.stderr
        assert "note: no shelf" in up.stderr
        assert "The shelf" not in up.stdout
        assert json.loads(run("up", "--json").stdout)["shelf"] is None
        done = run("import", "chats.json", "--started-at", "2026-06-09T12:00:00Z", *WHERE)
        assert done.returncode == 1
        assert "1 added" in done.stdout
        assert "record 2: message 1: content is 80,002 bytes" in done.stderr
        assert "muniment up" in done.stderr
    finally:
        stop(tmp_path / ".muniment")
