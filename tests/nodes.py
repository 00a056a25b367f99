"""Fake nodes for the dispatcher's tests: they answer like Scrapyd and run no crawl."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "s3cret"


class Node:
    """A node of a name. ``jobs`` are its outlets, each with when it ends by the test's clock.

    ``versions`` are its eggs, ``unknown`` the outlets that it does not have, ``status`` another
    answer than 200. ``taken`` lists the fields of every job that it was given.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.versions = ["1700000000"]
        self.jobs: dict[str, float] = {}
        self.unknown: set[str] = set()
        self.status = 200
        self.text = ""
        self.lasts = 0.0
        self.moment = 0.0
        self.taken: list[dict[str, list[str]]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    @property
    def outlets(self) -> list[str]:
        return [it["spider"][0] for it in self.taken]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, form: dict[str, list[str]]) -> dict[str, Any]:
        if path == "/listversions.json":
            return {"status": "ok", "versions": self.versions}
        if path == "/listjobs.json":
            jobs = [
                {"id": "1", "project": "newscrawl", "spider": it}
                for it, ends in self.jobs.items()
                if ends > self.moment
            ]
            return {"status": "ok", "pending": jobs[4:], "running": jobs[:4], "finished": []}
        (outlet,) = form["spider"]
        if outlet in self.unknown:
            return {"status": "error", "message": f"spider '{outlet}' not found"}
        self.taken.append(form)
        self.jobs[outlet] = self.moment + self.lasts
        return {"status": "ok", "jobid": f"{self.name}-{len(self.taken)}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        node = self
        expected = base64.b64encode(f"newscrawl:{PASSWORD}".encode()).decode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.reply({})

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.reply(parse_qs(text, keep_blank_values=True))

            def reply(self, form: dict[str, list[str]]) -> None:
                status, body = node.status, node.text.encode()
                if self.headers["Authorization"] != f"Basic {expected}":
                    status, body = 401, b"Unauthorized"
                elif status == 200 and not body:
                    body = json.dumps(node.answer(urlsplit(self.path).path, form)).encode()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "http://elsewhere.example/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


@contextmanager
def running(*names: str) -> Iterator[list[Node]]:
    """Run nodes while the block lasts."""
    nodes = [Node(it) for it in names]
    try:
        yield nodes
    finally:
        for it in nodes:
            it.close()
