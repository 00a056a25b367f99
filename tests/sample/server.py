"""SampleServer: the sample site on a local port, as an origin server and as a proxy.

A crawler that is told `https_proxy=http://127.0.0.1:PORT` reads https://thehill.com from it
without knowing: the server answers CONNECT, then speaks TLS with a certificate of its own.
"""

import asyncio
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.sample.answer import TEXT, Fault, Page, Site, head

HOSTS = (
    "thehill.com",
    "www.thehill.com",
    "digital-stage.thehill.com",
    "digital-release.thehill.com",
)
LONGEST_HEAD = 64 * 1024
LONGEST_BODY = 1024 * 1024


class BadRequest(Exception):  # noqa: N818
    """What came is not a request that this server understands."""


class _Request(NamedTuple):
    method: str
    target: str
    version: str
    headers: dict[str, str]

    @property
    def keeps_alive(self) -> bool:
        wish = self.headers.get("connection", self.headers.get("proxy-connection", "")).lower()
        return "close" not in wish and (self.version == "HTTP/1.1" or "keep-alive" in wish)


class SampleServer:
    """Serves a site on 127.0.0.1; `port` 0 takes a free one, which `port` tells after the start.

    `requests` lists (method, address) of every request that was understood, in order.
    """

    def __init__(self, site: Site, port: int = 0) -> None:
        self.port = port
        self.requests: list[tuple[str, str]] = []
        self._site = site
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listen; OSError if the port is taken."""
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, limit=LONGEST_HEAD
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every connection; more than once does no harm."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        open_ones = dict(self._connections)
        for task, writer in open_ones.items():
            # A polite end of TLS would wait for the client.
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*open_ones, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._connection(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # A client may go away at any moment; then nobody is left to tell.
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other, until the client or an error ends it."""
        origin = ""
        while True:
            try:
                request = await _read(reader)
                if request is None:
                    return
                if request.method == "CONNECT" and not origin:
                    origin = await _tunnel(request, writer)
                    continue
                answer = self._answer(request, origin)
            except BadRequest as error:
                await _send(writer, _plain(400, str(error)), alive=False)
                return
            if not isinstance(answer, Page):
                await answer.act(reader, writer)
                return
            await _send(
                writer, answer, alive=request.keeps_alive, bodiless=request.method == "HEAD"
            )
            if not request.keeps_alive:
                return

    def _answer(self, request: _Request, origin: str) -> Page | Fault:
        url = _address(request, origin)
        self.requests.append((request.method, url))
        if request.method not in {"GET", "HEAD"}:
            return _plain(405, "only GET and HEAD", ("Allow", "GET, HEAD"))
        page = self._site.get(url)
        if not isinstance(page, Page):
            return page
        if page.status == 200 and _unchanged(request.headers, dict(page.headers)):
            kept = tuple(one for one in page.headers if not one[0].startswith("Content-"))
            return Page(304, kept, b"")
        return page


@contextmanager
def running(site: Site, port: int = 0) -> Iterator[SampleServer]:
    """Run a server in a thread of its own while the block lasts; OSError if the port is taken."""
    server = SampleServer(site, port)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="sample server", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result()
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _read(reader: asyncio.StreamReader) -> _Request | None:
    """Read a request and drop its body; None at the end of the connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial.strip():
            raise BadRequest("the request stops in the middle") from None
        return None
    except asyncio.LimitOverrunError:
        raise BadRequest("the request's head is too long") from None
    first, *lines = head.decode("latin-1").strip("\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[0].isalpha() or words[2] not in {"HTTP/1.0", "HTTP/1.1"}:
        raise BadRequest("not an HTTP request line")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise BadRequest("not a header line")
        headers[name.lower()] = value.strip()
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LONGEST_BODY or "transfer-encoding" in headers:
        raise BadRequest("a body of this kind is not understood")
    try:
        await reader.readexactly(int(length))
    except asyncio.IncompleteReadError:
        raise BadRequest("the body is shorter than promised") from None
    return _Request(words[0], words[1], words[2], headers)


async def _tunnel(request: _Request, writer: asyncio.StreamWriter) -> str:
    """Agree to CONNECT and start TLS on the connection; return the origin behind it."""
    host, _, port = request.target.rpartition(":")
    if not host or not port.isdecimal():
        raise BadRequest("CONNECT wants host:port")
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()
    await writer.start_tls(_tls())
    return f"https://{host}" if port == "443" else f"https://{host}:{port}"


async def _send(
    writer: asyncio.StreamWriter, page: Page, *, alive: bool, bodiless: bool = False
) -> None:
    length = () if page.status == 304 else (("Content-Length", str(len(page.body))),)
    connection = ("Connection", "keep-alive" if alive else "close")
    writer.write(head(page.status, *page.headers, *length, connection))
    if not bodiless and page.status != 304:
        writer.write(page.body)
    await writer.drain()


def _address(request: _Request, origin: str) -> str:
    """Return the absolute address that a request asks for."""
    url = request.target
    if url.startswith("/"):
        url = (origin or _host(request)) + url
    try:
        if urlsplit(url).scheme in {"http", "https"}:
            return url
    except ValueError:
        pass
    raise BadRequest("not an address")


def _host(request: _Request) -> str:
    name = request.headers.get("host", "").partition(":")[0]
    if not name:
        raise BadRequest("no Host header")
    # Asked directly, as http://127.0.0.1:PORT/, the server stands for the site itself.
    return f"https://{'thehill.com' if name in {'127.0.0.1', 'localhost'} else name}"


def _unchanged(asked: dict[str, str], has: dict[str, str]) -> bool:
    """Tell whether a client's copy is still good; its ETag counts before its date."""
    etags = asked.get("if-none-match")
    if etags is not None:
        mine = has.get("ETag")
        copies = {one.strip().removeprefix("W/") for one in etags.split(",")}
        return mine is not None and not copies.isdisjoint({mine, "*"})
    since = asked.get("if-modified-since")
    changed = has.get("Last-Modified")
    if since is None or changed is None:
        return False
    try:
        return parsedate_to_datetime(changed) <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False


def _plain(status: int, text: str, *headers: tuple[str, str]) -> Page:
    return Page(status, (TEXT, *headers), f"{text}\n".encode())


@cache
def _tls() -> ssl.SSLContext:
    """Return a TLS context with a fresh certificate that nobody but us has signed."""
    # Only who serves TLS needs the package: the demo replays a recording instead.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOSTS[0])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(one) for one in HOSTS]), False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        # The ssl module loads certificates from files only.
        path = Path(folder, "sample.pem")
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(path)
    return context
