"""``newscrawl check-run``: say what is wrong with a run, for people and for monitoring systems."""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE
from newscrawl.commands.remote import RunsCommand
from newscrawl.exceptions import ArgumentError
from newscrawl.extraction.dates import utc
from newscrawl.monitoring.accepted import (
    ACCEPTED_FILE,
    Accepted,
    read_accepted,
    write_accepted,
)
from newscrawl.monitoring.checks import Finding, look
from newscrawl.monitoring.findings_file import FINDINGS_FILE, look_up
from newscrawl.monitoring.history import History, in_time, runs_before
from newscrawl.monitoring.messages import advice
from newscrawl.monitoring.standing import Standing, Standings
from newscrawl.monitoring.times import moment
from newscrawl.storage.document import RunDocument
from newscrawl.storage.runs import read_run, run_end, run_start

# Clocks of two machines differ a little.
_AHEAD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Checked:
    """A run that was checked, and what is wrong with it."""

    run: RunDocument
    others: int
    """Runs that it was compared with."""
    standings: Standings
    found: list[Finding]

    def standing(self, it: Finding) -> Standing:
        """Return a finding as one that stands."""
        known = self.standings.all.get(it.name)
        if known and not known.over:
            return known
        return Standing(it, it.since or min(run_start(self.run), datetime.now(UTC)))

    def is_accepted(self, it: Finding) -> bool:
        """Return whether an operator accepted a finding."""
        return self.standings.is_accepted(self.standing(it), datetime.now(UTC))


