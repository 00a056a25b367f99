"""Tagesschau: https://www.tagesschau.de, the news of ARD, Germany's public broadcasters."""

import re
from urllib.parse import SplitResult
from zoneinfo import ZoneInfo

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.processors import without_suffix
from newscrawl.extraction.sources import Feed, Listings
from newscrawl.extraction.story import Figures

_STANDFIRST = "article:has(.seitenkopf) > p.textabsatz:first-of-type:has(> strong:first-child)"


class TagesschauSpider(ArticleSpider):
    """Tagesschau.

    Domain
      tagesschau.de; images.tagesschau.de has the pictures.
    Identity
      The last part of the path, with its number: an article keeps it in another section.
    History
      2021: "seitenkopf". 2024: "article-head" has its place.
    Caveats
      "Stand:" is the time of publication. Pages leave the site after one or two years.
      The names of 2024 and the sources were never seen.
    """

    name, title = "tagesschau", "Tagesschau"
    checked = "a page saved on 2023-04-28, never live"
    host = "www.tagesschau.de"
    language, zone, country = "de", ZoneInfo("Europe/Berlin"), "DE"
    sources = (
        *(Feed("/infoservices/alle-meldungen-100~rss2.xml"), Feed("/xml/rss2/")),
        Listings(paths=("inland/", "ausland/", "wirtschaft/", "wissen/", "faktenfinder/")),
    )
    # /inland/innenpolitik/ahrtal-flut-bilanz-100.html; ~amp is another version of the page.
    article = (
        r"/(?!(?:infoservices|korrespondenten|sendung|kontakt|impressum|hilfe|suche|archiv)\b)"
        r"(?:[\w-]+/)*(?P<id>[\w-]+-\d{3,})(?:~\w+)?\.html"
    )
    kinds = {"opinion": "/kommentar/.*", "live": ".*liveblog.*", "gallery": ".*/bilder/.*"} | {
        kind: f"/multimedia/{kind}/.*" for kind in ("video", "audio")
    }
    reader = Reader(
        zone=zone,
        language=language,
        layouts=(
            Layout(
                name="article",
                article="article:has(.metatextline)",
                headline=".seitenkopf__headline--text, .article-head__headline--text",
                description=f"p.article-head__shorttext, {_STANDFIRST}",
                byline="div.authorline__author",
                dateline=".metatextline",
                lead="picture.ts-picture--topbanner, div.article-head picture",
                story="article:has(.metatextline)",
                tags="ul.taglist a",
            ),
        ),
        noise=Noise(
            selectors=(
                *(_STANDFIRST, "div.seitenkopf", "div.article-head", "p.article-head__shorttext"),
                *("div.authorline", ".metatextline", "div.teaser-absatz", "div.infobox"),
                *("ul.buttongroup", "div.v-instance", "div.meldungsfooter", "div.backlink"),
                *("div.copytext__video", "div.copytext__audio"),
            ),
            # When a programme is on the air, and where a regional editor has the news from.
            texts=("Sendung:…", "Quelle:…", "Unsere Quellen:…", "Über dieses Thema berichtete…"),
        ),
        figures=Figures(figure="div.absatzbild", caption="div.absatzbild__info", title=" | "),
        # The printed headline has its topic on a line of its own.
        order={"headline": ("data", "meta"), "section": ("breadcrumbs",)}
        | {"description": ("printed", "data", "meta")},
        # "Anna Schmidt, SWR"
        author=without_suffix(
            r"(?:^|,\s*)(?:ARD|BR|HR|MDR|NDR|RB|RBB|SR|SWR|WDR|DLF|tagesschau)\b.*"
        ),
    )

    def canonical_path(self, parts: SplitResult) -> str:
        """Return the path of the page itself."""
        return re.sub(r"~\w+(?=\.html$)", "", parts.path)
