"""The one place that finds outlets: spiders in modules, and rows of ``outlets.toml``."""

from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import cast

from scrapy import Request, Spider
from scrapy.settings import BaseSettings, Settings
from scrapy.spiderloader import SpiderLoader, get_spider_loader
from scrapy.utils.httpobj import urlparse_cached

from newscrawl import settings as defaults
from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.base_spiders.outlet_table import Row, read_table
from newscrawl.exceptions import RowError
from newscrawl.extensions.options import unknown
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.extraction.outlet import Outlet

_FILE = "outlets.toml"
# In the class below, list is the method.
_Names = list[str]


class OutletLoader(SpiderLoader):
    """Scrapy's own loader, which knows the rows of the project's table and the operator's, too.

    A row is checked when its outlet is loaded, so that a wrong row stops no other outlet.
    """

    def __init__(self, settings: BaseSettings) -> None:
        super().__init__(settings)
        project = files("newscrawl.spiders").joinpath(_FILE).read_text("utf-8")
        self._rows = read_table(project, "newscrawl/spiders/outlets.toml")
        self._file_error: RowError | None = None
        self._taken: dict[str, RowError] = {}
        try:
            rows = self._operators_rows(settings)
        except RowError as error:
            self._file_error = error
            rows = {}
        for name, row in rows.items():
            if name in self._spiders or name in self._rows:
                why = (
                    f"newscrawl has an outlet {name}, which a row does not replace: rename the row."
                )
                self._taken[name] = row.error(why)
            else:
                self._rows[name] = row

    def _operators_rows(self, settings: BaseSettings) -> dict[str, Row]:
        """Return the rows of the operator's table. Raises RowError if it cannot be read."""
        path = defaults.read(settings, "NEWSCRAWL_OUTLETS")
        if path is None:
            path = Path(settings["NEWSCRAWL_OUTPUT_DIR"]).absolute().parent / _FILE
            if not path.exists():
                return {}
        try:
            return read_table(path.read_text("utf-8"), str(path))
        except OSError as error:
            raise RowError(f"{path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise RowError(f"{path} is not TOML: it is not UTF-8.") from error

    def load(self, spider_name: str) -> type[Spider]:
        """Return an outlet's spider class.

        Raises RowError for an outlet whose row is wrong, KeyError for one that does not exist.
        """
        if error := self._taken.get(spider_name):
            raise error
        if spider_name not in self._spiders:
            if row := self._rows.get(spider_name):
                self._spiders[spider_name] = row.spider()
            elif self._file_error:
                raise self._file_error
        return super().load(spider_name)

    def list(self) -> _Names:
        """Return the names of all outlets, those of wrong rows among them."""
        return sorted({*self._spiders, *self._rows})

    def errors(self) -> Iterator[RowError]:
        """Yield what is wrong in the tables."""
        if self._file_error:
            yield self._file_error
        yield from self._taken.values()
        for name in self._rows.keys() - self._taken.keys():
            try:
                self.load(name)
            except RowError as error:
                yield error

    def find_by_request(self, request: Request) -> _Names:
        """Return the names of the outlets that have the address of a request."""
        host = urlparse_cached(request).hostname
        found = []
        for name in self.list():
            with suppress(RowError):
                outlet = cast("type[ArticleSpider]", self.load(name))
                if host in (*outlet.requested_hosts(), *outlet.aliases):
                    found.append(name)
        return found


def find_outlet(name: str, settings: BaseSettings) -> Outlet:
    """Return an outlet by its name, or ``generic``.

    Raises ArgumentError for an outlet that does not exist and for a selector that is not CSS, and
    RowError for a wrong row.
    """
    if name == Generic.name:
        return Generic()
    loader = get_spider_loader(settings)
    try:
        spider = cast("type[ArticleSpider]", loader.load(name))
    except KeyError:
        raise unknown("outlet", name, [*loader.list(), Generic.name]) from None
    for layout in spider.reader.layouts:
        layout.check()
    return spider()


@cache
def environments_outlet(name: str) -> Outlet:
    """Return an outlet as ``find_outlet`` does, with the settings of the environment."""
    settings = Settings()
    settings.setmodule(defaults)
    return find_outlet(name, settings)
