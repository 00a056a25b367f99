"""A backfill: through time from the newest to the oldest, in as many runs as it takes."""

import logging

from newscrawl.discovery import OutletSpider

logger = logging.getLogger(__name__)


class Backward:
    """How far a job between ``since`` and ``until`` has come, saved as a checkpoint between runs.

    Moments are dates or times in the record's form, which sort as text. What is done is one
    stretch. A later run of the same job without ``until`` first does what has come after the
    stretch, then goes on below it; until it gets there the stretch stays as it was.
    """

    def __init__(self, outlet: OutletSpider, method: str, top: str) -> None:
        """Find what earlier runs of the job have done; ``top`` is where this one starts."""
        arguments = outlet.arguments
        self._checkpoints = outlet.checkpoints
        self._stats = outlet.crawler.stats
        parts = (
            method,
            *arguments.sections,
            *arguments.tags,
            f"{arguments.since}..{arguments.until}",
        )
        self.name = " ".join(parts)
        self._top = top
        known = self._checkpoints.read(self.name)
        bottom, _, done_to = (known.position or "").partition("..") if known else ("", "", "")
        self._done = (bottom, done_to) if bottom and done_to else None
        if self._done:
            logger.info("%s: done already from %s down to %s", self.name, done_to, bottom)

    @property
    def is_resumed(self) -> bool:
        """Whether earlier runs have done a part of the job."""
        return self._done is not None

    def is_done(self, moment: str) -> bool:
        """Say whether a moment lies inside the stretch that earlier runs have done."""
        # Its newest moment may have been read before it was over.
        return self._done is not None and self._done[0] <= moment < self._done[1]

    def below(self, moment: str) -> str:
        """Return where to go on after ``moment``: there, or where the done stretch ends."""
        return self._done[0] if self._done and self.is_done(moment) else moment

    def reached(self, moment: str, *details: object) -> None:
        """Note that everything from the top down to ``moment`` is known; ``details`` are logged."""
        if self._stats is not None:
            self._stats.set_value("newscrawl/position", moment)
        logger.info("%s: back to %s %s", self.name, moment, " ".join(map(str, details)))
        if self._done is None or moment <= self._done[1]:
            bottom = min(moment, self._done[0]) if self._done else moment
            self._checkpoints.save(self.name, position=f"{bottom}..{self._top}")

    def finished(self) -> None:
        """Note that the job is done; the same arguments start it from the top."""
        logger.info("%s: done", self.name)
        self._checkpoints.delete(self.name)
