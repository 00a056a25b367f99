"""The web site: Datasette over the file of ``store``, with pages of ours for people who read.

This module is a plugin of Datasette's as well: it brings a front page and a page for each
article, and what the templates of the table of articles ask for.
"""

import asyncio
import ipaddress
import json
import re
import socket
import sqlite3
import sys
import traceback
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import uvicorn
from datasette import hookimpl
from datasette.app import Datasette
from datasette.database import Database, QueryInterrupted
from datasette.filters import FilterArguments
from datasette.plugins import pm
from datasette.utils import escape_fts, path_with_added_args, path_with_removed_args
from datasette.utils.asgi import Base400, NotFound, Response
from datasette.views.base import DatasetteError
from markupsafe import Markup

from newscrawl.browse import difference
from newscrawl.browse.store import counts

Message = MutableMapping[str, Any]
App = Callable[[Message, Any, Callable[[Message], Awaitable[None]]], Awaitable[None]]

_DATABASE = "news"
_HERE = Path(__file__).parent
_FACET_SIZE = 12
_METADATA = {
    "title": "newscrawl",
    "databases": {
        _DATABASE: {
            "tables": {
                "articles": {
                    "fts_table": "search",
                    "sort_desc": "date_published",
                    "size": 30,
                    "facets": ["section", "month"],
                    "facet_size": _FACET_SIZE,
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

# Pages of ours need no script; Datasette's own have some in them, and load nothing from elsewhere.
_OURS = re.compile(r"/$|/articles/|/news/articles$")
_STRICT = "style-src 'self'; img-src 'self'; form-action 'self'"
_THEIRS = (
    "script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; connect-src 'self'; form-action 'self'"
)
_ALWAYS = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "

_KINDS = ("authors", "sections", "tags")
_START, _END = "\x02", "\x03"


def serve(path: Path, listener: socket.socket, *, local: bool) -> None:
    """Serve the SQLite file until a signal says to stop.

    ``local`` says that only this machine gets here: then SQL is allowed, and requests must name
    it, so that no web site can have its name resolved to us and read along.
    """
    # What others have installed for Datasette is not for here.
    for plugin, _ in pm.list_plugin_distinfo():
        pm.unregister(plugin)
    pm.unregister(name="datasette.handle_exception")
    pm.register(sys.modules[__name__], __name__)
    tables = {name: {"count": count} for name, count in counts(path).items()}
    datasette = Datasette(
        metadata=_METADATA,
        settings={**_SETTINGS, "default_allow_sql": local},
        inspect_data={_DATABASE: {"hash": "", "size": path.stat().st_size, "tables": tables}},
        template_dir=str(_HERE / "templates"),
        static_mounts=[("assets", str(_HERE / "static"))],
    )
    datasette.remove_database("_memory")
    datasette.add_database(Database(datasette, str(path), is_mutable=False), _DATABASE)
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
    """Say whether a host is this machine, and nobody else gets to it.

    >>> is_local("localhost"), is_local("127.0.0.1"), is_local("::1"), is_local("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _guarded(app: App, *, local: bool) -> App:
    """Return the application with headers that keep strangers' text from doing anything."""

    async def guarded(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if local and not is_local(urlsplit(f"//{host}").hostname or ""):
            await Response.text("This address is another's.", status=421).asgi_send(send)
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


async def _rows(datasette: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    found = await datasette.get_database(_DATABASE).execute(sql, values)
    return [dict(row) for row in found.rows]


async def front(datasette: Any, request: Any) -> Any:
    """Answer with the front page: what there is, a search, what is new and what was changed."""
    (told,) = await _rows(datasette, "select facts from made_of")
    newest = await _rows(datasette, "select * from articles order by date_published desc limit 12")
    changed = await _rows(
        datasette,
        "select * from articles where revisions > 1 order by date_fetched desc limit 8",
    )
    sections = await _rows(
        datasette,
        "select section, count(*) as count from articles where section is not null"
        " group by section order by 2 desc, 1 limit 15",
    )
    shown = {"newest": newest, "changed": changed, "sections": sections}
    shown |= json.loads(told["facts"])
    return Response.html(await datasette.render_template("front.html", shown, request))


async def article(datasette: Any, request: Any) -> Any:
    """Answer with an article: its latest text, and how it came to be so."""
    key = tuple(unquote(request.url_vars[name]) for name in ("outlet", "id"))
    found = await _rows(datasette, "select * from articles where outlet = ? and id = ?", *key)
    if not found:
        raise NotFound("There is no such article in the dataset.")
    revisions = await _rows(
        datasette, "select * from revisions where outlet = ? and id = ? order by revision", *key
    )
    same = await _rows(
        datasette,
        "select * from articles where story = ? and not (outlet = ? and id = ?)"
        " order by date_published limit 100",
        *(found[0]["story"], *key),
    )
    told = {
        "article": found[0],
        "latest": revisions[-1],
        # Long texts take their time, and others want their pages meanwhile.
        "history": await asyncio.to_thread(_history, revisions),
        "same": same,
    }
    return Response.html(await datasette.render_template("article.html", told, request))


def _history(revisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the revisions, the last first, each with its difference to the one before."""
    told = [revisions[0] | {"first": True}]
    for old, new in pairwise(revisions):
        changes: dict[str, difference.Pieces] = {}
        if old["headline"] != new["headline"]:
            changes["headline"] = difference.words(old["headline"], new["headline"])
        if old["authors"] != new["authors"]:
            changes["authors"] = difference.names(_names(old["authors"]), _names(new["authors"]))
        body = difference.blocks(old["body"], new["body"]) if old["body"] != new["body"] else []
        told.append(new | {"changes": changes, "blocks": body})
    return told[::-1]


async def _matches(datasette: Any, text: str, rows: Any) -> dict[tuple[str, str], Any]:
    """Return where a search matches in headlines and bodies of articles, by outlet and id."""
    keys = [(row["outlet"], row["id"]) for row in rows]
    if not text.strip() or not keys:
        return {}
    found = await _rows(
        datasette,
        "select outlet, id, highlight(search, 0, ?, ?) as headline,"
        " snippet(search, 2, ?, ?, ' … ', 32) as snippet"
        " from search join articles on number = search.rowid"
        " where search match ? and search.rowid in (select number from articles"
        " where (outlet, id) in (select value ->> 0, value ->> 1 from json_each(?)))",
        *(_START, _END, _START, _END, _query(text), json.dumps(keys)),
    )
    return {
        (it["outlet"], it["id"]): {name: _marked(it[name]) for name in ("headline", "snippet")}
        for it in found
    }


def _query(text: str) -> str:
    """Return what people typed as the index wants it: words as words, quotations as such.

    >>> _query('AND "two words" odd"'), _query('"')
    ('"AND" "two words" "odd"', '""')
    """
    return str(escape_fts(text.replace("\0", " "))) or '""'


def _marked(found: str | None) -> list[tuple[bool, str]]:
    """Return a text's stretches of text, and whether they are what was searched for."""
    pieces = re.split(f"[{_START}{_END}]", found or "")
    return [(bool(place % 2), text) for place, text in enumerate(pieces)]


def _names(value: str | None) -> list[Any]:
    found: list[Any] = json.loads(value or "[]")
    return found


def _moment(value: str | None) -> str:
    """Return a time as people read it, to the minute.

    >>> _moment("2026-11-22T01:03:31Z")
    '2026-11-22 01:03 UTC'
    """
    return f"{value[:10]} {value[11:16]} UTC" if value else ""


def _web(value: str | None) -> str | None:
    """Return an address that may be followed, or None."""
    return value if value and re.match(r"https?://", value, re.IGNORECASE) else None


def _page(row: Mapping[str, Any]) -> str:
    return f"/articles/{quote(row['outlet'], safe='')}/{quote(row['id'], safe='')}"


def _where(**filters: str) -> str:
    return f"/{_DATABASE}/articles?{urlencode(filters)}"


def register_routes() -> list[tuple[str, Any]]:
    """Return our pages' addresses, which come before Datasette's."""
    return [(r"/$", front), (r"/articles/(?P<outlet>[^/]+)/(?P<id>[^/]+)$", article)]


def filters_from_request(request: Any, table: str) -> Any:
    """Take ``_tags=Storm`` and the like for a filter; Datasette's reads the JSON of each row."""
    asked = [
        (kind, name)
        for kind in (_KINDS if table == "articles" else ())
        for name in request.args.getlist(f"_{kind}")
    ]
    clause = "number in (select article from names where kind = :kind_{0} and name = :name_{0})"
    return FilterArguments(
        [clause.format(place) for place in range(len(asked))],
        {
            f"{part}_{place}": value
            for place, pair in enumerate(asked)
            for part, value in zip(("kind", "name"), pair, strict=True)
        },
        [f'{kind} contains "{name}"' for kind, name in asked],
    )


class NamesFacet:
    """Counts authors and tags by the table of names; Datasette's own count takes seconds."""

    type = "names"

    def __init__(
        self,
        datasette: Any,
        request: Any,
        database: str,
        *,
        sql: str,
        params: dict[str, Any],
        table: str,
        **_: Any,
    ) -> None:
        self.datasette = datasette
        self.request = request
        self.database = database
        self.sql = sql
        self.params = params
        self.kinds = ("authors", "tags") if table == "articles" else ()

    async def facet_results(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the facets as Datasette wants them, and those that took too long."""
        found, late = [], []
        for kind in self.kinds:
            try:
                found.append(await self._facet(kind))
            except QueryInterrupted:
                late.append(kind)
        return found, late

    async def _facet(self, kind: str) -> dict[str, Any]:
        more = self.request.args.get("_facet_size") == "max"
        size = self.datasette.setting("max_returned_rows") if more else _FACET_SIZE
        counted = "select name, articles as count from totals where kind = :kind"
        if not self.sql.rstrip().endswith("from articles"):
            counted = (
                "select name, count(*) as count from names where kind = :kind"  # noqa: S608
                f" and article in (select number from ({self.sql})) group by name"
            )
        rows = await self.datasette.get_database(self.database).execute(
            f"{counted} order by count desc, name limit {size + 1}",
            {**self.params, "kind": kind},
            custom_time_limit=self.datasette.setting("facet_time_limit_ms"),
        )
        chosen = self.request.args.getlist(f"_{kind}")
        results = []
        for name, count in rows.rows[:size]:
            change = path_with_removed_args if name in chosen else path_with_added_args
            results.append(
                {
                    "value": name,
                    "label": name,
                    "count": count,
                    "toggle_url": change(self.request, {f"_{kind}": name}),
                    "selected": name in chosen,
                }
            )
        return {
            "name": kind,
            "type": self.type,
            "results": results,
            "hideable": False,
            "toggle_url": "",
            "truncated": len(rows.rows) > size,
        }


def register_facet_classes() -> list[Any]:
    """Count authors and tags wherever articles are shown."""
    return [NamesFacet]


def prepare_connection(conn: sqlite3.Connection) -> None:
    """Put our reading of a search in the place of Datasette's, which cannot take a lone quote."""
    conn.create_function("escape_fts", 1, _query)


def prepare_jinja2_environment(env: Any, datasette: Any) -> None:
    """Give the templates what they need."""

    async def matches(text: str | None, rows: Any) -> Any:
        return await _matches(datasette, text or "", rows)

    env.filters |= {"names": _names, "moment": _moment, "web": _web, "page": _page}
    env.globals |= {"where": _where, "matches": matches}
    env.trim_blocks = env.lstrip_blocks = True


def render_cell(row: Any, value: Any, column: str, table: str | None) -> Any:
    """Lead from the rows of Datasette's own tables to the article's page."""
    if column != "headline" or table not in {"articles", "revisions"} or not value:
        return None
    link = {name: row[name] for name in {"outlet", "id"} & set(row.keys())}
    return Markup('<a href="{}">{}</a>').format(_page(link), value) if len(link) == 2 else None


async def _failure(datasette: Any, request: Any, exception: Exception) -> Any:
    wrong = isinstance(exception, Base400 | DatasetteError)
    status = getattr(exception, "status", 500) if wrong else 500
    if not wrong:
        traceback.print_exception(exception)
    error = getattr(exception, "message", "") or str(exception)
    told = {"ok": False, "status": status, "error": error, "title": None}
    if request.path.endswith(".json"):
        return Response.json(told, status=status)
    page = await datasette.render_template("error.html", told, request)
    return Response.html(page, status=status)


def handle_exception(datasette: Any, request: Any, exception: Exception) -> Any:
    """Answer with a page that says what is wrong; only mistakes of ours are worth a traceback."""
    return _failure(datasette, request, exception)


for _hook in (
    register_routes,
    prepare_jinja2_environment,
    filters_from_request,
    register_facet_classes,
    render_cell,
    handle_exception,
):
    hookimpl(_hook)
hookimpl(prepare_connection, trylast=True)
