"""What else may happen to a site: each change is named by a check, with the next step."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from newscrawl.monitoring.checks import findings
from newscrawl.monitoring.messages import advice
from tests.conftest import Crawl, command, crawl
from tests.recordings import HTML, address, article, site
from tests.sample import faults
from tests.sample.answer import HTML as HEADER
from tests.sample.answer import Page, page, redirect
from tests.sample.day import DaySite
from tests.sample.faults import Break, Faulty, Rule
from tests.sample.server import SampleServer, running
from tests.test_checks import run_document
from tests.test_rejected import rejecting
from tests.test_reread import states

SITE = DaySite(datetime.now(UTC) - timedelta(hours=1), articles=0, corrections=0, older=20)
ARTICLES = r"^/(?!wp-json/).*/\d{7}-"
EVERYTHING = "^/(?!robots)"
FEED = "^/feed/"
FEED_URL = "https://thehill.com/feed/?feed=partnerfeed-news-feed&format=rss"
SHELL = b"""<!DOCTYPE html><html><head><title>The Hill</title><script src="/app.js"></script></head>
<body><div id="root"></div><noscript>You need to enable JavaScript to run this app.</noscript>
</body></html>"""
CONSENT = b"""<!DOCTYPE html><html><head><title>Before you go on</title></head><body>
<h1>Your privacy</h1><p>We and our 812 partners store cookies on your device. Choose what you
allow, or pay for a subscription without advertisements and without tracking of any kind. You can
change your choice at any time on the page of your account.</p><button>Accept</button></body></html>
"""


@contextmanager
def changed(*rules: tuple[str, Break]) -> Iterator[SampleServer]:
    with running(Faulty(SITE, [Rule(*it) for it in rules])) as server:
        yield server


def read(output: Path, server: SampleServer, *arguments: str) -> Crawl:
    """Crawl the articles of the site's feed."""
    return crawl(
        output,
        *("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False", "-s", "RETRY_TIMES=0"),
        *(arguments or ("-a", "discover=feeds", "-a", "fetch=page")),
        https_proxy=f"http://127.0.0.1:{server.port}",
        http_proxy=f"http://127.0.0.1:{server.port}",
    )


def checked(output: Path) -> dict[str, str]:
    """Return what check-run prints below each finding, by its name."""
    lines = command(output, "check-run", "hill").stdout.splitlines()[1:]
    found: dict[str, str] = {}
    for line in lines:
        if not line.startswith("    "):
            name, _, text = line.strip().partition(" ")
            found[name] = text.strip()
        else:
            found[name] += f"\n{line.strip()}"
    return found


def test_the_host_moves(tmp_path: Path) -> None:
    def moved(url: str, _: Page) -> Page:
        return redirect(url.replace("thehill.com", "news.thehill.example"))

    with changed((EVERYTHING, moved)) as server:
        done = read(tmp_path, server, "-a", "sections=homenews/senate,policy/defense,news")
    assert done.records == []
    found = checked(tmp_path)
    assert found.keys() >= {"site:moved"}
    says = "The site leads to news.thehill.example: 3 of 3 listings were redirected"
    assert says in found["site:moved"]
    assert "set the new host in the outlet" in found["site:moved"]
    assert "The site does not answer" not in str(found)


def test_robots_txt_forbids_all_at_once(tmp_path: Path) -> None:
    rules = b"User-agent: *\nDisallow: /\n"
    with changed(("^/robots", faults.body(rules, "text/plain"))) as server:
        done = read(tmp_path, server)
    assert done.code == 4
    found = checked(tmp_path)
    assert re.search(r"robots.txt forbids \d+ of \d+ listings", found["site:robots"])
    assert "ask the site" in found["site:robots"]


def test_pages_become_javascript_only(tmp_path: Path) -> None:
    with changed((ARTICLES, faults.body(SHELL))) as server:
        done = read(tmp_path, server)
    assert done.runs[0]["books"]["rejected"] == {"page needs JavaScript": 20}
    found = checked(tmp_path)["site:javascript"]
    assert "The pages of 20 of 20 articles are empty without JavaScript" in found
    assert "newscrawl crawl hill -a fetch=browser" in found


def test_a_consent_page_answers_for_every_article(tmp_path: Path) -> None:
    with changed((ARTICLES, faults.body(CONSENT))) as server:
        read(tmp_path, server)
    found = checked(tmp_path)["site:same-page"]
    assert "20 of 20 articles gave one and the same page: 'Before you go on'." in found
    # An outlet without REST refuses both arguments.
    assert "if the outlet has REST, newscrawl crawl hill -a discover=api -a fetch=api" in found


