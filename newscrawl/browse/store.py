"""The dataset as one SQLite file with a full-text index, stored beside the builds."""

import atexit
import errno
import fcntl
import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from newscrawl.dataset.generations import Generations
from newscrawl.dataset.partition import EARLIER, LATEST
from newscrawl.storage.parts import sync

FILE = "browse.sqlite3"
_ROWS = 500

# The body is in revisions only, so that facets and tables read narrow rows. The index has no copy
# of the text; snippets read it from the view. Lists are JSON for display, and names for counting.
_TABLES = """
create table articles (
    number integer primary key, outlet text, id text, revision integer, url text, headline text,
    description text, authors text, date_published text, date_precision text,
    date_modified text, section text, sections text, tags text, kind text, accessible integer,
    images text, language text, word_count integer, source text, date_fetched text,
    extraction text, month text, date_gone text, revisions integer, story text,
    unique (outlet, id)
);
create table names (
    kind text, name text, article integer, primary key (kind, name, article)
) without rowid;
create table revisions (
    outlet text, id text, revision integer, headline text, authors text, body text,
    date_modified text, date_fetched text, source text, run text,
    primary key (outlet, id, revision)
);
create view texts as
    select number, articles.headline, description, body, articles.authors
    from articles join revisions using (outlet, id, revision);
create virtual table search using fts5 (
    headline, description, body, authors, content='texts', content_rowid='number',
    tokenize='porter unicode61 remove_diacritics 2'
);
create table made_of (files text, facts text, counts text);
"""
_NAMES = """
insert or ignore into names
    select '{0}', value, number from articles, json_each({0}) order by value, number;
"""
_TOTALS = """
create index names_article on names (kind, article);
create table totals as select kind, name, count(*) as articles from names group by kind, name;
create index totals_articles on totals (kind, articles);
"""
# Datasette pages through rows of the same value by their number. An index read forwards has that
# order; read backwards, pages would lose rows.
_INDEXES = "".join(
    f"create index articles_{name} on articles ({columns});"
    for name, columns in {
        "newest": "date_published desc",
        "revisions": "revisions desc",
        "word_count": "word_count desc",
        "changed": "date_fetched) where (revisions > 1",
        **{name: name for name in ("month", "section", "kind", "story")},
    }.items()
)
# Facts of the front page, stored because counting them takes too long for each visit.
_FACTS = """
select json_object(
    'articles', count(*), 'gone', count(date_gone), 'revisions', sum(revisions),
    'outlets', count(distinct outlet), 'first', min(date_published), 'last', max(date_published)
) from articles
"""
_LISTS = ("authors", "sections", "tags", "images")
_ARTICLE = (
    "outlet id revision url headline description authors date_published date_precision"
    " date_modified section sections tags kind accessible images language word_count source"
    " date_fetched extraction date_gone"
).split()
_REVISION = (
    "outlet id revision headline authors body date_modified date_fetched source run"
).split()


