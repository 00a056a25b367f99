"""Reasons: the cause of a failed request, in the few words that the books count."""

from collections.abc import Mapping

from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from newscrawl.exceptions import (
    BrokenBodyError,
    BrowserError,
    RefusedError,
    UnreadableError,
)

# Reasons of errors, the narrower errors first.
_WORDS: Mapping[type[BaseException], str] = {
    ResponseDataLossError: "cut short",
    DownloadTimeoutError: "timeout",
    TimeoutError: "timeout",
    DownloadCancelledError: "too large",
    DownloadConnectionRefusedError: "connection refused",
    CannotResolveHostError: "no such host",
    DownloadFailedError: "connection lost",
    # urllib raises it for a redirect to an invalid address.
    ValueError: "bad address",
}


def failure_reason(failure: Failure) -> str:
    """Return why a request failed, as the books count it, such as ``http 503``."""
    assert failure.value is not None
    return error_reason(failure.value)


def error_reason(error: BaseException) -> str:
    """Return the reason of an error in a word or two, without an address."""
    if isinstance(error, UnreadableError | BrokenBodyError | BrowserError | RefusedError):
        return str(error)
    if isinstance(error, HttpError):
        if "recorded" in error.response.flags and len(error.response.flags) > 1:
            return error.response.flags[1]
        return f"http {error.response.status}"
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, IgnoreRequest):
        # Scrapy's messages contain addresses, which would make every failure another reason.
        known = ("robots.txt unknown", "robots.txt", "offsite", "redirections", "too large")
        text = str(error).replace("DOWNLOAD_MAXSIZE", "too large")
        return next((word for word in known if word in text), "ignored")
    return type(error).__name__


def hides_post(failure: Failure) -> bool:
    """Return whether WordPress hides a post: a draft, private, in the trash, or deleted."""
    error = failure.value
    if not isinstance(error, HttpError) or error.response.status not in (401, 403, 404, 410):
        return False
    return any(code in error.response.body for code in (b"rest_forbidden", b"rest_post_invalid_id"))
