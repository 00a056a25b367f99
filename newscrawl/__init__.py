"""newscrawl: crawl news sites, keep every revision of an article, build datasets.

from newscrawl import extract

article = extract(html, "https://thehill.com/homenews/senate/5671027-storm-nears/")
print(article.headline, article.authors, article.body)
"""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newscrawl.items import Article

__version__ = "0.1.0"


def extract(
    html: str | bytes,
    url: str,
    outlet: str = "hill",
    *,
    further: Sequence[str | bytes] = (),
    fetched: datetime | None = None,
) -> "Article":
    """Return the article of one page, as a crawl would publish it first.

    ``html`` is the page, or the post that WordPress' REST interface gives; the encoding of bytes
    is what they declare. ``url`` is the address that it was fetched from, and ``outlet`` the name
    of an outlet, or ``generic``, which reads any page of any site without selectors. ``further``
    are the other pages of an article that is divided into several: where it is and they are
    missing, NotWholeWarning names their addresses. ``fetched`` is when the page was fetched (now,
    by default), with a time zone.

    No network is used, no crawl is set up, and calls do not depend on each other.

    Raises (all from ``newscrawl.exceptions``) ArgumentError for an outlet that does not exist, or
    for an address that is not of an article of it; UnreadableError, with the reason, when there is
    no article, or one that lacks what every record has.
    """
    # The first call pays for the import, not everybody who imports the package.
    from newscrawl.base_spiders.saved_page import extract as read  # noqa: PLC0415

    return read(html, url, outlet, further=further, fetched=fetched)
