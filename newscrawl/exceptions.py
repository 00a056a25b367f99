"""What can go wrong, by who has to do something about it."""

from scrapy.exceptions import (
    DownloadCancelledError,
    DropItem,
    IgnoreRequest,
    ResponseDataLossError,
)


class ArgumentError(ValueError):
    """A spider argument is wrong; the message is one sentence for the person who gave it."""


class OutputError(Exception):
    """The output folder cannot be used; the message is one sentence for the operator."""


class RunningError(OutputError):
    """Another run of the outlet uses the output folder."""


class ArchiveError(Exception):
    """A file is no archive that can be read; the message is a few words that say why."""


class VersionError(OutputError):
    """A record is of a schema version that this newscrawl does not read."""


class LedgerError(Exception):
    """The ledger cannot be used; the message is one sentence for the operator."""


class DatasetError(Exception):
    """The dataset cannot be built or read; the message is one sentence for the operator."""


class RemoteError(Exception):
    """The remote storage cannot be used; the message is one sentence for the operator."""


class WaitError(Exception):
    """The site asked to be left alone; the message is one sentence for the operator."""


class ReportError(Exception):
    """The report cannot be made; the message is one sentence for the person who wants it."""


class RefusedError(IgnoreRequest):
    """The site refuses its pages; the message is the reason that the books count."""


class BrokenBodyError(ResponseDataLossError):
    """The body of a response is not whole; the message is the reason that the books count."""


class BodyTooLargeError(DownloadCancelledError):
    """The body of a response is larger than allowed."""


class StoppingError(IgnoreRequest):
    """The run ends before the request is sent."""


class UnreadableError(Exception):
    """An answer is not a readable article; the message is the reason that the books count."""


class NotWholeWarning(UserWarning):
    """An article goes on at addresses that were not read; the message names them."""


class BrowserError(Exception):
    """The browser could not bring a page; the message is the reason that the books count."""


class BrowserMissingError(BrowserError):
    """There is no browser, or it does not start; the message says why."""


class RejectedItem(DropItem):
    """The record breaks the contract of the record; the message is the reason."""


class UnchangedItem(DropItem):
    """The record says what an already published one says."""


class PostponedItem(DropItem):
    """The record is not wanted now: the run is at its limit."""


class OutsideWindow(DropItem):
    """The article was published outside ``since`` and ``until``."""
