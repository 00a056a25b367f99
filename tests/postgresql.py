"""A real PostgreSQL server for a test, on a socket or on a port of loopback."""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from tests.ports import free_port

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


class Server:
    """A server in a folder of its own. PostgreSQL does not run as root: then as ``postgres``."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """Make the server's files; with ``port`` it listens on 127.0.0.1, too."""
        self.folder, self.port = folder, port
        self.url = f"postgresql://crawler@/postgres?host={folder}"
        if port:
            self.url = f"postgresql://crawler@127.0.0.1:{port}/postgres"
        _give(folder)
        subprocess.run(["cp", "-a", _files(), self._data], check=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listens = f"-c listen_addresses={'127.0.0.1' if self.port else ''} -p {self.port or 5432}"
        options = f"-k {self.folder} {listens}"
        log = str(self.folder / "log")
        _run("pg_ctl", "-D", self._data, "-o", options, "-l", log, "-w", "start")

    def stop(self) -> None:
        """Stop it at once, without waiting for its clients."""
        _run("pg_ctl", "-D", self._data, "-m", "fast", "-w", "stop")

    @property
    def _data(self) -> str:
        return str(self.folder / "data")


def _give(folder: Path) -> None:
    """Make the server's user the owner of a folder."""
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")


def _run(program: str, *arguments: str) -> None:
    assert BIN is not None
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    command = [*user, str(BIN.with_name(program)), *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300, cwd="/tmp")


@cache
def _files() -> Path:
    """Return the data folder of a new server, which every server copies: initdb is slow."""
    folder = Path(tempfile.mkdtemp(prefix="nc-pg-", dir="/tmp"))
    atexit.register(shutil.rmtree, folder)
    _give(folder)
    _run("initdb", "-D", str(folder / "data"), "-A", "trust", "-U", "crawler", "-N")
    return folder / "data"


@contextmanager
def running(*, on_port: bool = False) -> Iterator[Server]:
    """Run a new server while the block lasts. Skips the test if none is installed."""
    if BIN is None:
        pytest.skip("no PostgreSQL server on this machine")
    port = None
    if on_port:
        port = free_port()
    # The path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="nc-pg-", dir="/tmp"))
    try:
        server = Server(folder, port)
        server.start()
        try:
            yield server
        finally:
            if (folder / "data" / "postmaster.pid").exists():
                server.stop()
    finally:
        shutil.rmtree(folder)