def ready(output: Path, say: Callable[[str], None]) -> Path:
    """Return the SQLite file of an output folder's latest build. Create it if it is outdated.

    If the output folder cannot be written, the file is created in a temporary folder. ``say`` is
    called with each message. Raises DatasetError if there is no dataset, and OSError.
    """
    generations = Generations(output)
    dataset = generations.existing()
    path = generations.store / FILE
    files = _files(dataset)
    if _made_of(path) == files:
        return path
    try:
        with (generations.store / f".{FILE}.lock").open("ab") as lock:
            # A second process waits here until the file is complete.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _made_of(path) != files:
                say(f"Copying {generations.link} to {path} …")
                _write(path, dataset, files)
    except OSError as error:
        say(f"Cannot write {path}: {error.strerror}.")
        folder = Path(tempfile.mkdtemp(prefix="newscrawl-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        path = folder / FILE
        say(f"Copying {generations.link} to {path} …")
        _write(path, dataset, files)
    return path


def _write(path: Path, dataset: Path, files: str) -> None:
    """Write the SQLite file, whole or not at all. Raises OSError."""
    temporary = path.with_name(f"{FILE}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with closing(sqlite3.connect(temporary)) as database:
            _fill(database, dataset, files)
        sync(temporary)
        temporary.rename(path)
    except sqlite3.OperationalError as error:
        raise OSError(errno.EIO, str(error), str(path)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def counts(path: Path) -> dict[str, int]:
    """Return the stored number of rows of each table."""
    with closing(sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)) as database:
        (text,) = database.execute("select counts from made_of").fetchone()
    numbers: dict[str, int] = json.loads(text)
    return numbers


def _files(dataset: Path) -> str:
    """Return a hash of the state of a dataset."""
    state: list[Any] = [_TABLES, _NAMES, _TOTALS, _INDEXES, dataset.name]
    for path in sorted(dataset.rglob("*.parquet")):
        stat = path.stat()
        state += [path.relative_to(dataset).as_posix(), stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def _made_of(path: Path) -> str | None:
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as it,
    ):
        (files,) = it.execute("select files from made_of").fetchone()
        return str(files)
    return None


def _fill(database: sqlite3.Connection, dataset: Path, files: str) -> None:
    """Write all rows in one transaction. No journal is needed, because no reader sees the file."""
    database.executescript(f"pragma journal_mode=off; pragma synchronous=off; {_TABLES} begin;")
    number = 0
    for latest in sorted(dataset.glob(f"revisions/*/*/{LATEST}")):
        earlier = latest.with_name(EARLIER)
        older: Counter[str] = Counter()
        if earlier.exists():
            for row in _rows(earlier, _REVISION):
                older[row["id"]] += 1
                _insert(database, "revisions", row)
        month = latest.parent.name.partition("=")[2]
        for row in _rows(latest, [*_ARTICLE, "body", "run"]):
            number += 1
            _insert(database, "revisions", {name: row[name] for name in _REVISION})
            # A dataset of schema version 1 lacks some columns.
            article = {name: row.get(name) for name in _ARTICLE}
            more = {"number": number, "month": month, "revisions": older[row["id"]] + 1}
            _insert(database, "articles", article | more)
            texts = {name: row[name] for name in ("headline", "description", "body", "authors")}
            _insert(database, "search", {"rowid": number} | texts)
    same = dataset / "duplicates" / "duplicates.parquet"
    if same.exists():
        database.executemany(
            "update articles set story = :cluster where outlet = :outlet and id = :id",
            _rows(same, ["outlet", "id", "cluster"]),
        )
    for kind in ("authors", "sections", "tags"):
        database.execute(_NAMES.format(kind))
    database.executescript(_TOTALS + _INDEXES)
    tables = [
        name for (name,) in database.execute("select name from sqlite_master where type = 'table'")
    ]
    numbers = dict.fromkeys(tables, 0) | {
        name: database.execute(f"select count(*) from {name}").fetchone()[0]  # noqa: S608
        for name in ("articles", "revisions", "names", "totals")
    }
    (facts,) = database.execute(_FACTS).fetchone()
    _insert(database, "made_of", {"files": files, "facts": facts, "counts": json.dumps(numbers)})
    database.execute("analyze")
    database.commit()


def _rows(path: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a Parquet file with values for SQLite. Only some rows are in memory."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
            for row in batch.to_pylist():
                yield {name: _value(name, it) for name, it in row.items()}


def _value(name: str, value: Any) -> Any:
    if name in _LISTS:
        names = [it["name"] for it in value or ()] if name == "authors" else value or []
        return json.dumps(names, ensure_ascii=False)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return value


def _insert(database: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    marks = ", ".join(f":{name}" for name in row)
    database.execute(f"insert into {table} ({', '.join(row)}) values ({marks})", row)  # noqa: S608
