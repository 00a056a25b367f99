"""The parts of the sample site that need JavaScript: entries of live pages, and "Load more".

Plain pages hold an empty container, or a button; the scripts that they name ask for the rest.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from importlib import resources
from typing import NamedTuple

from tests.sample.news import SITE, Story, eastern

ENTRIES_PER_PAGE = 3
ITEMS_PER_CLICK = 3
# A section that has nothing to show before somebody clicks.
LOADING = "lobbying"
SCRIPTS = "/wp-content/plugins/sample/"
_ENTRIES = re.compile(r"^/wp-json/liveblog/v1/(\d+)/get-entries/(\d+)/$")
_MORE = f"/wp-json/sample/v1/more/{LOADING}"
PATHS = (SCRIPTS, "/wp-json/liveblog/", "/wp-json/sample/")
"""How every address begins that only a page's script asks for."""


class Entry(NamedTuple):
    """An entry of a live page: a headline or an empty string, markup, and the text it gives."""

    number: int
    minutes: int
    author: str
    headline: str
    html: str
    text: tuple[str, ...]


def entries(story: Story) -> list[Entry]:
    """Return what a live story adds to its introduction, the newest first."""
    facts = story.facts
    agency, topic, place = (escape(facts[key], quote=False) for key in ("agency", "topic", "place"))
    texts = (
        ("", f"<p>The doors are open and {agency}&nbsp;has handed out a statement on {topic}.</p>"),
        (
            "First speaker called",
            f"<p>{escape(facts['first'])} has the floor.</p><ul><li>Ten minutes to speak</li>"
            "<li>No questions</li></ul>",
        ),
        (
            "",
            f"<p>In {place}, about a hundred people stand in the rain.</p>"
            '<aside class="ad-unit">Advertisement</aside><p>They are quiet.</p>',
        ),
        ("A short break", "<blockquote><p>“Back at three,” the speaker said.</p></blockquote>"),
        ("", f'<p>The <a href="{SITE}/news">vote</a> has begun.</p>'),
    )
    return [
        Entry(
            int(story.id) * 10 + number,
            40 * number,
            story.authors[number % len(story.authors)].name.replace("\xa0", " "),
            headline,
            html,
            _text(html),
        )
        for number, (headline, html) in reversed(list(enumerate(texts, 1)))
    ]


def _text(html: str) -> tuple[str, ...]:
    html = re.sub(r"<aside.*?</aside>", "", html)
    html = html.replace("&nbsp;", " ").replace("&amp;", "&").replace("</li><li>", "\n- ")
    html = html.replace("<li>", "- ").replace("</ul>", "</p>")
    return tuple(filter(None, (re.sub("<[^>]*>", "", it) for it in html.split("</p>"))))


def body(story: Story) -> list[str]:
    """Return the blocks that a rendered page of a live story adds to the plain one's."""
    return [
        block
        for it in entries(story)
        for block in (f"{_moment(story, it):%Y-%m-%dT%H:%M:%SZ}", it.author, it.headline, *it.text)
        if block
    ]


def animated(text: bytes, story: Story) -> bytes:
    """Return a page with what the script of live stories needs; others are left as they are."""
    if story.kind != "live":
        return text
    settings = json.dumps({"endpoint_url": f"{SITE}/wp-json/liveblog/v1/{story.id}/"})
    scripts = (
        f"<script>window.liveblog_settings = {settings};</script>"
        f'<script src="{SCRIPTS}liveblog.js" defer></script></body>'
    )
    return text.replace(b"</body>", scripts.encode())


def with_button(text: bytes, path: str) -> bytes:
    """Return a listing with its "Load more", if it is the one that has it."""
    if path != LOADING:
        return text
    button = f'<button class="load-more" data-source="{SITE}{_MORE}">Load more</button></main>'
    script = f'<script src="{SCRIPTS}load-more.js" defer></script></body>'
    return text.replace(b"</main>", button.encode()).replace(b"</body>", script.encode())


def answer(
    path: str, query: Mapping[str, Sequence[str]], stories: Mapping[str, Story]
) -> tuple[str, str] | None:
    """Return content type and content of what the scripts ask for; None for other addresses.

    ``stories`` are the valid ones, by id, in the order of the listing with "Load more".
    """
    if path.startswith(SCRIPTS) and path.endswith(("/liveblog.js", "/load-more.js")):
        script = resources.files(__package__).joinpath("html", path.rpartition("/")[2])
        return "text/javascript; charset=utf-8", script.read_text("utf-8")
    document: dict[str, object] | None = None
    if (found := _ENTRIES.match(path)) and (story := stories.get(found[1])):
        document = _entries_page(story, int(found[2]))
    elif path == _MORE:
        document = _items_page(list(stories.values()), int(query.get("page", ["1"])[0]))
    return ("application/json; charset=utf-8", json.dumps(document)) if document else None


def _entries_page(story: Story, page: int) -> dict[str, object]:
    found = entries(story)
    shown = found[ENTRIES_PER_PAGE * (page - 1) : ENTRIES_PER_PAGE * page]
    return {
        "entries": [
            {
                "id": it.number,
                "time": eastern(_moment(story, it)).isoformat(),
                "printed": f"{eastern(_moment(story, it)):%I:%M %p}",
                "author": it.author,
                "headline": it.headline,
                "render": it.html,
            }
            for it in shown
        ],
        "page": page,
        "pages": -(-len(found) // ENTRIES_PER_PAGE),
    }


def _items_page(stories: Sequence[Story], page: int) -> dict[str, object]:
    end = ITEMS_PER_CLICK * page
    shown = stories[end - ITEMS_PER_CLICK : end]
    items = [{"url": it.url, "title": it.headline} for it in shown]
    return {"items": items, "more": end < len(stories)}


def _moment(story: Story, entry: Entry) -> datetime:
    return story.published.astimezone(UTC) + timedelta(minutes=entry.minutes)
