"""Take the pictures of the documentation again: ``python docs/pictures.py RUNS``.

``RUNS`` is an output folder of ``bench.watch.simulate``, whose run 37 has findings. The picture of
the dataset is of the demo. Needs Chromium and the extra ``test``.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from newscrawl.downloader.browser.installed import find_browser

FOLDER = Path(__file__).parent
EDGE = 16  # pixels around the panels


def newscrawl(*arguments: str) -> "subprocess.Popen[str]":
    """Start a command of newscrawl."""
    command = [sys.executable, "-m", "newscrawl.commands", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603


def panel(page: Page, url: str, size: tuple[int, int], heading: str = "") -> Image.Image:
    """Return a picture of a page, from its top or from a heading on."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(url)
    if heading:
        page.get_by_role("heading", name=heading).first.evaluate(
            "it => scrollTo(0, it.getBoundingClientRect().top + scrollY - 20)"
        )
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        page.screenshot(path=file.name)
        return Image.open(file.name).copy()


def save(name: str, panels: Sequence[Image.Image]) -> None:
    """Save panels side by side."""
    width = sum(it.width + EDGE for it in panels) + EDGE
    whole = Image.new("RGB", (width, panels[0].height + 2 * EDGE), "#d8dad4")
    left = EDGE
    for it in panels:
        whole.paste(it, (left, EDGE))
        left += it.width + EDGE
    whole.quantize(128).save(FOLDER / name, optimize=True)


def main(runs: Path) -> None:
    """Take both pictures."""
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        page = browser.new_page()
        output = Path(folder) / "demo"
        newscrawl("demo", "-s", f"NEWSCRAWL_OUTPUT_DIR={folder}").communicate()
        server = newscrawl("browse", "--port", "0", "-s", f"NEWSCRAWL_OUTPUT_DIR={output}")
        assert server.stdout
        found = None
        while not found:
            found = re.search(r"http://\S+", server.stdout.readline())
        size = (740, 668)
        search = panel(page, f"{found[0].rstrip('/')}/news/articles?_search=strike", size)
        page.get_by_role("link", name="Harbor pilots").first.click()
        save("browse.png", [search, panel(page, page.url, size, "revisions")])
        server.terminate()
        run = sorted(runs.glob("hill/run=*"))[37].name.removeprefix("run=")
        file = Path(folder) / "report.html"
        settings = ("-s", f"NEWSCRAWL_OUTPUT_DIR={runs}")
        newscrawl("report", "hill", run, "--to", str(file), *settings).communicate()
        address = file.as_uri()
        top = panel(page, address, (980, 1100))
        save("report.png", [top, panel(page, address, (400, 1100), "Extraction")])
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
