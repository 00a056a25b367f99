"""Rejected and recorded responses are read again: each once, in its place in time."""

import json
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from newscrawl.storage.run_folder import RunFolder
from tests.conftest import Crawl, command, crawl, make_due, wait_until_after
from tests.made_up import edit
from tests.recordings import HTML, address, article, site, write_warc
from tests.sample.day import DaySite
from tests.sample.redesign import Redesigned
from tests.sample.server import running
from tests.sample.site import SampleSite
from tests.test_rejected import redesigned, rejected, rejecting, verify

MENDED = ("-s", "SPIDER_MODULES=tests.mended.hill")


def reread(output: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    return command(output, "reread", "hill", *MENDED, *arguments, **settings)


def without_extraction(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return records by id and revision, without the fields of the extraction."""
    kept = [{**it, "extraction": None, "date_fetched": None} for it in records]
    return sorted(kept, key=lambda it: (it["id"], it["revision"]))


def states(output: Path) -> dict[str, tuple[Any, ...]]:
    """Return state, reason, attempts and revision of every article in the ledger."""
    with sqlite3.connect(output / "ledger.sqlite3") as connection:
        rows = connection.execute("SELECT id, state, reason, attempts, revision FROM articles")
        found = {row[0]: row[1:] for row in rows}
    connection.close()
    return found


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    """A crawl of two good articles and three of a new layout."""
    folder = tmp_path_factory.mktemp("broken")
    return crawl(folder / "output", NEWSCRAWL_REPLAY=rejecting(folder / "site.warc.gz"))


@pytest.fixture
def output(broken: Crawl, tmp_path: Path) -> Path:
    """A copy of what that crawl left."""
    return Path(shutil.copytree(broken.output, tmp_path / "output"))


def test_reread_publishes_what_a_crawl_with_these_selectors_would_have(
    output: Path, tmp_path: Path
) -> None:
    done = reread(output)
    assert done.returncode == 0, done.stderr
    left = Crawl(0, "", output)
    first, run = left.runs
    assert run["arguments"] == {"reread": first["run"]}
    assert run["books"]["rejected"] == {}
    assert (run["books"]["discovered"], run["books"]["new"]) == (3, 3)
    sha256 = first["rejected_file"]["sha256"]
    assert run["reread"] == {first["run"]: {"sha256": sha256, "left": 0, "recovered": 3}}
    assert "rejected_file" not in run
    whole = crawl(tmp_path / "whole", *MENDED, NEWSCRAWL_REPLAY=rejecting(tmp_path / "s.warc.gz"))
    assert without_extraction(left.records) == without_extraction(whole.records)
    new = [it for it in left.records if it["extraction"] == "redesign"]
    assert len(new) == 3
    assert {it["source"] for it in new} == {"page"}
    # The time at which the response was fetched.
    assert all(first["started"] <= it["date_fetched"] <= first["finished"] for it in new)
    assert states(output) == states(whole.output)
    assert verify(output)[0] == 0
    # A second time there is nothing to do.
    again = reread(output)
    assert again.returncode == 0
    assert again.stdout.startswith("Every response that hill kept has given a record.")
    assert "reread hill --all reads them again" in again.stdout
    assert len(Crawl(0, "", output).runs) == 2
    # Unless it is asked for: nothing is published twice.
    for arguments in (["--all"], ["--run", first["run"]]):
        assert reread(output, *arguments).returncode == 0
        last = Crawl(0, "", output)
        assert last.runs[-1]["books"]["unchanged"] == 3
        assert len(last.records) == 5


def test_what_still_gives_no_record_stays_and_costs_no_attempt(output: Path) -> None:
    before = states(output)
    for _ in range(2):
        done = command(output, "reread", "hill")
        assert done.returncode == 0, done.stderr
        run = Crawl(0, "", output).runs[-1]
        assert run["books"]["rejected"] == {"no article on the page": 3}
        assert [it["left"] for it in run["reread"].values()] == [3]
        assert "rejected_file" not in run
        assert states(output) == before
    assert reread(output).returncode == 0
    assert len(Crawl(0, "", output).records) == 5


def test_a_reread_that_did_not_end_is_done_again_and_publishes_nothing_twice(
    output: Path,
) -> None:
    assert reread(output, "-a", "limit=2").returncode == 0
    run = Crawl(0, "", output).runs[-1]
    assert run["reason"] == "limit"
    assert "reread" not in run
    # A killed one leaves no run.json; its lines are salvaged.
    folder = output / "hill" / f"run={run['run']}"
    (folder / "run.json").unlink()
    (folder / "part-00000.jsonl").rename(folder / "part-00000.jsonl.tmp")
    assert reread(output).returncode == 0
    left = Crawl(0, "", output)
    assert [it["reason"] for it in left.runs] == ["finished", "crashed", "finished"]
    assert left.runs[-1]["books"]["new"] == 1
    assert left.runs[-1]["books"]["unchanged"] == 2
    assert len({it["id"] for it in left.records}) == len(left.records) == 5
    assert verify(output)[0] == 0


def test_beside_a_crawl_it_does_nothing(output: Path) -> None:
    folder = RunFolder(output, "hill")
    try:
        done = reread(output)
    finally:
        folder.release()
    assert done.returncode == 75
    assert "Another run of hill uses the output folder" in done.stderr
    assert len(Crawl(0, "", output).runs) == 1


def test_responses_of_a_killed_run_are_read_too(output: Path) -> None:
    (path,) = rejected(output)
    (path.parent / "run.json").unlink()
    path.rename(f"{path}.tmp")
    assert reread(output).returncode == 0
    left = Crawl(0, "", output)
    assert left.runs[0]["reason"] == "crashed"
    assert left.runs[1]["books"]["new"] == 3
    assert "has given a record" in reread(output).stdout


def test_a_cut_or_missing_file_is_a_sentence_and_counted(output: Path) -> None:
    (path,) = rejected(output)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    done = reread(output)
    run = Crawl(0, "", output).runs[-1]
    assert "Could not read all of" in done.stderr
    assert (run["books"]["new"], run["books"]["failed"]) == (2, {"cut short": 1})
    assert not run["complete"]
    first = Crawl(0, "", output).runs[0]["run"]
    lost = f"responses of run {first} are lost: newscrawl ledger hill --retry rejected, then crawl"
    assert done.returncode == 7
    assert f"1 {lost}" in done.stderr
    assert "Could not read article" in done.stderr
    assert "{" not in done.stderr
    # What is lost is settled, until the file is whole again.
    path.unlink()
    again = reread(output)
    assert again.returncode == 0
    assert "1 are lost" in again.stdout
    assert len(Crawl(0, "", output).runs) == 2
    path.write_bytes(whole)
    assert reread(output).returncode == 0
    assert len(Crawl(0, "", output).records) == 5
    assert "has given a record" in reread(output).stdout


@pytest.mark.parametrize("data", [None, b"", b"no gzip at all"])
def test_a_lost_file_is_named_once(output: Path, data: bytes | None) -> None:
    (path,) = rejected(output)
    path.unlink()
    if data is not None:
        path.write_bytes(data)
    done = reread(output)
    run = Crawl(0, "", output).runs[0]["run"]
    assert done.returncode == 4
    assert f"3 responses of run {run} are lost" in done.stderr
    assert "Errno" not in done.stderr
    again = reread(output)
    assert (again.returncode, len(Crawl(0, "", output).runs)) == (0, 2)
    assert "3 are lost" in again.stdout
    check = command(output, "check-run", "hill").stdout
    assert "Next: newscrawl ledger hill --retry rejected, then newscrawl crawl hill" in check
    assert f"3 rejected responses are lost: {path} is missing or damaged." in check
    tried = command(output, "outlet", "try", "hill", "--rejected")
    assert tried.returncode == 1
    assert f"{path} is missing or damaged" in tried.stderr
    assert "No rejected response can be read for hill" in tried.stderr


def test_a_selector_that_is_not_css_is_named(output: Path) -> None:
    wrong = ("-s", "SPIDER_MODULES=tests.mended.wrong")
    for name in (["reread", "hill"], ["outlet", "try", "hill", "--rejected"]):
        done = command(output, *name, *wrong)
        assert done.returncode in (2, 3)
        assert "The selector 'div..prose' (story of layout 'redesign') is not CSS" in done.stderr
        assert "Traceback" not in done.stderr
    assert len(Crawl(0, "", output).runs) == 1


def test_reasons_that_exist_are_listed(output: Path) -> None:
    done = command(output, "ledger", "hill", "--retry", "rejected", "no artikel")
    assert done.returncode == 1
    assert "The reasons of rejected articles are 'no article on the page' (3)." in done.stdout


def test_nothing_to_read_is_said_as_it_is(tmp_path: Path) -> None:
    output = tmp_path / "output"
    missing = reread(output)
    assert missing.returncode == 3
    assert f"There is no output folder {output}" in missing.stderr
    crawl(output, NEWSCRAWL_REPLAY=rejecting(tmp_path / "site.warc.gz", bad=0))
    nothing = reread(output)
    assert nothing.returncode == 0
    assert nothing.stdout == "hill has kept no rejected response.\n"
    other = command(output, "reread", "bbc")
    assert other.returncode == 3
    assert "There is no run of bbc" in other.stderr


def test_what_was_pruned_is_passed_over_or_named(output: Path, tmp_path: Path) -> None:
    crawl(output, NEWSCRAWL_REPLAY=rejecting(tmp_path / "good.warc.gz", bad=0))
    command(output, "dataset", "build")
    assert command(output, "prune", "hill", "--older-than", "0d").returncode == 0
    assert "has given a record" in reread(output).stdout
    run = Crawl(0, "", output).runs[0]["run"]
    named = reread(output, "--run", run)
    assert named.returncode == 3
    assert f"The rejected responses of run {run} were pruned" in named.stderr
    other = reread(output, "--run", "20200101T000000Z")
    assert other.returncode == 3
    assert "No run 20200101T000000Z of hill" in other.stderr


def test_an_older_response_never_becomes_the_latest_text(output: Path, tmp_path: Path) -> None:
    # The site corrects an article after its response was rejected, and the crawl reads that.
    wait_until_after(Crawl(0, "", output).runs[0]["finished"])
    make_due(output, every=True)
    pages = {address(6000000): (200, HTML, redesigned(0, "<p>It snowed.</p>"))}
    warc = site(tmp_path / "later.warc.gz", pages)
    crawl(output, *MENDED, NEWSCRAWL_REPLAY=str(warc))
    before = states(output)["6000000"]
    assert reread(output).returncode == 0
    found = [it for it in Crawl(0, "", output).records if it["id"] == "6000000"]
    assert [(it["revision"], it["source"], it["body"]) for it in found] == [
        (1, "page", "It snowed."),
        (2, "archive", "It rained."),
    ]
    assert found[0]["date_fetched"] > found[1]["date_fetched"]
    assert states(output)["6000000"] == (*before[:3], 2)
    assert command(output, "dataset", "build").returncode == 0
    articles = pq.read_table(output / "dataset/articles").to_pylist()
    assert {it["id"]: it["body"] for it in articles}["6000000"] == "It snowed."


def recorded(tmp_path: Path, output: Path) -> list[str]:
    """Crawl pages whose stories have quotations and headings, and record the responses."""
    with running(SampleSite(20)) as server:
        done = crawl(
            output,
            *("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False"),
            https_proxy=f"http://127.0.0.1:{server.port}",
            NEWSCRAWL_RECORD=str(tmp_path / "recordings"),
            NEWSCRAWL_REVISIT_HOURS="",
        )
    assert done.code == 0
    return [str(it) for it in (tmp_path / "recordings").iterdir()]


def test_a_better_extraction_over_recordings_changes_revisions_but_not_date_fetched(
    tmp_path: Path,
) -> None:
    output = tmp_path / "output"
    files = recorded(tmp_path, output)
    first = Crawl(0, "", output).records
    assert command(output, "reread", "hill", *files).returncode == 0
    same = Crawl(0, "", output)
    assert len(same.records) == len(first)
    assert same.runs[-1]["books"]["new"] == same.runs[-1]["books"]["revised"] == 0
    other = ("-s", "SPIDER_MODULES=tests.mended.other_noise")
    assert command(output, "reread", "hill", *other, *files).returncode == 0
    left = Crawl(0, "", output)
    more = left.records[len(first) :]
    assert more
    before = {it["id"]: it for it in first}
    for it in more:
        old = before[it["id"]]
        assert it["revision"] == 2
        assert it["body"] != old["body"]
        # The same response, so the extraction changed and not the article.
        assert it["date_fetched"] == old["date_fetched"]
        assert it["source"] == old["source"]
    known = states(output)
    assert all(known[it["id"]][0] == "published" for it in more)
    again = command(output, "reread", "hill", *other, *files)
    assert again.returncode == 0
    assert len(Crawl(0, "", output).records) == len(left.records)
    assert verify(output)[0] == 0


def test_only_one_choice_of_what_to_read(output: Path) -> None:
    both = reread(output, "--all", "--run", "20200101T000000Z")
    assert both.returncode == 2
    assert "give --run, --all or files, and only one of them" in both.stdout + both.stderr
    nothing = command(output, "reread")
    assert nothing.returncode == 2
    missing = reread(output, "nothing.warc.gz")
    assert missing.returncode == 2
    assert "reread='nothing.warc.gz': there is no such file" in missing.stderr
    assert "archive=" not in missing.stderr
    page = output.parent / "page.html"
    page.write_text("<p>It rained.</p>")
    no_archive = reread(output, str(page))
    assert f"reread='{page}' is not allowed: it must be a WARC file" in no_archive.stderr
    mixed = reread(output, "-a", "sections=homenews/senate")
    assert mixed.returncode == 2
    assert "-a sections is not allowed: it must be one of since, until, limit" in mixed.stderr


def test_a_mark_goes_with_the_file_not_with_the_name_of_its_run(output: Path) -> None:
    assert reread(output).returncode == 0
    last = sorted(output.glob("hill/run=*"))[-1]
    run = Crawl(0, "", output).runs[-1]
    edit(last, reread={"20200101T000000Z": run["reread"].popitem()[1]})
    assert "has given a record" in reread(output).stdout


def test_records_of_the_fallback_are_replaced_by_exact_ones(tmp_path: Path) -> None:
    start = datetime(2026, 11, 10, 5, tzinfo=UTC)
    shown = Redesigned(DaySite(start, articles=0, corrections=0, older=20), start)
    output = tmp_path / "output"
    fallback = ("-s", "SPIDER_MODULES=tests.mended.with_fallback")
    with running(shown) as server:
        proxy = {"https_proxy": f"http://127.0.0.1:{server.port}", "NEWSCRAWL_REVISIT_HOURS": ""}
        quick = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False")
        feeds = ("-a", "discover=feeds")
        done = crawl(output, *fallback, *quick, *feeds, **proxy)
        whole = crawl(tmp_path / "whole", *MENDED, *quick, *feeds, **proxy)
    first = done.records
    assert {it["extraction"] for it in first} == {"generic"}
    assert len(first) == len(whole.records) == 20
    assert done.runs[0]["rejected_file"]["records"] == 20
    check = command(output, "check-run", "hill")
    assert "20 of 20 pages matched no layout and were read by the fallback" in check.stdout
    # Not mended yet: nothing changes, and nothing is done.
    assert command(output, "reread", "hill", *fallback).returncode == 0
    same = Crawl(0, "", output)
    (again,) = same.runs[-1]["reread"].values()
    # They were never rejected, so the shares of rejected articles stay.
    assert (again["left"], again["recovered"]) == (20, 0)
    assert len(same.records) == 20
    assert reread(output).returncode == 0
    left = Crawl(0, "", output)
    latest = {it["id"]: it for it in left.records}
    assert {it["extraction"] for it in latest.values()} == {"redesign"}
    assert {it["revision"] for it in latest.values()} == {2}
    (again,) = left.runs[-1]["reread"].values()
    assert (again["left"], again["recovered"]) == (0, 0)
    assert [it["date_fetched"] for it in sorted(first, key=lambda it: it["id"])] == [
        latest[it]["date_fetched"] for it in sorted(latest)
    ]
    for it in whole.records:
        other = latest[it["id"]]
        assert {name for name in it if it[name] != other[name]} <= {"revision", "date_fetched"}
    assert "has given a record" in reread(output).stdout
    assert reread(output, "--all").returncode == 0
    assert len(Crawl(0, "", output).records) == 40
    assert verify(output)[0] == 0


# Posts with their full text in recorded lists of the REST interface.

OTHER_NOISE = ("-s", "SPIDER_MODULES=tests.mended.other_noise")
QUICK = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False")
REST = "https://thehill.com/wp-json/wp/v2/posts"
PROVENANCE = ("revision", "date_fetched")


def by_rest(output: Path, *arguments: str, discover: str = "api", **settings: str) -> Crawl:
    """Crawl the posts of the sample site, not its pages."""
    arguments = (*QUICK, *arguments, "-a", f"discover={discover}", "-a", "fetch=api")
    with running(SampleSite(40)) as server:
        proxy = {"https_proxy": f"http://127.0.0.1:{server.port}", "NEWSCRAWL_REVISIT_HOURS": ""}
        return crawl(output, *arguments, **proxy, **settings)


def published(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the latest records by id, without revision and date_fetched."""
    return {it["id"]: {k: v for k, v in it.items() if k not in PROVENANCE} for it in records}


@pytest.mark.parametrize("discover", ["api", "feeds"])
def test_recorded_posts_in_lists_or_alone_are_read_again(tmp_path: Path, discover: str) -> None:
    output, folder = tmp_path / "output", tmp_path / "recordings"
    first = by_rest(output, discover=discover, NEWSCRAWL_RECORD=str(folder)).records
    (path,) = map(str, folder.iterdir())
    assert {it["source"] for it in first} == {"api"}
    assert any(it["authors"] for it in first)
    before = states(output)
    # If the selectors did not change, nothing is published.
    assert command(output, "reread", "hill", path).returncode == 0
    same = Crawl(0, "", output).runs[-1]
    assert (same["books"]["discovered"], same["books"]["unchanged"]) == (len(first), len(first))
    counts = same["archives"][path]
    assert counts["articles"] >= len(first)
    assert (counts["no_record"], counts["unusable"]) == (0, {})
    assert same["complete"]
    assert states(output) == before
    # With other noise rules, the records are those of a crawl with these rules.
    done = command(output, "reread", "hill", *OTHER_NOISE, path)
    assert done.returncode == 0, done.stderr
    left = Crawl(0, "", output)
    assert left.runs[-1]["books"]["revised"] == len(left.records) - len(first) > 0
    whole = by_rest(tmp_path / "whole", *OTHER_NOISE, discover=discover).records
    assert published(left.records) == published(whole)
    dates = {it["id"]: it["date_fetched"] for it in first}
    assert all(it["date_fetched"] == dates[it["id"]] for it in left.records)
    assert command(output, "reread", "hill", *OTHER_NOISE, path).returncode == 0
    assert len(Crawl(0, "", output).records) == len(left.records)
    assert verify(output)[0] == 0


def post(number: int, **more: Any) -> dict[str, Any]:
    """Return a post of a REST list. In a list of changes, posts have no ``content``."""
    link = {"id": number, "link": address(number), "date_gmt": "2026-11-20T19:04:00"}
    return {**link, "title": {"rendered": f"Story {number}"}, **more}


def test_every_list_that_cannot_be_read_is_counted_by_its_reason(tmp_path: Path) -> None:
    content = {"content": {"rendered": "<p>It rained.</p>"}}
    listed = json.dumps([post(6000000, **content), post(6000001, **content)])
    no_article = {**content, "link": "https://thehill.com/people/6000002/"}
    bodies = [
        listed,
        listed[:-9],
        json.dumps({"code": "rest_forbidden"}),
        json.dumps([post(6000003, **content), {"code": "x"}, None]),
        # No faults: a list of changes, an empty list, and a post that is no article.
        json.dumps([post(6000004)]),
        "[]",
        json.dumps([post(6000002, **no_article)]),
        # A crawl rejects this post, too: its text needs a password.
        json.dumps([post(6000005, content={"rendered": "", "protected": True})]),
    ]
    answers = [
        (f"{REST}?page={it}&_fields=id,link,content", (200, "application/json", body.encode()))
        for it, body in enumerate(bodies)
    ]
    end = (f"{REST}?page=99", (400, "application/json", b"{}"))
    path = str(write_warc(tmp_path / "lists.warc.gz", [*answers, end]))
    done = command(tmp_path / "output", "reread", "hill", path, NEWSCRAWL_STRICT="1")
    assert done.returncode == 7, done.stderr
    left = Crawl(0, "", tmp_path / "output")
    assert [it["id"] for it in left.records] == ["6000000", "6000001", "6000003"]
    assert {it["source_url"] for it in left.records} == {answers[0][0], answers[3][0]}
    (run,) = left.runs
    counts = run["archives"][path]
    assert counts["unusable"] == {
        "broken posts in the list": 1,
        "not JSON": 1,
        "not a list of posts": 1,
    }
    assert counts["passed_over"] == {"http 400": 1}
    assert (counts["articles"], counts["no_record"]) == (4, 1)
    assert run["books"]["rejected"] == {"password protected": 1}
    assert not run["complete"]
    assert f"Could not read all of the list of posts {answers[1][0]}: not JSON" in done.stderr
    # If the file ends inside a list, the reason is the incomplete file.
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(write_warc(cut, answers[:1]).read_bytes()[:-40])
    assert command(tmp_path / "other", "reread", "hill", str(cut)).returncode == 0
    (run,) = Crawl(0, "", tmp_path / "other").runs
    assert run["archives"][str(cut)]["unusable"] == {"cut short": 1}


# An article of several pages.


def part(number: int, text: str, *others: int) -> tuple[int, str, bytes]:
    """Return a page of an article, with links to its pages ``others``."""
    links = "".join(f'<a href="{address(number)}{it}/">{it}</a>' for it in others)
    body = f"<h2>Part</h2><p>{text}</p><div class='page-links'>{links}</div>"
    return 200, HTML, article(number, body)


def test_the_pages_of_an_article_are_joined_if_they_were_recorded(tmp_path: Path) -> None:
    output, one, two = tmp_path / "output", address(7000001), address(7000002)
    pages = {
        one: part(7000001, "First.", 2),
        f"{one}2/": part(7000001, "Second.", 3),
        f"{one}3/": part(7000001, "Third.", 2),
        two: part(7000002, "Alone.", 2),
    }
    warc = str(site(tmp_path / "site.warc.gz", pages))
    first = crawl(output, "-a", "sections=news", NEWSCRAWL_REPLAY=warc)
    assert [it["body"].count("Part") for it in first.records] == [3]
    for books in ({"unchanged": 1, "revised": 0}, {"unchanged": 0, "revised": 1}):
        noise = OTHER_NOISE if books["revised"] else ()
        done = command(output, "reread", "hill", *noise, warc)
        assert done.returncode == 0, done.stderr
        run = Crawl(0, "", output).runs[-1]
        assert books.items() <= run["books"].items()
        # The crawl that recorded the other article did not get its second page.
        assert run["books"]["rejected"] == {"only the first page": 1}
        assert run["archives"][warc]["no_record"] == 1
    assert Crawl(0, "", output).records[-1]["body"] == "First.\n\nSecond.\n\nThird."
