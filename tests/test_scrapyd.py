"""A real Scrapyd: installed, deployed to and scheduled as docs/how-to/server.md describes."""

import base64
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from bench.day import agrees, latest
from newscrawl.storage.books import balance
from tests.conftest import ROOT, records_of, runs_of
from tests.ports import free_port
from tests.sample.answer import Fault, Page, Site
from tests.sample.day import DaySite
from tests.sample.server import running

INSTALLED = ROOT / ".venv-scrapyd" / "venv"
FAST = ("setting=DOWNLOAD_DELAY=0", "setting=AUTOTHROTTLE_ENABLED=False")


def until(condition: Callable[[], Any], seconds: float = 300) -> Any:
    """Return what a condition gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"nothing in {seconds} seconds"
        # Each request costs Scrapyd CPU time.
        time.sleep(0.2)
    return found


class Server:
    """A server that deploy/install set up below ``prefix``, and its Scrapyd.

    ``inside`` is what a command begins with that runs on the server's machine, ``more`` the
    environment of the installation.
    """

    def __init__(
        self,
        prefix: Path,
        proxy: str,
        address: str = "127.0.0.1",
        inside: tuple[str, ...] = (),
        **more: str,
    ) -> None:
        self.port = 6800
        if not inside:
            self.port = free_port(address)
        self.prefix, self.proxy = prefix, proxy
        self.address, self.inside, self.more = address, inside, more
        prefix.mkdir()
        (prefix / "venv").symlink_to(INSTALLED)
        self.install()
        # Scrapyd looks for waiting jobs twice a second.
        config = prefix / "scrapyd.conf"
        text, count = re.subn(r"^(poll_interval *=).*", r"\1 0.5", config.read_text(), flags=re.M)
        assert count == 1
        config.write_text(text)

    def install(self) -> None:
        environment = {**os.environ, "PORT": str(self.port), "NO_SYSTEMD": "1", **self.more}
        environment["BIND"] = self.address
        subprocess.run([ROOT / "deploy/install", self.prefix], env=environment, check=True)

    def environment(self, name: str) -> dict[str, str]:
        text = (self.prefix / "etc" / name).read_text()
        return dict(re.findall(r'^(\w+)="?(.*?)"?$', text, flags=re.M))

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self.inside, self.prefix / "venv/bin/scrapyd", "--nodaemon", "--pidfile="],
            cwd=self.prefix,
            env={
                **os.environ,
                **self.environment("newscrawl.env"),
                "https_proxy": self.proxy,
                "NEWSCRAWL_BROWSER": "/nonexistent",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        until(self.is_up)

    def is_up(self) -> bool:
        assert self.process.poll() is None, "Scrapyd has ended"
        try:
            self.api("daemonstatus.json")
        except HTTPError:
            raise
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """End Scrapyd and its jobs, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def deploy(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.prefix / "venv/bin/scrapyd-deploy", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment("deploy.env")},
            capture_output=True,
            text=True,
            check=True,
        )

    def schedule(self, *arguments: str) -> str:
        """Return the id of the job that ``bin/schedule`` makes."""
        done = subprocess.run(
            [self.prefix / "bin/schedule", *arguments], capture_output=True, text=True, check=True
        )
        return str(json.loads(done.stdout)["jobid"])

    def api(self, name: str) -> dict[str, Any]:
        basic = base64.b64encode(self.password.encode()).decode()
        request = Request(
            f"http://{self.address}:{self.port}/{name}", headers={"Authorization": f"Basic {basic}"}
        )
        with urlopen(request, timeout=60) as answer:
            return dict(json.load(answer))

    @property
    def password(self) -> str:
        values = self.environment("deploy.env")
        return f"{values['SCRAPYD_USERNAME']}:{values['SCRAPYD_PASSWORD']}"

    def finish(self, job: str) -> str:
        """Return a job's log once it has ended."""
        jobs = until(
            lambda: [
                it
                for it in self.api("listjobs.json?project=newscrawl")["finished"]
                if it["id"] == job
            ]
        )
        log = self.prefix / "logs" / "newscrawl" / jobs[0]["spider"] / f"{job}.log"
        return log.read_text("utf-8")

    def runs(self) -> list[dict[str, Any]]:
        return runs_of(self.prefix / "output")


