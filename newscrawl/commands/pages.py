"""Base class of the commands that read pages, saved or fetched, without a run."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from scrapy import Request

from newscrawl.base_spiders.spider_loader import find_outlet
from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.downloader.recordings import captured_response
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extensions.progress import near
from newscrawl.extraction.outlet import Outlet
from newscrawl.items import Candidate
from newscrawl.storage.rejected import latest_rejected
from newscrawl.storage.rereading import damaged_files
from newscrawl.workbench.fixtures import fixtures_folder, saved_page
from newscrawl.workbench.pages import META, SavedPage, is_address, page_of, read_file


class PagesCommand(OutputCommand):
    """A command that reads pages of outlets, and fixtures. It opens no run."""

    @property
    def fixtures(self) -> Path:
        """The folder of the fixtures of all outlets."""
        return fixtures_folder(self.output)

    def find_outlet(self, name: str) -> Outlet:
        """Return an outlet, or ``generic``. Raises ArgumentError for an unknown outlet."""
        assert self.settings is not None
        return find_outlet(name, self.settings)

    def read_pages(self, names: Sequence[str], url: str | None = None) -> list[SavedPage]:
        """Return the pages in files, fixtures' folders and at addresses, in the given order.

        ``url`` is the address of the only page, if that is a file. Addresses are fetched as the
        crawler does. Raises ArgumentError for what is no page or cannot be fetched.
        """
        if url and (len(names) != 1 or is_address(names[0])):
            raise ArgumentError("--url is the address of one saved page.")
        files = {it: read_saved(Path(it), url or "") for it in names if not is_address(it)}
        addresses = [it for it in names if is_address(it)]
        return [{**files, **self.fetch_pages(addresses)}[it] for it in names]

    def fetch_pages(self, addresses: Sequence[str]) -> dict[str, SavedPage]:
        """Return the pages at addresses. Raises ArgumentError if one cannot be fetched."""
        if not addresses:
            return {}
        from newscrawl.workbench.fetching import Fetch, fetched_page, fetching  # noqa: PLC0415  # only a crawl pays for it

        async def work(fetch: Fetch) -> dict[str, SavedPage]:
            return {it: await fetched_page(fetch, it) for it in addresses}

        assert self.settings is not None
        return fetching(self.settings, work)

    def rejected_pages(self, outlet: Outlet, url: str | None, count: int) -> list[SavedPage]:
        """Return the latest responses that crawls of an outlet rejected, at most ``count``.

        ``url`` chooses those of one article. Files that are missing or damaged are named. Raises
        ArgumentError if there is no response, or no article at ``url``.
        """
        assert self.settings is not None
        most = self.settings.getint("DOWNLOAD_MAXSIZE")
        output = self.existing_output()
        candidate = outlet.find_candidate(url) if url else None
        wanted = partial(_is_of, outlet, candidate)
        is_of_none = url and candidate is None
        found = [] if is_of_none else latest_rejected(output, outlet.name, wanted, count, most)
        damaged = damaged_files(output, outlet.name)
        for path in damaged:
            print(f"{near(path)} is missing or damaged.", file=sys.stderr)  # noqa: T201
        if not found:
            of = f" of {url}" if url else ""
            why = ": it is not the address of an article" if is_of_none else ""
            can = "can be read" if damaged else "is kept"
            raise ArgumentError(f"No rejected response{of} {can} for {outlet.name}{why}.")
        return [page_of(captured_response(it, Request(it.url)), it.url) for it in found]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Print the reason of a page without article, and set the exit code."""
        try:
            yield
        except UnreadableError as error:
            print(f"No record: {error}", file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE


def read_saved(path: Path, url: str) -> SavedPage:
    """Return the page in a file or in the folder of a fixture."""
    return saved_page(path) if (path / META).is_file() else read_file(path, url)


def _is_of(outlet: Outlet, wanted: Candidate | None, url: str) -> bool:
    """Return whether an address is that of an article, and of the wanted one if there is one."""
    candidate = outlet.find_candidate(url)
    return candidate is not None and (wanted is None or candidate.id == wanted.id)
