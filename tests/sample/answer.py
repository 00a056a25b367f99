"""A response of the sample site: a page, or a fault that the server simulates."""

import asyncio
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from typing import Protocol

HTML = ("Content-Type", "text/html; charset=UTF-8")
TEXT = ("Content-Type", "text/plain; charset=utf-8")


@dataclass(frozen=True)
class Page:
    """One HTTP answer; `headers` are names and values in the order sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Fault(Protocol):
    """An answer that breaks the rules of HTTP; the connection ends with it."""

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send whatever comes; `reader` ends when the client goes away."""


class Site(Protocol):
    """Anything that answers addresses."""

    def get(self, url: str) -> Page | Fault:
        """Answer an absolute address."""


def page(status: int, content: str | bytes, *headers: tuple[str, str]) -> Page:
    """Return a page, HTML unless `headers` say otherwise; with an ETag if the status is 200."""
    data = content.encode() if isinstance(content, str) else content
    etag = f'"{blake2b(data, digest_size=16).hexdigest()}"'
    fixed = (("Server", "nginx"), *(headers or (HTML,)))
    caching = (("Cache-Control", "max-age=300, must-revalidate"), ("ETag", etag))
    return Page(status, (*fixed, *(caching if status == 200 else ())), data)


def redirect(url: str, status: int = 301) -> Page:
    """Return a page that sends the client elsewhere."""
    return Page(status, (("Server", "nginx"), HTML, ("Location", url)), b"")


def head(status: int, *headers: tuple[str, str]) -> bytes:
    """Return the first part of an answer as it is sent, up to the empty line."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
