"""The commands as users call them: the same words, the same failures, no traceback."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from io import TextIOWrapper
from pathlib import Path
from typing import IO

import jsonschema
import pytest
import scrapy

import newscrawl.commands
from newscrawl import __version__
from newscrawl.commands.__main__ import commands_in
from newscrawl.commands.demo import unpack_sample
from newscrawl.items import Candidate
from newscrawl.storage import schema
from newscrawl.storage.ledger import Ledger, sqlite_url
from tests.conftest import ROOT, command, environment
from tests.forks import forks
from tests.made_up import made_up, write_run
from tests.recordings import HTML, address, article, site

OURS = commands_in(newscrawl.commands)
UNKNOWN = "Unknown article '999' of hill in "
URL = "https://thehill.com/homenews/senate/5671027-storm-nears/"
RUN = "20261123T201400Z"
# Modules that are slow to import, and what needs them.
SLOW_TO_IMPORT = {
    "aiohttp": "the storage, and Scrapy's remote control",
    "apprise": "alerts that are sent",
    "duckdb": "no command",
    "holidays": "comparing the news of a week and more",
    "jinja2": "reports, and `browse`",
    "playwright": "pages that need JavaScript",
    "psycopg": "a ledger on a server",
    "pyarrow": "the dataset",
    "s3fs": "a storage",
    "sqlalchemy.dialects.postgresql": "a ledger on a server",
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with two runs, the second of which revised article 1."""
    # A question mark would end the path in a URL.
    output = tmp_path_factory.mktemp("what?") / "50% o"
    write_run(output, RUN, [made_up(1), made_up(2)])
    write_run(output, "20261124T201400Z", [made_up(1, 2, headline="Storm 1 “passes” Zoë’s town")])
    ledger = Ledger(sqlite_url(output / "ledger.sqlite3"))
    unread = Candidate(id="3", url="https://thehill.com/homenews/senate/3-storm/")
    ledger.apply([ledger.insert_pending("hill", unread, "2026-11-24T20:14:00Z")])
    ledger.close()
    return output


@pytest.mark.parametrize(
    "line",
    [
        "runs nosuch",
        "ledger nosuch",
        "ledger nosuch 1",
        "history nosuch 1",
        "show nosuch 1",
        "report nosuch",
        "check-run nosuch",
        "dataset changes nosuch",
        "crawl nosuch",
        "compare nosuch https://thehill.com/?p=1",
        "extract nosuch page.html",
        "check nosuch",
        "fetch --spider nosuch https://thehill.com/",
        "parse --spider nosuch https://thehill.com/",
        "shell --spider nosuch https://thehill.com/",
        "view --spider nosuch https://thehill.com/",
    ],
)
def test_an_unknown_outlet_is_one_sentence_and_one_exit_code(output: Path, line: str) -> None:
    done = command(output, *line.split())
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("Unknown outlet 'nosuch'. Known are ")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("history hill 999", UNKNOWN),
        ("show hill 999", UNKNOWN),
        ("show hill 1 --revision 7", "There is no revision 7 of article 1."),
        ("ledger hill 999", UNKNOWN),
        ("show hill 3", "Article 3 of hill has no record. See why: scrapy ledger hill 3\n"),
        ("show hill https://thehill.com/news/", "'https://thehill.com/news/' is not the address"),
        ("history hill https://thehill.com/homenews/senate/6000001-storm/", "Unknown article"),
        *(
            (f"{line} https://thehill.com/news/", "'https://thehill.com/news/' is not the address")
            for line in (
                "history hill",
                "ledger hill",
                "compare hill",
                "extract hill LICENSE --url",
            )
        ),
        ("runs hill --limit 1", ""),
    ],
)
def test_an_unknown_article_is_one_sentence(output: Path, line: str, sentence: str) -> None:
    done = command(output, *line.split())
    assert done.returncode == (3 if sentence else 0)
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == bool(sentence)


@pytest.mark.parametrize(
    "line", ["runs", "ledger", "show hill 1", "dataset build", "dataset verify"]
)
def test_without_an_output_folder_the_place_is_named(tmp_path: Path, line: str) -> None:
    folder = tmp_path / "nowhere"
    done = command(folder, *line.split())
    assert done.returncode == 3
    assert done.stderr == (
        f"There is no output folder {folder}."
        " Name another with NEWSCRAWL_OUTPUT_DIR=/path/to/output.\n"
    )
    assert not folder.exists()


@pytest.mark.parametrize(
    "line",
    ["runs -x", "show hill", "dataset", "dataset fly", "settings NO", "parse thehill.com/?p=1"],
)
def test_wrong_usage_has_a_code_of_its_own(output: Path, line: str) -> None:
    done = command(output, *line.split())
    assert done.returncode == 2
    assert "error: " in done.stderr


