"""Settings: a wrong or misspelt one ends the job with a sentence, wherever it was set."""

import os
from pathlib import Path

import pytest
from scrapy.settings import Settings

from newscrawl import settings as module
from newscrawl.exceptions import ArgumentError
from newscrawl.settings import check, read, table
from tests.conftest import crawl
from tests.recordings import HTML, address, article, site

WRONG = {
    "NEWSCRAWL_PART_RECORDS=1.5": "it must be a whole number from 1 up.",
    "NEWSCRAWL_PART_RECORDS=": "it must be a whole number from 1 up.",
    "NEWSCRAWL_PART_MINUTES=nan": "it must be a number above 0.",
    "NEWSCRAWL_PROBE_HOURS=6": "it must be two numbers above 0",
    "NEWSCRAWL_PROBE_HOURS=48,6": "it must be two numbers above 0",
    "NEWSCRAWL_RETRY_HOURS=-1": "it must be hours, comma-separated, or nothing.",
    "NEWSCRAWL_REVISIT_HOURS=soon": "it must be hours, comma-separated, or nothing.",
    "NEWSCRAWL_BROWSER_CONTEXT=[1]": "it must be a JSON object.",
    "NEWSCRAWL_LOG_LEVEL=CHATTY": "it must be one of DEBUG, INFO",
    "NEWSCRAWL_REMOTE=s3:/bucket/news": "it must be a URL such as s3://bucket/news, or a folder.",
    "NEWSCRAWL_REPORT=always": "it must be 0 or 1.",
    "NEWSCRAWL_STRICT=": "it must be 0 or 1.",
    "NEWSCRAWL_OUTPUT_DIR=": "it must be a path.",
    "NEWSCRAWL_OUTPUT=x": "Did you mean 'NEWSCRAWL_OUTPUT_DIR'?",
}
SCRAPYS = {
    "CONCURRENT_REQUESTS=1.5": "it must be a whole number.",
    "DOWNLOAD_DELAY=slow": "it must be a number.",
    "ROBOTSTXT_OBEY=maybe": "it must be True or False.",
    "LOG_LEVEL=CHATTY": "it must be one of DEBUG, INFO",
}


EMPTY = {"NEWSCRAWL_STRICT": "", "NEWSCRAWL_PART_MINUTES": "", "NEWSCRAWL_REVISIT_HOURS": ""}


def settings_of(*given: str) -> Settings:
    settings = Settings({it.name: it.default for it in table})
    settings.setdict(dict(it.split("=", 1) for it in given), priority="cmdline")
    return settings


@pytest.mark.fast
@pytest.mark.parametrize("given", [*WRONG, *SCRAPYS])
def test_a_wrong_value_is_a_sentence(given: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        check(settings_of(given))
    assert ({**WRONG, **SCRAPYS})[given] in str(caught.value)
    assert given.partition("=")[0] in str(caught.value)


@pytest.mark.fast
def test_what_is_right_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [it for it in os.environ if it.startswith("NEWSCRAWL_")]:
        monkeypatch.delenv(name)
    check(settings_of())
    for given in ("TELNETCONSOLE_ENABLED=False", "DOWNLOAD_DELAY=0.05", "RETRY_TIMES=0"):
        check(settings_of(given))
    # A program gives Python's values.
    assert read(Settings({"NEWSCRAWL_PROBE_HOURS": (1, 2)}), "NEWSCRAWL_PROBE_HOURS") == (1, 2)
    assert read(settings_of(), "NEWSCRAWL_RETRY_HOURS") == (1, 3, 12, 24, 72)
    assert {it for it in dir(module) if it.startswith("NEWSCRAWL_")} == {it.name for it in table}


@pytest.mark.parametrize(
    ("environment", "arguments", "sentence"),
    [
        ({"NEWSCRAWL_PART_RECORDS": "1.5"}, (), WRONG["NEWSCRAWL_PART_RECORDS=1.5"]),
        ({"NEWSCRAWL_OUTPUT": "x"}, (), WRONG["NEWSCRAWL_OUTPUT=x"]),
        ({"NEWSCRAWL_LIMIT": "5"}, (), "'limit' is a spider argument: scrapy crawl hill -a limit="),
        ({}, ("-s", "NEWSCRAWL_PROBE_HOURS=6"), WRONG["NEWSCRAWL_PROBE_HOURS=6"]),
    ],
)
def test_a_crawl_with_a_wrong_setting_does_not_begin(
    tmp_path: Path, environment: dict[str, str], arguments: tuple[str, ...], sentence: str
) -> None:
    output = tmp_path / "output"
    done = crawl(output, *arguments, **environment)
    assert (done.code, output.exists()) == (2, False)
    assert sentence in done.log
    assert "Traceback" not in done.log


def test_every_setting_can_stand_in_the_environment(tmp_path: Path) -> None:
    pages = {address(n): (200, HTML, article(n)) for n in (6000001, 6000002, 6000003)}
    recording = site(tmp_path / "site.warc.gz", pages)
    output = tmp_path / "output"
    done = crawl(output, NEWSCRAWL_REPLAY=str(recording), NEWSCRAWL_PART_RECORDS="1", **EMPTY)
    assert [it["records"] for it in done.runs[0]["parts"]] == [1, 1, 1]
