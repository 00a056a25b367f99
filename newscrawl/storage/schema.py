"""The record's JSON Schema: generated from ``Article``, shipped, and enforced."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import fastjsonschema
from itemadapter import ItemAdapter

from newscrawl.items import Article, record

# These may have no text of their own.
_MAY_LACK_BODY = ("video", "audio", "gallery", "live")


def generate() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of the record, from ``Article`` itself."""
    schema: dict[str, Any] = ItemAdapter.get_json_schema(Article)
    return schema | {"required": list(schema["properties"])}


def dump(schema: Mapping[str, Any]) -> str:
    """Return a schema as the text that the package contains and ``newscrawl schema`` prints."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def shipped() -> str:
    """Return the schema in the package. It can also be read from a zipped egg."""
    return files("newscrawl.storage").joinpath("article.schema.json").read_text("utf-8")


@cache
def _validator() -> Callable[[Any], Any]:
    schema = json.loads(shipped())
    # fastjsonschema supports drafts 4 to 7; the record uses nothing that 2020-12 changed.
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    validator: Callable[[Any], Any] = fastjsonschema.compile(schema)
    return validator


def fault(article: Article) -> str | None:
    """Return why an article is not a valid record, or None."""
    for field in ("id", "url", "headline", "date_published", "body"):
        if not getattr(article, field) and (field != "body" or article.kind not in _MAY_LACK_BODY):
            return f"no {field}"
    broken = violation(record(article))
    return f"schema: {broken}" if broken else None


def violation(line: Mapping[str, Any]) -> str | None:
    """Return how a record breaks the schema, in words, or None."""
    try:
        _validator()(line)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error.message)
    return None
