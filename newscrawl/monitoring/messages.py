"""Messages to the operator: what began, what lasts, what is over, and what to do."""

from collections.abc import Iterator

from newscrawl.monitoring.checks import Finding
from newscrawl.monitoring.standing import Message
from newscrawl.storage.rejected import REJECTED_FILE

_NEXT = {
    "began": "newscrawl crawl {outlet} prints the reason",
    "ended": "newscrawl runs {outlet}; the job's log names the cause",
    "killed": "look for the cause in dmesg and in the job's log; nothing published is lost",
    "balanced": "report it, with this run's run.json",
    "complete": "nothing if the site is down: later runs catch up. Else newscrawl report {outlet}",
    "complete:rejected": "newscrawl ledger {outlet} --retry rejected, then newscrawl crawl"
    " {outlet}",
    "closed": "open the address. If the listing is gone for good, choose another discovery method"
    " or accept the finding",
    "shorter": "crawl more often, or with a further discovery method that the outlet has, such as"
    " -a discover=links,feeds",
    "state:rejected": "raise NEWSCRAWL_REJECTED_MB until the layout is corrected",
    "site:moved": "open the site. If it has moved for good, set the new host in the outlet, then"
    " newscrawl ledger {outlet} --retry failed offsite",
    "site:robots": "ask the site. Crawls read robots.txt again every 24 hours",
    "site:addresses": "open an article and compare its address with the outlet's rule for ids; then"
    " newscrawl crawl {outlet}. If the ids are new for good:"
    " newscrawl check-run {outlet} --accept site:addresses",
    "site:javascript": "newscrawl crawl {outlet} -a fetch=browser -a limit=20; if that reads them,"
    " crawl with fetch=browser",
    "site:same-page": "open an article: consent, a paywall or a block. Ask the site, or, if the"
    " outlet has REST, newscrawl crawl {outlet} -a discover=api -a fetch=api",
    "length": "open a short article: a paywall may cut it, or the selector of the story lost its"
    " end; then newscrawl reread {outlet}",
    "refused": "nothing if the outlet has REST, which takes over: a page is tested at least once a"
    " day. Else ask the site",
    "errors": "read the job's log",
    "duration": "newscrawl report {outlet} shows the latencies",
    "news": "compare the site with newscrawl runs {outlet}; try another discovery method that the"
    " outlet has, such as newscrawl crawl {outlet} -a discover=feeds",
    "coverage": "newscrawl compare {outlet} shows pages and records; correct the field",
    "selectors": "correct the selector, then newscrawl reread {outlet}:"
    " docs/how-to/when-the-site-changes.md",
    "disagreement": "newscrawl compare {outlet} shows both values",
    "rejected": "newscrawl outlet try {outlet} --rejected; correct the layout, then newscrawl"
    " reread {outlet}: docs/how-to/when-the-site-changes.md",
    "fallback": "correct the layout, then newscrawl reread {outlet}:"
    " docs/how-to/when-the-site-changes.md",
    "failed": "nothing: failed articles are retried. newscrawl ledger lists the reasons",
    "clock": "set the clock of the machine, for example with timedatectl set-ntp true",
    "state": "read the log of the run; newscrawl dataset verify shows what is missing",
}


def title(message: Message, outlet: str) -> str:
    """Return the subject of a message."""
    counts = (
        (len(message.begun), "new"),
        (len(message.ended), "over"),
        (len(message.reminded), "still there"),
    )
    said = ", ".join(f"{count} {what}" for count, what in counts if count)
    named = message.begun or message.ended or message.reminded
    names = ", ".join(dict.fromkeys(it.check for it in named))
    return f"newscrawl {outlet}: {said} ({names})"


def advice(finding: Finding, outlet: str) -> str:
    """Return what to do about a finding, or an empty string."""
    is_rejected = finding.check == "complete" and finding.subject.endswith(REJECTED_FILE)
    name = "complete:rejected" if is_rejected else finding.name
    step = _NEXT.get(name) or _NEXT.get(finding.check, "")
    return step.format(outlet=outlet)


def text(message: Message, outlet: str) -> str:
    """Return the text of a message: a paragraph for each finding."""
    return "\n\n".join("\n".join(it) for it in _paragraphs(message, outlet))


def _paragraphs(message: Message, outlet: str) -> Iterator[list[str]]:
    for heading, findings in (
        ("NEW", message.begun),
        ("OVER", message.ended),
        ("STILL", message.reminded),
    ):
        for it in findings:
            yield list(_lines(heading, it, message, outlet))


def _lines(heading: str, it: Finding, message: Message, outlet: str) -> Iterator[str]:
    if heading == "OVER":
        lasted = f"{message.since[it.name]:%Y-%m-%d %H:%M} to {message.now:%Y-%m-%d %H:%M} UTC"
        yield f"OVER {it.name}, {lasted}. It was: {it.says}"
        return
    since = f", since {message.since[it.name]:%Y-%m-%d %H:%M} UTC" if heading == "STILL" else ""
    yield f"{heading} {it.name}{since}: {it.says}"
    if others := message.consequences.get(it.name):
        yield f"  With it: {', '.join(other.name for other in others)}."
    if next_step := advice(it, outlet):
        yield f"  Next: {next_step}."
    # While articles are rejected, only a repair helps.
    if it.check != "rejected" and (it.check == "closed" or it.is_proven):
        yield f"  If the change is to stay: newscrawl check-run {outlet} --accept '{it.name}'"
