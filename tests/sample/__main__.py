"""Write the sample site to a WARC file, or serve it: `python -m tests.sample --help`."""

import argparse
import asyncio
import lzma
import signal
import sys
import tarfile
import tempfile
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tests.sample.server import SampleServer
from tests.sample.site import SampleSite

# A recording must not change from one day to the next: it is dated just after its edition.
RECORDED = {1: "2026-11-23T21:30:00Z", 2: "2026-11-24T02:30:00Z"}

SHIPPED = Path(__file__).parents[2] / "newscrawl" / "commands" / "sample.tar.xz"
"""The recording that the package carries, for `newscrawl demo`."""
SHIPPED_ARTICLES = 48


def write_warc(site: SampleSite, path: Path, edition: int) -> int:
    """Record every address of the site to a WARC; return the number of responses.

    The same site gives the same bytes. A name that ends in `.gz` gives a gzipped file. OSError
    if the file cannot be written.
    """
    date = RECORDED[edition]
    urls = site.urls()
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=path.suffix == ".gz")
        for url in urls:
            page = site.get(url)
            length = ("Content-Length", str(len(page.body)))
            status = f"{page.status} {HTTPStatus(page.status).phrase}"
            record = writer.create_warc_record(
                url,
                "response",
                payload=BytesIO(page.body),
                http_headers=StatusAndHeaders(status, [*page.headers, length], protocol="HTTP/1.1"),
                warc_headers_dict={
                    "WARC-Date": date,
                    "WARC-Record-ID": f"<urn:uuid:{uuid5(NAMESPACE_URL, f'{date} {url}')}>",
                },
            )
            writer.write_record(record)
    return len(urls)


def write_editions(folder: Path) -> list[Path]:
    """Record both editions as the package carries them; return the files, the first one first."""
    paths = [folder / f"edition-{edition}.warc" for edition in RECORDED]
    for edition, path in zip(RECORDED, paths, strict=True):
        write_warc(SampleSite(SHIPPED_ARTICLES, edition), path, edition)
    return paths


def write_shipped(path: Path) -> None:
    """Write the recording of the package.

    The pages differ little: xz over all of them takes a twentieth of what gzip takes over each.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        lzma.open(path, "wb", preset=9 | lzma.PRESET_EXTREME) as stream,
        tarfile.open(fileobj=stream, mode="w") as tar,
    ):
        for warc in write_editions(Path(folder)):
            member = tarfile.TarInfo(warc.name)
            member.size = warc.stat().st_size
            with warc.open("rb") as file:
                tar.addfile(member, file)


async def serve(site: SampleSite, port: int) -> None:
    """Serve the site until SIGINT or SIGTERM; OSError if the port is taken."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = SampleServer(site, port)
    await server.start()
    sys.stdout.write(f"http://127.0.0.1:{server.port}\n")
    sys.stdout.flush()
    await stop.wait()
    await server.close()


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.sample", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    warc = commands.add_parser("warc", help="write the site to a WARC file")
    warc.add_argument("path", type=Path)
    server = commands.add_parser("serve", help="serve the site, as a server and as a proxy")
    server.add_argument("--port", type=int, default=0, help="a free one if not given")
    record = commands.add_parser("record", help="write the recording that the package carries")
    record.add_argument("path", type=Path, nargs="?", default=SHIPPED)
    for command in (warc, server):
        command.add_argument("--articles", type=int, default=96, help="default: %(default)s")
        command.add_argument("--edition", type=int, choices=(1, 2), default=1)
    options = parser.parse_args(arguments)
    if options.command == "record":
        write_shipped(options.path)
        sys.stdout.write(f"{options.path}: {options.path.stat().st_size} bytes\n")
        return 0
    if options.articles < 1:
        parser.error(f"--articles {options.articles}: at least 1 is needed")
    site = SampleSite(options.articles, options.edition)
    if options.command == "warc":
        count = write_warc(site, options.path, options.edition)
        sys.stdout.write(f"{options.path}: {count} responses\n")
    else:
        asyncio.run(serve(site, options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
