"""Signals that end a crawl: each closes its run cleanly."""

import signal
import time
from types import FrameType

REPEATED = 30.0
"""Seconds in which a SIGTERM that is sent again means the same. systemd sends one to a service's
processes when it stops the service, and another as soon as the main process has ended."""


def close_on_signals() -> None:
    """Let SIGHUP close the crawl as SIGTERM does, and a repeated SIGTERM change nothing.

    Scrapy closes a crawl at its first SIGTERM and breaks it off at the second. Without handlers
    of Scrapy's (a script that runs a crawl) nothing changes.
    """
    shut_down = signal.getsignal(signal.SIGTERM)
    if not callable(shut_down):
        return
    began: list[float] = []

    def close(number: int, frame: FrameType | None) -> None:
        if not began:
            began.append(time.monotonic())
            shut_down(number, frame)
            signal.signal(signal.SIGTERM, close)
        elif number == signal.SIGTERM and time.monotonic() - began[0] > REPEATED:
            # Scrapy's handler of a second signal.
            force = signal.getsignal(signal.SIGINT)
            if callable(force):
                force(number, frame)

    signal.signal(signal.SIGTERM, close)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # nohup ignores it
        signal.signal(signal.SIGHUP, close)
