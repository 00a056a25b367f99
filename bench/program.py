"""Run a Python program and measure it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
SCRAPY = "import sys; from scrapy.cmdline import execute; sys.argv[0] = 'scrapy'; execute()"
_MEASURE = """
import resource, subprocess, sys, time
begun = time.perf_counter()
done = subprocess.run([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.DEVNULL)
taken = time.perf_counter() - begun
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(taken, used.ru_utime + used.ru_stime, used.ru_maxrss, done.returncode)
"""


class Measured(NamedTuple):
    """What a program took: seconds, CPU seconds and MB at its peak; and its exit code."""

    seconds: float
    cpu: float
    memory: float
    code: int


def measured(output: Path, code: str, *arguments: str, **settings: str) -> Measured:
    """Run Python code with arguments on an output folder.

    ``settings`` are environment variables. What the program prints is lost.
    """
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, code, *arguments],
        cwd=ROOT,
        env={**os.environ, "NEWSCRAWL_OUTPUT_DIR": str(output), **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, cpu, kilobytes, exit_code = done.stdout.split()
    return Measured(float(seconds), float(cpu), float(kilobytes) / 1024, int(exit_code))
