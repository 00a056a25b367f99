"""Pure functions for loaders: one value in, one value out, without Scrapy and without state."""

import html
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

# Characters that are invisible and hinder search: controls, lone surrogates, soft hyphens,
# zero-width spaces, direction marks, fillers, object replacements, icons of private use.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\U000e0001"
    "\U000f0000-\U0010ffff]"
    # A joiner has a meaning between letters of some scripts, and inside an emoji.
    "|(?<![\u0590-\U000e007f])[\u200c\u200d]|[\u200c\u200d](?![\u0590-\U000e007f])"
)
# Windows' quotation marks and dashes in text that is declared as Latin-1 or Unicode.
_WINDOWS = {
    number: bytes([number]).decode("cp1252")
    for number in range(0x80, 0xA0)
    if number not in (0x81, 0x85, 0x8D, 0x8F, 0x90, 0x9D)
}


def clean_text(text: str) -> str:
    r"""Return ``text`` on one line, with one space for each sequence of white space.

    Invisible characters are removed: controls, soft hyphens, direction marks, lone surrogates.

    >>> clean_text("  The\u00a0 Senate\n\tvoted\u200b\ud83d. ")
    'The Senate voted.'
    >>> clean_text("It\x92s \u200bso\u200d"), clean_text("\U0001f469\u200d\U0001f680")
    ('It’s so', '👩\u200d🚀')
    """
    line = " ".join(text.split())
    # Nearly every line is printable, which isprintable() tests quickly.
    if line.isprintable():
        return line
    return " ".join(_INVISIBLE.sub("", line.translate(_WINDOWS)).split())


# Start and end of markup whose content is not text.
_RAW = (
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<(?:script|style)\b", re.I), re.compile(r"</(?:script|style)\s*>", re.I)),
)
_BREAKING = re.compile(
    r"</?(?:p|br|div|li|ul|ol|h[1-6]|blockquote|table|t[rdh]|hr|section|figure|img)\b[^<>]*>", re.I
)
_TAG = re.compile(
    r"</?(?:a|abbr|acronym|b|big|cite|code|del|dfn|em|font|i|ins|kbd|mark|q|s|samp|small|span|strike"
    r"|strong|sub|sup|time|tt|u|var|wbr)\b[^<>]*>",
    re.I,
)


def unescape(text: str) -> str:
    """Return the clean text of a string that may contain HTML entities, even escaped twice.

    Structured data escapes its strings on some pages only. Markup is removed. Other text in angle
    brackets stays.

    >>> unescape("Budget &#8216;hole&#8217; &amp;amp; a vote")
    'Budget ‘hole’ & a vote'
    >>> unescape("<p>Ada on &lt;em&gt;The Show&lt;/em&gt;<br/>at 5 < 6 <you@example.org></p>")
    'Ada on The Show at 5 < 6 <you@example.org>'
    """
    if "&" in text:
        text = html.unescape(html.unescape(text))
    if "<" in text:
        text = _TAG.sub("", _BREAKING.sub(" ", _without_raw(text)))
    return clean_text(text)


def unique(values: Iterable[str]) -> list[str]:
    """Return values in order, without empty ones and without repeats, compared without case.

    >>> unique(["House", "Budget", "", "house"])
    ['House', 'Budget']
    """
    by_key: dict[str, str] = {}
    for value in values:
        if value:
            by_key.setdefault(value.casefold(), value)
    return list(by_key.values())


def without_suffix(pattern: str) -> Callable[[str], str]:
    r"""Return a processor that removes a match of ``pattern``, a regular expression, at the end.

    >>> without_suffix(r" \| The ?Hill")("Storm nears | TheHill")
    'Storm nears'
    """
    compiled = re.compile(f"(?:{pattern})$")
    return lambda text: compiled.sub("", text)


def _without_raw(text: str) -> str:
    # One expression from start to end would need quadratic time if the ends are missing.
    for start, end in _RAW:
        kept, at = [], 0
        while (first := start.search(text, at)) and (last := end.search(text, first.end())):
            kept.append(text[at : first.start()])
            at = last.end()
        text = " ".join((*kept, text[at:]))
    return text


