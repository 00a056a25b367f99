"""Commands that see a folder as read-only, or on a full disk: in a mount namespace of their own.

Access rights would not do: root, who runs tests in a container, may write everywhere.
"""

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import pytest

from newscrawl.storage.parts import sha256_of
from tests.conftest import environment
from tests.forks import SCRAPY, captured, carry_out, forks

_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
MAIN = "tests.mounts:run"

# linux/sched.h
_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
# A copy of the folder on a disk on which FREE bytes are left.
_SMALL = """
    copy=$(mktemp -d) && cp -a "$1/." "$copy" && mount -t tmpfs -o size=64m none "$1" &&
    cp -a "$copy/." "$1" && rm -r "$copy" &&
    used=$(df -B1 --output=used "$1" | tail -1) &&
    mount -o remount,size=$((used + $2)) "$1"
""".strip()


@dataclass(frozen=True)
class Seen:
    """What commands did on the mounted folder, and its files after them: their SHA-256."""

    done: list[subprocess.CompletedProcess[str]]
    files: dict[str, str]


def read_only(output: Path, *commands: Sequence[str], **settings: str) -> Seen:
    """Run commands of ``scrapy``'s with an output folder that cannot be written."""
    return _run(output, None, commands, settings)


def full(output: Path, *commands: Sequence[str], free: int = 0, **settings: str) -> Seen:
    """Run commands with a copy of the output folder on a disk with ``free`` bytes."""
    return _run(output, free, commands, settings)


def on_a_disk(output: Path, free: int | None, *command: str) -> list[str]:
    """Return the arguments of ``MAIN`` for a command that sees the folder on a disk.

    On the disk, ``free`` bytes are left; None is a disk that cannot be written.
    """
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespaces")
    return [json.dumps([str(output), free]), *command]


def _run(
    output: Path, free: int | None, commands: Sequence[Sequence[str]], settings: Mapping[str, str]
) -> Seen:
    arguments = on_a_disk(output, free, json.dumps(commands))
    environ = environment(output, **settings)
    assert forks().can(environ)
    done = forks().run(arguments, environ, timeout=120, main="tests.mounts:run_all")
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    return Seen([subprocess.CompletedProcess(*it) for it in seen["done"]], seen["files"])


def files_of(output: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, but for locks and those of SQLite's log."""
    return {
        it.relative_to(output).as_posix(): sha256_of(it)
        for it in output.rglob("*")
        if it.is_file() and not it.is_symlink() and not it.name.endswith((".lock", "-wal", "-shm"))
    }


def _child(arguments: list[str]) -> tuple[list[str], int, str, str]:
    """Run a command in a process forked from this one."""
    with captured() as (out, err, texts):
        if (child := os.fork()) == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            carry_out(SCRAPY, arguments)
        _, status = os.waitpid(child, 0)
    return arguments, os.waitstatus_to_exitcode(status), *texts


def _mount() -> Path:
    """Enter a mount namespace as its root, as ``unshare -rm`` does, and mount the folder."""
    output, free = json.loads(sys.argv.pop(1))
    user, group = os.geteuid(), os.getegid()
    # Python 3.12 has a function for this call.
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_MOUNTS | _NEW_USERS):
        raise OSError(ctypes.get_errno(), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    script = f"mount --make-rprivate / && {_READ_ONLY if free is None else _SMALL}"
    subprocess.run(["bash", "-c", script, "bash", output, str(free)], check=True)
    return Path(output)


def run() -> None:
    """Run a command on a mounted folder."""
    _mount()
    resolve_name(SCRAPY)()


def run_all() -> None:
    """Run commands on a mounted folder and print what they did. The commands are JSON."""
    output = _mount()
    done = [_child(it) for it in json.loads(sys.argv[1])]
    print(json.dumps({"done": done, "files": files_of(output)}))
