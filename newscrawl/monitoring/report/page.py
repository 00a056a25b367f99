"""Contents of a report: the numbers of a run for its charts and tables.

The numbers come from the ``run.json`` of the run and of the runs of six weeks before, and from
the run's parts.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Self

from jinja2 import Environment, StrictUndefined

from newscrawl.exceptions import ReportError
from newscrawl.monitoring.checks import CHECKS, findings
from newscrawl.monitoring.history import runs_before, stats_under
from newscrawl.monitoring.messages import advice
from newscrawl.monitoring.report.charts import Chart, Rows, shown
from newscrawl.storage.document import RunDocument
from newscrawl.storage.parts import read_run_parts
from newscrawl.storage.runs import OnDamage, read_run, run_start
from newscrawl.storage.stats import COVERED

_PUBLISHED = {"new": "new", "revised": "revised"}
_LOST = {"rejected": "rejected", "failed": "failed"}
_MOST_SECTIONS = 15
_LENGTHS = (0, 100, 250, 500, 1000, 2000)
# Every record has these.
_CERTAIN = {"content_hash", "url", "word_count", "kind"}
_UNITS = (("h", 3600), ("min", 60), ("s", 1))
_REST = {
    "known": "were known",
    "unchanged": "were unchanged",
    "rejected": "were rejected",
    "failed": "failed",
    "pending": "are pending",
}
_ENDS = {
    "finished": "finished",
    "limit": "stopped at its limit",
    "shutdown": "was stopped",
}


def _pairs() -> dict[str, list[int]]:
    return defaultdict(lambda: [0, 0])


@dataclass(slots=True)
class Records:
    """Counts of the new and revised articles of a run, by hour, section, kind and so on."""

    hours: dict[str, list[int]] = field(default_factory=_pairs)
    sections: dict[str, list[int]] = field(default_factory=_pairs)
    kinds: dict[str, list[int]] = field(default_factory=_pairs)
    extractions: dict[str, list[int]] = field(default_factory=_pairs)
    lengths: dict[str, list[int]] = field(default_factory=_pairs)
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Count the records in the parts of a run."""
        records = cls()
        for record in read_run_parts(folder):
            revised = record["revision"] > 1
            published = record["date_published"]
            length = _between(_LENGTHS)[sum(record["word_count"] >= it for it in _LENGTHS[1:])]
            records.hours[f"{published[11:13]}:00"][revised] += 1
            records.sections[record["section"] or "(no section)"][revised] += 1
            records.kinds[record["kind"]][revised] += 1
            records.extractions[record.get("extraction") or "(unknown)"][revised] += 1
            records.lengths[length][revised] += 1
            records.first = min(records.first or published, published)
            records.last = max(records.last, published)
        return records


def _between(bounds: Sequence[float]) -> list[str]:
    """Name the intervals between bounds.

    >>> _between((0, 0.5, 1))
    ['0 – 0.5', '0.5 – 1', 'over 1']
    """
    return [*(f"{it:g} – {to:g}" for it, to in pairwise(bounds)), f"over {bounds[-1]:g}"]


def _count(value: object) -> int:
    """Return a count, summed over its reasons if it has reasons."""
    if isinstance(value, Mapping):
        return sum(value.values())
    assert isinstance(value, int)
    return value


def _outcomes(run: RunDocument) -> dict[str, int]:
    """Return the number of articles by outcome."""
    return {name: _count(value) for name, value in run["books"].items()}


def _largest(counts: Mapping[str, Sequence[int]]) -> list[tuple[str, Sequence[int]]]:
    return sorted(counts.items(), key=lambda it: (-sum(it[1]), it[0]))


def published_articles(records: Records) -> Iterator[Chart]:
    """Yield the charts of the published articles: by hour, kind, extraction and so on."""
    if not records.kinds:
        return
    first, last = (
        f"{datetime.fromisoformat(it):%-d %b %Y %H:%M}" for it in (records.first, records.last)
    )
    hours = [f"{hour:02d}:00" for hour in range(24)]
    yield Chart(
        "By hour of the day",
        f"articles by hour of publication, UTC; from {first} to {last}",
        _PUBLISHED,
        [(hour, records.hours.get(hour, (0, 0))) for hour in hours],
        ticks={n: hours[n] for n in range(0, 24, 6)},
    )
    yield Chart("By kind", "articles", _PUBLISHED, _largest(records.kinds))
    yield Chart(
        "By extraction",
        "articles by the layout that they were read with; generic means none",
        _PUBLISHED,
        _largest(records.extractions),
    )
    sections = _largest(records.sections)
    if len(sections) > _MOST_SECTIONS + 1:
        rest = [counts for _, counts in sections[_MOST_SECTIONS:]]
        others = [sum(it) for it in zip(*rest, strict=True)]
        sections = [*sections[:_MOST_SECTIONS], (f"({len(rest)} others)", others)]
    yield Chart("By section", "articles by their primary section", _PUBLISHED, sections)
    lengths = [(name, records.lengths.get(name, (0, 0))) for name in _between(_LENGTHS)]
    yield Chart("By length", "articles by the words of their text", _PUBLISHED, lengths)


