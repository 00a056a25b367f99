"""Commands that see a folder as read-only, or on a full disk: in a mount namespace of their own.

Access rights would not do: root, who runs tests in a container, may write everywhere.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment

_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1"'
# A copy of the folder on a disk on which FREE bytes are left.
_SMALL = """
    copy=$(mktemp -d) && cp -a "$1/." "$copy" && mount -t tmpfs -o size=64m none "$1" &&
    cp -a "$copy/." "$1" && rm -r "$copy" &&
    used=$(df -B1 --output=used "$1" | tail -1) &&
    mount -o remount,size=$((used + $2)) "$1"
""".strip()


@dataclass(frozen=True)
class Done:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Seen:
    """What commands did on the mounted folder, and its files after them: their SHA-256."""

    done: list[Done]
    files: dict[str, str]


def read_only(output: Path, *commands: Sequence[str], **settings: str) -> Seen:
    """Run commands of ``scrapy``'s with an output folder that cannot be written."""
    return _run(output, None, commands, settings)


def full(output: Path, *commands: Sequence[str], free: int = 0, **settings: str) -> Seen:
    """Run commands with a copy of the output folder on a disk with ``free`` bytes."""
    return _run(output, free, commands, settings)


def on_a_disk(output: Path, free: int | None) -> list[str]:
    """Return what goes before a program that sees the folder on a disk with ``free`` bytes.

    None is a disk that cannot be written.
    """
    namespace = ["unshare", "-rm"]
    if subprocess.run([*namespace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine allows no mount namespaces")
    script = f'{_READ_ONLY if free is None else _SMALL} || exit 99; shift 2; exec "$@"'
    return [*namespace, "bash", "-c", script, "bash", str(output), str(free)]


def _run(
    output: Path, free: int | None, commands: Sequence[Sequence[str]], settings: Mapping[str, str]
) -> Seen:
    driver = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "tests.mounts",
        str(output),
        json.dumps(commands),
    ]
    done = subprocess.run(
        [*on_a_disk(output, free), *driver],
        cwd=ROOT,
        env=environment(output, **settings),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    return Seen([Done(*it) for it in seen["done"]], seen["files"])


def files_of(output: Path) -> dict[str, str]:
    """Return the SHA-256 of every file below a folder, but for locks and those of SQLite's log."""
    found = (it for it in output.rglob("*") if it.is_file() and not it.is_symlink())
    return {
        it.relative_to(output).as_posix(): hashlib.sha256(it.read_bytes()).hexdigest()
        for it in found
        if not it.name.endswith((".lock", "-wal", "-shm"))
    }


def _child(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command in a process that has Scrapy imported."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if (child := os.fork()) == 0:
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            from scrapy.cmdline import execute  # noqa: PLC0415

            sys.argv = ["scrapy", *arguments]
            execute()
        _, status = os.waitpid(child, 0)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return os.waitstatus_to_exitcode(status), *texts


def main() -> None:
    import scrapy.cmdline  # noqa: F401, PLC0415  # once for all children

    folder, commands = sys.argv[1:]
    done = [_child(it) for it in json.loads(commands)]
    print(json.dumps({"done": done, "files": files_of(Path(folder))}))


if __name__ == "__main__":
    main()