class Command(RunsCommand, ScrapyCommand):
    """Runs the checks over a closed run, the latest or the named one, and accepts findings.

    A finding that is accepted raises no alert, and what changed is the new usual.
    """

    arguments = "<outlet> [<run>]"
    summary = "Check a run against those before it; exit code 1 when something is wrong"
    example = "check-run hill --max-age 3"
    exit_codes = "0 all is well, 1 something is wrong, 2 wrong usage, 3 there is no such run"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="findings as JSON")
        parser.add_argument(
            "--max-age", type=float, metavar="HOURS", help="how old the latest run may be"
        )
        parser.add_argument(
            "--accept",
            metavar="FINDING",
            help="raise no more alerts for a finding, or for all of a check; what changed is the"
            " new usual",
        )
        parser.add_argument(
            "--until", metavar="DATE", help="accept until then only, and keep what was usual"
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print what is wrong, or accept it."""
        if opts.until and not opts.accept:
            raise UsageError("--until needs --accept", print_help=False)
        self.fetch_compared(opts, args)
        with self.standing_files(args) as folder:
            checked = self.check(args, folder)
            if opts.max_age is not None:
                checked.found.extend(_age(checked.run, opts.max_age))
            if opts.accept:
                self.accept(folder, checked, opts.accept, opts.until)
                self.share(args[0], folder)
                return
        if not all(map(checked.is_accepted, checked.found)):
            self.exitcode = NEGATIVE
        if opts.json:
            rows = [_row(checked, it) for it in checked.found]
            shown = {"run": checked.run["run"], "findings": rows}
            print(json.dumps(shown, ensure_ascii=False, indent=2))  # noqa: T201
            return
        run, found = checked.run, checked.found
        complete = "complete" if run["complete"] else "incomplete"
        others = f"{checked.others} other{'s' * (checked.others != 1)}"
        verdict = f"{len(found) or 'no'} finding{'s' * (len(found) != 1)}"
        print(  # noqa: T201
            f"Run {run['run']} of {args[0]}: {run['reason']}, {complete}."
            f" Compared with {others}: {verdict}"
        )
        if not run["complete"]:
            print(f"  {'incomplete':<13} {', '.join(missing(run))}")  # noqa: T201
        for it in checked.found:
            accepted = " (accepted)" if checked.is_accepted(it) else ""
            print(f"  {it.name:<13} {it.says}{accepted}")  # noqa: T201
            if not accepted and (next_step := advice(it, args[0])):
                print(f"    Next: {next_step}.")  # noqa: T201

    @contextmanager
    def standing_files(self, args: list[str]) -> Iterator[Path]:
        """Give the folder of the outlet's findings and what is accepted of them.

        If the storage has these files, it is a folder with copies of them: a crawl may be writing
        those that are here.
        """
        files = {
            name: self.target.read(f"{args[0]}/{name}")
            for name in (FINDINGS_FILE, ACCEPTED_FILE)
            if self.target and args
        }
        if not any(files.values()):
            yield self.output.joinpath(*args[:1])
            return
        with TemporaryDirectory(prefix="newscrawl-") as folder:
            for name, data in files.items():
                if data is not None:
                    Path(folder, name).write_bytes(data)
            yield Path(folder)

    def share(self, outlet: str, folder: Path) -> None:
        """Put what is accepted into the storage that nodes share; their next runs fetch it."""
        if self.target and self.is_shared:
            self.target.put(f"{outlet}/{ACCEPTED_FILE}", folder / ACCEPTED_FILE)

    def check(self, args: list[str], folder: Path) -> Checked:
        """Return what is wrong with the named run, or with the latest that can be read.

        ``folder`` has the findings that stand. Raises OutputError when there is no such run.
        """
        path = self.closed_run(args)
        run = read_run(path)
        assert run is not None
        past = runs_before(path, self.pass_over)
        standings = look_up(folder) if len(args) == 1 else Standings()
        found = list(look(History(in_time([*past, run])), standings))
        if began := standings.standing("began"):
            found.insert(0, began)
        return Checked(run, len(past), standings, found)

    def accept(self, folder: Path, checked: Checked, name: str, until: str | None) -> None:
        """Accept a finding, or all findings of a check. Raises ArgumentError and OutputError."""
        try:
            end = moment(until) if until else None
        except ValueError:
            raise ArgumentError(
                f"--until {until} is no date: write it like 2026-12-01 or 2026-12-01T08:00:00Z."
            ) from None
        meant = [it for it in checked.found if name in (it.name, it.check)]
        if not meant:
            names = ", ".join(it.name for it in checked.found) or "none"
            raise ArgumentError(f"There is no finding {name!r}. Findings now: {names}.")
        now = datetime.now(UTC).replace(microsecond=0)
        kept = [it for it in read_accepted(folder) if it.finding not in {m.name for m in meant}]
        for it in meant:
            since = checked.standing(it).since
            # A change is in the past, whatever the run's clock said.
            kept.append(Accepted(it.name, min(since, now), now, end))
        write_accepted(folder, kept)
        until = f" until {utc(end)}" if end else ": this is the new usual"
        for it in meant:
            print(f"Accepted {it.name}{until}. {it.says}")  # noqa: T201


def missing(run: RunDocument) -> Iterator[str]:
    """Yield why a run is not complete, in numbers of articles, or its reason."""
    books = run["books"]
    counts = {
        "rejected": sum(books["rejected"].values()),
        "failed": sum(books["failed"].values()),
        "pending": books["pending"],
        "waiting for their retry": run.get("waiting", 0),
        "listing pages failed": sum(run.get("listings", {}).get("failed", {}).values()),
    }
    shown = [f"{count} {what}" for what, count in counts.items() if count]
    yield from shown or [f"ended by {run['reason']}"]


def _row(checked: Checked, it: Finding) -> dict[str, object]:
    return {
        "check": it.check,
        "subject": it.subject,
        "says": it.says,
        "name": it.name,
        "since": utc(checked.standing(it).since),
        "accepted": checked.is_accepted(it),
    }


def _age(run: RunDocument, hours: float) -> list[Finding]:
    """Return what is wrong with the time of the latest run, by its own clock."""
    age = (datetime.now(UTC) - run_end(run)) / timedelta(hours=1)
    if -age > _AHEAD / timedelta(hours=1):
        says = f"The latest closed run ended {-age:.1f} hours from now by a wrong clock."
        return [Finding("age", "", says)]
    if age > hours:
        return [Finding("age", "", f"The latest closed run ended {age:.1f} hours ago.")]
    return []