def cut_story(url: str, healthy: Page) -> Page:
    """Answer with the first paragraph of a story, and an offer."""
    offer = b"<p>Subscribe to read on.</p></div>"
    body = re.sub(
        rb'(<div class="article__text[^>]*>.*?</p>).*?\n</div>',
        rb"\1" + offer,
        healthy.body,
        count=1,
        flags=re.DOTALL,
    )
    return page(200, body, HEADER)


def test_a_soft_paywall_leaves_short_records(tmp_path: Path) -> None:
    with changed() as server:
        whole = read(tmp_path / "whole", server).stats
    with changed((ARTICLES, cut_story)) as server:
        cut = read(tmp_path / "cut", server).stats
    assert whole["newscrawl/long/page"] > 15
    assert cut["newscrawl/short/page"] > 15
    past = [hourly(it, new=5, **{"newscrawl/long/page": 5}) for it in range(30, 0, -1)]
    now = hourly(0, new=5, **{"newscrawl/short/page": 5})
    said = {it.name: it.says for it in findings(now, past)}
    assert "5 of 5 records from page have fewer than 100 words, usually 0.0%" in said["length:page"]


NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def hourly(ago: int, new: int = 5, listings: Any = None, **stats: int) -> Any:
    """Return a run of some hours ago."""
    run = run_document(NOW - timedelta(hours=ago), new, stats=stats)
    return {**run, **({"listings": listings} if listings else {})}


def test_the_feed_ends_and_rest_closes(tmp_path: Path) -> None:
    with changed((FEED, faults.status(404)), ("^/wp-json/", faults.status(401))) as server:
        done = read(tmp_path, server, "-a", "discover=feeds,api")
    listings = done.runs[-1]["listings"]
    rest = "https://thehill.com/wp-json/wp/v2"
    assert listings["main_failed"] == {FEED_URL: "http 404", rest: "http 401"}
    runs = [hourly(ago, listings=listings) for ago in (2, 1, 0)]
    found = findings(runs[-1], [*(hourly(ago) for ago in range(30, 2, -1)), *runs[:-1]])
    said = {it.subject: it for it in found if it.check == "closed"}
    since = "since 2026-11-23 12:00 UTC"
    assert said[FEED_URL].says == f"The listing {FEED_URL} cannot be read (http 404) {since}."
    assert said[rest].says == f"The listing {rest} cannot be read (http 401) {since}."
    assert "choose another discovery method" in advice(said[rest], "hill")
    # One failure is none.
    once = findings(runs[-1], [hourly(ago) for ago in range(30, 0, -1)])
    assert "closed" not in {it.check for it in once}


def test_the_feed_is_cut_to_ten(tmp_path: Path) -> None:
    with changed() as server:
        done = read(tmp_path, server)
    name = f"newscrawl/listed/{FEED_URL}"
    assert done.stats[name] == 20
    past = [hourly(it, **{name: 100}) for it in range(30, 3, -1)]
    short = [hourly(it, **{name: 10}) for it in range(3, 0, -1)]
    said = {it.check: it.says for it in findings(short[-1], [*past, *short[:-1]])}
    assert "lists 10 articles, usually 100" in said["shorter"]
    assert "shorter" not in {it.check for it in findings(short[0], past)}


def test_the_sites_clock_is_wrong_by_hours(tmp_path: Path) -> None:
    def late(url: str, healthy: Page) -> Page:
        date = format_datetime(datetime.now(UTC) - timedelta(hours=5), usegmt=True)
        return Page(healthy.status, (*healthy.headers, ("Date", date)), healthy.body)

    with changed(("^/", late)) as server:
        done = read(tmp_path, server)
    assert len(done.records) == 20
    found = checked(tmp_path)["clock:ahead"]
    assert "the site's clock shows" in found
    assert "or the site's is" in found


def old(number: int, story: int) -> tuple[str, tuple[int, str, bytes]]:
    """Return an article of three years ago, under an id."""
    text = article(number, f"<p>It rained {story} times.</p>", f"Story {story}")
    return address(number), (200, HTML, text.replace(b"11/20/26", b"11/20/23"))


