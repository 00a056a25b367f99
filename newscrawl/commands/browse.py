"""``newscrawl browse``: read the dataset in a web browser."""

import argparse
import socket
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.remote import RunsCommand
from newscrawl.exceptions import DatasetError


class Command(RunsCommand, ScrapyCommand):
    """Serves the dataset as web pages until Ctrl-C."""

    arguments = "[--port 8001] [--host 127.0.0.1] [--open]"
    summary = "Read the dataset in a web browser"
    example = "browse --open"
    extra = "browse"
    exit_codes = (
        "0 ended by Ctrl-C, 1 and a damaged run was left out, 2 wrong usage, 3 it cannot be done"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--port",
            type=int,
            default=8001,
            help="0: any free port (default: 8001)",
        )
        parser.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
        parser.add_argument("--open", action="store_true", help="open a web browser")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Serve the dataset until Ctrl-C."""
        if args:
            raise UsageError("browse takes no names: it shows every outlet of its folder")
        with suppress(KeyboardInterrupt):
            self.build_fetched(opts)
            self.serve(self.existing_output(), opts)

    def serve(self, output: Path, opts: argparse.Namespace) -> None:
        """Serve the dataset of an output folder. Raises DatasetError and OSError."""
        from newscrawl.browse import server, store  # noqa: PLC0415  # need newscrawl[browse]

        path = store.ready(output, lambda text: print(text, file=sys.stderr))  # noqa: T201
        local = server.is_local(opts.host)
        with _listener(opts.host, opts.port) as listener:
            host = f"[{opts.host}]" if ":" in opts.host else opts.host
            url = f"http://{host}:{listener.getsockname()[1]}/"
            print(url, flush=True)  # noqa: T201
            if not local:
                print(  # noqa: T201
                    "Everybody who can reach this address can read the dataset; SQL is off.",
                    file=sys.stderr,
                )
            if opts.open:
                webbrowser.open(url)
            server.serve(path, listener, local=local)


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens; connections wait in it until they are served."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        # Python repeats the address in parentheses.
        why = str(getattr(error, "strerror", error)).partition(" (")[0]
        raise DatasetError(f"Cannot listen on {host}:{port}: {why}.") from error
