"""The WordPress REST interface of the sample site: posts, categories, tags, media.

It follows WordPress where crawlers trip over it: the errors, dates without offset in the time
of the newsroom, exclusive bounds, `_fields` that take `_links` away and `_embed` with them, and
authors that cannot be resolved.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from html import escape
from typing import Any
from urllib.parse import urlencode

from tests.sample.answer import Page, page
from tests.sample.body import description, lead_image, rendered
from tests.sample.news import EASTERN, SITE, Story
from tests.sample.page import Press
from tests.sample.shelf import Shelf
from tests.sample.terms import Term, by_name, categories, categories_of, tags_of

API = f"{SITE}/wp-json/wp/v2"
JUST_IN = 10
_MOMENT = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)
_HEADERS = (
    ("Content-Type", "application/json; charset=UTF-8"),
    ("X-Robots-Tag", "noindex"),
    ("X-Content-Type-Options", "nosniff"),
    ("Access-Control-Expose-Headers", "X-WP-Total, X-WP-TotalPages, Link"),
    ("Allow", "GET"),
)
_ROOT_LINK = ("Link", f'<{SITE}/wp-json/>; rel="https://api.w.org/"')

# A post's lead image is the media item with this much higher a number.
_MEDIA = 2

Json = dict[str, Any]


@cache
def _local(when: datetime) -> datetime:
    """Return a time in the newsroom's zone, naive to the second, as WordPress keeps dates."""
    return when.astimezone(EASTERN).replace(microsecond=0, tzinfo=None)


_ORDERS: dict[str, Callable[[Story], Any]] = {
    "date": lambda story: (_local(story.published), int(story.id)),
    "modified": lambda story: (_local(story.modified), int(story.id)),
    "id": lambda story: int(story.id),
}


class _Refused(Exception):  # noqa: N818
    """An answer of WordPress that is an error."""

    def __init__(self, status: int, code: str, message: str, **data: object) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"code": code, "message": message, "data": {"status": status, **data}}


class _Query:
    """The parameters of a request, each read as WordPress reads it; _Refused if it cannot be."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self.values = values

    def has(self, name: str) -> bool:
        """Tell whether a parameter was given, be it empty."""
        return name in self.values or f"{name}[]" in self.values

    def words(self, name: str) -> list[str]:
        """Return a list that was given as `name=a,b` or as `name[]=a&name[]=b`."""
        listed = self.values.get(f"{name}[]") or self.values.get(name, [""])[-1:]
        return [word for one in listed for word in re.split(r"[\s,]+", one) if word]

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """Return a whole number from 1 to `most`."""
        if name not in self.values:
            return default
        text = self.values[name][-1]
        if not re.fullmatch(r"-?\d+", text, re.ASCII):
            raise _invalid(name, "rest_invalid_type", f"{name} is not of type integer.")
        if most is not None and not 1 <= int(text) <= most:
            problem = f"{name} must be between 1 (inclusive) and {most} (inclusive)"
            raise _invalid(name, "rest_out_of_bounds", problem)
        if int(text) < 1:
            problem = f"{name} must be greater than or equal to 1"
            raise _invalid(name, "rest_out_of_bounds", problem)
        return int(text)

    def numbers(self, name: str) -> list[int]:
        """Return a list of whole numbers."""
        words = self.words(name)
        for place, word in enumerate(words):
            if not re.fullmatch(r"-?\d+", word, re.ASCII):
                problem = f"{name}[{place}] is not of type integer."
                raise _invalid(name, "rest_invalid_type", problem)
        return [int(word) for word in words]

    def moment(self, name: str) -> datetime | None:
        """Return a time in the newsroom's zone, naive; without an offset it is in that zone."""
        if name not in self.values:
            return None
        text = self.values[name][-1]
        try:
            if not _MOMENT.fullmatch(text):
                raise ValueError
            when = datetime.fromisoformat(text.upper())
        except ValueError:
            raise _invalid(name, "rest_invalid_date", "Invalid date.") from None
        return when.replace(tzinfo=None) if when.tzinfo is None else _local(when)

    def choice(self, name: str, *allowed: str) -> str:
        """Return one of the words that are allowed, the first if the parameter is missing."""
        word = self.values.get(name, allowed)[0]
        if word not in allowed:
            problem = f"{name} is not one of {', '.join(allowed[:-1])} and {allowed[-1]}."
            raise _invalid(name, "rest_not_in_enum", problem)
        return word


