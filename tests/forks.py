"""Commands of ``scrapy`` in processes of their own, forked from one that has imported Scrapy.

A command costs a second of CPU before it does anything, most of it imports. A forked process is
otherwise like one that a user starts: its own settings, reactor, output and exit code.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module, reload
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).parents[1]
_IMPORTED = (
    "scrapy.cmdline",
    "scrapy.commands.crawl",
    "scrapy.core.downloader.handlers.http11",
    "scrapy.core.engine",
    "newscrawl.base_spiders.article",
    "newscrawl.downloader.browser.handler",
    "newscrawl.extensions.metrics",
    "newscrawl.extensions.progress",
    "newscrawl.pipelines",
    "newscrawl.settings",
    "newscrawl.spidermiddlewares",
)
# What modules read when they are imported is none of these.
_FREE = ("NEWSCRAWL_", "http_proxy", "https_proxy", "no_proxy", "NO_PROXY")

_DIGITS = 10


class Forks:
    """A process that forks; it ends with the one that made it."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/socket"
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.forks", self.path],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n"
        atexit.register(self.close)

    def close(self) -> None:
        self.process.communicate()
        self.folder.cleanup()

    def can(self, environment: Mapping[str, str]) -> bool:
        """Return whether a forked process would see all of an environment."""
        before, now = self.environment.items(), environment.items()
        changed = {name for name, _ in before ^ now} - {"PYTEST_CURRENT_TEST"}
        return all(name.startswith(_FREE) for name in changed)

    def run(
        self, arguments: list[str], environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``scrapy`` with arguments, and return what it printed."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            code = Fork(self.path, arguments, environment, (out, err)).wait(timeout)
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode().replace("\r\n", "\n"))
        return subprocess.CompletedProcess(["scrapy", *arguments], code, *texts)

    def start(self, arguments: list[str], environment: Mapping[str, str]) -> "Fork":
        """Start ``scrapy`` with arguments; what it prints is lost."""
        with open(os.devnull, "wb") as nothing:  # noqa: PTH123
            return Fork(self.path, arguments, environment, (nothing, nothing))


class Fork:
    """A command that is running, as ``subprocess.Popen`` has it."""

    def __init__(
        self,
        path: str,
        arguments: list[str],
        environment: Mapping[str, str],
        streams: tuple[IO[bytes], IO[bytes]],
    ) -> None:
        order = json.dumps({"arguments": arguments, "environment": dict(environment)}).encode()
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(path)
        socket.send_fds(self.channel, [b"."], [stream.fileno() for stream in streams])
        self.channel.sendall(order)
        self.channel.shutdown(socket.SHUT_WR)
        self.pid = self._number()
        self.code: int | None = None

    def _number(self) -> int:
        return int(self.channel.recv(_DIGITS, socket.MSG_WAITALL))

    def poll(self) -> int | None:
        """Return the exit code, or None while the command is running."""
        with suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.code

    def wait(self, timeout: float) -> int:
        """Return the exit code; minus the signal that ended the command."""
        if self.code is None:
            if not select.select([self.channel], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("scrapy", timeout)
            self.code = self._number()
            self.channel.close()
        return self.code

    def send_signal(self, number: int) -> None:
        """Send a signal to the command, if it is running."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill the command."""
        self.send_signal(signal.SIGKILL)


@cache
def forks() -> Forks:
    """Return the process that forks for these tests."""
    return Forks()


def serve(listener: socket.socket) -> tuple[list[str], dict[str, str]]:
    """Fork for every order; return one in the process that has to carry it out."""
    while True:
        ready, _, _ = select.select([listener, sys.stdin], [], [])
        if sys.stdin in ready:
            sys.exit()
        channel, _ = listener.accept()
        # This one waits for the command and tells its exit code, the next one runs it.
        with channel:
            if not os.fork():
                _, fds, _, _ = socket.recv_fds(channel, 1, 2)
                with channel.makefile() as stream:
                    order = json.load(stream)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                if not (child := os.fork()):
                    for number, fd in enumerate(fds, 1):
                        os.dup2(fd, number)
                    with open(os.devnull) as nothing:  # noqa: PTH123
                        os.dup2(nothing.fileno(), 0)
                    return order["arguments"], order["environment"]
                _report(channel, child)


def _report(channel: socket.socket, child: int) -> NoReturn:
    channel.sendall(f"{child:{_DIGITS}}".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    channel.sendall(f"{code:{_DIGITS}}".encode())
    os._exit(0)


def reap(*_: object) -> None:
    """Let the processes go that have reported."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    signal.signal(signal.SIGCHLD, reap)
    for name in _IMPORTED:
        import_module(name)
    assert "twisted.internet.reactor" not in sys.modules
    gc.freeze()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(16)
        print("ready", flush=True)
        arguments, environment = serve(listener)
    os.environ.clear()
    os.environ.update(environment)
    # Its values are those of the environment when it is imported.
    reload(sys.modules["newscrawl.settings"])
    sys.argv = ["scrapy", *arguments]
    sys.modules["scrapy.cmdline"].execute()


if __name__ == "__main__":
    main()
