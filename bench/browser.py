"""Measure the memory of a crawl and its browser over hundreds of rendered pages."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.table import markdown
from newscrawl.downloader.browser.installed import find_browser
from tests.recordings import address
from tests.sample.answer import Page
from tests.sample.server import running
from tests.sample.site import SampleSite

ROOT = Path(__file__).parents[1]
PAGES = 500
STEP = 100
SECONDS = 1800


class Meter:
    """A site that measures the memory of its crawler after every few responses."""

    def __init__(self) -> None:
        self.crawl: subprocess.Popen[bytes] | None = None
        self.shown = 0
        self.rows: list[tuple[int, float, float, int]] = []
        sample = SampleSite(45)
        story = next(iter(sample.expected_live().values()))
        # One complete page of the sample site, served under many addresses.
        self._page = sample.get(story.url)
        self._sample = sample
        self._url = story.url

    def get(self, url: str) -> Page:
        html = (("Content-Type", "text/html; charset=UTF-8"),)
        if url.endswith("/news"):
            item = '<article class="archive__item"><a href="{}">x</a></article>'
            links = (item.format(address(6000000 + n)) for n in range(PAGES))
            return Page(200, html, f"<html><body>{''.join(links)}</body></html>".encode())
        if re.search(r"/\d{6,8}-", url):
            self._weigh()
        if "-story/" in url:
            number = int(url.split("/")[-2].partition("-")[0])
            body = self._page.body.replace(self._url.encode(), address(number).encode())
            return Page(200, html, body)
        return self._sample.get(url)

    def _weigh(self) -> None:
        if self.shown % STEP == 0 and self.shown and self.crawl:
            self.rows.append((self.shown, *weight(self.crawl.pid)))
        self.shown += 1


def weight(crawl: int) -> tuple[float, float, int]:
    """Return the MB of a crawl, the MB of all processes below it, and how many these are.

    The MB are proportional: memory that processes share counts once.
    """
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                stat = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(stat[1]), []).append(int(folder.name))
    below, queue = [], [*children.get(crawl, [])]
    while queue:
        number = queue.pop()
        below.append(number)
        queue += children.get(number, [])
    return _megabytes(crawl), sum(map(_megabytes, below)), len(below)


def _megabytes(number: int) -> float:
    try:
        lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0  # it has just ended
    return next((int(it.split()[1]) / 1024 for it in lines if it.startswith("Pss:")), 0.0)


def run() -> str:
    """Return the report."""
    title = "### Memory of a crawl that renders every page"
    if find_browser() is None:
        return f"{title}\n\nNot measured: no Chromium or Chrome is installed."
    meter = Meter()
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as output, running(meter) as server:
        command = [
            *(sys.executable, "-m", "scrapy", "crawl", "hill"),
            *("-a", "sections=news", "-a", "fetch=browser", "-a", f"limit={PAGES + 1}"),
            *("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False"),
            *("-s", "CONCURRENT_REQUESTS=2", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=2"),
            *("-s", 'NEWSCRAWL_BROWSER_CONTEXT={"ignore_https_errors": true}'),
            *("-s", "LOG_LEVEL=ERROR"),
        ]
        environment = {
            **os.environ,
            "https_proxy": f"http://127.0.0.1:{server.port}",
            "NEWSCRAWL_OUTPUT_DIR": output,
        }
        meter.crawl = subprocess.Popen(command, cwd=ROOT, env=environment)
        try:
            meter.crawl.wait(SECONDS)
        finally:
            meter.crawl.kill()
    rows = [
        (f"{shown}", f"{crawl:.0f} MB", f"{browser:.0f} MB", f"{count}")
        for shown, crawl, browser, count in meter.rows
    ]
    head = ("rendered pages", "the crawl", "driver and browser", "processes")
    return f"{title}\n\n{markdown(head, rows)}"
