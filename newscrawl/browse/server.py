"""Serve the file of ``store`` with Datasette and our pages, with access rules and headers."""

import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import uvicorn
from datasette.app import Datasette
from datasette.database import Database
from datasette.plugins import pm
from datasette.utils.asgi import Response

from newscrawl.browse import names, pages
from newscrawl.browse.pages import DATABASE
from newscrawl.browse.store import counts

Message = MutableMapping[str, Any]
App = Callable[[Message, Any, Callable[[Message], Awaitable[None]]], Awaitable[None]]

_HERE = Path(__file__).parent
_METADATA = {
    "title": "newscrawl",
    "databases": {
        DATABASE: {
            "tables": {
                "articles": {
                    "fts_table": "search",
                    "sort_desc": "date_published",
                    "size": 30,
                    "facets": ["section", "month"],
                    "facet_size": names.SIZE,
                },
                "made_of": {"hidden": True},
                "totals": {"hidden": True},
            }
        }
    },
}
_SETTINGS = {
    "suggest_facets": False,
    "allow_download": False,
    "facet_time_limit_ms": 1000,
    "truncate_cells_html": 200,
}

# Our pages need no script. Datasette's own contain scripts, but load nothing from elsewhere.
_OURS = re.compile(r"/$|/articles/|/news/articles$")
_STRICT = "style-src 'self'; img-src 'self'; form-action 'self'"
_THEIRS = (
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; form-action 'self'"
)
_ALWAYS = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "


def serve(path: Path, listener: socket.socket, *, local: bool) -> None:
    """Serve the SQLite file until a signal stops the server.

    ``local`` means that only this machine can connect. Then SQL is allowed, and requests must name
    this machine as their host, which prevents DNS rebinding.
    """
    # Other installed plugins of Datasette are not used.
    for plugin, _ in pm.list_plugin_distinfo():
        pm.unregister(plugin)
    pm.unregister(name="datasette.handle_exception")
    for plugin in (names, pages):
        pm.register(plugin, plugin.__name__)
    tables = {name: {"count": count} for name, count in counts(path).items()}
    datasette = Datasette(
        metadata=_METADATA,
        settings={**_SETTINGS, "default_allow_sql": local},
        inspect_data={DATABASE: {"hash": "", "size": path.stat().st_size, "tables": tables}},
        template_dir=str(_HERE / "templates"),
        static_mounts=[("assets", str(_HERE / "static"))],
    )
    datasette.remove_database("_memory")
    datasette.add_database(Database(datasette, str(path), is_mutable=False), DATABASE)
    app = _guarded(datasette.app(), local=local)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", timeout_graceful_shutdown=3
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        for database in datasette.databases.values():
            database.close()


def is_local(host: str) -> bool:
    """Return whether a host is this machine and not reachable from others.

    >>> is_local("localhost"), is_local("127.0.0.1"), is_local("::1"), is_local("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(app: App, *, local: bool) -> App:
    """Return the application with security headers and a check of the host."""

    async def guarded(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if local and not is_local(re.sub(r":\d+$", "", host).strip("[]")):
            await Response.text("Unknown host.", status=421).asgi_send(send)
            return
        policy = _ALWAYS + (_STRICT if _OURS.match(scope["path"]) else _THEIRS)
        headers = {
            b"content-security-policy": policy.encode(),
            b"referrer-policy": b"no-referrer",
            b"x-content-type-options": b"nosniff",
        }

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *headers.items()]
            await send(message)

        await app(scope, receive, with_headers)

    return guarded
