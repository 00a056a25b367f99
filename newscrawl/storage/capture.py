"""What a WARC record says of one HTTP response, and whether it is whole."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Self

from newscrawl.exceptions import BodyTooLargeError, BrokenBodyError
from newscrawl.extraction.dates import utc
from newscrawl.storage.http_body import CUT, coding_of, codings, decoded, unchunked
from newscrawl.storage.records import HEAD_END, LARGEST, UNSURE, Fields, Record, fields

DAMAGED = "damaged record"
NO_ORIGINAL = "revisit without its original"
_NO_HTTP = "no HTTP response"
_NO_DATE = "no valid WARC-Date"
_SEGMENT = "segment of a record"
_TRUNCATED = ("length", "time", "disconnect", "unspecified")

_STATUS_LINE = re.compile(rb"(?:https?|h|spdy|icy)[/\d.]* +(\d{3})\b", re.I)
_UTC = re.compile(r"\s*(?:Z|UTC|GMT)$")
_DIGITS = re.compile(r"(\d{8})(\d{6})(\d{3})?")


@dataclass(frozen=True, slots=True)
class Capture:
    """A recorded response: its address, time and status, and where it is in which file.

    ``date`` is UTC in the record's form, or empty. ``offset`` is where a reader of ``path`` finds
    it, or None when the file is compressed as a whole. ``fault`` says why it cannot be used,
    ``has_wrong_digest`` that its payload is not what its digest was taken of.
    ``keys`` are by what a revisit refers to its original.
    """

    url: str
    date: str
    status: int
    path: str
    offset: int | None
    headers: Fields = ()
    payload: bytes = b""
    fault: str = ""
    has_wrong_digest: bool = False
    is_revisit: bool = False
    keys: frozenset[str] = frozenset()

    def decoded(self, most: int) -> Self:
        """Return the capture with its body decoded, of at most ``most`` bytes, or with its fault.

        Fields that describe the transfer are left out.
        """
        if self.fault:
            return self.failed(self.fault)
        try:
            return replace(self, headers=self._kept(), payload=self._body(most))
        except (BrokenBodyError, BodyTooLargeError) as error:
            return self.failed(str(error))

    def _kept(self) -> Fields:
        return tuple(it for it in self.headers if it[0].lower() not in _TRANSFER)

    def _body(self, most: int) -> bytes:
        """Return the decoded body. Raises BrokenBodyError and BodyTooLargeError."""
        found: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            found.setdefault(name.lower(), []).append(value)
        body = self.payload
        if b"chunked" in b",".join(found.get(b"transfer-encoding", ())).lower():
            body = unchunked(body)
        # A body without its chunks has the length that the header gives, if it gives one.
        if body is self.payload and _promised(found.get(b"content-length", ())) > len(body):
            raise BrokenBodyError(CUT)
        names = codings(found.get(b"content-encoding", ()))
        names += [it for it in codings(found.get(b"transfer-encoding", ())) if it != "chunked"]
        # Some tools name another coding than the body's, leave it out, or pack a body again.
        if names:
            names[-1] = coding_of(body) or names[-1]
        body = decoded(body, names, most)
        again = coding_of(body)
        return decoded(body, [again], most) if again else body

    def failed(self, reason: str) -> Self:
        """Return the capture as one that cannot be used."""
        return replace(self, fault=reason, payload=b"")

    def standing_for(self, revisit: "Capture") -> Self:
        """Return what ``revisit`` says: that its address gave this response again."""
        return replace(self, url=revisit.url, date=revisit.date, path=revisit.path)


# Fields that describe the transfer, not the body that we hold.
_TRANSFER = (b"content-encoding", b"content-length", b"transfer-encoding", b"connection")


def _promised(lengths: Iterable[bytes]) -> int:
    given = [it.strip() for value in lengths for it in value.split(b",")]
    return max((int(it) for it in given if it.isdigit() and len(it) < 19), default=0)


def read_capture(record: Record, path: str) -> Capture:
    """Return the capture that a record holds."""
    digest = record.get("WARC-Payload-Digest")
    is_revisit = record.kind == "revisit"
    status, headers, payload = _parsed(record)
    date = _time(record.get("WARC-Date")) or _http_time(headers)
    differs = False
    fault = _fault(record) or ("" if is_revisit or status else _NO_HTTP)
    if not fault or fault == UNSURE:
        # The digest of the payload tells nearly all; that of the block, who is wrong.
        same = None if is_revisit else _agrees(digest, _forms(headers, payload))
        agrees = same or _agrees(record.get("WARC-Block-Digest"), [record.block])
        differs = same is False and bool(agrees)
        doubtful = bool(fault) or same is False or agrees is False
        fault = DAMAGED if doubtful and not agrees else ""
    fault = fault or ("" if date else _NO_DATE)
    keys = reference_of(record) if is_revisit else frozenset()
    return Capture(
        url=record.url,
        date=date,
        status=status,
        path=path,
        offset=record.offset,
        headers=headers,
        payload=payload,
        fault=fault,
        has_wrong_digest=differs,
        is_revisit=is_revisit,
        keys=keys,
    )


def _fault(record: Record) -> str:
    """Return what is wrong with a record, as its reader or its own header says."""
    if record.fault not in ("", UNSURE):
        return record.fault
    if (record.length or 0) > LARGEST:
        return "too large"
    if truncated := record.get("WARC-Truncated"):
        reason = truncated.strip().lower()
        return f"truncated: {reason if reason in _TRUNCATED else 'unspecified'}"
    return _SEGMENT if record.get("WARC-Segment-Number") else record.fault


def keys_of(record: Record) -> frozenset[str]:
    """Return what a revisit may refer to a record by: its id, its address and time, its digest."""
    return _keys(
        record.get("WARC-Record-ID"),
        record.url,
        record.get("WARC-Date"),
        record.get("WARC-Payload-Digest"),
    )


def reference_of(record: Record) -> frozenset[str]:
    """Return by what a revisit refers to its original."""
    return _keys(
        record.get("WARC-Refers-To"),
        record.get("WARC-Refers-To-Target-URI").strip("<>"),
        record.get("WARC-Refers-To-Date"),
        record.get("WARC-Payload-Digest"),
    )


def _keys(identity: str, url: str, date: str, digest: str) -> frozenset[str]:
    moment = _time(date)
    return frozenset({identity, f"{moment} {url}" if moment and url else "", digest.upper()} - {""})


def _parsed(record: Record) -> tuple[int, Fields, bytes]:
    """Return status, headers and payload of a block; status 0 when it is no HTTP response."""
    block = record.block
    is_message = record.kind != "resource"
    while is_message and (line := _STATUS_LINE.match(block)):
        end = HEAD_END.search(block)
        head, payload = (block[: end.start()], block[end.end() :]) if end else (block, b"")
        status = int(line[1])
        if status // 100 != 1 or not _STATUS_LINE.match(payload):
            return status, fields(head), payload
        # 100 Continue comes before the response itself.
        block = payload
    # Some tools write the payload alone.
    if block.lstrip()[:1] == b"<" or (not is_message and block):
        return (
            200,
            ((b"Content-Type", record.get("Content-Type").encode("latin-1", "replace")),),
            block,
        )
    return 0, (), block


def _forms(headers: Fields, payload: bytes) -> Iterator[bytes]:
    """Yield what tools take a payload's digest of: as sent, without chunks, decoded."""
    yield payload
    try:
        whole = unchunked(payload)
        yield whole
        names = codings(value for name, value in headers if name.lower() == b"content-encoding")
        if names:
            yield decoded(whole, names, len(payload) * 100)
    except (BrokenBodyError, ValueError):
        return


