"""Faulty: a site with faults at some addresses, as real sites have them."""

import asyncio
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from urllib.parse import urlsplit

from tests.sample.answer import HTML, TEXT, Fault, Page, Site, head, page, redirect
from tests.sample.body import fill
from tests.sample.news import SITE

# Given an address and its healthy answer, returns what comes instead.
Break = Callable[[str, Page], Page | Fault]

MEGABYTE = 1024 * 1024
SITEMAP_STEP = 1000
SLOW_STEPS = 20


@dataclass
class Rule:
    """What goes wrong where: a regular expression, searched in the path and query.

    `times` counts down to 0, which switches the rule off; None never does.
    """

    where: str
    fault: Break
    times: int | None = None


@dataclass
class Faulty:
    """A site with faults; the first rule that fits an address counts. `rules` may be changed."""

    site: Site
    rules: list[Rule] = field(default_factory=list)

    def get(self, url: str) -> Page | Fault:
        """Answer an absolute address, or break."""
        answer = self.site.get(url)
        parts = urlsplit(url)
        asked = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        for rule in self.rules:
            if rule.times != 0 and re.search(rule.where, asked) and isinstance(answer, Page):
                if rule.times is not None:
                    rule.times -= 1
                return rule.fault(url, answer)
        return answer


# Answers that are HTTP as it should be, but not what was asked for.


def refused() -> Break:
    """Answer 403 with the page of the bot wall."""
    return body(fill("bot-wall").encode(), status=403)


def wall_ok() -> Break:
    """Answer 200 with the page of the bot wall."""
    return body(fill("bot-wall").encode())


def challenge() -> Break:
    """Answer 403 with a page that only a browser gets past."""
    headers = (HTML, ("cf-mitigated", "challenge"), ("Cache-Control", "no-store"))
    return _always(Page(403, (("Server", "cloudflare"), *headers), fill("challenge").encode()))


def rate_limited(retry_after: str | None = None) -> Break:
    """Answer 429; `retry_after` is the header's value: seconds, an HTTP date or nonsense."""
    more = (("Retry-After", retry_after),) if retry_after is not None else ()
    return _always(page(429, "too many requests", TEXT, *more))


def status(code: int) -> Break:
    """Answer with an error page of any status, such as 500 or 503."""
    title = f"{code} {HTTPStatus(code).phrase}"
    html = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    return body(html.encode(), status=code)


def body(data: bytes, content_type: str = HTML[1], status: int = 200) -> Break:
    """Answer with other content."""
    return _always(Page(status, (("Server", "nginx"), ("Content-Type", content_type)), data))


def redirect_loop() -> Break:
    """Redirect every address to itself."""
    return lambda url, _: redirect(url, 302)


def redirect_to(target: str) -> Break:
    """Redirect to another address, on or off the site."""
    return _always(redirect(target, 302))


def gzip_bomb(megabytes: int) -> Break:
    """Answer with spaces that unpack to so many megabytes, and travel as a thousandth."""
    return lambda _, healthy: _encoded(healthy, _bomb(megabytes))


def broken_gzip() -> Break:
    """Answer with compressed content that stops being so in the middle."""

    def broken(_: str, healthy: Page) -> Page:
        packer = zlib.compressobj(wbits=31)
        packed = packer.compress(healthy.body) + packer.flush()
        half = len(packed) // 2
        return _encoded(healthy, packed[:half] + b"\xff" * (len(packed) - half))

    return broken


