"""Site: the addresses of an outlet, and the sources that list its articles."""

import re
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from newscrawl.extraction.sources import METHODS, Feed, Listings, Source, WordPress
from newscrawl.extraction.urls import absolute_url, page_key
from newscrawl.items import Candidate


class Site:
    """The addresses of an outlet: its hosts, its sources, and which ones are of articles."""

    name: str
    """The outlet's name in records, arguments and paths."""
    title: str = ""
    """The outlet's name as people know it, such as ``The Hill``."""
    checked: str = ""
    """What the extraction was checked on, such as ``a page saved on 2024-09-03, never live``."""

    # The addresses of the outlet. A host with or without ``www.`` is the same host.
    host: str
    """The host of canonical addresses."""
    aliases: tuple[str, ...] = ()
    """Hosts with the same articles at the same paths; articles are requested from ``host``."""
    hosts: tuple[str, ...] = ()
    """Further hosts of the outlet, with articles of their own."""
    scheme: str = "https"
    """``https``, or ``http`` for a site that has nothing else."""
    sources: tuple[Source, ...] = ()
    """The places where the outlet lists its articles."""
    article: str
    """A regular expression that matches the whole path of every article's address.

    Its group ``id``, if it has one, is the identity of the article.
    """
    identity: str = ""
    """What identifies an article.

    ``address``: the group ``id`` of ``article``. ``canonical``: the canonical address. ``page``:
    the number of WordPress, which REST, feeds and the page itself name, but not the address.
    Empty: ``address`` if ``article`` has a group ``id``, else ``page`` for an outlet with a source
    ``WordPress``, else ``canonical``.
    """

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """The discovery methods that the outlet has sources for, in the order of ``METHODS``."""
        declared = {it.method for it in self.sources}
        return tuple(it for it in METHODS if it in declared)

    @cached_property
    def listings(self) -> Listings:
        """The source of ``discover=links``; one without paths if the outlet declares none."""
        return next((it for it in self.sources if isinstance(it, Listings)), Listings(()))

    @cached_property
    def feeds(self) -> tuple[str, ...]:
        """The addresses of the feeds."""
        return tuple(self.absolute(it.url) for it in self.sources if isinstance(it, Feed))

    @cached_property
    def rest(self) -> str:
        """The address of the REST interface; empty if the outlet declares none."""
        paths = (self.absolute(it.path) for it in self.sources if isinstance(it, WordPress))
        return next(paths, "")

    @cached_property
    def identified_by(self) -> str:
        """What identifies an article: ``identity``, or what an empty one stands for."""
        if self.identity:
            return self.identity
        if "id" in re.compile(self.article).groupindex:
            return "address"
        return "page" if self.rest else "canonical"

    def is_provisional(self, identity: str) -> bool:
        """Return whether an id is of an address, and the article there may have another one."""
        if self.identified_by == "page":
            return not identity.isdecimal()
        return self.identified_by == "canonical"

    def absolute(self, url: str) -> str:
        """Return the address of a source; a path is one on ``host``."""
        if url.startswith(("http://", "https://")):
            return url
        return f"{self.scheme}://{self.host}{'' if url.startswith('/') else '/'}{url}"

    def article_id(self, parts: SplitResult) -> str | None:
        """Return the identity of the article at an address of the outlet, or None.

        ``parts`` is the address, split; its host is the outlet's. The page of a section or tag, and
        the front page, are no articles.
        """
        match = re.fullmatch(self.article, parts.path)
        if match is None or self.is_section(parts.geturl()) or self.is_tag(parts.path):
            return None
        if self.identified_by == "address":
            return match["id"]
        return page_key(self.address(parts))

    def is_section(self, url: str) -> bool:
        """Return whether an address is that of a section or of its feed."""
        path = urlsplit(url).path.strip("/").removesuffix("feed").rstrip("/")
        return path in self._section_paths

    @cached_property
    def _section_paths(self) -> frozenset[str]:
        return frozenset(it.strip("/") for it in self.listings.paths)

    def is_tag(self, path: str) -> bool:
        """Return whether a path, with slashes around it, is the listing of a tag."""
        return False

    def canonical_path(self, parts: SplitResult) -> str:
        """Return the path (and query) at which an article is requested."""
        return parts.path

    def address(self, parts: SplitResult) -> str:
        """Return the canonical address of the article at a split address of the outlet."""
        host = self.own_hosts.get(parts.hostname or "", self.host)
        return f"{self.scheme}://{host}{self.canonical_path(parts)}"

    @classmethod
    def requested_hosts(cls) -> tuple[str, ...]:
        """Return the hosts that requests may be sent to, each with and without ``www.``."""
        hosts = (cls.host, *cls.hosts)
        return (*hosts, *map(twin, hosts))

    @cached_property
    def own_hosts(self) -> dict[str, str]:
        """The hosts of the outlet, each with the host that its articles are requested from."""
        hosts = (self.host, *self.hosts)
        aliases = dict.fromkeys(self.aliases, self.host)
        return {**{twin(it): it for it in hosts}, **aliases, **{it: it for it in hosts}}

    def on_site(self, url: str) -> SplitResult | None:
        """Return the split address if its host is one of the outlet's, else None."""
        # urlsplit() accepts every address that absolute_url() returns.
        parts = urlsplit(absolute_url(url) or "")
        if parts.hostname not in self.own_hosts:
            return None
        return parts if parts.port in (None, 80, 443) else None

    def find_candidate(self, url: str) -> Candidate | None:
        """Return the article that an address leads to, or None."""
        parts = self.on_site(url)
        identity = self.article_id(parts) if parts else None
        if parts is None or identity is None:
            return None
        return Candidate(identity, self.address(parts))

    def key(self, url: str) -> str | None:
        """Return the article's id for an absolute address of this site, else the page's key."""
        parts = self.on_site(url)
        return self.article_id(parts) if parts else page_key(url)


def twin(host: str) -> str:
    """Return a host with ``www.`` if it is without, else without.

    >>> twin("example.org"), twin("www.example.org")
    ('www.example.org', 'example.org')
    """
    return host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
