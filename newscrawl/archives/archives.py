"""Have the ranges of archives read, and publish them in the order of the files."""

import asyncio
import logging
import pickle
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace

from scrapy.crawler import Crawler

from newscrawl.archives.code import fingerprint
from newscrawl.archives.engine import Engine
from newscrawl.archives.plan import ArchiveFile, Plan, Range
from newscrawl.archives.publisher import Publisher
from newscrawl.archives.tasks import Orders, Result, Task
from newscrawl.archives.writer import OutletWriter
from newscrawl.discovery import outlet_spider
from newscrawl.exceptions import EngineError, LedgerError, OtherCodeError
from newscrawl.extensions.archive_progress import ArchiveProgress
from newscrawl.extensions.exit_codes import READERS_LOST
from newscrawl.extraction.outlet import Outlet

logger = logging.getLogger(__name__)

_AHEAD = 8  # files that are looked at before their turn
_SAID_EVERY = 60.0  # seconds between two log lines of the progress


@dataclass(slots=True)
class _Step:
    """The next range to publish, and the outlets for which it has not been read."""

    plan: Plan
    part: Range
    outlets: tuple[str, ...] = ()
    following: tuple[int | None, ...] = ()
    """Where the next range begins, if this one was read before."""
    task: Task | None = None
    future: Future[Result] | None = None


