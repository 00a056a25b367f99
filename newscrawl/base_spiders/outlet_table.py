"""Outlets without code: rows of ``outlets.toml``, made into spiders."""

import re
import tomllib
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.base_spiders.outlet_keys import KEYS, PLATFORMS, read_keys
from newscrawl.exceptions import ArgumentError, RowError
from newscrawl.extensions.options import wrong
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.site import twin
from newscrawl.extraction.sources import Listings, WordPress

_NAME = re.compile(r"[a-z][a-z\d_-]*", re.ASCII)
# ``generic`` is the outlet of any page, and the output folder has a folder of the dataset.
_TAKEN = ("dataset", Generic.name)
# Keys of ``selectors`` that are none of a layout, and those that every layout has.
_NOISE = ("noise", "texts", "boxes")
_READER = ("tag", "order")
_LAYOUT = ("article", "headline", "story")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table of outlets: its name, the table's file and the values as they are."""

    file: str
    name: str
    values: object

    def error(self, why: object) -> RowError:
        """Return the error for what is wrong in this row."""
        return RowError(f"{self.file}, [{self.name}]: {why}")

    def spider(self) -> type[ArticleSpider]:
        """Return the outlet's spider. Raises RowError; it names file, row and key."""
        try:
            return self._spider()
        except ArgumentError as error:
            raise self.error(error) from None

    def _spider(self) -> type[ArticleSpider]:
        if not _NAME.fullmatch(self.name) or self.name in _TAKEN:
            allowed = f"lower-case letters, digits, _ and -, and not {' or '.join(_TAKEN)}"
            raise wrong("the name", self.name, allowed)
        if not isinstance(self.values, dict):
            raise ArgumentError(f"It must be a table, with a line [{self.name}] before its keys.")
        values = read_keys(self.values, KEYS)
        base = PLATFORMS.get(values.pop("platform", ""), ArticleSpider)
        for key in KEYS:
            is_given = getattr(base, key.name, "") != getattr(Outlet, key.name, "")
            if key.is_required and key.name not in values and not is_given:
                raise ArgumentError(f"The key {key.name} is missing: it is {key.kind.allowed}.")
        reader = _reader(values.pop("selectors", None), getattr(base, "reader", None))
        printed = {"zone": values["zone"], "language": values.get("language", base.language)}
        if fallback := values.pop("fallback", None):
            if not reader.layouts:
                raise wrong("fallback", fallback, "left out: without selectors all is generic")
            values["fallback"] = replace(Generic.reader, **printed)
        declared = {"reader": replace(reader, **printed), **values}
        named = {"name": self.name, "__module__": __name__, "__doc__": values["title"]}
        # Other processes cannot import the class.
        declared["row"] = repr(self.values)
        declared["maker"] = staticmethod(lambda: partial(_outlet, self))
        spider = type(f"{self.name.title()}Spider", (base,), declared | named)
        _check(spider)
        return spider


def _outlet(row: Row) -> Outlet:
    return row.spider()()


def _reader(selectors: dict[str, Any] | None, platform: Reader | None) -> Reader:
    """Return the reader of a row with ``selectors``. Raises ArgumentError if one is missing."""
    if selectors is None:
        return platform or Generic.reader
    more = [selectors.pop(name, ()) for name in _NOISE]
    rules = {name: selectors.pop(name) for name in _READER if name in selectors}
    layouts = platform.layouts if platform else ()
    if selectors or not layouts:
        for name in _LAYOUT:
            if name not in selectors:
                raise ArgumentError(f"The key selectors.{name} is missing: it is a CSS selector.")
        layouts = (Layout(name="selectors", **selectors), *layouts)
    base = platform or Reader(layouts=(), noise=Noise(()))
    return replace(base, layouts=layouts, noise=base.noise.more(*more), **rules)


def _check(outlet: type[Outlet]) -> None:
    """Raise ArgumentError for keys that contradict each other."""
    if outlet.identity == "address" and "id" not in re.compile(outlet.article).groupindex:
        raise wrong("identity", "address", "page or canonical: article has no group id")
    own = {outlet.host, *outlet.aliases, *outlet.hosts}
    own |= set(map(twin, own))
    for source in outlet.sources:
        url = vars(source)[fields(source)[0].name]
        host = urlsplit(url).hostname if isinstance(url, str) else None
        if host and host not in own:
            raise wrong("sources", url, f"on a host of the outlet: {', '.join(sorted(own))}")
    for kind in (WordPress, Listings):
        if sum(isinstance(it, kind) for it in outlet.sources) > 1:
            raise ArgumentError(f"sources has {kind.__name__.lower()} twice: it may have one.")
    for source in outlet.sources:
        if isinstance(source, Listings) and source.front and source.front not in source.paths:
            raise wrong("sources.front", source.front, f"one of {', '.join(source.paths)}")


def read_table(text: str, file: str) -> dict[str, Row]:
    """Return the rows of a table of outlets by name. Raises RowError for text that is no TOML."""
    try:
        return {name: Row(file, name, values) for name, values in tomllib.loads(text).items()}
    except tomllib.TOMLDecodeError as error:
        raise RowError(f"{file} is not TOML: {error}.") from None
