"""The rules of SECURITY.md that no other file tests: paths and secrets."""

import gzip
from pathlib import Path

import pytest

from tests.conftest import crawl
from tests.kill import FAST
from tests.recordings import HTML, article
from tests.sample.answer import Page
from tests.sample.server import running

SECRET = "s3cr3t-passphrase"


class Hostile:
    """A site whose article says that it is another file."""

    def get(self, url: str) -> Page:
        evil = "../../../../tmp/owned"
        listing = f'<article><a href="https://thehill.com/homenews/6000001-{evil}/">x</a>'
        listing += '<a href="https://thehill.com/homenews/6000002-..%2f..%2fowned/">x</a></article>'
        if "600000" in url:
            body = article(6000002).replace(b"/6000002-story/", f"/6000002-{evil}/".encode())
        else:
            body = f"<html><body><main>{listing}</main></body></html>".encode()
        return Page(200, (("Content-Type", HTML),), body)


@pytest.mark.parametrize("argument", ["sections=../../etc", "sections=news", "tags=people/../../x"])
def test_neither_page_nor_argument_steers_a_file_out_of_the_output(
    tmp_path: Path, argument: str
) -> None:
    output = tmp_path / "a" / "b" / "output"
    with running(Hostile()) as server:
        done = crawl(output, "-a", argument, *FAST, https_proxy=f"http://127.0.0.1:{server.port}")
    assert done.code in (0, 2), done.log
    files = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.parts[:3] == ("a", "b", "output") for path in files), files
    for path in (it for it in files if it.suffix == ".jsonl"):
        assert path.parts[3] == "hill"
        assert path.parts[4].startswith("run=")
        assert path.name.startswith("part-")


def test_secrets_stand_nowhere(tmp_path: Path) -> None:
    with running(Hostile()) as server:
        done = crawl(
            tmp_path / "output",
            *("-a", "sections=news", *FAST, "-s", "LOG_LEVEL=DEBUG"),
            https_proxy=f"http://ada:{SECRET}@127.0.0.1:{server.port}",
            NEWSCRAWL_RECORD=str(tmp_path / "warc"),
            NEWSCRAWL_LOG_JSON=str(tmp_path / "log.jsonl"),
            NEWSCRAWL_ALERTS=f"mailto://ada:{SECRET}@127.0.0.1:9?from=ada@example.net&to=desk@example.net",
        )
    assert done.runs, done.log
    assert SECRET not in done.log
    for path in (it for it in tmp_path.rglob("*") if it.is_file()):
        assert SECRET.encode() not in readable(path), path


def readable(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_the_ledgers_password_is_not_shown(tmp_path: Path) -> None:
    url = f"postgresql://ada:{SECRET}@127.0.0.1:1/news"
    done = crawl(tmp_path / "output", NEWSCRAWL_LEDGER_URL=url)
    assert done.code == 3
    assert "The ledger postgresql://***@127.0.0.1:1/news cannot be used" in done.log
    assert SECRET not in done.log
    files = {it.name: it.read_text() for it in (tmp_path / "output" / "hill").iterdir()}
    assert files.keys() == {".lock", "findings.json"}
    assert SECRET not in files["findings.json"]
