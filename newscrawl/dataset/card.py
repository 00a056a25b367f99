"""The dataset card: a description for people and for the Hugging Face Hub."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from newscrawl.dataset.columns import dataset_schema, descriptions

_CARD = """\
---
pretty_name: "{name}"
license: other
license_name: publishers-own
tags:
- news
configs:
- config_name: articles
  data_files: articles/*/*/*.parquet
  description: {contents}
  default: true
- config_name: revisions
  data_files: revisions/*/*/*.parquet
  description: {contents}
{config}---

# {name}

Articles of {outlets}, crawled by newscrawl: {articles:,} articles in {revisions:,} revisions,
published from {first} to {last}. {gone:,} of them were removed from their site.

`articles` holds the latest text of each article, `revisions` all versions. `outlet` and `id`
identify an article, `revision` counts its versions in the order in which they were read; their
`date_modified` and `date_fetched` tell their order in time. Folders are by outlet and by month of
first publication. A text with several addresses is included several times: nothing is
dropped.{duplicates}

| outlet | articles | revisions | first published | last published | read from | up to run |
| --- | ---: | ---: | --- | --- | --- | --- |
{rows}

Kinds: {kinds}.

## Columns

| column | type | |
| --- | --- | --- |
{columns}

Times are UTC. Missing values are null or an empty list; no value is invented.

## Loading

```python
import os.path
import duckdb, polars, pandas, datasets

dataset = os.path.realpath(".")
duckdb.sql(f"from '{{dataset}}/articles/*/*/*.parquet'")
polars.read_parquet(f"{{dataset}}/articles/**/*.parquet")
pandas.read_parquet(f"{{dataset}}/articles")
datasets.load_dataset("parquet", data_files=f"{{dataset}}/articles/*/*/*.parquet", split="train")
spark.read.parquet(f"{{dataset}}/articles")
```

`realpath` gives the folder of one build, which never changes; it is removed some hours after a
later build has replaced it.

## Licence

The texts, and the pictures that they name, belong to their publisher. This dataset grants no
right to them: use it as the law and the publisher's terms allow.
"""

_DUPLICATES = """

`duplicates` marks the same story under another id or at another outlet: {articles:,} articles are
near-duplicates, in {clusters:,} clusters (of the runs {through}). `cluster` is the `outlet/id` of
the first article, `similarity` the similarity to the article it was matched with. Articles
without a near-duplicate are not in it.\
"""
_DUPLICATES_CONFIG = """\
- config_name: duplicates
  data_files: duplicates/duplicates.parquet
  description: {contents}
"""


def card(manifest: Mapping[str, Any]) -> str:
    """Return the card of a dataset, in Markdown with the Hub's metadata, from its manifest."""
    by_outlet = {outlet: _total(manifest, f"outlet={outlet}/") for outlet in manifest["outlets"]}
    total = _total(manifest, "")
    rows = (
        f"| {outlet} | {it['articles']:,} | {it['revisions']:,} | {_day(it['first'])}"
        f" | {_day(it['last'])} | {_counts(it['sources'])}"
        f" | {manifest['outlets'][outlet]['through']} |"
        for outlet, it in by_outlet.items()
    )
    meanings = descriptions()
    columns = (
        f"| `{it.name}` | `{_type(str(it.type))}` | {meanings[it.name].replace('|', '&#124;')} |"
        for it in dataset_schema()
    )
    names = ", ".join(by_outlet)
    contents = _contents(manifest)
    marked = manifest.get("duplicates")
    return _CARD.format(
        name=f"newscrawl: {names}",
        outlets=names,
        articles=total["articles"],
        revisions=total["revisions"],
        gone=total["gone"],
        first=_day(total["first"]),
        last=_day(total["last"]),
        rows="\n".join(rows),
        kinds=_counts(total["kinds"]),
        columns="\n".join(columns),
        config=_DUPLICATES_CONFIG.format(contents=contents) if marked else "",
        contents=contents,
        duplicates=_duplicates(marked) if marked else "",
    )


def _contents(manifest: Mapping[str, Any]) -> str:
    """Return a hash of the files of a dataset.

    Hugging Face's cache has the name of the folder and the metadata of the card as its key. Without
    the hash, ``load_dataset(folder)`` returns an earlier build, or that of another folder.
    """
    files = {name: it["sha256"] for name, it in manifest["files"].items()}
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _duplicates(marked: Mapping[str, Any]) -> str:
    runs = (f"of {outlet} up to {run}" for outlet, run in marked["through"].items())
    return _DUPLICATES.format(**{**marked, "through": ", ".join(runs)})


def _total(manifest: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the sum of the partitions whose path has a prefix."""
    parts = [it for name, it in manifest["partitions"].items() if name.startswith(prefix)]
    sources, kinds = Counter[str](), Counter[str]()
    for it in parts:
        sources.update(it["sources"])
        kinds.update(it["kinds"])
    return {
        **{name: sum(it[name] for it in parts) for name in ("articles", "revisions", "gone")},
        "first": min((it["first"] for it in parts), default=None),
        "last": max((it["last"] for it in parts), default=None),
        "sources": sources,
        "kinds": kinds,
    }


def _day(time: str | None) -> str:
    return time[:10] if time else "–"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items())) or "–"


def _type(name: str) -> str:
    if name.startswith("dictionary"):
        return "string"
    return name.replace("timestamp[us, tz=UTC]", "timestamp, UTC").replace("item: ", "")
