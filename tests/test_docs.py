"""The documentation is true: it builds, its commands work, its lists are complete."""

import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from newscrawl import settings
from newscrawl.base_spiders import arguments
from newscrawl.dataset.build import build
from newscrawl.extensions.exit_codes import EXIT_CODES
from newscrawl.extensions.metrics import RunCollector
from newscrawl.monitoring.checks import CHECKS
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage import schema
from newscrawl.storage.stats import LATENCY_BOUNDS
from tests.conftest import ROOT, answer, command, environment, open_spider, read_article
from tests.made_up import gone, made_up, write_run
from tests.test_architecture import OUTLET_HEADINGS

spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
assert spec and spec.loader
generate = importlib.util.module_from_spec(spec)
spec.loader.exec_module(generate)

PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md"))
}
RUN = {
    "spider": "hill",
    "books": {"new": 1, "failed": {"timeout": 1}},
    "finished": "2026-11-24T12:00:00Z",
    "complete": False,
    "stats": {
        "newscrawl/latency/count": 1,
        "newscrawl/latency/sum": 1.0,
        **{f"newscrawl/latency/le/{bound:g}": 1 for bound in LATENCY_BOUNDS},
    },
}
COMMANDS = {name: parser for name, _, parser in generate.commands()}
GAZETTE = """<html lang="en"><body><main><article><a class="kicker" href="/news/">News</a>
<h1>Bridge opens</h1><p class="byline">By Ada Quill - 11/20/26 2:04 PM ET</p>
<div class="story"><p>The bridge opened.</p><aside>Buy now</aside></div>
<ul class="tags"><li><a href="/tag/bridges">Bridges</a></li></ul></article></main></body></html>"""