def extraction(run: RunDocument, past: Sequence[RunDocument]) -> Iterator[Chart]:
    """Yield the charts of filled fields, by source, and of noise that was removed."""
    names = [name for name in COVERED if name not in _CERTAIN]

    def total(stat: str, runs: Sequence[RunDocument]) -> int:
        return sum(it.get("stats", {}).get(f"newscrawl/{stat}", 0) for it in runs)

    def shares(source: str, runs: Sequence[RunDocument]) -> list[float]:
        count = total(f"published/{source}", runs)
        return [total(f"filled/{source}/{it}", runs) / count for it in names] if count else []

    for source, count in stats_under(run, "newscrawl/published/").items():
        filled = [(it,) for it in shares(source, [run])]
        yield Chart(
            f"Fields filled, from {source}",
            f"share of {_many(count, 'record')} from {source} that have the field",
            {"plain": "filled"},
            list(zip(names, filled, strict=True)),
            form="{:.0%}",
            usual=shares(source, past),
            most=1,
        )
    if noise := {name: (count,) for name, count in stats_under(run, "newscrawl/noise/").items()}:
        yield Chart(
            "Noise removed",
            "pieces of pages outside the article text, by the rule that removed them",
            {"plain": "pieces"},
            _largest(noise),
        )


def responses(run: RunDocument) -> Iterator[Chart]:
    """Yield the charts of the site's responses: by status, and by latency."""
    phrases = {str(it.value): it.phrase for it in HTTPStatus}
    statuses = {
        f"{code} {phrases.get(code, '')}": count
        for code, count in stats_under(run, "downloader/response_status_count/").items()
    }
    for name, count in stats_under(run, "downloader/exception_type_count/").items():
        # Requests that newscrawl did not send have no response either.
        if not name.startswith("newscrawl.") and not name.endswith(".IgnoreRequest"):
            statuses[f"none: {name.rpartition('.')[2]}"] = count
    if statuses:
        rows = [(name, (count,)) for name, count in sorted(statuses.items())]
        note = "responses by HTTP status; none: requests without a response"
        yield Chart("By status", note, {"plain": "responses"}, rows)
    latency = stats_under(run, "newscrawl/latency/")
    if count := latency.get("count"):
        bounds = sorted(float(it[3:]) for it in latency if it.startswith("le/"))
        upto = [0, *(latency[f"le/{it:g}"] for it in bounds), count]
        within = [(more - less,) for less, more in pairwise(upto)]
        names = [f"{it} s" for it in _between((0, *bounds))]
        yield Chart(
            "By latency",
            f"responses by their latency; {latency['sum'] / count:.2f} s on average",
            {"plain": "responses"},
            list(zip(names, within, strict=True)),
        )