# All pages of an outlet declare the same language.
@lru_cache(1024)
def language_tag(text: str) -> str | None:
    """Return the language that a page declares as a BCP 47 tag; None if it is not a language.

    >>> [language_tag(it) for it in ("en_US", "EN-us, es", "zh-hant-tw", "es_ES.UTF-8", "es-419")]
    ['en-US', 'en-US', 'zh-Hant-TW', 'es-ES', 'es-419']
    >>> [language_tag(it) for it in ("english", "", "und", "x-default", "en-", "${lang}")]
    [None, None, None, None, None, None]
    """
    tag = _TAG_END.split(clean_text(text).replace("_", "-"), 1)[0].lower()
    match = _LANGUAGE.fullmatch(tag)
    if not match or match[1] in ("und", "zxx", "mul", "mis"):
        return None
    language, script, region, more = match.groups()
    # Some pages write "UK", but the region's code is GB.
    region = "GB" if region == "uk" else region and region.upper()
    parts = (_SHORT.get(language, language), script and script.title(), region)
    return "-".join(filter(None, parts)) + (more or "")


_TAG_END = re.compile(r"[,;.@\s]")
# Language, script, region; then variants and extensions, as they are (RFC 5646 §2.1).
_LANGUAGE = re.compile(
    r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|\d{3}))?((?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*"
    r"(?:-[a-z\d](?:-[a-z\d]{2,8})+)*)"
)
# BCP 47 prefers the code of two letters.
_SHORT = {"eng": "en", "spa": "es", "fra": "fr", "fre": "fr", "deu": "de", "ger": "de"}


_CREDIT = re.compile(r"\s*\(((?:[^()]|\([^()]{1,60}\)){2,120})\)[\s.]*$")
# A label of a credit, at the beginning or behind a sentence: "Photograph: Bo Marsh/Halvern Wire".
_LABELLED = re.compile(
    r"(?:^|(?<=[.!?…’”'\"])\s*)(?:(?:Photo|Image|Picture) credits?|Photo illustration|Photographs?"
    r"|Photos?|Illustration|Composite|Image|Picture|Credits?)\s?:\s*([^\s:][^:]{1,119})$"
)
_CREDIT_JAPANESE = re.compile(
    r"[＝、。]([^＝、。]{2,20}?)(?:撮影|提供)$"
    r"|＝((?:AP|ＡＰ|AFP|ＡＦＰ|ロイター|共同|時事|新華社|ゲッティ)[^＝、。]{0,6})$"
)
# Parentheses that are not a credit: a place in the picture, a party and state, a year.
_NO_CREDIT = re.compile(
    r"(?:(?:at|in|on|the|far|top|bottom|upper|lower|front|back|second|third|from|pictured|seen) )*"
    r"(?:left|right|cent(?:er|re)|middle|top|bottom|above|below|back|front)(?: row)?"
    r"|[RDI](?:-[A-Z][\w. ]*)?|[\d\W]+",
    re.I,
)


def caption_and_credit(text: str | None) -> tuple[str | None, str | None]:
    """Split a picture's printed text into caption and credit.

    The credit is a final parenthesis, or what follows a label; in Japanese, who took or provided
    the picture.

    >>> caption_and_credit("Senators wait. (Bo Marsh/Halvern Wire)")
    ('Senators wait.', 'Bo Marsh/Halvern Wire')
    >>> caption_and_credit("(Stock Photos)"), caption_and_credit(" "), caption_and_credit("A dam")
    ((None, 'Stock Photos'), (None, None), ('A dam', None))
    >>> caption_and_credit("Sen. Ada Quill (R-Utah)")
    ('Sen. Ada Quill (R-Utah)', None)
    >>> caption_and_credit("A dam. Photograph: Bo Marsh/Halvern Wire")
    ('A dam.', 'Bo Marsh/Halvern Wire')
    >>> caption_and_credit("港＝大阪市で、山田太郎撮影"), caption_and_credit("港＝ロイター")
    (('港＝大阪市で', '山田太郎'), ('港', 'ロイター'))
    """
    text = clean_text(text or "")
    if text[-1:] > "\u3000" and (credit := _CREDIT_JAPANESE.search(text)):
        return text[: credit.start()] or None, credit[1] or credit[2]
    if (credit := _CREDIT.search(text)) and not _NO_CREDIT.fullmatch(credit[1]):
        return text[: credit.start()] or None, credit[1].strip()
    if ":" in text and (credit := _LABELLED.search(text)):
        return text[: credit.start()] or None, credit[1].strip()
    return text or None, None
