"""Engines: the processes that read ranges, behind the interface of ``concurrent.futures``."""

import asyncio
import gc
import os
import signal
import threading
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Protocol

from newscrawl.archives.reading import read_range
from newscrawl.archives.tasks import Result, Task

KILLED = "its worker died twice"
"""Reason for skipping a range: the process that read it died twice."""


class Engine(Protocol):
    """Reads ranges. ``window`` is how many of them are read or wait to be read at a time."""

    window: int

    def submit(self, task: Task) -> Future[Result]:
        """Let a range be read. Raises EngineError."""

    async def result(self, task: Task, future: Future[Result]) -> Result:
        """Return what a range holds, or its fault. Raises EngineError and OtherCodeError."""

    def close(self) -> None:
        """Stop; ranges that are not being read yet are dropped."""


class OneProcess:
    """Reads in a thread of this process: for few files, and to compare with."""

    def __init__(self) -> None:
        """Start the thread with the first task."""
        self.window = 2
        self._executor: Executor = ThreadPoolExecutor(1, "archives")

    def submit(self, task: Task) -> Future[Result]:
        """Let a range be read."""
        return self._executor.submit(read_range, task)

    async def result(self, task: Task, future: Future[Result]) -> Result:
        """Return what a range holds."""
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Stop after the range that is being read."""
        self._executor.shutdown(wait=False, cancel_futures=True)


class Processes:
    """Reads in processes of this machine.

    When one dies, all ranges that were given are read again, each alone in a process of its own.
    So a range that kills its process does so twice, and harms no other range.
    """

    def __init__(self, workers: int) -> None:
        """Start the processes with the first task."""
        self.window = 2 * workers + 1
        self._workers = workers
        self._pool = _pool(workers)

    def submit(self, task: Task) -> Future[Result]:
        """Let a range be read."""
        try:
            return self._pool.submit(read_range, task)
        except BrokenExecutor:
            self._pool = _pool(self._workers)
            return self._pool.submit(read_range, task)

    async def result(self, task: Task, future: Future[Result]) -> Result:
        """Return what a range holds."""
        try:
            return await asyncio.wrap_future(future)
        except BrokenExecutor:
            # Which range it was is not known.
            return await _alone(task)

    def close(self) -> None:
        """Stop after the ranges that are being read."""
        self._pool.shutdown(wait=False, cancel_futures=True)


async def _alone(task: Task) -> Result:
    """Return what a range holds, read in a process of its own; in a second one if that dies."""
    for _ in range(2):
        alone = _pool(1)
        try:
            return await asyncio.wrap_future(alone.submit(read_range, task))
        except BrokenExecutor:
            continue
        finally:
            alone.shutdown(wait=False)
    return Result(fault=KILLED)


def _pool(workers: int) -> ProcessPoolExecutor:
    context = get_context("forkserver")
    # Modules that the fork server loads once; new processes inherit them.
    context.set_forkserver_preload(["newscrawl.archives.reading", "newscrawl.base_spiders.article"])
    return ProcessPoolExecutor(workers, context, prepare_process)


def prepare_process() -> None:
    """Prepare a process for reading: it ends with its parent, and leaves Ctrl-C to it."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # Pages leave few cycles, and what was loaded stays: the collector need not look at it.
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