def trend(runs: Sequence[RunDocument]) -> Iterator[Chart]:
    """Yield the charts of runs over time, by hour, or by day if they span over three days."""
    # A clock that was set back and forth leaves them in another order.
    runs = sorted(runs, key=run_start)
    first, last = run_start(runs[0]), run_start(runs[-1])
    first = first.replace(minute=0, second=0)
    unit, word, form = timedelta(hours=1), "hour", "%Y-%m-%d %H:%M"
    if last - first > timedelta(days=3):
        first = first.replace(hour=0)
        unit, word, form = timedelta(days=1), "day", "%Y-%m-%d"
    starts = [first + n * unit for n in range((last - first) // unit + 1)]
    bins: list[list[RunDocument]] = [[] for _ in starts]
    for run in runs:
        bins[(run_start(run) - first) // unit].append(run)
    note = f"runs by the {word} of their start, UTC"
    ticks = _ticks(starts)

    def rows(*numbers: Callable[[Sequence[RunDocument]], float | None]) -> Rows:
        return [
            (f"{start:{form}}", [number(runs) if runs else None for number in numbers])
            for start, runs in zip(starts, bins, strict=True)
        ]

    def placed(place: str) -> Callable[[Sequence[RunDocument]], float]:
        return lambda runs: sum(_outcomes(it)[place] for it in runs)

    def stat(name: str, runs: Sequence[RunDocument]) -> list[float]:
        return [it["stats"][name] for it in runs if name in it.get("stats", {})]

    def latency(runs: Sequence[RunDocument]) -> float | None:
        count = sum(stat("newscrawl/latency/count", runs))
        return sum(stat("newscrawl/latency/sum", runs)) / count if count else None

    longest = max(stat("elapsed_time_seconds", runs), default=0)
    time, seconds = next(it for it in _UNITS if longest >= 2 * it[1] or it[1] == 1)

    def duration(runs: Sequence[RunDocument]) -> float | None:
        took = stat("elapsed_time_seconds", runs)
        return max(took) / seconds if took else None

    yield Chart(
        "Published", f"articles; {note}", _PUBLISHED, rows(*map(placed, _PUBLISHED)), ticks=ticks
    )
    yield Chart(
        "Rejected and failed", f"articles; {note}", _LOST, rows(*map(placed, _LOST)), ticks=ticks
    )
    took, mean = rows(duration), rows(latency)
    title = f"duration of the longest run; {note}"
    yield Chart("Duration", title, {"plain": "duration"}, took, f"{{:.3g}} {time}", ticks)
    title = f"average latency of responses; {note}"
    yield Chart("Latency", title, {"plain": "latency"}, mean, "{:.3g} s", ticks)


def _ticks(starts: Sequence[datetime]) -> dict[int, str]:
    """Label at most six of the hours or days, at round numbers."""
    if all(it.hour == 0 for it in starts):
        return {n: f"{starts[n]:%-d %b}" for n in range(0, len(starts), -(-len(starts) // 6))}
    step = next(it for it in (1, 2, 3, 6, 12, 24) if len(starts) <= 6 * it)
    return {n: f"{it:%H:%M\n%-d %b}" for n, it in enumerate(starts) if it.hour % step == 0}


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _length(seconds: float | None) -> str:
    """Return a duration for people.

    >>> [_length(it) for it in (None, 4.25, 600, 9000)]
    ['–', '4.2 s', '10 min', '2 h 30 min']
    """
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def sentence(run: RunDocument) -> str:
    """Return what the run did, in two sentences."""
    books, counts = run["books"], _outcomes(run)
    if run["reason"] == "crashed":
        kept = _many(books["discovered"], "record")
        return f"The run was killed. {kept} that it had published were kept; the rest is unknown."
    end = _ENDS.get(run["reason"], f"ended early ({run['reason']})")
    took = run.get("stats", {}).get("elapsed_time_seconds")
    after = "" if took is None else f" after {_length(took)}"
    got = f"{_many(books['new'], 'new article')} and {books['revised']:,} revised"
    rest = "".join(f"; {counts[place]:,} {said}" for place, said in _REST.items() if counts[place])
    return f"The run {end}{after}. It published {got} of {books['discovered']:,} discovered{rest}."


def figures(run: RunDocument) -> Iterator[tuple[str, str]]:
    """Yield the numbers at the top of the page, each with its label."""
    for place in ("new", "revised", "rejected", "failed"):
        yield f"{_outcomes(run)[place]:,}", place
    stats = run.get("stats", {})
    answers = stats.get("downloader/response_count")
    yield "–" if answers is None else f"{answers:,}", "responses"
    yield _length(stats.get("elapsed_time_seconds")), "duration"


def about(run: RunDocument) -> Iterator[tuple[str, str]]:
    """Yield the remaining facts of a run, each with its label."""
    yield "run", run["run"]
    yield "ended", f"{run.get('finished', 'unknown')}: {run['reason']}"
    yield "arguments", " ".join(f"{it}={value}" for it, value in run.get("arguments", {}).items())
    listings = run.get("listings", {}).items()
    yield (
        "listings",
        ", ".join(f"{_count(it):,} {name}" for name, it in listings if name != "gone_at"),
    )
    yield "parts", f"{len(run['parts'])}, {sum(it['bytes'] for it in run['parts']):,} bytes"
    yield "versions", ", ".join(f"{it} {value}" for it, value in run.get("versions", {}).items())
    yield "Scrapyd job", run.get("job") or ""


def page(folder: Path, damaged: OnDamage) -> str:
    """Return the report of the closed run in a folder. Raises OSError, OutputError, ReportError.

    ``damaged`` is called for each earlier run that cannot be read.
    """
    run = read_run(folder)
    if run is None:
        raise ReportError(f"The run in {folder} is not closed.")
    past = runs_before(folder, damaged)
    lost = "" if "stats" in run else "The run was killed before it wrote its numbers."
    groups = [
        (
            "Published articles",
            published_articles(Records.of(folder)),
            "The run published no article.",
        ),
        ("Extraction", extraction(run, past), lost or "The run published no article."),
        ("Responses", responses(run), lost or "The run sent no request."),
        (
            f"This run and {len(past)} earlier" if past else "Earlier runs",
            trend([*past, run]) if past else (),
            "No run in the six weeks before this one: no trend yet.",
        ),
    ]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["shown"] = shown
    text = files("newscrawl.monitoring.report").joinpath("page.html").read_text("utf-8")
    return environment.from_string(text).render(
        run=run,
        began=run_start(run),
        sentence=sentence(run),
        figures=figures(run),
        findings=findings(run, past),
        advice=advice,
        checks=len(CHECKS),
        past=len(past),
        groups=[(title, list(charts), nothing) for title, charts, nothing in groups],
        about=[(name, value) for name, value in about(run) if value],
    )
