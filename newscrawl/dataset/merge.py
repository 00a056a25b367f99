"""Take the runs of another output folder in, after the runs that are here.

A merged run gets the next name in the sequence, so that consumers see it as new, and
``run.json`` says where it is from. A version of an article that is here with the same content hash
is taken once. Another one becomes the next revision. If it is not later than the latest version
here, its ``source`` becomes ``archive``: it speaks of the past, and changes nothing of the present.
"""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from newscrawl.dataset.rows import records_of_runs
from newscrawl.exceptions import OutputError
from newscrawl.extraction.dates import utc
from newscrawl.storage.document import RunDocument, Withdrawal
from newscrawl.storage.latest import Version
from newscrawl.storage.parts import PartWriter, naming, sync, write_document
from newscrawl.storage.rejected import REJECTED_FILE
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import (
    RUN_FILE,
    closed_runs,
    run_folder,
    run_folders,
    run_of,
    run_start,
)
from newscrawl.storage.versions import Record


@dataclass(slots=True)
class Merged:
    """Result for an outlet: the new runs, and the records of the other folder by what they are."""

    runs: list[str] = field(default_factory=list)
    new: int = 0
    revised: int = 0
    known: int = 0


@dataclass(slots=True)
class _Article:
    """What is known of an article: its versions, and when the site was seen to have it or not."""

    hashes: Counter[str] = field(default_factory=Counter)
    """Versions here that the other folder has not shown yet, by content hash."""
    revision: int = 0
    latest: Version | None = None
    seen: str = ""
    gone: bool = False

    def see(self, date: str, *, gone: bool) -> bool:
        """Note that the site had the article, or not; return whether that is later and other."""
        is_news = date > self.seen and gone != self.gone
        if date > self.seen:
            self.seen, self.gone = date, gone
        return is_news

    def add(self, record: Record) -> None:
        """Note a version as the latest one, unless it is an archive's and not later."""
        version = Version.of(record)
        self.revision = max(self.revision, version.revision)
        is_archived = record["source"] == "archive"
        if self.latest is None or not is_archived or version.is_later(self.latest):
            self.latest = version
        if not is_archived:
            self.see(record["date_fetched"], gone=False)


def merge(output: Path, outlet: str, other: Path, part_records: int) -> Merged:
    """Take the closed runs of an outlet in another output folder in, except what is here already.

    Raises OutputError when a run there is not closed or not readable, DatasetError for records that
    cannot be read, RunningError while a crawl is running here, and OSError. Runs that were merged
    before an error stay; the next call goes on.
    """
    for path in run_folders(other, outlet):
        if not (path / RUN_FILE).exists():
            raise OutputError(f"{path} is not closed: let a crawl there end, or salvage it first.")
    merged = Merged()
    folder = RunFolder(output, outlet)
    try:
        closed = list(closed_runs(output, outlet))
        articles = _articles(output, outlet, closed)
        rejected = {it.get("rejected_file", {}).get("sha256") for it in closed}
        for run, records in records_of_runs(other, outlet, closed_runs(other, outlet)):
            those = list(records)
            lines = list(_lines(those, articles, merged))
            events = list(_events(run, those, articles))
            source = run_folder(other, outlet, run["run"]) / REJECTED_FILE
            entry = run.get("rejected_file", {})
            if entry.get("sha256") in rejected or not source.exists():
                run.pop("rejected_file", None)
            # Of one that was merged before, nothing is left.
            if lines or events or "rejected_file" in run:
                merged.runs.append(_write(folder, run, those, lines, events, part_records, source))
    finally:
        folder.release()
    return merged


def _articles(output: Path, outlet: str, runs: Iterable[RunDocument]) -> dict[str, _Article]:
    articles: dict[str, _Article] = {}
    for run, records in records_of_runs(output, outlet, runs):
        for record in records:
            article = articles.setdefault(record["id"], _Article())
            article.hashes[record["content_hash"]] += 1
            article.add(record)
        for it in run.get("withdrawn", ()):
            articles.setdefault(it["id"], _Article()).see(it["date"], gone=it["gone"])
    return articles


def _lines(
    records: Iterable[Record], articles: dict[str, _Article], merged: Merged
) -> Iterator[Record]:
    """Yield the records that are not here, with the revisions that they get."""
    for record in records:
        article = articles.setdefault(record["id"], _Article())
        if article.hashes[record["content_hash"]]:
            article.hashes[record["content_hash"]] -= 1
            merged.known += 1
            continue
        line = {**record, "revision": article.revision + 1}
        if article.latest and not Version.of(record).is_later(article.latest):
            line["source"] = "archive"
        article.add(line)
        merged.new += line["revision"] == 1
        merged.revised += line["revision"] > 1
        yield line


def _events(
    run: RunDocument, records: Iterable[Record], articles: dict[str, _Article]
) -> Iterator[Withdrawal]:
    """Yield the articles that the run found removed, or back, if nothing later is known here."""
    for record in records:
        date = record["date_fetched"]
        if record["source"] != "archive" and articles[record["id"]].see(date, gone=False):
            yield {"id": record["id"], "gone": False, "date": date, "reason": None}
    for it in run.get("withdrawn", ()):
        if articles.setdefault(it["id"], _Article()).see(it["date"], gone=it["gone"]):
            yield it


def _write(
    folder: RunFolder,
    run: RunDocument,
    records: list[Record],
    lines: list[Record],
    events: list[Withdrawal],
    part_records: int,
    rejected: Path,
) -> str:
    """Write a run of the other folder as the next one here, or nothing; return its name.

    ``rejected`` is the file of rejected responses there.
    """
    path = folder.create()
    try:
        with naming(path):
            writer = PartWriter(path, part_records, 1e9)
            for line in lines:
                writer.write(line)
            writer.rotate()
        if "rejected_file" in run:
            shutil.copyfile(rejected, path / REJECTED_FILE)
            sync(path / REJECTED_FILE)
        # Books count articles, and each is in one place.
        articles = {it["id"] for it in lines}
        new = {it["id"] for it in lines if it["revision"] == 1}
        known = len({it["id"] for it in records} - articles)
        books = run["books"]
        run["books"] = {
            **books,
            "known": books["known"] + known,
            "new": len(new),
            "revised": len(articles - new),
        }
        run["started"] = utc(run_start(run))
        run["merged"] = run["run"]
        run["run"] = run_of(path)
        run["parts"] = [it.as_dict() for it in writer.parts]
        run["withdrawn"] = events
        write_document(path / RUN_FILE, run)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
    return run["run"]
