"""Read the HTTP response in a WARC record, and detect an incomplete one."""

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
_PAGES = (200, 203)
_TRUNCATED = ("length", "time", "disconnect", "unspecified")

_STATUS_LINE = re.compile(rb"(?:https?|h|spdy|icy)[/\d.]* +(\d{3})\b", re.I)
_UTC = re.compile(r"\s*(?:Z|UTC|GMT)$")
_DIGITS = re.compile(r"(\d{8})(\d{6})(\d{3})?")


@dataclass(frozen=True, slots=True)
class Capture:
    """A recorded response: address, time, status, and its place in a file.

    ``date`` is UTC in the record's form, or empty. ``offset`` is the place in the file ``path``, or
    None if the file is compressed as a whole. ``fault`` is the reason why the capture cannot be
    used, or empty. ``has_wrong_digest`` is true if the payload differs from its digest. ``keys``
    are the keys by which a revisit refers to its original.
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

    @property
    def may_be_page(self) -> bool:
        """Whether the status is that of a page, or unknown."""
        return not self.status or self.status in _PAGES

    def decoded(self, most: int) -> Self:
        """Return the capture with a decoded body of at most ``most`` bytes, or with a fault.

        Headers that describe the transfer are left out.
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
        values: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            values.setdefault(name.lower(), []).append(value)
        body = self.payload
        if b"chunked" in b",".join(values.get(b"transfer-encoding", ())).lower():
            body = unchunked(body)
        # A body without chunks has at least the length in the header.
        if body is self.payload and _stated_length(values.get(b"content-length", ())) > len(body):
            raise BrokenBodyError(CUT)
        names = codings(values.get(b"content-encoding", ()))
        names += [it for it in codings(values.get(b"transfer-encoding", ())) if it != "chunked"]
        # Some tools name a wrong coding, name none, or compress a body twice.
        if names:
            names[-1] = coding_of(body) or names[-1]
        body = decoded(body, names, most)
        again = coding_of(body)
        return decoded(body, [again], most) if again else body

    def failed(self, reason: str) -> Self:
        """Return the capture with a fault and without its body."""
        return replace(self, fault=reason, payload=b"")

    def standing_for(self, revisit: "Capture") -> Self:
        """Return this response as the capture of ``revisit``, whose address gave it again."""
        return replace(self, url=revisit.url, date=revisit.date, path=revisit.path)


# Headers of the transfer, which do not apply to the decoded body.
_TRANSFER = (b"content-encoding", b"content-length", b"transfer-encoding", b"connection")


def _stated_length(lengths: Iterable[bytes]) -> int:
    given = [it.strip() for value in lengths for it in value.split(b",")]
    return max((int(it) for it in given if it.isdigit() and len(it) < 19), default=0)


def read_capture(record: Record, path: str) -> Capture:
    """Return the capture in a record."""
    digest = record.get("WARC-Payload-Digest")
    is_revisit = record.kind == "revisit"
    status, headers, payload = _parsed(record)
    date = _time(record.get("WARC-Date")) or _http_time(headers)
    differs = False
    fault = _fault(record) or ("" if is_revisit or status else _NO_HTTP)
    if not fault or fault == UNSURE:
        # If the payload differs from its digest, the digest of the block shows which one is wrong.
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
    """Return the fault of a record that its reader or its header states, or empty."""
    if record.fault not in ("", UNSURE):
        return record.fault
    if (record.length or 0) > LARGEST:
        return "too large"
    if truncated := record.get("WARC-Truncated"):
        reason = truncated.strip().lower()
        return f"truncated: {reason if reason in _TRUNCATED else 'unspecified'}"
    return _SEGMENT if record.get("WARC-Segment-Number") else record.fault


def keys_of(record: Record) -> frozenset[str]:
    """Return the keys by which a revisit may refer to a record: id, address with time, digest."""
    return _keys(
        record.get("WARC-Record-ID"),
        record.url,
        record.get("WARC-Date"),
        record.get("WARC-Payload-Digest"),
    )


def reference_of(record: Record) -> frozenset[str]:
    """Return the keys by which a revisit refers to its original."""
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
    """Return status, headers and payload of a block; status 0 if it is not an HTTP response."""
    block = record.block
    is_message = record.kind != "resource"
    while is_message and (line := _STATUS_LINE.match(block)):
        end = HEAD_END.search(block)
        head, payload = (block[: end.start()], block[end.end() :]) if end else (block, b"")
        status = int(line[1])
        if status // 100 != 1 or not _STATUS_LINE.match(payload):
            return status, fields(head), payload
        # 100 Continue precedes the response itself.
        block = payload
    # Some tools write only the payload.
    if block.lstrip()[:1] == b"<" or (not is_message and block):
        return (
            200,
            ((b"Content-Type", record.get("Content-Type").encode("latin-1", "replace")),),
            block,
        )
    return 0, (), block


def _forms(headers: Fields, payload: bytes) -> Iterator[bytes]:
    """Yield the forms of a payload that tools compute digests of: as sent, unchunked, decoded."""
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
    r"""Return whether one of ``forms`` has the digest; None if the digest cannot be used.

    >>> _agrees("sha1:YR6M6GSJYJGMLBBEGCVHLRZO6SISSJAS", [b"User-agent: *\nDisallow:\n"])
    True
    >>> _agrees("sha1:YR6M6GSJYJGMLBBEGCVHLRZO6SISSJAS", [b"User-agent: *"]), _agrees("sha1:X", [])
    (False, None)
    """
    name, _, text = digest.partition(":")
    algorithm = name.lower().replace("-", "")
    if algorithm not in _SIZES:
        return None
    stated = _digest_bytes(text.strip(), _SIZES[algorithm])
    if stated is None:
        return None
    computed = (hashlib.new(algorithm, form, usedforsecurity=False).digest() for form in forms)
    return stated in computed


def _digest_bytes(text: str, size: int) -> bytes | None:
    """Return the bytes of a digest in hexadecimal, base 32 or base 64; None for other text."""
    for decode in (
        bytes.fromhex,
        lambda it: base64.b32decode(it.upper() + "=" * (-len(it) % 8)),
        lambda it: base64.urlsafe_b64decode(it.rstrip("=") + "=" * (-len(it.rstrip("=")) % 4)),
    ):
        try:
            if len(data := decode(text)) == size:
                return data
        except (ValueError, binascii.Error):
            continue
    return None


def _time(text: str) -> str:
    """Return a WARC-Date in the record's form; empty if it is not a time.

    WARC's times are UTC, even if a tool left out the Z.

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
        # Python's times have no leap seconds.
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
    """Return a moment in the record's form; empty if it is before the web or in the future."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return utc(moment) if datetime(1991, 1, 1, tzinfo=UTC) < moment < _tomorrow() else ""


def _tomorrow() -> datetime:
    return datetime.now(UTC) + timedelta(days=1)
