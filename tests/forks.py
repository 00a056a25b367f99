"""Commands of ``scrapy`` in processes of their own, forked from one that has imported all modules.

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
import threading
import warnings
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module, reload
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any, NoReturn

import fsspec.config
from scrapy.utils.misc import walk_modules_iter

ROOT = Path(__file__).parents[1]
# What commands import, and what these modules import when they are called.
_PACKAGES = (
    "newscrawl",
    "scrapy.commands",
    "scrapy.downloadermiddlewares",
    "scrapy.spidermiddlewares",
)
_MODULES = (
    "_strptime",
    "bench.hourly",
    "encodings.unicode_escape",
    "encodings.utf_8_sig",
    "fsspec.implementations.chained",
    "fsspec.implementations.local",
    "holidays.countries.united_states",
    "matplotlib.backends.backend_svg",
    "matplotlib.style",
    "multiprocessing.dummy",
    "multiprocessing.queues",
    "pandas",
    "pyarrow.pandas_compat",
    "rensa",
    "rich._emoji_codes",
    "s3fs",
    "scrapy.cmdline",
    "scrapy.contracts.default",
    "scrapy.core.downloader.handlers.datauri",
    "scrapy.core.downloader.handlers.file",
    "scrapy.core.downloader.handlers.ftp",
    "scrapy.core.downloader.handlers.http11",
    "scrapy.core.downloader.handlers.s3",
    "scrapy.core.engine",
    "scrapy.dupefilters",
    "scrapy.extensions.closespider",
    "scrapy.extensions.corestats",
    "scrapy.extensions.logcount",
    "scrapy.extensions.logstats",
    "scrapy.extensions.memdebug",
    "scrapy.extensions.memusage",
    "scrapy.extensions.remote_control",
    "scrapy.extensions.spiderstate",
    "scrapy.extensions.telnet",
    "scrapy.extensions.throttle",
    "scrapy.pqueues",
    "scrapy.squeues",
    "tests.mounts",
)
# Some libraries start threads when they are imported. A fork would lack these threads.
_NO_THREADS = {"JE_ARROW_MALLOC_CONF": "background_thread:false", "OPENBLAS_NUM_THREADS": "1"}
# What modules read when they are imported is none of these; ``main`` reads those of two again.
_FREE = (
    "AWS_",
    "FSSPEC_",
    "NEWSCRAWL_",
    "SCRAPYD_",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NO_PROXY",
)

Stream = IO[Any] | socket.socket

_DIGITS = 10
SCRAPY = "scrapy.cmdline:execute"


@contextmanager
def captured() -> Iterator[tuple[IO[bytes], IO[bytes], list[str]]]:
    """Give two files to write to, and a list; it has the texts of the files after the block."""
    texts: list[str] = []
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        yield out, err, texts
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode().replace("\r\n", "\n"))


class Forks:
    """A process that forks; it ends with the one that made it."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/socket"
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.forks", self.path],
            cwd=ROOT,
            env=self.environment | _NO_THREADS,
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
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        timeout: float,
        main: str = SCRAPY,
    ) -> subprocess.CompletedProcess[str]:
        """Run ``scrapy``, or another function, with arguments, and return what it printed."""
        with captured() as (out, err, texts):
            with open(os.devnull, "rb") as nothing:  # noqa: PTH123
                fork = Fork(self.path, arguments, environment, (nothing, out, err), main)
            code = fork.wait(timeout)
        return subprocess.CompletedProcess(["scrapy", *arguments], code, *texts)

    def start(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        streams: tuple[Stream, Stream, Stream] | None = None,
        main: str = SCRAPY,
    ) -> "Fork":
        """Start ``scrapy``, or another function, with arguments.

        ``streams`` are its input, output and error output; without them, there is no input and
        what it prints is lost.
        """
        with open(os.devnull, "r+b") as nothing:  # noqa: PTH123
            return Fork(self.path, arguments, environment, streams or (nothing,) * 3, main)


