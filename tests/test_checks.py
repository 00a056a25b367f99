"""Monitoring: two days with faults and the exact alerts for them; and each check by itself."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from bench.watch import HOURS, TROUBLE, simulate
from newscrawl.storage.books import balance
from newscrawl.storage.runs import run_name
from tests.conftest import command, crawl
from tests.made_up import close_run
from tests.ports import free_port
from tests.recordings import HTML, address, article, site

PASSWORD = "correct-horse-battery"
SECRET = "S3cretT0ken-abcdefgh"
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


class Mailbox:
    """A mail server's: everything that came in."""

    def __init__(self) -> None:
        self.mails: list[Message] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


def is_right(
    server: SMTP, session: Session, envelope: Envelope, way: str, given: Any
) -> AuthResult:
    right = isinstance(given, LoginPassword) and given.password == PASSWORD.encode()
    return AuthResult(success=right)


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box = Mailbox()
    port = free_port()
    server = Controller(
        box,
        hostname="127.0.0.1",
        port=port,
        authenticator=is_right,
        auth_require_tls=False,
    )
    server.start()
    people = "from=newscrawl@example.net&to=desk@example.net"
    url = f"mailto://newscrawl:{PASSWORD}@127.0.0.1:{port}?{people}"
    monkeypatch.setenv("NEWSCRAWL_ALERTS", url)
    yield box
    server.stop()


def text_of(mail: Message) -> str:
    parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
    return "\n".join(part.decode() for part in parts if isinstance(part, bytes))


def test_two_days_with_troubles_lose_nothing_and_send_two_mails_for_each(
    tmp_path: Path, mailbox: Mailbox
) -> None:
    output = tmp_path / "output"
    watch = simulate(output)
    assert len(watch.runs) == HOURS + 1
    assert watch.missing == []
    assert all(balance(run["books"]) == 0 for run in watch.runs)
    # Each trouble is told once, and once more when it is over.
    told = [
        (what, [it.check for it in found])
        for message in watch.messages.values()
        for what, found in (("new", message.begun), ("over", message.ended))
        if found
    ]
    checks = [check for _, _, check in TROUBLE.values()]
    assert told == [(what, [check]) for check in checks for what in ("new", "over")]
    assert [hour for hour, message in watch.messages.items() if message.begun] == list(TROUBLE)
    subjects = [mail["Subject"] for mail in mailbox.mails]
    assert subjects == [f"newscrawl hill: 1 {what} ({found[0]})" for what, found in told]
    for mail, message in zip(mailbox.mails, watch.messages.values(), strict=True):
        assert mail["To"] == "desk@example.net"
        for it in (*message.begun, *message.ended):
            assert it.says.split(" (")[0].split("'")[0] in text_of(mail)
    (layout,) = [it for it in mailbox.mails if it["Subject"].endswith("1 new (selectors)")]
    assert "With it: coverage:page/tags." in text_of(layout)
    log = (tmp_path / "output.log").read_text("utf-8")
    assert "a.tags__item" in log
    written = [log, *(path.read_text("utf-8") for path in output.rglob("*.json"))]
    assert not [text for text in written if PASSWORD in text]


def run_document(began: datetime, new: int = 5, **more: Any) -> dict[str, Any]:
    """Return the run.json of a good run."""
    nothing = dict.fromkeys(("known", "revised", "unchanged", "pending"), 0)
    return {
        "run": run_name(began),
        "spider": "hill",
        "arguments": {},
        "reason": "finished",
        "complete": True,
        "parts": [],
        "withdrawn": [],
        "books": {"discovered": new, "new": new, **nothing, "rejected": {}, "failed": {}},
        "listings": {"asked": 80, "read": 80, "failed": {}},
        "stats": {"elapsed_time_seconds": 300.0},
        **more,
    }


def check_run(
    output: Path, runs: list[dict[str, Any]], *options: str
) -> tuple[int, dict[str, str], str]:
    """Return exit code, findings by check, and what was said, of ``scrapy check-run``."""
    for run in runs:
        close_run(output, run)
    done = command(output, "check-run", "hill", "--json", *options)
    found = json.loads(done.stdout)["findings"] if done.stdout else []
    return done.returncode, {it["check"]: it["says"] for it in found}, done.stderr


