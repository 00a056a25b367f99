"""Install the peers into an environment of their own, so that they change nothing in ours."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
NAMES = Path(__file__).with_name("peers.txt")
VENV = ROOT / ".venv-bench"
PYTHON = VENV / "bin" / "python"
# A copy of the list that the environment was made from.
READY = VENV / ".ready"

INSTALL_SECONDS = 240
RUN_SECONDS = 120


def install() -> None:
    """Set up the peers' environment; return which peers could not be installed, and why."""
    wanted = NAMES.read_text(encoding="utf-8")
    if READY.exists() and READY.read_text(encoding="utf-8") == wanted:
        return
    print(f"Setting up the peers in {VENV.name} …", file=sys.stderr, flush=True)
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    except subprocess.CalledProcessError as error:
        print(f"Without peers: {error}", file=sys.stderr, flush=True)
        return
    # The pip of Python 3.11 breaks on two extras of one package under two spellings.
    _pip(["--upgrade", "pip"])
    if not _pip(["--requirement", str(NAMES)]):
        READY.write_text(wanted, encoding="utf-8")
        return
    for name in wanted.splitlines():
        if name and not name.startswith("#") and (reason := _pip([name])):
            print(f"Without {name}: {reason}", file=sys.stderr, flush=True)


def _pip(arguments: Iterable[str]) -> str:
    """Install; return why it failed, in one line, or nothing."""
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
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
    if not PYTHON.exists():
        return []
    try:
        done = subprocess.run(
            [PYTHON, "-m", "bench.peer_runner", *(["--once"] if once else []), *tools],
            cwd=ROOT,
            input=json.dumps(pages),
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