class Fork:
    """A command that is running, as ``subprocess.Popen`` has it."""

    def __init__(
        self,
        path: str,
        arguments: list[str],
        environment: Mapping[str, str],
        streams: tuple[Stream, Stream, Stream],
        main: str,
    ) -> None:
        order = {"main": main, "arguments": arguments, "environment": dict(environment)}
        self.channel = socket.socket(socket.AF_UNIX)
        self.channel.connect(path)
        socket.send_fds(self.channel, [b"."], [stream.fileno() for stream in streams])
        self.channel.sendall(json.dumps(order).encode())
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

    @property
    def is_stopped(self) -> bool:
        """Whether SIGSTOP has stopped the command."""
        with suppress(OSError):
            stat = Path(f"/proc/{self.pid}/stat").read_text()
            return stat.rpartition(")")[2].split()[0] == "T"
        return False

    def kill(self) -> None:
        """Kill the command."""
        self.send_signal(signal.SIGKILL)


@cache
def forks() -> Forks:
    """Return the process that forks for these tests."""
    return Forks()


def serve(listener: socket.socket) -> dict[str, Any]:
    """Fork for every order; return one in the process that has to carry it out."""
    running: dict[int, socket.socket] = {}
    ended, ends = socket.socketpair()
    ends.setblocking(False)
    signal.set_wakeup_fd(ends.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with listener, ended, ends:
        while True:
            ready, _, _ = select.select([listener, sys.stdin, ended], [], [])
            if sys.stdin in ready:
                sys.exit()
            if ended in ready:
                ended.recv(4096)
                report(running)
            if listener not in ready:
                continue
            channel, _ = listener.accept()
            fds: list[int] = []
            try:
                _, fds, _, _ = socket.recv_fds(channel, 1, 3)
                with channel.makefile() as stream:
                    order: dict[str, Any] = json.load(stream)
            except (OSError, ValueError):  # The test ended before it had given its order.
                for fd in fds:
                    os.close(fd)
                channel.close()
                continue
            if child := os.fork():
                for fd in fds:
                    os.close(fd)
                with suppress(BrokenPipeError):
                    channel.sendall(f"{child:{_DIGITS}}".encode())
                running[child] = channel
                continue
            signal.set_wakeup_fd(-1)
            # Under nohup the tests ignore SIGHUP; commands of a user do not.
            for it in (signal.SIGCHLD, signal.SIGHUP):
                signal.signal(it, signal.SIG_DFL)
            for other in (channel, *running.values()):
                other.close()
            for number, fd in enumerate(fds):
                os.dup2(fd, number)
                os.close(fd)
            return order


def report(running: dict[int, socket.socket]) -> None:
    """Send the exit codes of the processes that have ended."""
    for pid, channel in list(running.items()):
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            # The test that gave the order may have ended, too.
            with running.pop(pid), suppress(BrokenPipeError):
                channel.sendall(f"{os.waitstatus_to_exitcode(status):{_DIGITS}}".encode())


def carry_out(main: str, arguments: list[str]) -> NoReturn:
    """Call a function as the program of this process, and end the process.

    The end is that of any Python program, but for one thing: the imported modules are not taken
    apart. In a forked process this would take longer than most commands.
    """
    sys.argv = ["scrapy", *arguments]
    code: Any = 0
    try:
        resolve_name(main)()
    except SystemExit as end:
        code = end.code
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def main() -> None:
    # apprise imports a module that Python 3.13 has no longer.
    with warnings.catch_warnings(action="ignore"), suppress(ModuleNotFoundError):
        import_module("imghdr")
    for name in _PACKAGES:
        deque(walk_modules_iter(name), 0)
    for name in _MODULES:
        import_module(name)
    # apprise imports its services when the first address is read.
    resolve_name("apprise:Apprise").instantiate("json://127.0.0.1")
    # Scrapy searches all modules for its commands. Search once here; the forks keep the result.
    settings = resolve_name("scrapy.utils.project:get_project_settings")()
    resolve_name("scrapy.cmdline:_get_commands_dict")(settings, inproject=True)
    assert "twisted.internet.reactor" not in sys.modules
    threads = Path("/proc/self/task")
    assert not threads.exists() or len(list(threads.iterdir())) == 1
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen(16)
    print("ready", flush=True)
    order = serve(listener)
    os.environ.clear()
    os.environ.update(order["environment"])
    # Their values are those of the environment when they are imported.
    reload(sys.modules["newscrawl.settings"])
    fsspec.config.set_conf_env(fsspec.config.conf)
    carry_out(order["main"], order["arguments"])


if __name__ == "__main__":
    main()
