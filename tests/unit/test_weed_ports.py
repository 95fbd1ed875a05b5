"""Ports for the shelf: those that weed can use, whoever had them before."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from muniment.embedded import weed

PORT = 18_999


@pytest.fixture(autouse=True)
def sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(weed, "_SOCKETS", tmp_path)
    return tmp_path


@pytest.mark.parametrize("left", [f"s3-{PORT}", f"filer-grpc-{PORT + 10_000}"])
def test_a_port_whose_socket_another_user_left_is_passed_over(
    sockets: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    (sockets / f"seaweedfs-{left}.sock").touch()
    # Only root could give the file to somebody else, so the one who asks is somebody else.
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert not weed._is_free(PORT)
    assert weed._is_free(PORT - 1)


def test_a_port_whose_socket_was_ones_own_is_taken_again(sockets: Path) -> None:
    (sockets / f"seaweedfs-s3-{PORT}.sock").touch()

    assert weed._is_free(PORT)