def weeks(count: int, until: datetime = NOW) -> list[dict[str, Any]]:
    """Return hourly runs: eight articles an hour by day, one by night, half at weekends."""
    runs = []
    for hour in range(count * 7 * 24, 0, -1):
        began = until - timedelta(hours=hour)
        new = 8 if 12 <= began.hour < 23 else 1
        runs.append(run_document(began, new // 2 if began.weekday() >= 5 else new))
    return runs


def test_a_good_run_passes_and_a_missing_run_is_reported(tmp_path: Path) -> None:
    assert check_run(tmp_path, [])[0] == 3
    assert check_run(tmp_path, weeks(1)) == (0, {}, "")
    code, found, _ = check_run(tmp_path, [], "--max-age", "2")
    assert code == 1
    assert list(found) == ["age"]
    code, _, said = check_run(tmp_path, [], "20200101T000000Z")
    assert code == 3
    assert "20200101T000000Z" in said


def test_silence_is_judged_by_the_hours_of_the_week(tmp_path: Path) -> None:
    silent = [run_document(NOW + timedelta(hours=hour), 0) for hour in range(6)]
    # A Monday's afternoon: one silent hour says little, six are no chance.
    past = weeks(3)
    assert check_run(tmp_path / "one", [*past, silent[0]])[1] == {}
    code, found, _ = check_run(tmp_path / "six", [*past, *silent])
    assert code == 1
    assert "0 new articles since 2026-11-23 1" in found["news"]
    # Six silent hours of a Sunday's early morning are nothing.
    night = datetime(2026, 11, 22, 3, tzinfo=UTC)
    silent = [run_document(night + timedelta(hours=hour), 0) for hour in range(6)]
    assert check_run(tmp_path / "night", [*weeks(3, night), *silent])[1] == {}
    # Without a history there is no opinion.
    assert check_run(tmp_path / "new", [run_document(NOW, 0)])[1] == {}


def books(**counts: Any) -> dict[str, Any]:
    return {"books": {**run_document(NOW)["books"], **counts}}


def stats(**counts: Any) -> dict[str, Any]:
    return {"stats": {"elapsed_time_seconds": 300.0, **counts}}


@pytest.mark.parametrize(
    ("check", "wrong"),
    [
        ("ended", {"reason": "output failed"}),
        ("killed", {"salvaged": ["20261123T130000Z"]}),
        ("balanced", books(discovered=6)),
        ("complete", {"listings": {"asked": 2, "read": 0, "failed": {"http 503": 2}}}),
        ("complete", {"listings": {"asked": 80, "read": 60, "failed": {"http 503": 20}}}),
        ("complete", books(discovered=6, pending=1)),
        ("refused", {"refused": {"reason": "http 403", "since": "now", "probe": "then"}}),
        ("rejected", books(discovered=13, rejected={"no body": 8})),
        ("failed", books(discovered=13, failed={"timeout": 8})),
        ("errors", stats(**{"log_count/ERROR": 1})),
        ("duration", stats(elapsed_time_seconds=3000.0)),
        (
            "disagreement",
            stats(**{"newscrawl/layout/new": 40, "newscrawl/disagree/headline": 30}),
        ),
    ],
)
def test_every_fault_is_a_finding(tmp_path: Path, check: str, wrong: dict[str, Any]) -> None:
    code, found, _ = check_run(tmp_path, [*weeks(1), run_document(NOW, **wrong)])
    assert code == 1
    assert list(found) == [check]
    assert found[check].endswith((".", "?"))


@pytest.mark.parametrize(
    "fine",
    [
        {"listings": {"failed": {"http 404": 2}}},
        {"listings": {"asked": 9, "read": 8, "failed": {"timeout": 1}}},
        {"reason": "limit"},
        {"refused": {"reason": "http 403", "since": "now", "probe": "then", "over": "now"}},
        books(discovered=6, failed={"timeout": 1}),
        books(discovered=6, rejected={"no body": 1}),
        stats(**{"retry/max_reached": 1}),
    ],
)
def test_a_good_run_has_no_finding(tmp_path: Path, fine: dict[str, Any]) -> None:
    assert check_run(tmp_path, [*weeks(1), run_document(NOW, **fine)])[:2] == (0, {})


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("email,slack", "number 1 (email,slack) is not"),
        (f"json://127.0.0.1:9/{SECRET}, pigeon://{SECRET}", "number 2 (pigeon://) is not"),
        (f"slack://{SECRET}", "number 1 (slack://) is not a complete apprise URL"),
        (f"mailto://ada:{SECRET}@example.net?to=nobody", "number 1 (mailto://) is not"),
    ],
)
def test_a_wrong_alert_ends_the_job_with_a_sentence(tmp_path: Path, urls: str, said: str) -> None:
    settings = {"NEWSCRAWL_ALERTS": urls, "NEWSCRAWL_LOG_LEVEL": "DEBUG"}
    done = crawl(tmp_path, **settings)
    assert done.code == 2
    assert f"NEWSCRAWL_ALERTS: {said}" in done.log
    assert "Traceback" not in done.log
    assert SECRET not in done.log
    assert not list(tmp_path.iterdir())


