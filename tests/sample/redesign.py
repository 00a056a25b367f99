"""The pages of a site; from a time on, article pages have another layout."""

from datetime import datetime

from tests.sample.answer import Fault, Page, page
from tests.sample.day import DaySite

# Names of the layout until then, and of the new one; ``tests.mended`` can read it.
NAMES = (
    (b'<article class="article__content', b'<article class="story'),
    (b'<div class="article__text', b'<div class="prose'),
)


class Redesigned:
    """The pages of a site; from `since` on, article pages have another layout."""

    def __init__(self, site: DaySite, since: datetime) -> None:
        self.site = site
        self.since = since

    def get(self, url: str) -> Page | Fault:
        """Answer an absolute address."""
        answer = self.site.get(url)
        if not isinstance(answer, Page) or self.site.now < self.since:
            return answer
        body = answer.body
        for old, new in NAMES:
            body = body.replace(old, new)
        if body == answer.body:
            return answer
        own = ("Server", "Cache-Control", "ETag")
        kept = [it for it in answer.headers if it[0] not in own]
        return page(answer.status, body, *kept)