@pytest.mark.parametrize(
    ("line", "is_fresh"),
    [
        # A new Python process encodes its streams by the environment; the forks set it in_ascii.
        ("history hill 1", True),
        ("list", False),
        ("runs", False),
        ("ledger", False),
        ("ledger hill 1", False),
        ("show hill 1", False),
        ("dataset changes hill", False),
    ],
)
def test_a_closed_pipe_and_an_ascii_terminal_give_no_traceback(
    output: Path, line: str, is_fresh: bool
) -> None:
    ascii_only = {**environment(output), "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}

    def code_and_errors(out: IO[bytes]) -> tuple[int, bytes]:
        with tempfile.TemporaryFile() as err, Path(os.devnull).open("rb") as nothing:
            if is_fresh:
                call = [sys.executable, "-W", "error", "-m", "scrapy", *line.split()]
                code = subprocess.call(call, cwd=ROOT, env=ascii_only, stdout=out, stderr=err)
            else:
                streams = (nothing, out, err)
                main = "tests.test_commands:in_ascii"
                code = forks().start(line.split(), environment(output), streams, main).wait(120)
            err.seek(0)
            return code, err.read()

    with tempfile.TemporaryFile() as printed:
        assert code_and_errors(printed) == (0, b"")
        assert os.fstat(printed.fileno()).st_size
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        assert code_and_errors(closed) == (0, b"")


def in_ascii() -> None:
    """Run ``scrapy`` as on a terminal that accepts only ASCII."""
    from scrapy.cmdline import execute  # noqa: PLC0415  # it may install a reactor

    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, TextIOWrapper)
        stream.reconfigure(encoding="ascii", errors=stream.errors)
    execute()


