"""A backfill: from the newest to the oldest article, in as many runs as it takes."""

import logging

from newscrawl.discovery import OutletSpider

logger = logging.getLogger(__name__)


class Backward:
    """The position of a backfill between ``since`` and ``until``, saved between runs.

    Moments are dates or times in the record's form, which sort as text. The checkpoint holds one
    stretch of time that is done. A later run of the same job without ``until`` starts with the
    articles after that stretch, then goes on below it. The checkpoint changes when the run gets
    there.
    """

    def __init__(self, outlet: OutletSpider, method: str, top: str) -> None:
        """Read the stretch that earlier runs have done; ``top`` is the moment to start from."""
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
        saved = self._checkpoints.read(self.name)
        bottom, _, done_to = (saved.position or "").partition("..") if saved else ("", "", "")
        self._done = (bottom, done_to) if bottom and done_to else None
        if self._done:
            logger.info("%s: earlier runs have read from %s back to %s", self.name, done_to, bottom)

    @property
    def is_resumed(self) -> bool:
        """Whether earlier runs have done a part of the job."""
        return self._done is not None

    def is_done(self, moment: str) -> bool:
        """Return whether a moment lies inside the stretch that earlier runs have done."""
        # Its newest moment may have been read before it was over.
        return self._done is not None and self._done[0] <= moment < self._done[1]

    def below(self, moment: str) -> str:
        """Return the moment to go on from: ``moment``, or the end of the stretch around it."""
        return self._done[0] if self._done and self.is_done(moment) else moment

    def reached(self, moment: str, *details: object) -> None:
        """Save that everything from the top down to ``moment`` is done; log ``details``."""
        if self._stats is not None:
            self._stats.set_value("newscrawl/position", moment)
        logger.info("%s: read back to %s %s", self.name, moment, " ".join(map(str, details)))
        if self._done is None or moment <= self._done[1]:
            bottom = min(moment, self._done[0]) if self._done else moment
            self._checkpoints.save(self.name, position=f"{bottom}..{self._top}")

    def finished(self) -> None:
        """Delete the checkpoint: another run with the same arguments starts from the top."""
        logger.info("%s: done", self.name)
        self._checkpoints.delete(self.name)
