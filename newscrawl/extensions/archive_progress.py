"""How far the reading of archives has come."""

import time
from dataclasses import dataclass, field

_LEAST = 5.0  # seconds after which a rate says something


@dataclass(slots=True)
class ArchiveProgress:
    """Counts of files, bytes and records.

    >>> progress = ArchiveProgress(3, 1, files_known=2, bytes=500, bytes_of_known=2000)
    >>> progress.records = 20
    >>> progress.text(progress.began + 10)
    '1 of 3 files, 50 B/s, 2 records/s, 0:50 left'
    """

    files: int
    files_read: int = 0
    files_known: int = 0
    """Files whose size is known."""
    bytes: int = 0
    bytes_of_known: int = 0
    """The size of these files."""
    records: int = 0
    began: float = field(default_factory=time.monotonic)
    skipped: int = 0
    """Bytes that an earlier run had read."""

    def text(self, now: float | None = None) -> str:
        """Return the progress as people read it."""
        seconds = max((time.monotonic() if now is None else now) - self.began, 0.001)
        rate = self.bytes / seconds
        parts = [f"{self.files_read} of {self.files} files", f"{_size(rate)}/s"]
        parts.append(f"{self.records / seconds:,.0f} records/s")
        if rate and seconds > _LEAST:
            # Assume that files whose size is not known yet are as large as the others.
            mean = self.bytes_of_known / max(self.files_known, 1)
            total = mean * self.files if self.files_known else self.bytes_of_known
            left = max(total - self.bytes - self.skipped, 0) / rate
            hours, minutes = divmod(int(left // 60), 60)
            time_left = f"{minutes}:{int(left % 60):02}"
            parts.append(
                f"{hours}:{minutes:02}:{int(left % 60):02} left" if hours else time_left + " left"
            )
        return ", ".join(parts)


def _size(count: float) -> str:
    for unit in ("B", "KB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
