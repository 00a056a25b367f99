"""Install the peers into an environment of their own, so that they change nothing in ours."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

INSTALL_SECONDS = 240
RUN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment for the packages that a file in this folder lists."""

    names: Path
    folder: Path

    @property
    def python(self) -> Path:
        """Its Python."""
        return self.folder / "bin" / "python"

    def install(self) -> None:
        """Set the environment up; print which packages could not be installed, and why."""
        wanted = self.names.read_text(encoding="utf-8")
        # A copy of the list that the environment was made from.
        ready = self.folder / ".ready"
        if ready.exists() and ready.read_text(encoding="utf-8") == wanted:
            return
        print(f"Setting up {self.folder.name} …", file=sys.stderr, flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", self.folder], check=True)
        except subprocess.CalledProcessError as error:
            print(f"Without {self.names.stem}: {error}", file=sys.stderr, flush=True)
            return
        # The pip of Python 3.11 breaks on two extras of one package under two spellings.
        _pip(self.python, ["--upgrade", "pip"])
        if not _pip(self.python, ["--requirement", str(self.names)]):
            ready.write_text(wanted, encoding="utf-8")
            return
        for name in wanted.splitlines():
            if name and not name.startswith("#") and (reason := _pip(self.python, [name])):
                print(f"Without {name}: {reason}", file=sys.stderr, flush=True)

    def lines(self, *arguments: str, given: str = "") -> list[dict[str, Any]]:
        """Return the lines of JSON that a module prints; ``given`` is its standard input."""
        if not self.python.exists():
            return []
        try:
            done = subprocess.run(
                [self.python, "-m", *arguments],
                cwd=ROOT,
                input=given,
                capture_output=True,
                text=True,
                timeout=RUN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print(f"The peers were not done in {RUN_SECONDS} seconds.", file=sys.stderr)
            return []
        if done.returncode:
            print(f"The peers did not run: {done.stderr.strip()[-300:]}", file=sys.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]


PEERS = Environment(Path(__file__).with_name("peers.txt"), ROOT / ".venv-bench")
# It needs an older lxml than the others.
FUNDUS = Environment(Path(__file__).with_name("fundus.txt"), ROOT / ".venv-bench-fundus")


def _pip(python: Path, arguments: Iterable[str]) -> str:
    """Install; return why it failed, in one line, or nothing."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done in {INSTALL_SECONDS} seconds"
    said = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
    return said[-1] if done.returncode else ""


def run(
    pages: Mapping[str, str], tools: Sequence[str] = (), *, once: bool = False
) -> list[dict[str, Any]]:
    """Return the lines of ``peer_runner`` for the pages, given as addresses by path.

    ``tools`` are labels of its table, all by default; ``once``: a single round of each page.
    """
    options = ["--once"] if once else []
    return PEERS.lines("bench.peer_runner", *options, *tools, given=json.dumps(pages))
