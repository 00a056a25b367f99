"""Open a SQLite ledger for reading: unchanged, in a read-only folder, or on a full disk.

SQLite's write-ahead log needs a file beside the ledger even for reading. Where that file cannot be
made, a ledger without pending changes is opened as immutable, and one with pending changes is
copied. A ledger of an older schema is copied, too: the copy is migrated.
"""

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from newscrawl.storage.ledger.tables import LEDGER_VERSION, version_table

_LOG = "-wal"
# The folder or the file cannot be written, or the disk is full.
_NOT_WRITABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY}


def for_reading(url: sa.URL) -> tuple[sa.URL, bool]:
    """Return the address to read a SQLite ledger at, and whether that is a copy to be migrated.

    Raises OSError when the ledger has to be copied and cannot be.
    """
    path = Path(url.database or "").absolute()
    log = path.with_name(f"{path.name}{_LOG}")
    for immutable in (False, True):
        if immutable and log.exists() and log.stat().st_size:
            break
        query = {"uri": "true"} | ({"immutable": "1"} if immutable else {})
        address = url.set(database=path.as_uri(), query=query)
        try:
            version = _version(path, immutable=immutable)
        except sqlite3.DatabaseError as error:
            # The higher bits of a code say more than the kind of error.
            if error.sqlite_errorcode & 0xFF in _NOT_WRITABLE and path.exists():
                continue
            return address, False  # the first query raises the error
        if version == LEDGER_VERSION:
            return address, False
        break
    return url.set(database=str(_copy(path))), True


def _version(path: Path, *, immutable: bool) -> int | None:
    address = f"{path.as_uri()}{'?immutable=1' if immutable else ''}"
    with closing(sqlite3.connect(address, uri=True)) as database:
        sql = f"select max(version) from {version_table.name}"  # noqa: S608  # our own name
        (version,) = database.execute(sql).fetchone()
    return None if version is None else int(version)


def _copy(path: Path) -> Path:
    """Copy a ledger and its pending changes into a folder that goes with the process."""
    folder = Path(tempfile.mkdtemp(prefix="newscrawl-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for suffix in ("", _LOG):
        source = path.with_name(f"{path.name}{suffix}")
        if source.exists():
            shutil.copyfile(source, folder / source.name)
    return folder / path.name
