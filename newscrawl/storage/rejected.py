"""``rejected.warc.gz``: the responses of a run that gave no record, to be read again later.

The file is written like a part: under a temporary name, each record whole, and renamed at the end.
``run.json`` lists it.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from newscrawl.storage.capture import Capture
from newscrawl.storage.document import PartDocument, RejectedDocument
from newscrawl.storage.parts import TEMPORARY, sha256_of, sync
from newscrawl.storage.recorder import Header, Recorder, response_member
from newscrawl.storage.runs import run_folders
from newscrawl.storage.warc import Counts, WarcFile

REJECTED_FILE = "rejected.warc.gz"
SOURCE, REASON = b"X-Newscrawl-Source", b"X-Newscrawl-Reason"
"""Headers that are added to a kept response: the source of its record, and why it has none."""

READ_BY_FALLBACK = "read by the fallback"
"""The reason of a response that gave a record, but not an exact one."""

_OURS = (SOURCE.lower(), REASON.lower(), b"content-encoding")
_BLOCK = 1 << 20


class RejectedWriter:
    """Keeps rejected responses in the folder of a run, up to a number of bytes.

    The file is created with the first of them. ``add``, ``sync`` and ``close`` raise OSError.
    """

    def __init__(self, folder: Path, most: float, software: str) -> None:
        """Keep at most ``most`` bytes in ``folder``."""
        self._path = folder / f"{REJECTED_FILE}{TEMPORARY}"
        self._most = most
        self._software = software
        self._recorder: Recorder | None = None
        self._is_synced = True
        self._records = 0
        self._omitted = 0

    def add(
        self,
        url: str,
        status: int,
        headers: Iterable[Header],
        body: bytes,
        source: str,
        reason: str,
        date: str = "",
    ) -> None:
        """Keep a response of a time (now); count it as omitted if the file would be too large."""
        kept = [it for it in headers if it[0].lower() not in _OURS]
        kept += [(SOURCE, source.encode()), (REASON, reason.encode("latin-1", "replace"))]
        member = response_member(url, status, kept, body, date)
        size = self._recorder.size if self._recorder else 0
        if size + len(member) > self._most:
            self._omitted += 1
            return
        if self._recorder is None:
            self._recorder = Recorder(self._path, REJECTED_FILE, self._software)
        self._recorder.write(member)
        self._records += 1
        self._is_synced = False

    def sync(self) -> None:
        """Flush all responses to disk."""
        if self._recorder and not self._is_synced:
            self._recorder.sync()
            self._is_synced = True

    def close(self) -> RejectedDocument | None:
        """Give the file its name, and return its entry in ``run.json``; None without a response."""
        if self._recorder is None:
            return _entry(None, 0, self._omitted) if self._omitted else None
        self._recorder.close()
        path = self._path.with_suffix("")
        self._path.rename(path)
        sync(path.parent)
        return _entry(path, self._records, self._omitted)


def _entry(path: Path | None, records: int, omitted: int) -> RejectedDocument:
    return {
        "name": path.name if path else "",
        "records": records,
        "bytes": path.stat().st_size if path else 0,
        "sha256": sha256_of(path) if path else "",
        "omitted": omitted,
    }


def is_whole(folder: Path, entry: RejectedDocument) -> bool:
    """Return whether the file of a run is as its entry in ``run.json`` states it."""
    path = folder / entry["name"]
    try:
        return path.stat().st_size == entry["bytes"] and sha256_of(path) == entry["sha256"]
    except OSError:
        return False


def salvage_rejected(folder: Path) -> RejectedDocument | None:
    """Finish the file that a killed run left, without an incomplete response at its end.

    Return its entry in ``run.json``; None if nothing was kept. Raises OSError.
    """
    path = folder / REJECTED_FILE
    temporary = folder / f"{REJECTED_FILE}{TEMPORARY}"
    if temporary.exists():
        ends = list(_member_ends(temporary))
        # The first member describes the file.
        if len(ends) < 2:
            temporary.unlink()
        else:
            with temporary.open("r+b") as stream:
                stream.truncate(ends[-1])
            sync(temporary)
            temporary.rename(path)
        sync(folder)
    return _entry(path, len(list(_member_ends(path))) - 1, 0) if path.exists() else None


def _member_ends(path: Path) -> Iterator[int]:
    """Yield the place of the end of each whole gzip member of a file."""
    unpacker, place = zlib.decompressobj(wbits=31), 0
    with path.open("rb") as stream:
        while data := stream.read(_BLOCK):
            while data:
                try:
                    unpacker.decompress(data)
                except zlib.error:
                    return
                place += len(data) - len(unpacker.unused_data)
                data = unpacker.unused_data
                if unpacker.eof:
                    yield place
                    unpacker = zlib.decompressobj(wbits=31)


def latest_rejected(
    output: Path, outlet: str, is_wanted: Callable[[str], bool], count: int, most: int
) -> list[Capture]:
    """Return the latest rejected responses of wanted addresses, at most ``count``, newest first.

    Bodies have at most ``most`` bytes; damaged responses are left out. Raises OSError.
    """
    found: list[Capture] = []
    for folder in reversed(run_folders(output, outlet)):
        path = folder / REJECTED_FILE
        if len(found) >= count or not path.exists():
            continue
        with WarcFile(str(path)) as file:
            last = deque(file.captures(Counts(), is_wanted), maxlen=count - len(found))
        found += [it for it in (one.decoded(most) for one in reversed(last)) if not it.fault]
    return found


def run_files(run: Mapping[str, Any]) -> list[PartDocument]:
    """Return the entries of all files that ``run.json`` lists: parts, and what was rejected."""
    rejected = run.get("rejected_file") or {}
    return [*run["parts"], *([rejected] if rejected.get("name") else [])]