class ArchiveReading:
    """Reads archives once for one or several outlets, each of which has a run of its own.

    The runs are those of Scrapy's crawls. Each crawl calls ``read`` when its run is open; when the
    last one has done so, the work begins.
    """

    def __init__(
        self, files: Sequence[ArchiveFile], engine: Engine, given: str, outlets: int = 1
    ) -> None:
        """Read ``files``, ``given`` as this text, with ``engine`` for so many ``outlets``."""
        self.files = files
        self.given = given
        self.progress = ArchiveProgress(len(files))
        self._engine = engine
        self._expected = outlets
        self._publisher = Publisher()
        self._makers: dict[str, bytes] = {}
        self._begins = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def read(self, crawler: Crawler, maker: Callable[[], Outlet]) -> None:
        """Read the archives for a crawl, too; return when all is read.

        ``maker`` returns the outlet, in any process.
        """
        writer = OutletWriter(crawler)
        self._publisher.writers[writer.name] = writer
        self._makers[writer.name] = pickle.dumps(maker)
        self._crawler = crawler
        writer.run.archive_progress = self.progress
        self._begin()
        await self._begins.wait()
        assert self._work is not None
        # A crawl that is closed early must not end the work for the others.
        await asyncio.shield(self._work)

    def leave(self) -> None:
        """Do not wait for one of the crawls: it has ended."""
        self._expected -= 1
        self._begin()

    def _begin(self) -> None:
        count = len(self._publisher.writers)
        if self._work is None and count and count >= self._expected:
            self._work = asyncio.ensure_future(self._read())
            self._begins.set()

    async def _read(self) -> None:
        spider, settings = outlet_spider(self._crawler), self._crawler.settings
        assert spider is not None
        since, until = spider.arguments.since, spider.arguments.until
        most = settings.getint("DOWNLOAD_MAXSIZE")
        self._how = f"{since or ''}/{until or ''} {most}"
        self._size = settings.getint("NEWSCRAWL_ARCHIVE_RANGE")
        self._orders = Orders(
            makers=self._makers, most=most, since=since, until=until, code=fingerprint()
        )
        for writer in self._publisher.writers.values():
            for file in self.files:
                writer.counts(file.name)
        said = asyncio.ensure_future(self._say())
        try:
            await self._read_files()
            logger.info("Archives: %s", self.progress.text())
            if self._publisher.open:
                await self._read_revisits()
        except (EngineError, OtherCodeError) as error:
            logger.error("%s", error)
            for writer in self._publisher.open.values():
                writer.run.stop(READERS_LOST)
        except (OSError, LedgerError) as error:
            for writer in self._publisher.open.values():
                writer.run.fail(error)
        finally:
            said.cancel()
            self._engine.close()

    async def _say(self) -> None:
        while True:
            await asyncio.sleep(_SAID_EVERY)
            logger.info("Archives: %s", self.progress.text())

    async def _read_files(self) -> None:
        """Read all files: some ranges at a time, and each is published when its turn comes."""
        window: deque[_Step] = deque()
        async for step in self._steps():
            window.append(step)
            while len(window) > self._engine.window:
                await self._finish(window.popleft())
            if not self._publisher.open:
                return
        while window and self._publisher.open:
            await self._finish(window.popleft())

    async def _steps(self) -> AsyncIterator[_Step]:
        """Yield the ranges of all files in order; submit those that must be read."""
        files = iter(self.files)
        opening: deque[asyncio.Task[Plan]] = deque()
        try:
            while True:
                while len(opening) < _AHEAD and (file := next(files, None)):
                    opening.append(asyncio.create_task(asyncio.to_thread(Plan.of, file)))
                if not opening:
                    return
                plan = await opening.popleft()
                for step in self._steps_of(plan):
                    if step.outlets and self._publisher.open:
                        step.task = self._task(step)
                        step.future = self._engine.submit(step.task)
                    yield step
        finally:
            for it in opening:
                it.cancel()

    def _steps_of(self, plan: Plan) -> list[_Step]:
        name, progress = plan.file.name, self.progress
        progress.files_known += 1
        progress.bytes_of_known += plan.state.size
        if plan.fault:
            logger.error("The archive %s cannot be read: %s", name, plan.fault)
            self._publisher.cannot_read(name, plan.fault, self._publisher.open)
            progress.files_read += 1
            return []
        parts = list(plan.ranges(self._size, self._how))
        divided = self._publisher.divide(plan, parts)
        return [_Step(plan, part, *its) for part, its in zip(parts, divided, strict=True)]

    def _task(self, step: _Step) -> Task:
        part, name = step.part, step.plan.file.name
        return Task(
            orders=self._orders,
            file=name,
            outlets=step.outlets,
            start=part.start,
            end=part.end,
            parts=part.parts,
        )

    async def _finish(self, step: _Step) -> None:
        """Publish what a range holds, and note that it was read."""
        plan, part = step.plan, step.part
        result = await self._result(step)
        if result is not None and result.fault:
            self._cannot_read(plan.file.name, part.start, result, step.outlets)
            plan.is_sure = False
        elif result is not None:
            self._publisher.publish(plan.file.name, part.key, result)
            plan.advance(result.next)
            some = (it.counts.records for it in result.found.values())
            self.progress.records += next(some, 0)
        elif not step.outlets:
            self.progress.skipped += _length(step)
            if step.following:
                plan.advance(step.following[0])
        if result is not None:
            self.progress.bytes += _length(step)
        if part.is_last:
            self.progress.files_read += 1
            self._publisher.end_file(plan, part.key, step.outlets)

    def _cannot_read(self, name: str, start: int, result: Result, outlets: tuple[str, ...]) -> None:
        logger.error("A range of %s at byte %d cannot be read: %s", name, start, result.fault)
        if result.trace:
            logger.error("Error while reading %s\n%s", name, result.trace)
        self._publisher.cannot_read(name, result.fault, outlets)

    async def _result(self, step: _Step) -> Result | None:
        """Return what a range holds, or None if nothing of it is to be published."""
        plan, task = step.plan, step.task
        if task is None or step.future is None:
            return None
        if plan.is_behind(step.part):
            step.future.cancel()
            return Result({}, plan.next, plan.next)
        result = await self._engine.result(task, step.future)
        if not (task.parts or result.fault or plan.is_at(result.first)):
            # These bytes look like the start of a record but are inside one.
            task = replace(task, start=plan.next or 0, is_exact=True)
            result = await self._engine.result(task, self._engine.submit(task))
        return result

    async def _read_revisits(self) -> None:
        """Read the captures that revisits refer to, once all files are read."""
        revisits = self._publisher.revisits
        for file in self.files:
            if not (waiting := revisits.waiting(self._publisher.open)):
                break
            task = Task(
                orders=self._orders,
                file=file.name,
                outlets=tuple(dict.fromkeys(it.outlet for it in waiting)),
                parts=file.parts,
                revisits=tuple((it.outlet, it.revisit) for it in waiting),
            )
            result = await self._engine.result(task, self._engine.submit(task))
            if result.fault:
                self._cannot_read(file.name, task.start, result, task.outlets)
            self._publisher.publish_again(revisits.resolved(waiting, result))
        self._publisher.end()


def _length(step: _Step) -> int:
    if step.part.parts:
        return sum(length for _, length in step.part.parts)
    return (step.part.end or step.plan.state.size) - step.part.start
