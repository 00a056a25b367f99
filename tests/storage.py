"""moto's S3 server on loopback, as the storage of tests."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import fsspec
from moto.server import (  # type: ignore[attr-defined]
    DomainDispatcherApplication,
    create_backend_app,
)
from werkzeug.serving import WSGIRequestHandler, make_server

KEYS = {"AWS_ACCESS_KEY_ID": "ada", "AWS_SECRET_ACCESS_KEY": "s3cr3t-passphrase"}


def files() -> Any:
    return fsspec.filesystem("s3", use_listings_cache=False)


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *arguments: Any) -> None:
        pass


class Body:
    """A request's body; ``happens`` is called when its first byte was read."""

    def __init__(self, stream: Any, happens: Callable[[], None]) -> None:
        self.stream = stream
        self.happens: Callable[[], None] | None = happens

    def read(self, size: int = -1) -> bytes:
        data: bytes = self.stream.read(1 if self.happens else size)
        if self.happens:
            self.happens()
            self.happens = None
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


# moto's servers in one process share their buckets.
_NUMBERS = itertools.count(1)


class Storage:
    """moto's S3 server: it lists its requests, and a test may act upon one.

    ``upon`` the first byte of an upload, and ``before`` a download, by the name of the file.
    """

    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(
            "127.0.0.1", 0, self._answer, threaded=True, request_handler=Quiet
        )
        self.endpoint = f"http://127.0.0.1:{self._server.port}"
        self.requests: list[tuple[str, str]] = []
        self.upon: dict[str, Callable[[], None]] = {}
        self.before: dict[str, Callable[[], None]] = {}
        self.denied = ""
        self.thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.thread.start()

    def _answer(self, environ: dict[str, Any], start: Any) -> Any:
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        self.requests.append((environ["REQUEST_METHOD"], f"{path}?{query}" if query else path))
        if self.denied and path.startswith(f"/{self.denied}"):
            start("403 Forbidden", [("Content-Length", "0")])
            return []
        if environ["REQUEST_METHOD"] == "GET" and path.rpartition("/")[2] in self.before:
            self.before.pop(path.rpartition("/")[2])()
        if environ["REQUEST_METHOD"] == "PUT" and path.rpartition("/")[2] in self.upon:
            happens = self.upon.pop(path.rpartition("/")[2])
            environ["wsgi.input"] = Body(environ["wsgi.input"], happens)
        return self._moto(environ, start)

    def close(self) -> None:
        self._server.shutdown()
        self.thread.join()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        return {**KEYS, "FSSPEC_S3_ENDPOINT_URL": self.endpoint, "AWS_MAX_ATTEMPTS": "1"}

    def bucket(self) -> str:
        """Return a new, empty bucket."""
        name = f"bucket-{next(_NUMBERS)}"
        files().mkdir(name)
        self.requests.clear()
        return name

    def holds(self, place: str) -> dict[str, bytes]:
        return {
            name.removeprefix(f"{place}/"): files().cat_file(name) for name in files().find(place)
        }

    def took(self, *methods: str) -> list[str]:
        """Return the requests since the last time, those of some methods."""
        taken, self.requests = self.requests, []
        return [path for method, path in taken if not methods or method in methods]


@contextmanager
def serving() -> Iterator[Storage]:
    """Serve S3, and let fsspec of this process use it."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    storage = Storage()
    fsspec.config.conf["s3"] = {
        "endpoint_url": storage.endpoint,
        "key": KEYS["AWS_ACCESS_KEY_ID"],
        "secret": KEYS["AWS_SECRET_ACCESS_KEY"],
    }
    yield storage
    del fsspec.config.conf["s3"]
    storage.close()