def test_the_site_builds_without_a_warning_and_loads_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", ROOT / "docs", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    loads = re.compile(r"""(?:src=|rel="stylesheet"[^>]*href=|@import |url\()["']?(?:https?:)?//""")
    files = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    assert not [path for path in files if loads.search(path.read_text("utf-8"))]


@pytest.mark.fast
@pytest.mark.parametrize("page", generate.pages(), ids=lambda path: path.stem)
def test_the_generated_parts_are_current(page: Path) -> None:
    text = page.read_text("utf-8")
    assert generate.fill(text) == text, "run: python docs/generate.py"


def shown() -> Iterator[tuple[str, str]]:
    """Yield every command line that a page shows, in a block or inline, with its page."""
    setting = r"""[A-Z_]+=(?:'[^']*'|"[^"]*"|\S+) """
    line = re.compile(
        rf"^\s*(?:\$ )?(?:{setting})*(?:\S+/bin/)?(?:newscrawl|scrapy) ([a-z][^<]*?)"
        r"(?: \|\|.*| # .*)?$"
    )
    for page, text in PAGES.items():
        blocks = re.findall(r"^ *```(?:text)?\n(.*?)^ *```", text, flags=re.S | re.M)
        lines = [it for block in blocks for it in block.splitlines()]
        for found in map(line.match, [*lines, *re.findall(r"`([^`\n]+)`", text)]):
            if found:
                yield page, found[1]


@pytest.mark.fast
@pytest.mark.parametrize(("page", "line"), sorted(set(shown())))
def test_a_command_that_is_shown_is_one(
    page: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, *rest = shlex.split(line.partition("; ")[0])
    assert name in COMMANDS, f"{page}: no command {name}"
    if not rest or "[" in line or "…" in line:
        return
    try:
        options, more = COMMANDS[name].parse_known_args(rest)
    except SystemExit:
        pytest.fail(f"{page}: {line}: {capsys.readouterr().err}")
    assert not [it for it in more if it.startswith("-")], page
    if name == "crawl" and more == ["hill"]:
        given = dict(it.split("=", 1) for it in options.spargs)
        given.pop("archive", None)
        arguments.parse(given, open_spider(HillSpider))


@pytest.mark.fast
def test_every_file_that_is_named_is_there() -> None:
    named = re.compile(r"`((?:newscrawl|tests|bench|deploy|docs)/[\w./-]*(?:/|\.\w+))`")
    made = {"newscrawl/spiders/gazette.py", "tests/fixtures/gazette/news/"}
    missing = {
        f"{page}: {name}"
        for page, text in PAGES.items()
        for name in named.findall(text)
        if name not in made and not (ROOT / name).exists()
    }
    links = re.compile(r"\]\((?!https?:)([^)#\s]+)[^)]*\)")
    for page, text in PAGES.items():
        folder = (ROOT / page).parent
        missing |= {f"{page}: {it}" for it in links.findall(text) if not (folder / it).exists()}
    tests = re.findall(r"`(test_\w+\.py)`", PAGES["SECURITY.md"])
    missing |= {it for it in tests if not (ROOT / "tests" / it).exists()}
    assert not missing


@pytest.mark.fast
def test_the_rooms_are_in_the_order_of_their_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    page = PAGES["docs/explanation/architecture.md"].partition("## Rooms")[2]
    cells = re.findall(r"^\| (`newscrawl/[^|]*) \|", page.partition("## ")[0], flags=re.M)
    rooms = re.findall(r"newscrawl/(\w+)", " ".join(cells))
    assert rooms == re.findall(r"newscrawl\.(\w+)", " ".join(layers))


@pytest.mark.fast
def test_a_page_explains_every_check() -> None:
    outcomes = PAGES["docs/reference/outcomes.md"].partition("## Checks")[2].rpartition("-->")[2]
    assert not [name for name in CHECKS if not re.search(rf"^\|[^|]*`{name}`", outcomes, re.M)]


@pytest.mark.fast
def test_a_page_explains_every_reason() -> None:
    page = PAGES["docs/reference/outcomes.md"]
    raised = re.compile(r"""(?:Unreadable|Browser|Refused|BrokenBody)Error\(f?["']([^"'{]+)""")
    code = [it for it in (ROOT / "newscrawl").rglob("*.py") if it.name != "comparison.py"]
    reasons = {it.strip() for path in code for it in raised.findall(path.read_text("utf-8"))}
    assert len(reasons) > 20
    assert not [it for it in reasons if f"`{it}" not in page and not it.startswith("http ")]


@pytest.mark.fast
def test_a_page_explains_every_way_to_end_a_run_and_every_metric() -> None:
    outcomes, stats = PAGES["docs/reference/outcomes.md"], PAGES["docs/reference/stats.md"]
    reasons = {reason for code in EXIT_CODES for reason in code.reasons} - {"start_error"}
    assert not [it for it in reasons if f"`{it}`" not in outcomes]
    metrics = {it.name for it in RunCollector(RUN, {}).collect()}
    assert len(metrics) == 8
    assert not [it for it in metrics if f"`{it}`" not in stats]


@pytest.mark.fast
def test_every_setting_that_is_named_is_one() -> None:
    known = {it.name for it in settings.table} | {"NEWSCRAWL_SYSTEM_USER"}
    pages = {page: set(re.findall(r"NEWSCRAWL_[A-Z_]+[A-Z]", text)) for page, text in PAGES.items()}
    assert not {page: names - known for page, names in pages.items() if names - known}


@pytest.mark.fast
def test_a_page_explains_every_stat() -> None:
    page = PAGES["docs/reference/stats.md"]
    code = "".join(it.read_text("utf-8") for it in (ROOT / "newscrawl").rglob("*.py"))
    stats = set(re.findall(r"""["'](newscrawl/[a-z_/]+[a-z_])(?:/?["']|/\{)""", code))
    assert len(stats) > 15
    explained = {
        name for name in stats if f"`{name}" in page or f"`{name.rpartition('/')[0]}/<" in page
    }
    assert stats == explained


@pytest.mark.fast
def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 150


@pytest.mark.fast
def test_the_new_outlet_reads_a_page() -> None:
    (code,) = re.findall(
        r"```python\n(.*?class GazetteSpider.*?)```",
        PAGES["docs/how-to/add-an-outlet.md"],
        flags=re.S,
    )
    assert len(code[code.index("class ") :].splitlines()) < 50
    names: dict[str, Any] = {"__name__": "gazette"}
    exec(code, names)  # the page's own code
    assert re.findall(r"^    (\w+)$", names["GazetteSpider"].__doc__, re.M) == OUTLET_HEADINGS
    spider = open_spider(names["GazetteSpider"])
    page = answer("https://gazette.example/news/bridge-opens-7001.html", GAZETTE.encode())
    article = read_article(spider, page)
    assert (article.id, article.headline, article.body) == (
        "7001",
        "Bridge opens",
        "The bridge opened.",
    )
    assert (article.section, article.tags) == ("News", ["Bridges"])
    assert article.date_published == "2026-11-20T19:04:00Z"


def test_the_guide_leads_from_a_saved_page_to_a_green_test(tmp_path: Path) -> None:
    """The commands of the guide, copied and run in a clone, until the test passes."""
    for name in ("newscrawl", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "scrapy.cfg"):
        shutil.copy(ROOT / name, tmp_path / name)
    environ = environment(tmp_path / "output", PYTHONPATH=str(tmp_path))
    guide = PAGES["docs/how-to/add-an-outlet.md"].partition("## 4.")[0]
    programs = {
        "newscrawl ": [sys.executable, "-W", "error", "-m", "newscrawl.commands"],
        ".venv/bin/python ": [sys.executable, "-B", "-W", "error"],
    }
    printed, commands = "", 0
    for block in re.findall(r"```text\n(.*?)```", guide, flags=re.S):
        if program := next((it for it in programs if block.startswith(it)), None):
            done = subprocess.run(
                [*programs[program], *shlex.split(block.removeprefix(program))],
                cwd=tmp_path,
                env=environ,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (done.returncode, done.stderr) == (0, ""), done.stdout
            printed, commands = done.stdout, commands + 1
        else:
            assert [it for it in block.splitlines() if it not in printed] == []
    assert commands == 3
    passed = re.search(r"(\d+) passed", printed)
    assert passed
    assert int(passed[1]) >= 4


def test_the_queries_find_earlier_texts_of_an_article(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, number = tmp_path / "output", 4373704
    first = made_up(number, headline="Storm nears", body="It rained. It poured.")
    second = made_up(
        number, 2, headline="Storm passes", body="Dry.", date_fetched="2026-11-25T14:00:00Z"
    )
    write_run(output, "20261124T120000Z", [first, made_up(2)])
    write_run(output, "20261125T120000Z", [second], [gone(2, "2026-11-25T12:00:05Z")])
    build(output)
    monkeypatch.chdir(tmp_path)
    text = PAGES["docs/how-to/backfill.md"]
    queries = re.findall(r"```sql\n(.*?)```", text, flags=re.S)
    versions, headlines, at, lost, removed = (duckdb.sql(it).fetchall() for it in queries)
    assert [(row[0], row[3]) for row in versions] == [(1, "Storm nears"), (2, "Storm passes")]
    assert [(row[0], row[1], *row[3:]) for row in headlines] == [
        (str(number), 2, "Storm nears", "Storm passes")
    ]
    assert at == [("Storm nears", "It rained. It poured.")]
    assert [(row[0], row[2]) for row in lost] == [(str(number), 3)]
    assert [(row[0], row[2]) for row in removed] == [("2", "Storm 2 nears Port Merrow")]


def test_the_examples_of_extract_read_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fixture = next(it for it in (ROOT / "tests/fixtures/hill").iterdir() if "news" in it.name)
    meta = json.loads((fixture / "meta.json").read_text("utf-8"))
    expected = json.loads((fixture / "expected.json").read_text("utf-8"))
    (tmp_path / "page.html").write_bytes((fixture / meta["file"]).read_bytes())
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGES["docs/how-to/extract.md"], flags=re.S)
    exec(re.sub(r"https://[^\"]*", meta["url"], code), {})  # the page's own code
    assert capsys.readouterr().out.startswith(expected["headline"])


def test_schema_prints_the_shipped_schema(tmp_path: Path) -> None:
    done = command(tmp_path, "schema")
    assert (done.returncode, done.stdout) == (0, schema.shipped())


def test_the_tutorial_shows_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "output"
    printed = command(output, "demo").stdout
    (counts,) = re.findall(r"```text\n(  discovered.*?)```", PAGES["README.md"], flags=re.S)
    assert counts in printed
    (text,) = re.findall(r"```json\n(.*?)```", PAGES["README.md"], flags=re.S)
    shown = json.loads(text)
    real = json.loads(command(output / "demo", "show", "hill", shown["id"], "--json").stdout)
    assert real.pop("body").startswith(shown.pop("body"))
    assert shown.items() <= real.items()
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w*)\n(.*?)```", PAGES["docs/tutorial.md"], flags=re.S)
    for language, block in blocks:
        if language == "text":
            lines = [it.partition("…")[0] for it in block.splitlines()]
            assert [it for it in lines if it.strip() and it not in printed] == []
        elif language == "python":
            exec(block, {})  # the page's own code
            printed = capsys.readouterr().out
        elif block.startswith("newscrawl "):
            done = command(output / "demo", *block.split()[1:])
            printed = done.stdout + done.stderr
            assert done.returncode == 0, printed
