"""The dataset's columns as Arrow types, taken from ``Article``."""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa

from newscrawl.items import Article
from newscrawl.storage.schema import generate

TIME = pa.timestamp("us", "UTC")
NAME = pa.dictionary(pa.int32(), pa.string())
"""The type of ``outlet``. Readers derive the same type from the path."""


def _type_of(hint: Any, keywords: Mapping[str, Any]) -> pa.DataType:
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (it for it in get_args(hint) if it is not type(None))
    if get_origin(hint) is list:
        return pa.list_(_type_of(get_args(hint)[0], {}))
    if is_dataclass(hint):
        hints = get_type_hints(hint)
        return pa.struct([(it.name, _type_of(hints[it.name], {})) for it in fields(hint)])
    if hint is int:
        return pa.int32()
    if hint is bool:
        return pa.bool_()
    if hint is not str:
        raise TypeError(f"no column is made of {hint}")
    # Only times have a pattern that ends in Z.
    return TIME if keywords.get("pattern", "").endswith("Z$") else pa.string()


def record_schema() -> pa.Schema:
    """Return the columns of a line of a part, in the record's order."""
    hints = get_type_hints(Article)
    return pa.schema(
        [
            (it.name, _type_of(hints[it.name], it.metadata.get("json_schema_extra", {})))
            for it in fields(Article)
        ]
    )


ADDED = {
    "run": "The run that published this revision.",
    "date_gone": "When the article was found to be removed from its site, or null.",
}
"""The columns that the dataset adds to the record, and their meaning."""


def dataset_schema() -> pa.Schema:
    """Return the columns of the dataset: those of the record, ``run`` and ``date_gone``."""
    schema = record_schema()
    schema = schema.set(schema.get_field_index("outlet"), pa.field("outlet", NAME))
    return schema.append(pa.field("run", pa.string())).append(pa.field("date_gone", TIME))


def descriptions() -> dict[str, str]:
    """Return the meaning of each column of the dataset, in order: its first paragraph."""
    properties = generate()["properties"]
    texts = {name: it["description"].split("\n\n")[0] for name, it in properties.items()}
    return {name: " ".join(text.split()) for name, text in (texts | ADDED).items()}
