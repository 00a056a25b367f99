"""Datasette plugin with our pages: the front page, each article, and the list of articles."""

import asyncio
import json
import re
import sqlite3
import traceback
from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import quote, unquote, urlencode

from datasette import hookimpl
from datasette.utils import escape_fts
from datasette.utils.asgi import Base400, NotFound, Response
from datasette.views.base import DatasetteError
from markupsafe import Markup

from newscrawl.storage import difference

DATABASE = "news"
_START, _END = "\x02", "\x03"


async def _rows(datasette: Any, sql: str, *values: Any) -> list[dict[str, Any]]:
    result = await datasette.get_database(DATABASE).execute(sql, values)
    return [dict(row) for row in result.rows]


async def front(datasette: Any, request: Any) -> Any:
    """Return the front page: counts, a search, new and revised articles."""
    (made_of,) = await _rows(datasette, "select facts from made_of")
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
    shown |= json.loads(made_of["facts"])
    return Response.html(await datasette.render_template("front.html", shown, request))


async def article(datasette: Any, request: Any) -> Any:
    """Return the page of an article: its latest text and its revisions."""
    key = tuple(unquote(request.url_vars[name]) for name in ("outlet", "id"))
    articles = await _rows(datasette, "select * from articles where outlet = ? and id = ?", *key)
    if not articles:
        raise NotFound("There is no such article in the dataset.")
    revisions = await _rows(
        datasette, "select * from revisions where outlet = ? and id = ? order by revision", *key
    )
    same = await _rows(
        datasette,
        "select * from articles where story = ? and not (outlet = ? and id = ?)"
        " order by date_published limit 100",
        *(articles[0]["story"], *key),
    )
    context = {
        "article": articles[0],
        "latest": next(it for it in revisions if it["revision"] == articles[0]["revision"]),
        # A thread keeps other requests going while long texts are compared.
        "history": await asyncio.to_thread(_history, revisions),
        "same": same,
    }
    return Response.html(await datasette.render_template("article.html", context, request))


def _history(revisions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the revisions, the latest first, each with its difference to the one before."""
    history = [revisions[0] | {"first": True}]
    for old, new in pairwise(revisions):
        changes: dict[str, difference.Pieces] = {}
        if old["headline"] != new["headline"]:
            changes["headline"] = difference.words(old["headline"], new["headline"])
        if old["authors"] != new["authors"]:
            changes["authors"] = difference.names(_names(old["authors"]), _names(new["authors"]))
        body = difference.blocks(old["body"], new["body"]) if old["body"] != new["body"] else []
        history.append(new | {"changes": changes, "blocks": body})
    return history[::-1]


async def _matches(datasette: Any, text: str, rows: Any) -> dict[tuple[str, str], Any]:
    """Return the matches of a search in headlines and bodies of articles, by outlet and id."""
    keys = [(row["outlet"], row["id"]) for row in rows]
    if not text.strip() or not keys:
        return {}
    matches = await _rows(
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
        for it in matches
    }


def _query(text: str) -> str:
    """Return a search as an FTS5 query: words, and quoted phrases.

    >>> _query('AND "two words" odd"'), _query('"')
    ('"AND" "two words" "odd"', '""')
    """
    return str(escape_fts(text.replace("\0", " "))) or '""'


def _marked(highlighted: str | None) -> list[tuple[bool, str]]:
    """Return the pieces of a text, each with whether it is a match."""
    pieces = re.split(f"[{_START}{_END}]", highlighted or "")
    return [(bool(place % 2), text) for place, text in enumerate(pieces)]


def _names(value: str | None) -> list[Any]:
    names: list[Any] = json.loads(value or "[]")
    return names


def _moment(value: str | None) -> str:
    """Return a time for people, to the minute.

    >>> _moment("2026-11-22T01:03:31Z")
    '2026-11-22 01:03 UTC'
    """
    return f"{value[:10]} {value[11:16]} UTC" if value else ""


def _web(value: str | None) -> str | None:
    """Return an address if it is http or https, else None."""
    return value if value and re.match(r"https?://", value, re.IGNORECASE) else None


def _page(row: Mapping[str, Any]) -> str:
    return f"/articles/{quote(row['outlet'], safe='')}/{quote(row['id'], safe='')}"


def _where(**filters: str) -> str:
    return f"/{DATABASE}/articles?{urlencode(filters)}"


def register_routes() -> list[tuple[str, Any]]:
    """Return the routes of our pages, which precede Datasette's."""
    return [(r"/$", front), (r"/articles/(?P<outlet>[^/]+)/(?P<id>[^/]+)$", article)]


def prepare_connection(conn: sqlite3.Connection) -> None:
    """Replace Datasette's escape_fts(), which fails on a lone quotation mark."""
    conn.create_function("escape_fts", 1, _query)


def prepare_jinja2_environment(env: Any, datasette: Any) -> None:
    """Add filters and functions for the templates."""

    async def matches(text: str | None, rows: Any) -> Any:
        return await _matches(datasette, text or "", rows)

    env.filters |= {"names": _names, "moment": _moment, "web": _web, "page": _page}
    env.globals |= {"where": _where, "matches": matches}
    env.trim_blocks = env.lstrip_blocks = True


def render_cell(row: Any, value: Any, column: str, table: str | None) -> Any:
    """Link headlines in Datasette's own tables to the article's page."""
    if column != "headline" or table not in {"articles", "revisions"} or not value:
        return None
    link = {name: row[name] for name in {"outlet", "id"} & set(row.keys())}
    return Markup('<a href="{}">{}</a>').format(_page(link), value) if len(link) == 2 else None


async def _failure(datasette: Any, request: Any, exception: Exception) -> Any:
    is_expected = isinstance(exception, Base400 | DatasetteError)
    status = getattr(exception, "status", 500) if is_expected else 500
    if not is_expected:
        traceback.print_exception(exception)
    error = getattr(exception, "message", "") or str(exception)
    context = {"ok": False, "status": status, "error": error, "title": None}
    if request.path.endswith(".json"):
        return Response.json(context, status=status)
    page = await datasette.render_template("error.html", context, request)
    return Response.html(page, status=status)


def handle_exception(datasette: Any, request: Any, exception: Exception) -> Any:
    """Return an error page; only unexpected errors print a traceback."""
    return _failure(datasette, request, exception)


for _hook in (
    register_routes,
    prepare_jinja2_environment,
    render_cell,
    handle_exception,
):
    hookimpl(_hook)
hookimpl(prepare_connection, trylast=True)