def cut(name: str, pack: Callable[[bytes], bytes]) -> Break:
    """Answer with content that is encoded and then cut; its length is the one that is stated."""

    def broken(_: str, healthy: Page) -> Page:
        packed = pack(healthy.body)
        headers = (*_plain_headers(healthy), ("Content-Encoding", name))
        return Page(200, headers, packed[: len(packed) * 2 // 3])

    return broken


def cut_story() -> Break:
    """Answer with a page that ends inside its story; its length is the one that is stated."""

    def broken(_: str, healthy: Page) -> Page:
        end = healthy.body.index(b"</p>", healthy.body.index(b"article__text"))
        return Page(200, tuple(_plain_headers(healthy)), healthy.body[: end + 4])

    return broken


# Answers that are not HTTP as it should be.


def slow(seconds: float) -> Break:
    """Send the headers at once, and the body a little at a time over so many seconds."""
    return lambda _, healthy: _Slow(healthy, seconds)


def hang() -> Break:
    """Accept the request and never answer."""
    return lambda _, __: _Hang()


def dropped() -> Break:
    """Close the connection without a byte."""
    return lambda _, __: _Sent(b"")


def reset() -> Break:
    """Send half of the body, then reset the connection."""
    return lambda _, healthy: _Reset(healthy)


def short() -> Break:
    """Promise more than comes."""
    return lambda _, healthy: _Sent(_head(healthy, len(healthy.body) + 1000) + healthy.body)


def long() -> Break:
    """Promise half of what comes."""
    return lambda _, healthy: _Sent(_head(healthy, len(healthy.body) // 2) + healthy.body)


def huge_sitemap(entries: int) -> Break:
    """Answer with a sitemap of so many articles, made while it is sent."""
    return lambda _, __: _HugeSitemap(entries)


@dataclass(frozen=True)
class _Sent:
    """Sends bytes and closes."""

    data: bytes

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self.data)
        await writer.drain()


@dataclass(frozen=True)
class _Slow:
    page: Page
    seconds: float

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(_head(self.page, len(self.page.body)))
        step = max(1, -(-len(self.page.body) // SLOW_STEPS))
        for start in range(0, len(self.page.body), step):
            await writer.drain()
            await asyncio.sleep(self.seconds / SLOW_STEPS)
            writer.write(self.page.body[start : start + step])
        await writer.drain()


@dataclass(frozen=True)
class _Hang:
    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass


@dataclass(frozen=True)
class _Reset:
    page: Page

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        half = self.page.body[: len(self.page.body) // 2]
        # Nothing may wait in a buffer: a reset throws it away.
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(_head(self.page, len(self.page.body)) + half)
        await writer.drain()
        # Closing without lingering is what sends a reset instead of a polite end.
        linger = struct.pack("ii", 1, 0)
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()


@dataclass(frozen=True)
class _HugeSitemap:
    entries: int

    async def act(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind = ("Content-Type", "application/xml; charset=UTF-8")
        writer.write(head(200, kind, ("Transfer-Encoding", "chunked"), ("Connection", "close")))
        for part in _sitemap(self.entries):
            writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()


def _sitemap(entries: int) -> Iterator[bytes]:
    """Yield a sitemap in parts that are not empty."""
    yield (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
    )
    for start in range(0, entries, SITEMAP_STEP):
        numbers = range(start, min(start + SITEMAP_STEP, entries))
        yield "".join(map(_entry, numbers)).encode()
    yield b"</urlset>\n"


def _entry(number: int) -> str:
    url = f"{SITE}/homenews/senate/{20_000_000 + number}-sample-entry/"
    return f"<url><loc>{url}</loc><lastmod>2026-11-23T12:00:00-05:00</lastmod></url>\n"


@cache
def _bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(wbits=31)
    spaces = b" " * MEGABYTE
    return b"".join((*(packer.compress(spaces) for _ in range(megabytes)), packer.flush()))


def _always(answer: Page) -> Break:
    return lambda _, __: answer


def _head(healthy: Page, length: int) -> bytes:
    ends = (("Content-Length", str(length)), ("Connection", "close"))
    return head(healthy.status, *_plain_headers(healthy), *ends)


def _encoded(healthy: Page, data: bytes) -> Page:
    return Page(200, (*_plain_headers(healthy), ("Content-Encoding", "gzip")), data)


def _plain_headers(healthy: Page) -> Iterable[tuple[str, str]]:
    """Return headers without what would let a client or a cache take the answer as known."""
    dropped = {"ETag", "Last-Modified", "Cache-Control"}
    return [header for header in healthy.headers if header[0] not in dropped]
