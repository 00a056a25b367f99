"""Small handwritten recordings for crawls to read."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

HTML = "text/html; charset=UTF-8"
ROBOTS = {"https://thehill.com/robots.txt": (200, "text/plain", b"User-agent: *\nDisallow:\n")}

Answer = tuple[int, str, bytes]


def write_warc(path: Path, answers: Iterable[tuple[str, Answer]], **keywords: Any) -> Path:
    """Write answers, in order, as a WARC of one gzip member a record."""
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True, warc_version="1.1")
        for url, (status, kind, body) in answers:
            headers = StatusAndHeaders(f"{status} -", [("Content-Type", kind)], protocol="HTTP/1.1")
            writer.write_record(
                writer.create_warc_record(
                    url,
                    "response",
                    payload=BytesIO(body),
                    http_headers=headers,
                    warc_headers_dict=keywords,
                )
            )
    return path


def site(path: Path, pages: Mapping[str, Answer]) -> Path:
    """Write a recording of a site that has one listing, ``/news``, with a link to every page."""
    links = "".join(
        f'<article class="archive__item"><a href="{url}">x</a></article>' for url in pages
    )
    news = (200, HTML, f"<html><body>{links}</body></html>".encode())
    return write_warc(path, [*ROBOTS.items(), ("https://thehill.com/news", news), *pages.items()])


def article(number: int, body: str = "<p>It rained.</p>", headline: str = "") -> bytes:
    """Return a small page of today's layout."""
    url = f"https://thehill.com/homenews/{number}-story/"
    return f"""<!DOCTYPE html><html lang="en-US">
<head><link rel="canonical" href="{url}"></head><body>
<article class="article__content"><h1 class="page-title">{headline or f"Story {number}"}</h1>
<section class="submitted-by mobile-only">by Ada Quill - 11/20/26 2:04 PM ET</section>
<div class="article__text | body-copy">{body}</div></article></body></html>""".encode()


def address(number: int) -> str:
    """Return the address of ``article(number)``."""
    return f"https://thehill.com/homenews/{number}-story/"
