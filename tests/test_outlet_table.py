"""Outlets without code: a row of outlets.toml is an outlet for every command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import ROOT, command, records_of
from tests.recordings import HTML, write_warc

SELECTORS = '{ article = "main article", headline = "h1", byline = "p.by", story = "div.story" }'
GAZETTE: dict[str, str] = {
    "title": '"The Gazette"',
    "host": '"www.gazette.example"',
    "zone": '"Europe/Berlin"',
    "language": '"de"',
    "article": r"'/\w+/.*-(?P<id>\d+)\.html'",
    "sources": '[{ feed = "/feed/" }]',
    "selectors": SELECTORS,
}
URL = "https://www.gazette.example/news/dam-{}.html"


def table(folder: Path, *rows: str) -> Path:
    """Write the table beside the output folder of ``folder``; return the output folder."""
    (folder / "outlets.toml").write_text("\n".join(rows), "utf-8")
    return folder / "output"


def row(name: str = "gazette", **changes: str | None) -> str:
    """Return a row; a key that is None is left out."""
    values = {**GAZETTE, **changes}
    return "\n".join([f"[{name}]", *(f"{key} = {it}" for key, it in values.items() if it), ""])


def page(number: int, body: str = "") -> bytes:
    text = body or "<p>" + "The dam holds, and the river is calm again. " * 8 + "</p>"
    return f"""<!DOCTYPE html><html><head><title>Dam {number}</title>