class Rest:
    """Answers for the valid stories of a shelf; `press` sets their bodies."""

    def __init__(self, shelf: Shelf, press: Press) -> None:
        self._shelf = shelf
        self._press = press

    def get(self, path: str, values: Mapping[str, Sequence[str]]) -> Page:
        """Answer a path under `/wp-json/` with its parameters, as `parse_qs` gives them."""
        try:
            return self._route(path.removeprefix("/wp-json").strip("/"), _Query(values))
        except _Refused as refused:
            return _answer(refused.body, _ROOT_LINK, status=refused.status)

    def _route(self, route: str, query: _Query) -> Page:
        if route == "lakana/v1/template-variables":
            return _answer({"sidebar": {"just_in": self._just_in()}}, _ROOT_LINK)
        found = re.fullmatch(r"wp/v2/(posts|categories|tags|media|users)(?:/(\d+))?", route)
        if found is None:
            message = "No route was found matching the URL and request method."
            raise _Refused(404, "rest_no_route", message)
        kind, number = found.group(1), found.group(2)
        if kind == "users":
            raise _Refused(404, "rest_user_invalid_id", "Invalid user ID.")
        if kind == "media":
            return _answer(_filtered(self._media(number or "0"), query), _ROOT_LINK)
        if number is None:
            return self._posts(query) if kind == "posts" else self._terms(kind, query)
        if kind == "posts":
            return _answer(self._post(self._valid(number), query), _ROOT_LINK)
        for term, count in self._counted(kind, None).items():
            if term.id == int(number):
                return _answer(_filtered(_term(term, count), query), _ROOT_LINK)
        raise _Refused(404, "rest_term_invalid", "Term does not exist.")

    def _valid(self, number: str) -> Story:
        story = self._shelf.story(number)
        if story is None or story.broken:
            raise _Refused(404, "rest_post_invalid_id", "Invalid post ID.")
        return story

    def _just_in(self) -> list[Json]:
        return [
            {"id": int(story.id), "title": story.headline, "link": story.url}
            for story in self._shelf.valid()[:JUST_IN]
        ]

    def _posts(self, query: _Query) -> Page:
        per_page, number = query.number("per_page", 10, 100), query.number("page", 1)
        stories = _ordered(_chosen(self._shelf.valid(), query), query)
        if number > -(-len(stories) // per_page) and stories:
            message = "The page number requested is larger than the number of pages available."
            raise _Refused(400, "rest_post_invalid_page_number", message)
        start = per_page * (number - 1)
        posts = [self._post(story, query) for story in stories[start : start + per_page]]
        return _collection("posts", posts, len(stories), query)

    def _post(self, story: Story, query: _Query) -> Json:
        # Bodies are made only for queries that ask for them: they take longer than all the rest.
        fields = query.words("_fields")
        has_body = not fields or any(field.split(".")[0] == "content" for field in fields)
        html = "\n".join(block.html for block in self._press.body(story)) if has_body else ""
        post = _filtered(_post(story, html), query)
        if query.has("_embed") and "_links" in post:
            rels = set(query.words("_embed")) - {"0", "1", "true"}
            embedded = self._embedded(story)
            post["_embedded"] = {
                rel: embedded[rel]
                for rel in post["_links"]
                if rel in embedded and (not rels or rel in rels)
            }
        return post

    def _embedded(self, story: Story) -> Json:
        nobody = _Refused(404, "rest_user_invalid_id", "Invalid user ID.")
        return {
            "author": [nobody.body],
            "wp:featuredmedia": [_media(story)],
            "wp:term": [
                [_term(term) for term in by_name(terms)]
                for terms in (categories_of(story), tags_of(story))
            ],
        }

    def _media(self, number: str) -> Json:
        story = self._shelf.story(str(int(number) - _MEDIA))
        if story is None or story.broken:
            raise _Refused(404, "rest_post_invalid_id", "Invalid post ID.")
        return _media(story)

    def _counted(self, kind: str, story: Story | None) -> Counter[Term]:
        """Return terms with the number of stories that have them; of one story, if given."""
        terms_of = categories_of if kind == "categories" else tags_of
        used = Counter(term for story in self._shelf.valid() for term in terms_of(story))
        if story is not None:
            return Counter({term: used[term] for term in terms_of(story)})
        if kind == "categories":
            return Counter({term: used[term] for term in categories().values()})
        return used

    def _terms(self, kind: str, query: _Query) -> Page:
        per_page, number = query.number("per_page", 10, 100), query.number("page", 1)
        post = query.numbers("post")
        found = self._counted(kind, self._shelf.story(str(post[0])) if post else None)
        slugs, numbers, above = query.words("slug"), query.numbers("include"), query.words("parent")
        terms = [
            term
            for term in by_name(found)
            if (not slugs or term.slug in slugs)
            and (not numbers or term.id in numbers)
            and (not above or str(term.parent) in above)
        ]
        start = per_page * (number - 1)
        rows = [
            _filtered(_term(term, found[term]), query) for term in terms[start : start + per_page]
        ]
        return _collection(kind, rows, len(terms), query)


def _chosen(stories: Iterable[Story], query: _Query) -> list[Story]:
    """Return the stories that a query asks for."""
    tests: list[Callable[[Story], bool]] = []
    after, before = query.moment("after"), query.moment("before")
    if after:
        tests.append(lambda story: _local(story.published) > after)
    if before:
        tests.append(lambda story: _local(story.published) < before)
    modified_after, modified_before = (
        query.moment("modified_after"),
        query.moment("modified_before"),
    )
    if modified_after:
        tests.append(lambda story: _local(story.modified) > modified_after)
    if modified_before:
        tests.append(lambda story: _local(story.modified) < modified_before)
    if numbers := set(query.numbers("include")):
        tests.append(lambda story: int(story.id) in numbers)
    if numbers_left_out := set(query.numbers("exclude")):
        tests.append(lambda story: int(story.id) not in numbers_left_out)
    if slugs := set(query.words("slug")):
        tests.append(lambda story: story.slug in slugs)
    if sections := set(query.numbers("categories")):
        tests.append(lambda story: any(term.id in sections for term in categories_of(story)))
    if tags := set(query.numbers("tags")):
        tests.append(lambda story: any(term.id in tags for term in tags_of(story)))
    return [story for story in stories if all(test(story) for test in tests)]


def _ordered(stories: list[Story], query: _Query) -> list[Story]:
    by = query.choice("orderby", "date", "id", "include", "modified")
    descending = query.choice("order", "desc", "asc") == "desc"
    if by == "include":
        place = {number: place for place, number in enumerate(query.numbers("include"))}
        return sorted(stories, key=lambda story: place.get(int(story.id), 0))
    return sorted(stories, key=_ORDERS[by], reverse=descending)


def _post(story: Story, html: str) -> Json:
    return {
        "id": int(story.id),
        "date": _local(story.published).isoformat(),
        "date_gmt": _gmt(story.published),
        "guid": {"rendered": f"{SITE}/?p={story.id}"},
        "modified": _local(story.modified).isoformat(),
        "modified_gmt": _gmt(story.modified),
        "slug": story.slug,
        "status": "publish",
        "type": "post",
        "link": story.url,
        "title": {"rendered": rendered(story.headline)},
        "content": {"rendered": html, "protected": False},
        "excerpt": {"rendered": f"<p>{rendered(description(story))}</p>\n", "protected": False},
        "author": story.authors[0].number,
        "featured_media": int(story.id) + _MEDIA,
        "comment_status": "closed",
        "ping_status": "closed",
        "sticky": False,
        "template": "",
        "format": "standard",
        "meta": [],
        "categories": [term.id for term in by_name(categories_of(story))],
        "tags": [term.id for term in by_name(tags_of(story))],
        "_links": {
            "self": [{"href": f"{API}/posts/{story.id}"}],
            "collection": [{"href": f"{API}/posts"}],
            "about": [{"href": f"{API}/types/post"}],
            "author": [{"embeddable": True, "href": f"{API}/users/{story.authors[0].number}"}],
            "wp:featuredmedia": [
                {"embeddable": True, "href": f"{API}/media/{int(story.id) + _MEDIA}"}
            ],
            "wp:attachment": [{"href": f"{API}/media?parent={story.id}"}],
            "wp:term": [
                {
                    "taxonomy": taxonomy,
                    "embeddable": True,
                    "href": f"{API}/{route}?post={story.id}",
                }
                for taxonomy, route in (("category", "categories"), ("post_tag", "tags"))
            ],
            "curies": [{"name": "wp", "href": "https://api.w.org/{rel}", "templated": True}],
        },
    }


def _media(story: Story) -> Json:
    image = lead_image(story)
    name = image.url.rpartition("/")[2].removesuffix(".jpg")
    caption = f"<p>{escape(image.printed, quote=False)}</p>\n" if image.printed else ""
    return {
        "id": int(story.id) + _MEDIA,
        "date": _local(story.published).isoformat(),
        "slug": name,
        "type": "attachment",
        "link": f"{story.url}{name}/",
        "title": {"rendered": name},
        "author": story.authors[0].number,
        "caption": {"rendered": caption},
        "alt_text": "",
        "media_type": "image",
        "mime_type": "image/jpeg",
        "media_details": {"width": 1280, "height": 720, "sizes": {}},
        "source_url": image.url,
        "_links": {"self": [{"href": f"{API}/media/{int(story.id) + _MEDIA}"}]},
    }


def _term(term: Term, count: int | None = None) -> Json:
    """Return a term as its own route prints it; without `count`, as it is embedded."""
    route = "categories" if term.taxonomy == "category" else "tags"
    more: Json = {}
    if count is not None:
        more = {"count": count, "description": "", "meta": []}
        if term.taxonomy == "category":
            more["parent"] = term.parent
    return {
        "id": term.id,
        "link": term.url,
        "name": escape(term.name, quote=False),
        "slug": term.slug,
        "taxonomy": term.taxonomy,
        **more,
        "_links": {
            "self": [{"href": f"{API}/{route}/{term.id}"}],
            "wp:post_type": [{"href": f"{API}/posts?{route}={term.id}"}],
        },
    }


def _filtered(data: Json, query: _Query) -> Json:
    """Return what `_fields` asks for: `title` whole, `title.rendered` a part of it."""
    fields = query.words("_fields")
    if not fields:
        return data
    kept: Json = {}
    for field in fields:
        source: Any = data
        target = kept
        *parents, last = field.split(".")
        for parent in parents:
            source = source.get(parent) if isinstance(source, dict) else None
            if not isinstance(source, dict):
                break
            target = target.setdefault(parent, {})
        if isinstance(source, dict) and last in source:
            # A copy, so that a part asked for later is not put into the site's own data.
            value = source[last]
            target[last] = dict(value) if isinstance(value, dict) else value
    return {name: value for name, value in kept.items() if value != {} or data.get(name) == {}}


def _collection(route: str, rows: list[Json], total: int, query: _Query) -> Page:
    per_page, number = query.number("per_page", 10, 100), query.number("page", 1)
    pages = -(-total // per_page)

    def link(target: int, rel: str) -> str:
        values = {**query.values, "page": [str(target)]}
        return f'<{API}/{route}?{urlencode(values, doseq=True)}>; rel="{rel}"'

    links = []
    if number > 1:
        links.append(link(min(number - 1, max(pages, 1)), "prev"))
    if number < pages:
        links.append(link(number + 1, "next"))
    return _answer(
        rows,
        ("X-WP-Total", str(total)),
        ("X-WP-TotalPages", str(pages)),
        ("Link", ", ".join(links)) if links else _ROOT_LINK,
    )


def _answer(data: object, *headers: tuple[str, str], status: int = 200) -> Page:
    # PHP escapes slashes and everything that is not ASCII.
    text = json.dumps(data, separators=(",", ":")).replace("/", "\\/")
    return page(status, text, *_HEADERS, *headers)


def _invalid(name: str, code: str, message: str) -> _Refused:
    return _Refused(
        400,
        "rest_invalid_param",
        f"Invalid parameter(s): {name}",
        params={name: message},
        details={name: {"code": code, "message": message, "data": None}},
    )


def _gmt(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}"