_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}  # in bytes


def _agrees(digest: str, forms: Iterable[bytes]) -> bool | None:
    r"""Say whether any of some data has a digest; None when the digest says nothing.

    >>> _agrees("sha1:YR6M6GSJYJGMLBBEGCVHLRZO6SISSJAS", [b"User-agent: *\nDisallow:\n"])
    True
    >>> _agrees("sha1:YR6M6GSJYJGMLBBEGCVHLRZO6SISSJAS", [b"User-agent: *"]), _agrees("sha1:X", [])
    (False, None)
    """
    name, _, text = digest.partition(":")
    algorithm = name.lower().replace("-", "")
    if algorithm not in _SIZES:
        return None
    wanted = _digest_bytes(text.strip(), _SIZES[algorithm])
    if wanted is None:
        return None
    taken = (hashlib.new(algorithm, form, usedforsecurity=False).digest() for form in forms)
    return wanted in taken


def _digest_bytes(text: str, size: int) -> bytes | None:
    """Return the bytes of a digest in any of the notations that are found; None for another."""
    for decode in (
        bytes.fromhex,
        lambda it: base64.b32decode(it.upper() + "=" * (-len(it) % 8)),
        lambda it: base64.urlsafe_b64decode(it.rstrip("=") + "=" * (-len(it.rstrip("=")) % 4)),
    ):
        try:
            if len(found := decode(text)) == size:
                return found
        except (ValueError, binascii.Error):
            continue
    return None


def _time(text: str) -> str:
    """Return a WARC-Date in the record's form; empty when it names no moment.

    WARC's times are UTC, also where a tool left out the Z.

    >>> _time("2026-11-22T10:00:00.123456Z"), _time("20261122100000"), _time("2026-11-22T10:00:00")
    ('2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z')
    >>> _time("20261122100000123"), _time("2026-11-22 10:00:00 UTC"), _time("2026-11-22t10:00:00z")
    ('2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z', '2026-11-22T10:00:00Z')
    >>> _time("2026-11-22T05:00:00-05:00"), _time("2026-11-65T10:00:00Z"), _time("9999-12-31")
    ('2026-11-22T10:00:00Z', '', '')
    """
    text = _UTC.sub("Z", text.strip().upper())
    if digits := _DIGITS.fullmatch(text):
        text = f"{digits[1]}T{digits[2]}"
    try:
        # A leap second has no place in Python's times.
        return _sane(datetime.fromisoformat(text.replace(":60", ":59")))
    except (ValueError, OverflowError):
        return ""


def _http_time(headers: Fields) -> str:
    """Return the time of an HTTP Date header, or an empty string."""
    text = next((value for name, value in headers if name.lower() == b"date"), b"")
    try:
        return _sane(parsedate_to_datetime(text.decode("latin-1")))
    except (ValueError, TypeError, OverflowError):
        return ""


def _sane(moment: datetime) -> str:
    """Return a moment in the record's form; empty when nothing can have been recorded then."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc(moment) if datetime(1991, 1, 1, tzinfo=UTC) < moment < _tomorrow() else ""


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