@pytest.mark.parametrize("line", ["list", "crawl hill -a sections=news"])
def test_a_command_imports_no_slow_module_without_need(tmp_path: Path, line: str) -> None:
    recording = site(tmp_path / "1.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "importtime", "-m", "scrapy", *line.split()],
        cwd=ROOT,
        env=environment(tmp_path / "output", NEWSCRAWL_REPLAY=str(recording)),
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {it.rpartition("|")[2].strip() for it in done.stderr.splitlines()}
    assert "newscrawl.commands.base" in imported
    # ``-X importtime`` does not list packages that import_module loads, but lists their modules.
    slow = {name for name in SLOW_TO_IMPORT for it in imported if f"{it}.".startswith(f"{name}.")}
    assert {name: SLOW_TO_IMPORT[name] for name in slow} == {}


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_command_has_an_example_and_exit_codes(output: Path, name: str) -> None:
    printed = command(output, name, "-h").stdout
    assert f"\nExample: scrapy {name}" in printed
    assert "\nExit codes: 0 " in printed


@pytest.mark.parametrize("name", ["archive", "reread"])
def test_the_help_names_only_what_the_command_allows(output: Path, name: str) -> None:
    printed = command(output, name, "-h").stdout
    given = printed.partition("Spider arguments (-a NAME=VALUE):\n")[2]
    assert re.findall(r"^  (\w+)", given, flags=re.M) == ["since", "until", "limit"]
    assert ("--output" in printed) == (name == "reread")


def test_a_record_and_its_history_are_shown(output: Path) -> None:
    shown = command(output, "show", "hill", "1").stdout
    assert shown.startswith("Storm 1 “passes” Zoë’s town\n")
    assert "\nrevision        2\n" in shown
    assert "It rained on day 1." in shown
    assert "revision        1\n" in command(output, "show", "hill", "1", "--revision", "1").stdout
    history = command(output, "history", "hill", "1").stdout
    assert "    + Storm 1 “passes” Zoë’s town" in history


def test_a_saved_page_gives_its_record(tmp_path: Path) -> None:
    page = ROOT / "tests" / "fixtures" / "hill" / "broken_json_ld" / "page.html"
    done = command(tmp_path / "output", "extract", "hill", str(page))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    record = json.loads(done.stdout)
    jsonschema.validate(record, schema.generate())
    assert (record["id"], record["source"]) == ("6012800", "page")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("page", "arguments", "code", "sentence"),
    [
        (b"<p>Hello</p>", ("--url", URL), 1, "No record: no article on the page"),
        (b"", ("--url", URL), 1, "No record: empty answer"),
        (b"<p>Hello</p>", (), 3, "The page does not name its address. Name it with --url"),
        (b"{broken", (), 3, "The page does not name its address. Name it with --url"),
        (b"<p>Hello</p>", ("--url", "https://example.org/"), 3, "'https://example.org/' is not"),
        (None, (), 3, "{page} cannot be used: No such file or directory."),
    ],
)
def test_what_gives_no_record_says_why(
    tmp_path: Path, page: bytes | None, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    path = tmp_path / "page.html"
    if page is not None:
        path.write_bytes(page)
    done = command(tmp_path, "extract", "hill", str(path), *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith(sentence.format(page=path))
    assert "Traceback" not in done.stderr


def test_any_path_can_hold_the_output(output: Path) -> None:
    assert (output / "ledger.sqlite3").exists()
    rebuilt = command(output, "ledger", "--rebuild")
    assert rebuilt.stdout == "Rebuilt the ledger from 3 published records.\n"
    assert command(output, "dataset", "build").returncode == 0
    verified = command(output, "dataset", "verify")
    assert (verified.returncode, verified.stdout) == (0, "")
    assert verified.stderr == "2 runs, 3 records: all is well.\n"
    assert not [it for it in output.parent.iterdir() if it != output]


def test_a_remote_url_with_one_slash_is_refused(output: Path) -> None:
    done = command(output, "push", "s3:/bucket/news")
    assert done.returncode == 3
    assert done.stderr == (
        "URL='s3:/bucket/news' is not allowed:"
        " it must be a URL such as s3://bucket/news, or a folder.\n"
    )


def test_the_demo_shows_a_revision_and_commands_that_work(tmp_path: Path) -> None:
    mine = tmp_path / "demo" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("not the demo's")
    done = command(tmp_path, "demo")
    assert (done.returncode, done.stderr) == (0, "")
    assert "broken on purpose" in done.stdout
    assert re.search(r"new +3 +revised 1 ", done.stdout)
    assert "\n       + Harbor pilots suspend strike" in done.stdout
    assert (tmp_path / "demo-2" / "dataset").is_dir()
    shown = re.findall(r"^(?:  |  details  ) +scrapy (.*)$", done.stdout, flags=re.M)
    assert len(shown) == 5
    for line in shown:
        tried = command(tmp_path / "elsewhere", *shlex.split(line))
        assert (tried.returncode, tried.stderr) == (0, "")
        assert len(tried.stdout.splitlines()) > 1
        if "check-run" in line:
            assert re.search(r" no findings\n  incomplete +\d .*, 7 waiting for ", tried.stdout)
    assert mine.read_text() == "not the demo's"
    assert sorted(it.name for it in tmp_path.iterdir()) == ["demo", "demo-2"]


def test_an_installed_newscrawl_works_in_any_folder(tmp_path: Path) -> None:
    # The build leaves files beside what it reads.
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    shutil.copytree(ROOT / "newscrawl", clone / "newscrawl")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    isolated = {name: it for name, it in os.environ.items() if name != "PYTHONPATH"}
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(clone)]
    subprocess.run(build, env=isolated, check=True, capture_output=True)
    shutil.rmtree(clone)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install = [*pip, "--python", str(python), "install", "--no-deps", str(wheel)]
    subprocess.run(install, env=isolated, check=True, capture_output=True)
    # What it depends on is that of the tests; the wheel comes first.
    library = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")}))
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib"))

    folder = tmp_path / "any folder"
    folder.mkdir()

    def newscrawl(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [tmp_path / "venv" / "bin" / "newscrawl", *arguments],
            cwd=folder,
            env=isolated | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    said = newscrawl().stdout
    assert "newscrawl <command> -h" in said
    assert said.startswith("newscrawl 0.")
    for version in ("version", "--version"):
        said = newscrawl(version).stdout
        assert said == f"newscrawl {__version__}\nScrapy {scrapy.__version__}\n"
    assert (
        "Known are archive, bench, browse, capture, check, check-run, " in newscrawl("fly").stderr
    )
    misspelt = newscrawl("craw", "hill")
    assert (misspelt.returncode, misspelt.stdout) == (2, "")
    assert misspelt.stderr == "Unknown command 'craw'. Did you mean 'crawl'?\n"
    assert newscrawl("runs").stderr == (
        f"There is no output folder {folder / 'output'}."
        " Name another with NEWSCRAWL_OUTPUT_DIR=/path/to/output.\n"
    )
    assert newscrawl("crawl", "-h").stdout.startswith("Usage\n=====\n  newscrawl crawl <outlet>")
    warc = str(unpack_sample(tmp_path)[0])
    first = newscrawl("crawl", "hill", "-a", "limit=1", NEWSCRAWL_REPLAY=warc)
    assert first.returncode == 0
    assert first.stderr.partition("\n")[0].endswith(f"Crawling hill into {folder / 'output'}")
    assert f"There is no output folder {folder / 'output'}: creating it" in first.stderr
    # Another newscrawl, or none, is on the PATH.
    called = tmp_path / "venv" / "bin" / "newscrawl"
    assert re.search(rf"  details    {called} check-run hill \d+T\d+Z\n", first.stderr)
    again = newscrawl("crawl", "hill", "-a", "limit=1", NEWSCRAWL_REPLAY=warc)
    assert "There is no output folder" not in again.stderr
    assert newscrawl("runs", "hill").stdout.count("hill  limit") == 2
