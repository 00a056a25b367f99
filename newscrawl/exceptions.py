"""Exceptions, grouped by the person who must act. Messages are one sentence for that person."""

import sys
from pathlib import Path

from scrapy.exceptions import (
    DownloadCancelledError,
    DropItem,
    IgnoreRequest,
    ResponseDataLossError,
)

PROGRAM = "newscrawl" if Path(sys.argv[0]).stem == "newscrawl" else "scrapy"
"""The program that the user called, for messages that name a command."""


def extra_missing(user: str, extra: str, error: ImportError) -> str:
    """Return the sentence for a package that is not installed; ``user`` needs the package."""
    return (
        f"{user} needs the extra {extra!r} ({error}). Install it: pip install 'newscrawl[{extra}]'"
    )


class ArgumentError(ValueError):
    """A spider argument, a setting, or an argument of a command is wrong."""


class RowError(ArgumentError):
    """A row of a table of outlets is wrong; the message names file, row and key."""


class OutputError(Exception):
    """The output folder cannot be used."""


class RunningError(OutputError):
    """Another run of the outlet uses the output folder."""


class DamagedRunError(OutputError):
    """The folder of one run cannot be used as it is; the message names it and what to do.

    ``is_repairable`` says whether the next crawl of its outlet makes its ``run.json`` again.
    """

    def __init__(self, message: str, *, is_repairable: bool = False) -> None:
        super().__init__(message)
        self.is_repairable = is_repairable


class ArchiveError(Exception):
    """A file is not a readable archive; the message is the cause in a few words."""


class OtherCodeError(Exception):
    """A process has another newscrawl than the one that gives it work."""


class EngineError(Exception):
    """The processes that read archives cannot be used any more."""


class VersionError(OutputError):
    """A record is of a schema version that this newscrawl does not read."""


class LedgerError(Exception):
    """The ledger cannot be used."""


class LeaseLostError(LedgerError):
    """The run lost its lease to another run; it may change nothing any more."""


class DatasetError(Exception):
    """The dataset cannot be built or read."""


class RemoteError(Exception):
    """The remote storage cannot be used."""


class RemoteRunError(RemoteError):
    """One run in the remote storage cannot be used; the message names it."""


class WaitError(Exception):
    """The site requested a pause that is not over."""


class ReportError(Exception):
    """The report cannot be written."""


class RefusedError(IgnoreRequest):
    """The site refuses its pages; the message is the reason in the books."""


class BrokenBodyError(ResponseDataLossError):
    """The body of a response is not whole; the message is the reason in the books."""


class BodyTooLargeError(DownloadCancelledError):
    """The body of a response is larger than allowed."""


class StoppingError(IgnoreRequest):
    """The run ended before the request was sent."""


class UnreadableError(Exception):
    """A response is not a readable article or listing; the message is the reason in the books."""


class NotWholeWarning(UserWarning):
    """An article has more pages, which were not read; the message names their addresses."""


class BrowserError(Exception):
    """The browser could not render a page; the message is the reason in the books."""


class BrowserMissingError(BrowserError):
    """No browser is installed, or it does not start; the message states why."""


class RejectedItem(DropItem):
    """The record lacks a field or breaks the schema; the message is the reason in the books."""


class UnchangedItem(DropItem):
    """The record equals a published revision."""


class PostponedItem(DropItem):
    """The record is left for a later run, because this run is at its limit or has to stop."""


class OutsideWindow(DropItem):
    """The article was published outside ``since`` and ``until``."""
