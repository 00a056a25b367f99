"""Identities: which article an address leads to, where the address itself does not say it."""

from collections.abc import Callable

from newscrawl.exceptions import LedgerError
from newscrawl.extraction.site import Site
from newscrawl.extraction.urls import page_key
from newscrawl.storage.books import Books
from newscrawl.storage.ledger import Change, Ledger


class Identities:
    """The articles at the addresses of an outlet, as earlier runs and this one found them.

    A candidate gets a provisional id from its address. Its page, its post or a feed names the
    article's own. It is then renamed in the books and in the ledger.
    """

    def __init__(
        self,
        outlet: Site,
        ledger: Ledger,
        books: Books,
        queue: Callable[..., None],
        failed: Callable[[LedgerError], None],
    ) -> None:
        """Read from ``ledger`` and write through ``queue``; ``failed`` is called with an error."""
        self.outlet = outlet
        self._ledger = ledger
        self._books = books
        self._queue = queue
        self._failed = failed
        self._known: dict[str, str] = {}
        # Provisional ids that no article in the ledger has.
        self._unused: set[str] = set()

    def of(self, identity: str) -> str:
        """Return the article's own id for a provisional one, if it is known, else the same."""
        if not self.outlet.is_provisional(identity):
            return identity
        if identity not in self._known:
            self._known[identity] = self._article_at(identity) or identity
        return self._known[identity]

    def unknown(self, url: str) -> str:
        """Return the provisional id of an address if ``learn`` is of use; else an empty text."""
        key = page_key(url) or ""
        return key if key not in self._known and self.outlet.is_provisional(key) else ""

    def learn(self, provisional: str, identity: str | None, *, is_used: bool) -> None:
        """Take what the ledger has: an article's own id, and whether one has the provisional id."""
        self._known[provisional] = identity or provisional
        if not is_used:
            self._unused.add(provisional)

    def _article_at(self, address: str) -> str | None:
        try:
            return self._ledger.article_at(self.outlet.name, address)
        except LedgerError as error:
            self._failed(error)
            return None

    def note(self, provisional: str, identity: str, url: str) -> None:
        """Note an article's own id for a provisional one, and for its address ``url``."""
        for it in filter(None, (provisional, page_key(url))):
            if it != identity and self.outlet.is_provisional(it) and self.of(it) != identity:
                self._known[it] = identity
                self._books.rename(it, identity)
                if it in self._unused:
                    self._queue(self._ledger.put_address(self.outlet.name, it, identity))
                else:
                    self._queue(*self._ledger.identified(self.outlet.name, it, identity))


def complete_addresses(ledger: Ledger, outlet: str) -> None:
    """Note the addresses of the articles with a number that were entered from runs on disk."""
    changes: list[Change] = []
    for identity, url in ledger.without_address(outlet):
        if identity.isdecimal() and (address := page_key(url)):
            changes += ledger.identified(outlet, address, identity)
    ledger.apply(changes)
