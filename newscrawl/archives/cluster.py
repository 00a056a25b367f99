"""Read archives on a cluster of Dask, which others start: on Kubernetes, Slurm or in a cloud."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from newscrawl.archives.code import fingerprint
from newscrawl.archives.engine import KILLED
from newscrawl.archives.reading import read_range
from newscrawl.archives.tasks import Result, Task
from newscrawl.exceptions import ArgumentError, EngineError, extra_missing

_ANSWER = 10.0  # seconds in which the scheduler has to answer
_AWAY = 60.0  # seconds for which it may be away while the work goes on
_LOOK = 2.0


class Cluster:
    """Reads in the workers of a Dask cluster.

    The scheduler gives the ranges of a worker that dies to others, and a range that has ended
    several workers (``distributed.scheduler.allowed-failures``) to none.
    """

    def __init__(self, address: str) -> None:
        """Connect to the scheduler, and compare the newscrawl of its workers with this one.

        Raises ArgumentError when Dask is not installed, and EngineError, one sentence.
        """
        try:
            from distributed import Client, KilledWorker  # noqa: PLC0415  # needs newscrawl[dask]
        except ModuleNotFoundError as error:
            raise ArgumentError(extra_missing("--address", "dask", error)) from error
        self._address = address
        self._killed: type[Exception] = KilledWorker
        try:
            self._client = Client(address, timeout=_ANSWER, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(f"The scheduler {address} does not answer ({error}).") from error
        try:
            cores = sum(self._client.ncores().values())
            if not cores:
                raise EngineError(f"The cluster {address} has no workers.")
            compare(address, self._client.run(fingerprint, on_error="return"))
        except BaseException:
            self._client.close()
            raise
        self.window = 2 * cores + 1
        self._executor = self._client.get_executor(pure=False)

    def submit(self, task: Task) -> Future[Result]:
        """Let a range be read. Raises EngineError."""
        try:
            future: Future[Result] = self._executor.submit(read_range, task)
        except Exception as error:  # the client has exceptions of its own when it is closed
            raise self._lost() from error
        return future

    async def result(self, task: Task, future: Future[Result]) -> Result:
        """Return what a range holds. Raises EngineError and OtherCodeError."""
        waiting = asyncio.wrap_future(future)
        away = 0.0
        while not (await asyncio.wait([waiting], timeout=_LOOK))[0]:
            away = 0.0 if self._client.status == "running" else away + _LOOK
            if away > _AWAY or self._client.status == "closed":
                raise self._lost()
        if waiting.cancelled():
            raise self._lost()
        try:
            return waiting.result()
        except self._killed:
            return Result(fault=KILLED)

    def close(self) -> None:
        """Take back what is not read yet, and leave the cluster."""
        self._client.close(timeout=5)

    def _lost(self) -> EngineError:
        return EngineError(
            f"The scheduler {self._address} is gone: the run ends. The same command goes on where"
            " this one stopped."
        )


def compare(address: str, workers: Mapping[str, Any]) -> None:
    """Raise EngineError when workers have another newscrawl than this process, or none."""
    own = fingerprint()
    others = {name: it for name, it in workers.items() if it != own}
    if others:
        name, code = next(iter(others.items()))
        theirs = code if isinstance(code, str) else f"none that works ({code})"
        raise EngineError(
            f"{len(others)} of {len(workers)} workers of {address} have another newscrawl than this"
            f" machine: here {own}, on {name} {theirs}. Install the same on all of them."
        )
