"""Find an installed Chromium or Chrome."""

import logging
import os
import shutil
from pathlib import Path

from scrapy.crawler import Crawler

logger = logging.getLogger(__name__)

MISSING = "newscrawl/downloader/browser/missing"
"""The stat that counts how often a browser was needed and there was none."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Folders and file names of `playwright install chromium`, by system.
_DOWNLOADS = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
_DOWNLOADED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-*/*headless[_-]shell",
)


def find_browser(given: str = "") -> str | None:
    """Return the path of an installed Chromium or Chrome, or None.

    ``given`` is the setting ``NEWSCRAWL_BROWSER``, a path or a name on PATH. If it is set, no other
    browser is looked for.
    """
    if given:
        return shutil.which(given)
    if on_path := next(filter(None, map(shutil.which, _NAMES)), None):
        return on_path
    folders = (os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""), *_DOWNLOADS)
    downloaded = (
        str(path)
        for folder in filter(None, folders)
        for pattern in _DOWNLOADED
        for path in sorted(Path(folder).expanduser().glob(pattern), reverse=True)
    )
    return next(filter(None, map(shutil.which, (*_APPLICATIONS, *downloaded))), None)


def can_render(crawler: Crawler) -> bool:
    """Return whether a crawl has a browser, or a recording that replaces it.

    If it has none, log one warning for each crawl.
    """
    if crawler.settings.get("NEWSCRAWL_REPLAY"):
        return True
    if crawler.stats.get_value(MISSING):
        return False
    given = crawler.settings.get("NEWSCRAWL_BROWSER", "")
    if find_browser(given):
        return True
    report_missing(crawler, none_found(given))
    return False


def none_found(given: str) -> str:
    """Return why there is no browser; ``given`` is the setting ``NEWSCRAWL_BROWSER``."""
    if given:
        return f"NEWSCRAWL_BROWSER={given!r} is not a program"
    return "neither Chromium nor Chrome was found"


def report_missing(crawler: Crawler, why: str) -> None:
    """Count a missing browser, and log the first of a crawl."""
    if not crawler.stats.get_value(MISSING):
        logger.warning(
            'No browser: %s. The entries of live pages, and articles behind "Load more", are not'
            " read. Install one (Debian: apt-get install chromium; or playwright install"
            " chromium), or name it in NEWSCRAWL_BROWSER.",
            why,
        )
    crawler.stats.inc_value(MISSING)
