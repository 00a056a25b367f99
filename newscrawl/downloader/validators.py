"""Validators: conditional requests, and responses with status 304."""

from scrapy import Request
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from newscrawl.storage.ledger import ArticleState, Checkpoint


def validators(response: Response) -> tuple[str | None, str | None]:
    """Return ETag and Last-Modified of a response; None and None for an error page."""
    if response.status not in (200, 304):
        return None, None
    headers = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
    etag, last_modified = (value.decode("latin-1") if value else None for value in headers)
    return etag, last_modified


def make_conditional(request: Request, saved: ArticleState | Checkpoint) -> None:
    """Request a response only if it differs from the one whose validators are saved."""
    # nginx makes the ETag of a compressed response weak. WordPress compares both validators with
    # its own, and would never answer 304. With the time alone it does.
    if saved.etag and not (saved.etag.startswith("W/") and saved.last_modified):
        request.headers["If-None-Match"] = saved.etag
    if saved.last_modified:
        request.headers["If-Modified-Since"] = saved.last_modified


def not_modified(failure: Failure) -> Response | None:
    """Return the response of a failure if its status is 304, else None."""
    error = failure.value
    return error.response if isinstance(error, HttpError) and error.response.status == 304 else None