def test_addresses_change_their_form(tmp_path: Path) -> None:
    output = tmp_path / "output"
    before = site(tmp_path / "before.warc.gz", dict(old(6000000 + it, it) for it in range(12)))
    after = site(tmp_path / "after.warc.gz", dict(old(7000000 + it, it) for it in range(12)))
    assert crawl(output, NEWSCRAWL_REPLAY=str(before)).code == 0
    done = crawl(output, NEWSCRAWL_REPLAY=str(after))
    assert done.code == 5
    assert done.runs[-1]["reason"] == "addresses changed"
    assert "The addresses of articles have changed: https://thehill.com/homenews/700" in done.log
    assert len(done.records) == 12 + 4
    found = checked(output)["site:addresses"]
    assert "articles of earlier runs appeared again as new ones" in found
    assert "newscrawl check-run hill --accept site:addresses" in found
    # Later runs publish none of them, until an operator accepts the new ids.
    again = crawl(output, NEWSCRAWL_REPLAY=str(after))
    assert again.runs[-1]["reason"] == "addresses changed"
    assert len(again.records) == 12 + 4
    accepted = command(output, "check-run", "hill", "--accept", "site:addresses")
    assert accepted.returncode == 0, accepted.stderr
    last = crawl(output, NEWSCRAWL_REPLAY=str(after))
    assert last.code == 0
    assert len(last.records) == 24


def test_old_articles_that_are_new_here_stop_nothing(tmp_path: Path) -> None:
    output = tmp_path / "output"
    for name, first in (("one", 0), ("two", 100)):
        pages = dict(old(6000000 + first + it, first + it) for it in range(12))
        warc = site(tmp_path / f"{name}.warc.gz", pages)
        assert crawl(output, NEWSCRAWL_REPLAY=str(warc)).code == 0
    assert len(Crawl(0, "", output).records) == 24


def test_listings_without_a_link_to_an_article(tmp_path: Path) -> None:
    pages = {"https://thehill.com/stories/one-story": (200, HTML, b"<p>x</p>")}
    done = crawl(
        tmp_path,
        "-a",
        "sections=news",
        NEWSCRAWL_REPLAY=str(site(tmp_path / "site.warc.gz", pages)),
    )
    assert done.runs[0]["listings"]["failed"] == {"no articles in the listing": 1}
    assert "1 of 1 listings have no link to an article" in checked(tmp_path)["site:addresses"]


# Articles that most pages of a run reject alike


@pytest.mark.parametrize(
    ("bad", "state"),
    [
        (4, ("rejected", "no article on the page", 1, 0)),
        (2, ("abandoned", "no article on the page", 2, 0)),
    ],
)
def test_a_layout_change_uses_up_no_retries(
    tmp_path: Path, bad: int, state: tuple[str, str, int, int]
) -> None:
    output = tmp_path / "output"
    warc = rejecting(tmp_path / "site.warc.gz", bad=bad, good=3)
    # One pause, which is over at once: the second rejection is the last.
    for _ in range(3):
        crawl(output, NEWSCRAWL_REPLAY=warc, NEWSCRAWL_RETRY_HOURS="0")
    assert states(output)["6000000"] == state


def test_ledger_makes_articles_due_again(tmp_path: Path) -> None:
    output = tmp_path / "output"
    crawl(
        output,
        NEWSCRAWL_REPLAY=rejecting(tmp_path / "site.warc.gz"),
        NEWSCRAWL_RETRY_HOURS="",
    )
    assert states(output)["6000000"][0] == "abandoned"
    none = command(output, "ledger", "hill", "--retry", "abandoned", "no body")
    assert (none.returncode, none.stdout) == (
        1,
        "hill: 0 articles abandoned for 'no body' are due now\n"
        "The reasons of abandoned articles are 'no article on the page' (3).\n",
    )
    some = command(output, "ledger", "hill", "--retry", "abandoned", "no article on the page")
    assert some.returncode == 0
    assert "3 articles abandoned for 'no article on the page' are due now" in some.stdout
    assert states(output)["6000000"] == ("pending", "no article on the page", 0, 0)
    assert "hill: 3 due now" in command(output, "ledger", "hill").stdout
    done = crawl(
        output,
        *("-s", "SPIDER_MODULES=tests.mended.hill"),
        NEWSCRAWL_REPLAY=rejecting(tmp_path / "again.warc.gz"),
    )
    assert done.runs[-1]["books"]["new"] == 3
    assert command(output, "ledger", "--retry", "failed").returncode == 2


def test_reading_again_changes_no_share() -> None:
    past = [hourly(ago) for ago in range(100, 0, -1)]
    tries = [hourly(0) | {"arguments": {"reread": "20260101T000000Z"}} for _ in range(3)]
    for number, it in enumerate(tries):
        it["started"] = f"2026-11-23T14:0{number}:00Z"
        it["books"] = {**it["books"], "new": 0, "discovered": 50, "rejected": {"no body": 50}}
    assert "rejected" not in {it.check for it in findings(tries[-1], [*past, *tries[:-1]])}
