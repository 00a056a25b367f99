"""Tasks: the purpose of a request.

``meta["article"]`` holds an ArticleTask, ``meta["listing"]`` a ListingTask. Both are frozen. A
changed task goes into a new request; the meta of a response stays as it is. The only other key of
``request.meta`` that is newscrawl's own is that of a rendered request, in ``rendering.py``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from scrapy import Request
from scrapy.http import Response, TextResponse

from newscrawl.extraction.outlet import is_post
from newscrawl.items import SOURCES, Article, Candidate
from newscrawl.storage.capture import Capture
from newscrawl.storage.ledger import ArticleState, Checkpoint
from newscrawl.storage.rejected import SOURCE


@dataclass(frozen=True, slots=True)
class FirstPages:
    """The first pages of an article that is divided into several."""

    article: Article
    """The article, with the stories of the pages that are read."""

    pages: tuple[str, ...]
    """Addresses of the known pages after the first, in order."""

    read: int
    """The number of ``pages`` that are requested so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Task:
    key: ClassVar[str]
    priority: ClassVar[int]

    def request(
        self,
        url: str,
        callback: Callable[..., Any],
        *,
        priority: int | None = None,
        dont_filter: bool = True,
        statuses: Sequence[int] = (),
        **keywords: Any,
    ) -> Request:
        """Return the request for this task; the callback gets ``keywords``, and ``statuses`` too.

        AdmissionMiddleware drops repeats. Scrapy's filter is off, because it would also drop an
        article whose address redirects to one that was requested before.
        """
        handled = {"handle_httpstatus_list": statuses} if statuses else {}
        return Request(
            url,
            callback,
            cb_kwargs=keywords,
            meta={self.key: self, **handled},
            priority=self.priority if priority is None else priority,
            dont_filter=dont_filter,
        )

    @classmethod
    def of(cls, message: Request | Response) -> Self | None:
        """Return the task of a request, or of a response's request; None if it has none."""
        task: Self | None = message.meta.get(cls.key)
        return task

    def on(self, request: Request, **changes: Any) -> Request:
        """Return ``request`` with this task, or with a copy that has ``changes``."""
        task = replace(self, **changes) if changes else self
        return request.replace(meta={**request.meta, self.key: task})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleTask(_Task):
    """A request for one article."""

    key: ClassVar[str] = "article"
    priority: ClassVar[int] = 10

    candidate: Candidate
    """The article, and what its listing states about it."""

    is_page: bool = False
    """Whether the request is for a page of the site, which the site may refuse."""

    fallback: Callable[[Candidate], Request] | None = None
    """Returns the request that replaces this one when the site refuses its pages."""

    post: Mapping[str, Any] | None = None
    """The inline post: the whole article, if the listing contains it. Nothing is sent."""

    source_listing: str = ""
    """Address of the listing that contains the inline post."""

    capture: Capture | None = None
    """The archived response that answers the request. Nothing is requested from the site."""

    is_unlisted: bool = False
    """Whether REST's list of posts, requested for this article, lacks it."""

    known: ArticleState | None = None
    """The article's state in the ledger, if the request is conditional."""

    plain: TextResponse | None = None
    """The page as read without a browser, if this is the second request, through the browser."""

    first_pages: FirstPages | None = None
    """The pages before this one, if the request is for a second or later page of the article."""

    @property
    def is_admitted(self) -> bool:
        """Whether to send the request although the article is in the books already."""
        return bool(self.capture or self.plain or self.first_pages)

    @classmethod
    def required(cls, message: Request | Response) -> Self:
        """Return the task of a request that is for an article. Raises ValueError for others."""
        if (task := cls.of(message)) is None:
            raise ValueError(f"not a request for an article: {message.url}")
        return task


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingTask(_Task):
    """A request for a listing: a page of links, a feed, a sitemap or a list of posts."""

    key: ClassVar[str] = "listing"
    # A listing's next page is requested after the articles that the listing shows.
    priority: ClassVar[int] = 0

    name: str = ""
    """The name of its checkpoint, usually its address; empty if none is kept."""

    is_page: bool = False
    """Whether the request is for a page of the site, which the site may refuse."""

    fallback: Callable[[], Request | None] | None = None
    """Returns the request that replaces this one when the site refuses its pages, if any."""

    is_probe: bool = False
    """Whether the request tests if the site answers with pages again."""

    pauses: tuple[float, float] | None = None
    """Shortest and longest time in hours until the next request of a listing without news."""

    is_next_page: bool = False
    """Whether this is a second or later page of a listing."""

    may_be_gone: bool = False
    """Whether 404, 410 or the front page may mean that a section is closed: nothing is missing."""

    position: str | None = None
    """The position to save in the checkpoint when the listing was read."""

    checkpoint: Checkpoint | None = None
    """The checkpoint of earlier runs, if the request is conditional."""


def source_of(response: Response) -> str:
    """Return the source of an article in a response: page, browser or api.

    A rejected response that was kept states what it was.
    """
    task = ArticleTask.of(response)
    stated = (response.headers.get(SOURCE) or b"").decode("latin-1")
    if task and task.capture and stated in SOURCES:
        return stated
    if response.meta.get("playwright"):
        return "browser"
    return "api" if is_post(response.body) else "page"


def is_page(request: Request) -> bool:
    """Return whether a request is for a page of the site, which the site may refuse."""
    task = ArticleTask.of(request) or ListingTask.of(request)
    return task is not None and task.is_page


def is_probe(request: Request) -> bool:
    """Return whether a request tests if the site answers with pages again."""
    task = ListingTask.of(request)
    return task is not None and task.is_probe