<link rel="canonical" href="{URL.format(number)}"><meta property="og:type" content="article">
</head><body><main><article><h1>Dam {number} holds</h1>
<p class="by">by Ada Quill <time datetime="2026-11-20T14:04:00">Nov 20, 2026</time></p>
<div class="story">{text}<aside>Subscribe</aside></div></article></main></body></html>""".encode()


def recording(folder: Path) -> str:
    """Write a recording of the site, with two articles in its feed; return its path."""
    items = "".join(
        f"<item><title>Dam</title><link>{URL.format(it)}</link><guid>{it}</guid></item>"
        for it in (7001, 7002)
    )
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'
    site = "https://www.gazette.example"
    answers = {
        f"{site}/robots.txt": (200, "text/plain", b"User-agent: *\nDisallow:\n"),
        f"{site}/feed/": (200, "application/rss+xml", feed.encode()),
        **{URL.format(it): (200, HTML, page(it)) for it in (7001, 7002)},
    }
    return str(write_warc(folder / "site.warc.gz", answers.items()))


def test_a_row_is_crawled_and_every_command_knows_it(tmp_path: Path) -> None:
    output = table(tmp_path, row(selectors=SELECTORS[:-1] + ', noise = ["aside"] }'))
    assert "gazette" in command(output, "list").stdout.split()
    done = command(output, "crawl", "gazette", NEWSCRAWL_REPLAY=recording(tmp_path))
    assert done.returncode == 0, done.stderr
    got = sorted(records_of(output, "gazette"), key=lambda it: it["id"])
    assert [(it["id"], it["url"]) for it in got] == [
        (str(number), URL.format(number)) for number in (7001, 7002)
    ]
    first = got[0]
    assert (first["outlet"], first["headline"]) == ("gazette", "Dam 7001 holds")
    assert first["authors"] == [{"name": "Ada Quill", "url": None}]
    assert (first["date_published"], first["language"]) == ("2026-11-20T13:04:00Z", "de")
    assert first["extraction"] == "selectors"
    assert "Subscribe" not in first["body"]
    for arguments in (
        ("runs", "gazette"),
        ("ledger", "gazette"),
        ("show", "gazette", "7001"),
        ("history", "gazette", URL.format(7001)),
        ("check-run", "gazette"),
    ):
        done = command(output, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), arguments
        assert done.stdout
    (tmp_path / "page.html").write_bytes(page(7003))
    done = command(output, "extract", "gazette", str(tmp_path / "page.html"))
    assert json.loads(done.stdout)["id"] == "7003", done.stderr
    # Any other outlet goes on.
    assert command(output, "runs", "hill").stderr == f"There is no run of hill in {output}.\n"


def test_a_row_without_selectors_is_read_by_generic(tmp_path: Path) -> None:
    output = table(tmp_path, row(selectors=None))
    done = command(output, "crawl", "gazette", NEWSCRAWL_REPLAY=recording(tmp_path))
    assert done.returncode == 0, done.stderr
    got = records_of(output, "gazette")
    assert {it["extraction"] for it in got} == {"generic"}
    assert {it["outlet"] for it in got} == {"gazette"}
    assert {it["id"] for it in got} == {"7001", "7002"}
    assert {it["language"] for it in got} == {"de"}
    # A day has no moment; that it began in Berlin is what is known.
    assert {it["date_published"] for it in got} == {"2026-11-19T23:00:00Z"}
    assert {it["date_precision"] for it in got} == {"day"}
    # They are marked in the dataset and in the report.
    assert command(output, "dataset", "build").returncode == 0
    files = (output / "dataset").resolve().rglob("*outlet=gazette*/**/*.parquet")
    columns = [pq.ParquetFile(it).read(["extraction"]).to_pydict() for it in files]
    assert {it for found in columns for it in found["extraction"]} == {"generic"}
    assert command(output, "report", "gazette").returncode == 0
    (report,) = output.glob("gazette/run=*/report.html")
    assert "By extraction" in report.read_text("utf-8")
    assert ">generic<" in report.read_text("utf-8")


def test_a_row_goes_on_with_its_fallback_until_its_selectors_are_mended(tmp_path: Path) -> None:
    old = '{ article = "main div.old", headline = "h1", story = "div.story" }'
    output = table(tmp_path, row(selectors=old, fallback='"generic"'))
    done = command(output, "crawl", "gazette", NEWSCRAWL_REPLAY=recording(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {it["extraction"] for it in records_of(output, "gazette")} == {"generic"}
    table(tmp_path, row(fallback='"generic"'))
    mended = command(output, "reread", "gazette")
    assert mended.returncode == 0, mended.stderr
    found = [(it["id"], it["revision"], it["extraction"]) for it in records_of(output, "gazette")]
    assert sorted(found) == [
        (number, revision, extraction)
        for number in ("7001", "7002")
        for revision, extraction in ((1, "generic"), (2, "selectors"))
    ]
    assert "has given a record" in command(output, "reread", "gazette").stdout


def test_a_setting_names_another_table(tmp_path: Path) -> None:
    other = tmp_path / "mine.toml"
    other.write_text(row("other"), "utf-8")
    output = table(tmp_path, row())
    done = command(output, "list", NEWSCRAWL_OUTLETS=str(other))
    assert done.returncode == 0
    assert "other" in done.stdout.split()
    assert "gazette" not in done.stdout.split()
    done = command(output, "list", NEWSCRAWL_OUTLETS=str(tmp_path / "none.toml"))
    assert done.returncode == 2
    assert done.stderr == (
        f"NEWSCRAWL_OUTLETS='{tmp_path}/none.toml' is not allowed:"
        " it must be the path of a file that is there.\n"
    )


def test_the_function_extract_knows_rows(tmp_path: Path) -> None:
    output = table(tmp_path, row(kinds='{ opinion = "/news/dam.*" }'))
    (tmp_path / "page.html").write_bytes(page(7001))
    program = (
        "import sys; from pathlib import Path; from newscrawl import extract;"
        "a = extract(Path(sys.argv[1]).read_bytes(), sys.argv[2], outlet='gazette');"
        "print(a.id, a.headline, a.kind)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "page.html", URL.format(7001)],
        env={**os.environ, "NEWSCRAWL_OUTPUT_DIR": str(output)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("7001 Dam 7001 holds opinion\n", "")


# What is wrong in a row, and what the sentence about it says.
WRONG: dict[str, tuple[dict[str, str | None], str]] = {
    "key": ({"zoen": '"UTC"'}, "Unknown key 'zoen'. Did you mean 'zone'?"),
    "zone": (
        {"zone": '"Europe/Berln"'},
        "zone='Europe/Berln' is not allowed: it must be a time zone of IANA, such as"
        " America/New_York (did you mean 'Europe/Berlin'?).",
    ),
    "platform": (
        {"platform": '"nexstr"'},
        "platform='nexstr' is not allowed: it must be one of nexstar, wordpress"
        " (did you mean 'nexstar'?).",
    ),
    "type": ({"title": "3"}, "title='3' is not allowed: it must be a text."),
    "missing": (
        {"host": None},
        "The key host is missing: it is a host name, such as www.gazette.example.",
    ),
    "no_article": ({"article": None}, "The key article is missing: it is a regular expression."),
    "host": (
        {"host": '"https://gazette.example"'},
        "host='https://gazette.example' is not allowed: it must be a host name, such as"
        " www.gazette.example.",
    ),
    "language": (
        {"language": '"deutsch"'},
        "language='deutsch' is not allowed: it must be a language tag of BCP 47, such as en-US.",
    ),
    "expression": (
        {"article": '"/news/(.*"'},
        "article='/news/(.*' is not allowed: it must be a regular expression"
        " (missing ), unterminated subpattern at position 6).",
    ),
    "selector": (
        {"selectors": '{ article = "main >", headline = "h1", story = "div" }'},
        "selectors.article='main >' is not allowed: it must be a CSS selector",
    ),
    "selectors": (
        {"selectors": '{ article = "main", headline = "h1" }'},
        "The key selectors.story is missing: it is a CSS selector.",
    ),
    "selector_key": (
        {"selectors": '{ article = "main", headlin = "h1", story = "div" }'},
        "Unknown key 'selectors.headlin'. Did you mean 'selectors.headline'?",
    ),
    "order": (
        {"selectors": SELECTORS[:-1] + ', order = { headline = ["print"] } }'},
        "selectors.order=\"{'headline': ['print']}\" is not allowed: it must be a table of fields,"
        " each with a list of sources (order of headline: no source 'print'",
    ),
    "kinds": (
        {"kinds": '{ comment = "/comment/.*" }'},
        "kinds=\"{'comment': '/comment/.*'}\" is not allowed: it must be a table of regular"
        " expressions; its keys are of news, opinion, newsletter, live, video, audio, gallery,"
        " sponsored.",
    ),
    "boxes": (
        {"selectors": SELECTORS[:-1] + """, boxes = ['"More"'] }"""},
        "selectors.boxes='[\\'\"More\"\\']' is not allowed: it must be a list of texts without"
        " quotation marks.",
    ),
    "source": (
        {"sources": '[{ fed = "/feed/" }]'},
        "Unknown kind of source 'sources.fed'. Did you mean 'sources.feed'?",
    ),
    "source_key": (
        {"sources": '[{ sitemap = "/s.xml", dayy = "/s-{0:%Y-%m-%d}.xml" }]'},
        "Unknown key 'sources.dayy'. Did you mean 'sources.day'?",
    ),
    "day": (
        {"sources": '[{ sitemap = "/s.xml", day = "/s-2026.xml" }]'},
        "sources.day='/s-2026.xml' is not allowed: it must be the address of a day's file, with"
        " the date as {0:%Y-%m-%d}.",
    ),
    "no_source": (
        {"sources": '["/feed/"]'},
        "sources=\"['/feed/']\" is not allowed: it must be a list of sources,"
        " such as [{ feed = '/feed/' }].",
    ),
    "elsewhere": (
        {"sources": '[{ feed = "https://feeds.example/gazette" }]'},
        "sources='https://feeds.example/gazette' is not allowed: it must be on a host of the"
        " outlet: gazette.example, www.gazette.example.",
    ),
    "identity": (
        {"article": r"'/\w+/.*\.html'", "identity": '"address"'},
        "identity='address' is not allowed: it must be page or canonical: article has no group id.",
    ),
    "twice": (
        {"sources": '[{ listings = ["a/"] }, { listings = ["b/"] }]'},
        "sources has listings twice: it may have one.",
    ),
    "fallback": (
        {"fallback": '"generik"'},
        "fallback='generik' is not allowed: it must be one of generic (did you mean 'generic'?).",
    ),
    "fallback_only": (
        {"selectors": None, "fallback": '"generic"'},
        "fallback='generic' is not allowed: it must be left out: without selectors all is generic.",
    ),
    "front": (
        {"sources": '[{ listings = ["a/", "b/"], front = "c/" }]'},
        "sources.front='c/' is not allowed: it must be one of a/, b/.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_a_row_is_one_sentence(tmp_path: Path, case: str) -> None:
    changes, sentence = WRONG[case]
    output = table(tmp_path, row(**changes), row("right"))
    start = f"{tmp_path}/outlets.toml, [gazette]: {sentence}"
    done = command(output, "crawl", "gazette", NEWSCRAWL_REPLAY=str(tmp_path / "none"))
    assert done.returncode == 2
    assert done.stderr.startswith(start)
    assert done.stderr.count("\n") == 1
    assert not output.exists()


def test_a_wrong_row_takes_no_other_row_away(tmp_path: Path) -> None:
    output = table(tmp_path, "number = 3", row(zone='"Mars"'), row("right"), row("hill"))
    done = command(output, "list")
    assert done.returncode == 1
    assert {"gazette", "hill", "right"} <= set(done.stdout.split())
    where = f"{tmp_path}/outlets.toml"
    assert sorted(done.stderr.splitlines()) == sorted(
        [
            f"{where}, [gazette]: zone='Mars' is not allowed: it must be a time zone of IANA,"
            " such as America/New_York.",
            f"{where}, [hill]: newscrawl has an outlet hill, which a row does not replace:"
            " rename the row.",
            f"{where}, [number]: It must be a table, with a line [number] before its keys.",
        ]
    )


def test_a_row_replaces_no_outlet_of_newscrawl(tmp_path: Path) -> None:
    for name in ("hill", "ktla"):
        output = table(tmp_path, row(name))
        done = command(output, "crawl", name)
        assert done.returncode == 2
        assert done.stderr == (
            f"{tmp_path}/outlets.toml, [{name}]: newscrawl has an outlet {name}, which a row does"
            " not replace: rename the row.\n"
        )


@pytest.mark.parametrize("name", ["KTLA", "generic", "dataset", "1st"])
def test_a_name_is_that_of_a_folder(tmp_path: Path, name: str) -> None:
    output = table(tmp_path, row(f'"{name}"'))
    done = command(output, "crawl", name)
    assert done.returncode == 2
    assert done.stderr == (
        f"{tmp_path}/outlets.toml, [{name}]: the name='{name}' is not allowed: it must be"
        " lower-case letters, digits, _ and -, and not dataset or generic.\n"
    )


def test_a_table_that_is_no_toml(tmp_path: Path) -> None:
    output = table(tmp_path, "[gazette", row())
    sentence = f"{tmp_path}/outlets.toml is not TOML: "
    for arguments, code in ((("list",), 1), (("crawl", "gazette"), 2)):
        done = command(output, *arguments)
        assert done.returncode == code, arguments
        assert done.stderr.startswith(sentence)
        assert done.stderr.count("\n") == 1
    (tmp_path / "outlets.toml").write_bytes(b"[gazette]\ntitle = '\xff'\n")
    done = command(output, "list")
    assert (done.returncode, done.stderr) == (1, f"{sentence}it is not UTF-8.\n")
    # The project's outlets are not in the table.
    assert command(output, "crawl", "hill", "-a", "pages=0").stderr.startswith("pages='0'")


def test_scrapyd_gets_the_whole_list(tmp_path: Path) -> None:
    """A wrong row must not stop the jobs of the other outlets: Scrapyd lists before each job."""
    output = table(tmp_path, row(zone='"Mars"'), row("right"))
    done = command(output, "list", SCRAPY_PROJECT="default")
    assert (done.returncode, done.stderr) == (0, "")
    assert {"gazette", "right", "ktla", "hill"} <= set(done.stdout.split())


def test_parse_finds_the_outlet_of_an_address(tmp_path: Path) -> None:
    output = table(tmp_path, row(selectors=None), row("wrong", zone='"Mars"', host='"x.example"'))
    done = command(
        output, "parse", URL.format(7001), "--noitems", NEWSCRAWL_REPLAY=recording(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    done = command(output, "parse", "https://nowhere.example/")
    assert done.stderr == "No outlet has the address 'https://nowhere.example/'.\n"
