"""The report of a run: one self-contained HTML page.

matplotlib and jinja2 are imported only when a report is made, because a crawl does not need them.
"""

from pathlib import Path

from newscrawl.exceptions import ReportError, extra_missing
from newscrawl.storage.parts import write_whole
from newscrawl.storage.runs import OnDamage

REPORT_FILE = "report.html"


def write_report(folder: Path, damaged: OnDamage, to: Path | None = None) -> Path:
    """Write the report of a closed run to ``to``, by default into its folder; return the path.

    ``damaged`` is called for each earlier run that cannot be read. Raises
    OSError, and ReportError where matplotlib or jinja2 is missing.
    """
    try:
        from newscrawl.monitoring.report.page import page  # noqa: PLC0415
    except ImportError as error:
        raise ReportError(extra_missing("The report", "report", error)) from error
    to = to or folder / REPORT_FILE
    write_whole(to, page(folder, damaged))
    return to
