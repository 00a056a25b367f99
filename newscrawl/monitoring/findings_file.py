"""``output/<outlet>/findings.json``: the findings that stand, from one run to the next.

The runs themselves say the same: without the file the last eight days are checked once more.
"""

import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from newscrawl.exceptions import OutputError
from newscrawl.extraction.dates import utc
from newscrawl.monitoring.accepted import Accepted, read_accepted
from newscrawl.monitoring.checks import Finding
from newscrawl.monitoring.history import in_time
from newscrawl.monitoring.standing import Standing, Standings
from newscrawl.monitoring.times import moment
from newscrawl.storage.document import RunDocument
from newscrawl.storage.parts import write_document
from newscrawl.storage.runs import run_start

logger = logging.getLogger(__name__)

FINDINGS_FILE = "findings.json"
_CHECKED_AGAIN = timedelta(days=8)


def load(folder: Path, run: RunDocument, past: Sequence[RunDocument]) -> Standings:
    """Return the findings of the outlet in ``folder``, with the runs before ``run`` as history.

    A file that is missing or damaged is named in the log, and made again from the runs.
    """
    earlier = in_time([*past, run])[:-1]
    accepted = _accepted(folder)
    path = folder / FINDINGS_FILE
    try:
        standings = _read(json.loads(path.read_text("utf-8")), accepted)
    except FileNotFoundError:
        if earlier:
            logger.info("There is no %s: the findings are made again from the runs", path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        logger.warning("%s is damaged (%s): it is made again from the runs", path, reason)
    else:
        for it in earlier:
            standings.remember(it)
        return standings
    return _rebuilt(earlier, accepted)


def look_up(folder: Path) -> Standings:
    """Return the findings of the outlet in ``folder``, without a history; none without a file.

    Raises OutputError for a file that is damaged.
    """
    path = folder / FINDINGS_FILE
    try:
        return _read(json.loads(path.read_text("utf-8")), _accepted(folder))
    except FileNotFoundError:
        return Standings(accepted=_accepted(folder))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise OutputError(f"{path} is damaged ({reason}). The next run makes it again.") from error


def save(folder: Path, standings: Standings) -> None:
    """Write the findings that stand, atomically. Raises OSError."""
    write_document(
        folder / FINDINGS_FILE,
        {
            "standing": [_as_json(it) for it in standings.all.values()],
            "periods": {
                name: [[utc(start), utc(end)] for start, end in periods]
                for name, periods in standings.ended_periods.items()
                if periods
            },
        },
    )


def _accepted(folder: Path) -> list[Accepted]:
    try:
        return read_accepted(folder)
    except (OutputError, OSError) as error:
        logger.warning("Cannot read accepted.json, treating no finding as accepted: %s", error)
        return []


def _rebuilt(runs: Sequence[RunDocument], accepted: Sequence[Accepted]) -> Standings:
    """Return the findings as they stand after the last of some runs, all of them marked as sent."""
    standings = Standings(accepted=accepted)
    for run in runs:
        if run_start(runs[-1]) - run_start(run) > _CHECKED_AGAIN:
            standings.remember(run)
        else:
            standings.mark_sent(standings.step(run))
    return standings


def _as_json(it: Standing) -> dict[str, Any]:
    finding = it.finding
    return {
        "check": finding.check,
        "subject": finding.subject,
        "says": finding.says,
        "since": utc(finding.since) if finding.since else None,
        "usual": finding.usual,
        "began": utc(it.began),
        "cause": it.cause,
        "clean": it.clean,
        "told": utc(it.told) if it.told else None,
        "reminded": utc(it.reminded) if it.reminded else None,
        "over": utc(it.over) if it.over else None,
    }


def _read(document: dict[str, Any], accepted: Sequence[Accepted]) -> Standings:
    """Return the findings of a document. Raises ValueError, KeyError, TypeError."""
    return Standings(
        [_standing(it) for it in document["standing"]],
        {
            name: tuple((moment(start), moment(end)) for start, end in periods)
            for name, periods in document["periods"].items()
        },
        accepted,
    )


def _standing(row: dict[str, Any]) -> Standing:
    times = {
        name: moment(row[name]) if row[name] else None
        for name in ("since", "told", "reminded", "over")
    }
    usual = None
    if row["usual"] is not None:
        hits, misses = map(float, row["usual"])
        usual = hits, misses
    finding = Finding(
        str(row["check"]),
        str(row["subject"]),
        str(row["says"]),
        times["since"],
        usual,
    )
    return Standing(
        finding,
        moment(row["began"]),
        str(row["cause"]),
        int(row["clean"]),
        times["told"],
        times["reminded"],
        times["over"],
    )
