"""Choose the rejected responses to read again, and the time of their records."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from newscrawl.exceptions import OutputError
from newscrawl.extraction.dates import utc
from newscrawl.items import Article
from newscrawl.storage.document import RejectedDocument, RereadDocument, RunDocument
from newscrawl.storage.kept import is_pruned
from newscrawl.storage.latest import Version
from newscrawl.storage.ledger import ArticleState, Ledger, State
from newscrawl.storage.parts import TEMPORARY
from newscrawl.storage.rejected import REJECTED_FILE, is_whole
from newscrawl.storage.runs import OnDamage, closed_runs, run_folder, run_folders, run_of

_SOON = timedelta(minutes=5)
# A revision as the ledger has it: its number, run, date modified and date fetched.
Row = tuple[int, str, str | None, str]


def runs_to_reread(
    output: Path,
    outlet: str,
    named: Collection[str] = (),
    *,
    everything: bool = False,
    damaged: OnDamage,
) -> list[str]:
    """Return the runs whose rejected responses are to be read again, in order.

    These are the ``named`` runs; else those of which a response still gives no record, or, with
    ``everything``, all. Raises OutputError for a named run without a file.
    """
    closed = list(closed_runs(output, outlet, damaged=damaged))
    marks = _marks(closed)
    found = []
    for run in closed:
        entry, folder = run.get("rejected_file"), run_folder(output, outlet, run["run"])
        is_meant = run["run"] in named if named else everything or not is_pruned(folder)
        if not entry or not entry["name"] or not is_meant:
            continue
        if named or everything or not _is_done(folder, entry, marks[entry["sha256"]]):
            found.append(run["run"])
    # The run that reads them salvages killed runs first.
    names = (REJECTED_FILE, f"{REJECTED_FILE}{TEMPORARY}")
    unclosed = {run_of(it) for it in run_folders(output, outlet)} - {it["run"] for it in closed}
    for name in unclosed if not named else unclosed & set(named):
        if any((run_folder(output, outlet, name) / it).exists() for it in names):
            found.append(name)
    for name in named:
        if name not in found:
            raise OutputError(f"No run {name} of {outlet} in {output} has rejected responses.")
        folder = run_folder(output, outlet, name)
        if is_pruned(folder) and not (folder / REJECTED_FILE).exists():
            raise OutputError(
                f"The rejected responses of run {name} were pruned: restore the run with --pruned."
            )
    return sorted(found)


def _marks(closed: Iterable[RunDocument]) -> Mapping[str, list[RereadDocument]]:
    """Return what the runs left of each file that they read again, by its SHA-256."""
    marks: defaultdict[str, list[RereadDocument]] = defaultdict(list)
    for run in closed:
        for it in run.get("reread", {}).values():
            marks[it["sha256"]].append(it)
    return marks


def _is_done(folder: Path, entry: RejectedDocument, marks: Iterable[RereadDocument]) -> bool:
    """Return whether nothing is left to read; a lost file that was repaired is read again."""
    done = [it for it in marks if not it["left"]]
    return bool(done) and (not all(it.get("lost") for it in done) or not is_whole(folder, entry))


def has_kept(output: Path, outlet: str) -> bool:
    """Return whether a closed run of an outlet has kept rejected responses."""
    closed = closed_runs(output, outlet, damaged=lambda _: None)
    return any(it.get("rejected_file", {}).get("name") for it in closed)


def damaged_files(output: Path, outlet: str) -> list[Path]:
    """Return the files of rejected responses that are missing or damaged, but were not pruned."""
    found = []
    for run in closed_runs(output, outlet, damaged=lambda _: None):
        entry, folder = run.get("rejected_file"), run_folder(output, outlet, run["run"])
        if entry and entry["name"] and not is_pruned(folder) and not is_whole(folder, entry):
            found.append(folder / entry["name"])
    return found


def count_lost(output: Path, outlet: str) -> int:
    """Return how many rejected responses are lost, of the files that were read again."""
    closed = list(closed_runs(output, outlet, damaged=lambda _: None))
    return sum(min(it.get("lost", 0) for it in marks) for marks in _marks(closed).values())


def date_of_record(answered: str, modified: str | None, history: Iterable[Row]) -> str:
    """Return the ``date_fetched`` of the record of a recorded response of the time ``answered``.

    A record is published moments after its response was received. So the first revision since then
    is of the same response, and its time is that of the new record, too. A response that gave no
    revision was unchanged, if it states the same ``modified`` as the revision before it.

    >>> rows = [(1, "", "M", "2026-11-20T10:00:02Z"), (2, "", None, "2026-11-20T11:00:00Z")]
    >>> date_of_record("2026-11-20T10:00:01Z", "N", rows)
    '2026-11-20T10:00:02Z'
    >>> date_of_record("2026-11-20T10:30:00Z", "M", rows)
    '2026-11-20T10:00:02Z'
    >>> date_of_record("2026-11-20T10:30:00Z", "N", rows)
    '2026-11-20T10:30:00Z'
    """
    rows = list(history)
    same = [it for *_, it in rows if answered <= it <= soon_after(answered)]
    before = [(it, stated) for _, _, stated, it in rows if it <= answered]
    last, stated = max(before, default=("", None), key=lambda it: it[0])
    return min(same, default=last if modified and modified == stated else answered)


def soon_after(date: str) -> str:
    """Return the time until which an event counts as one of a response, or of its record."""
    return utc(datetime.fromisoformat(date) + _SOON)


def is_of_the_past(version: Version, known: ArticleState | None, history: Sequence[Row]) -> bool:
    """Return whether a version of an article is older than the latest that is known.

    So is every version of an article that the site has removed since.
    """
    if known is None or not known.revision:
        return False
    dates = [fetched for _, _, modified, fetched in history if modified == known.date_modified]
    latest = Version(known.revision, known.date_modified, max(dates, default=""))
    return known.state == State.GONE or not version.is_later(latest)


def has_answered_since(ledger: Ledger, article: Article) -> bool:
    """Return whether the site answered a later request for an article that is read again.

    That response has no revision yet, so the article is due for a look. Raises LedgerError.
    """
    known = ledger.get(article.outlet, article.id)
    return known is not None and (known.last_fetched or "") > soon_after(article.date_fetched)
