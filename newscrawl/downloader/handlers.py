"""The download handler: the last step before the network."""

import zlib

from scrapy import Request
from scrapy.http import Response

from newscrawl.downloader.browser import BrowserDownloadHandler
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.downloader.throttle import Patience
from newscrawl.exceptions import BrokenEncodingError


class PoliteDownloadHandler(BrowserDownloadHandler):
    """The last step before the network: everything waits here that must not be sent now."""

    async def download_request(self, request: Request) -> Response:
        """Return the answer.

        Raises StoppingError when the run ends before it may be asked, RefusedError when pages were
        refused meanwhile, and BrokenEncodingError for a compressed answer that is not whole.
        """
        access = PageAccess.of(self._crawl)
        await Patience.of(self._crawl).wait(lambda: access.must_wait(request))
        access.check(request)
        response = await super().download_request(request)
        Patience.of(self._crawl).heed(response)
        if response.headers.get("Content-Encoding") == b"gzip":
            check_gzip(response.body, self._crawl.settings.getint("DOWNLOAD_MAXSIZE"))
        return response


def check_gzip(body: bytes, most: int) -> None:
    """Raise BrokenEncodingError for gzip that does not come to its end within ``most`` bytes.

    Scrapy takes what it gets out of a broken one for the whole answer.

    >>> import gzip
    >>> check_gzip(gzip.compress(b"whole"), 100)
    >>> check_gzip(gzip.compress(b"whole")[:-9], 100)
    Traceback (most recent call last):
    newscrawl.exceptions.BrokenEncodingError: broken gzip
    """
    unpacker = zlib.decompressobj(wbits=31)
    size = 0
    try:
        while body and not unpacker.eof and size <= most:
            size += len(unpacker.decompress(body, 1 << 20))
            body = unpacker.unconsumed_tail
    except zlib.error as error:
        raise BrokenEncodingError("broken gzip") from error
    if not unpacker.eof and size <= most:
        raise BrokenEncodingError("broken gzip")