def test_a_crawl_that_does_not_begin_sends_alerts(tmp_path: Path, mailbox: Mailbox) -> None:
    """The mail arrives; the receiver that refuses is named in the log, without its token."""
    (tmp_path / "file").touch()
    with refusing() as (port, asked):
        urls = f"{os.environ['NEWSCRAWL_ALERTS']} json://127.0.0.1:{port}/{SECRET}"
        settings = {"NEWSCRAWL_ALERTS": urls, "NEWSCRAWL_LOG_LEVEL": "DEBUG"}
        done = crawl(tmp_path / "file", **settings)
    assert [mail["Subject"] for mail in mailbox.mails] == ["newscrawl hill: 1 new (began)"]
    assert "The crawl did not begin: unusable output." in text_of(mailbox.mails[0])
    assert [title for title, _ in asked] == ["newscrawl hill: 1 new (began)"]
    assert asked[0][1].startswith("NEW began: The crawl did not begin: unusable output.")
    assert (
        "ERROR: The alert by JSON was not sent: Failed to send JSON POST notification" in done.log
    )
    assert PASSWORD not in done.log
    assert SECRET not in done.log


def test_a_crawl_that_does_not_begin_is_told_once_and_when_it_begins_again(
    tmp_path: Path, mailbox: Mailbox
) -> None:
    recording = site(tmp_path / "site.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    replay = {"NEWSCRAWL_REPLAY": str(recording)}
    nowhere = f"sqlite:///{tmp_path}/nowhere/ledger.sqlite3"
    for _ in range(3):
        done = crawl(tmp_path / "output", **replay, NEWSCRAWL_LEDGER_URL=nowhere)
        assert done.code == 3
    assert [mail["Subject"] for mail in mailbox.mails] == ["newscrawl hill: 1 new (began)"]
    # The sections that are not in the recording could not be read either.
    assert crawl(tmp_path / "output", "-a", "sections=news", **replay).code == 0
    assert [mail["Subject"] for mail in mailbox.mails][1:] == ["newscrawl hill: 1 over (began)"]
    assert "OVER began" in text_of(mailbox.mails[1])


def test_an_alert_that_is_not_sent_is_in_the_exit_code(tmp_path: Path) -> None:
    recording = site(tmp_path / "site.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    with refusing() as (port, asked):
        settings = {
            "NEWSCRAWL_ALERTS": f"json://127.0.0.1:{port}",
            "NEWSCRAWL_REPLAY": str(recording),
        }
        done = crawl(tmp_path / "output", **settings)
    assert done.code == 6, done.log
    assert done.runs[0]["books"]["new"] == 1
    # Most sections are not in the recording.
    assert asked[0][1].startswith("NEW complete:listings: ")
    # What was not told is told after the next run.
    with refusing() as (port, asked):
        settings["NEWSCRAWL_ALERTS"] = f"json://127.0.0.1:{port}"
        done = crawl(tmp_path / "output", **settings)
    assert done.code == 6, done.log
    assert asked[0][1].startswith("NEW complete:listings: ")


@contextmanager
def refusing() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    """Give the port of a server that answers 403 to every POST, and the JSON posts it got."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((post["title"], post["message"]))
            self.send_response(403)
            self.end_headers()

        def log_message(self, *args: Any) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, asked
        server.shutdown()