def tree() -> str:
    """What git knows of the clone, ignored files among it; tests that run beside leave caches."""
    status = subprocess.run(
        ["git", "status", "--porcelain", "--ignored"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return "\n".join(
        it for it in status.splitlines() if "__pycache__" not in it and "_cache" not in it
    )


class Held:
    """A site that blocks its server at request number ``at``, until ``goes_on`` is set.

    A test can thus interrupt a crawl before the crawl ends.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.asked = 0
        self.at = 0
        self.is_held, self.goes_on = threading.Event(), threading.Event()

    def get(self, url: str) -> Page | Fault:
        self.asked += 1
        if self.asked == self.at:
            self.is_held.set()
            assert self.goes_on.wait(120)
        return self.site.get(url)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[DaySite, Server, Held]]:
    """A living site, and a server beside it that talks to it."""
    if not INSTALLED.exists():
        pytest.skip("Scrapyd is not installed here (make test does)")
    # Scrapyd lives now, and what changes must change after it was read.
    start = datetime.now(UTC) - timedelta(hours=2)
    site = DaySite(start, articles=20, corrections=12, older=60)
    held = Held(site)
    with running(held) as sample:
        server = Server(tmp_path / "srv", f"http://127.0.0.1:{sample.port}")
        server.start()
        try:
            yield site, server, held
        finally:
            held.goes_on.set()
            server.kill()


def test_a_life_on_scrapyd(served: tuple[DaySite, Server, Held]) -> None:
    site, server, held = served
    before = tree()
    (server.prefix / "outlets.toml").write_text('[gazette]\nzoen = "UTC"\n', "utf-8")
    said = server.deploy()
    assert '"status": "ok"' in said.stdout, said.stdout
    assert tree() == before
    (egg,) = server.prefix.glob("eggs/newscrawl/*.egg")
    with zipfile.ZipFile(egg) as archive:
        names = archive.namelist()
    # Python never stores compiled modules in an egg: without them it compiles at every start.
    compiled = {it.removesuffix("c") for it in names if it.endswith(".pyc")}
    assert compiled == {it for it in names if it.endswith(".py")} != set()

    # What is wrong fails the job with a sentence.
    wrong = {
        "sektions=news": "Unknown spider argument 'sektions'. Did you mean 'sections'?",
        "setting=NEWSCRAWL_REFUSAL=3": "Did you mean 'NEWSCRAWL_REFUSALS'?",
        "setting=ROBOTSTXT_OBEY=maybe": "it must be True or False.",
    }
    jobs = {server.schedule("hill", it): sentence for it, sentence in wrong.items()}
    for job, sentence in jobs.items():
        log = server.finish(job)
        assert sentence in log
        assert "Traceback" not in log
    # So does a wrong row of the operator's table; the other outlets are as they were.
    log = server.finish(server.schedule("gazette"))
    assert "outlets.toml, [gazette]: Unknown key 'zoen'. Did you mean 'zone'?" in log
    assert "Traceback" not in log
    names = server.api("listspiders.json?project=newscrawl")["spiders"]
    assert {"gazette", "hill", "ktla"} <= set(names)
    assert server.runs() == []

    # Killed in mid-run, machine and all; the next job recovers.
    start = site.now
    site.now = start + timedelta(hours=2)
    arguments = ("hill", "discover=sitemap", *FAST)
    held.at = 25
    server.schedule(*arguments)
    assert held.is_held.wait(300)
    server.kill()
    held.goes_on.set()
    server.start()
    job = server.schedule(*arguments)
    log = server.finish(job)
    killed, run = server.runs()
    assert "Salvaged interrupted run" in log
    assert killed["reason"] == "crashed"
    assert (run["reason"], run["complete"], run["job"]) == ("finished", True, job)
    assert run["salvaged"] == [killed["run"]]
    check_records(site, server)

    # Nothing new, then an hour's news and corrections.
    server.finish(server.schedule(*arguments))
    assert server.runs()[-1]["parts"] == []
    site.now = start + timedelta(hours=20)
    server.finish(server.schedule(*arguments))
    assert server.runs()[-1]["books"]["revised"] > 0
    check_records(site, server)

    # A second job beside one that is on says so and leaves it alone.
    with (server.prefix / "output/hill/.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        log = server.finish(server.schedule(*arguments))
    assert "Another run of hill uses the output folder" in log
    assert "Spider closed (already running)" in log


def test_stopping_the_service_closes_its_crawl(
    served: tuple[DaySite, Server, Held],
) -> None:
    site, server, held = served
    server.deploy()
    held.at = 25
    server.schedule("hill", "discover=sitemap", *FAST)
    assert held.is_held.wait(300)
    # As systemd does: SIGTERM to all, and once more to those that outlive the main process.
    os.killpg(server.process.pid, signal.SIGTERM)
    held.goes_on.set()
    server.process.wait(120)
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGTERM)
    [run] = until(server.runs)
    assert run["reason"] == "shutdown"
    assert run["books"]["pending"] > 0
    assert balance(run["books"]) == 0

    server.start()
    server.finish(server.schedule("hill", "discover=sitemap", *FAST))
    [run, following] = server.runs()
    assert (following["salvaged"], following["complete"]) == ([], True)
    check_records(site, server)


def check_records(site: DaySite, server: Server) -> None:
    """Every article as the site shows it, no line twice."""
    output = server.prefix / "output"
    have = latest(output)
    assert all(agrees(have.get(it), truth) for it, truth in site.expected().items())
    keys = [(it["id"], it["revision"]) for it in records_of(output)]
    assert len(keys) == len(set(keys))


def test_a_job_that_is_not_taken_is_reported(tmp_path: Path) -> None:
    if not INSTALLED.exists():
        pytest.skip("Scrapyd is not installed here (make test does)")
    server = Server(tmp_path / "srv", "")
    done = subprocess.run(
        [server.prefix / "bin/schedule", "hill"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "connect" in done.stderr
    done = subprocess.run(
        [server.prefix / "bin/schedule"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "schedule hill" in done.stderr


def test_the_installation_is_whole_and_stays(tmp_path: Path) -> None:
    if not INSTALLED.exists():
        pytest.skip("Scrapyd is not installed here (make test does)")
    server = Server(tmp_path / "srv", "")
    kept = {p: p.read_text() for p in (server.prefix / "etc").glob("*.*") if p.is_file()}
    server.install()
    assert {p: p.read_text() for p in kept} == kept
    config = (server.prefix / "scrapyd.conf").read_text()
    assert "bind_address = 127.0.0.1" in config
    assert not re.search(r"@[A-Z]+@", config)
    for path in (server.prefix / "scrapyd.conf", *kept):
        if path.name != "requirements.txt":
            assert path.stat().st_mode & 0o077 == 0, path
    units = sorted((server.prefix / "etc/systemd").iterdir())
    assert len(units) == 6
    for unit in units:
        text = unit.read_text()
        assert not re.search(r"@[A-Z]+@", text)
        for program in re.findall(r"^ExecStart=(\S+)", text, flags=re.M):
            assert os.access(program, os.X_OK), program
        for file in re.findall(r"^(?:EnvironmentFile|WorkingDirectory)=(\S+)", text, flags=re.M):
            assert Path(file).exists(), file
        if unit.suffix == ".service":
            (user,) = re.findall(r"^User=(\S+)$", text, flags=re.M)
            assert user != "root"
        elif job := unit.stem.partition("@")[2]:
            assert (server.prefix / "etc/jobs" / job).exists()
    if systemd := shutil.which("systemd-analyze"):
        for unit in units:
            # A template is verified as one of its instances.
            name = unit.name.replace("@.", "@hourly.")
            command = [systemd, "verify", "--man=no", unit.with_name(name)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, "")
    for job in re.findall(r"--job (\w+)", (ROOT / "deploy/crontab").read_text()):
        assert (server.prefix / "etc/jobs" / job).exists()
