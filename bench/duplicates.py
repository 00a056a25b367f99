"""Measure the similarity of generated and real texts, and the cost of finding near-duplicates."""

import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.table import markdown
from newscrawl.dataset.duplicates import THRESHOLD, signatures, similarity

SHARED = Path(__file__).parents[2] / "shared"
TIMED = 5_000

_WHO = """the harbor board|Mayor Ilsa Brandt|two ferry captains|the Westmark senate|her deputy
Sen. Corwin Hale|a retired judge|the teachers’ union|most shop owners|the auditor general
residents of Dunmarrow|Gov. Petra Lindqvist|the water company|an independent panel|his rivals
the opposition leader|a group of farmers|the national museum|several mothers|the fire chief
engineers from Tarn|Judge Amos Relling|the smaller party|nobody in town|the port’s pilots"""
_DID = """refused to discuss|narrowly approved|wants to delay|promised again to fund|has dropped
quietly withdrew|is expected to sign|may challenge|walked away from|spoke in favor of|rewrote
asked questions about|never read|published a summary of|tore up|will vote on|cannot afford
warned against|praised parts of|sent back|paid for|lost interest in|forgot to mention|defended"""
_WHAT = """the new bridge tolls|an older treaty|plans for tidal power|the library’s budget
a second runway|stricter fishing limits|free school meals|the disputed census|a ban on fireworks
the night train|its own report|higher parking fees|rules for street markets|the lighthouse sale
a tax on cement|repairs to the dam|the festival license|cheaper heating oil|the archive’s move
new uniforms|the vaccine order|broadband for islands|an appeal over wages|the old tram depot"""
_WHERE = """in Port Merrow|along the eastern coast|across three provinces|at the town hall
near Hallowmere|outside the courthouse|on the upper Tarn|behind closed doors|in Linden Quay
from Brackenford to Eastwater|over a crackling phone line|before a packed gallery|in the capital
on a visit to Saltreach|under a leaking roof|at the ferry terminal|in a letter|by a show of hands"""
_WHEN = """on Tuesday night|before the winter recess|for the third time|last spring|a week ago
after nine hours|within minutes|during a storm|by late Friday|since the election|this summer
as the deadline passed|in early March|on market day|while talks went on|at half past six"""
_WHY = """despite the cost|because the numbers were wrong|although few had asked|to save money
and nobody objected|but the mood was sour|which surprised even allies|with {n} votes to spare
at a price of {n} million|as {n} letters had urged|so that {n} jobs would stay|for {n} reasons
without a word of regret|against the advice of lawyers|in spite of {n} complaints|unlike in {n}"""
_PARTS = [it.replace("\n", "|").split("|") for it in (_WHO, _DID, _WHAT, _WHERE, _WHEN, _WHY)]
_ORDERS = ((0, 1, 2, 3, 4, 5), (4, 0, 1, 2, 5, 3), (3, 0, 1, 2, 4, 5), (0, 1, 2, 5, 4, 3))


def story(seed: str, paragraphs: int = 12) -> list[str]:
    """Return the paragraphs of an invented story, some fifty words each."""
    chance = random.Random(seed)

    def sentence() -> str:
        order = chance.choice(_ORDERS)
        text = " ".join(chance.choice(_PARTS[it]) for it in order)
        return text[0].upper() + text[1:].replace("{n}", str(chance.randrange(2, 2000))) + "."

    return [" ".join(sentence() for _ in range(3)) for _ in range(paragraphs)]


def text(*parts: Sequence[str]) -> str:
    """Return paragraphs as a body."""
    return "\n\n".join(itertools.chain(*parts))


def rewritten(blocks: Sequence[str], places: Sequence[int]) -> list[str]:
    """Return a text with some paragraphs replaced."""
    return [story(it, 1)[0] if n in places else it for n, it in enumerate(blocks)]


def wire(blocks: Sequence[str]) -> list[str]:
    """Return a text as another outlet prints it: new intro and dateline, the last third removed."""
    intro = f"EASTWATER (Harrow Press) — {story(blocks[0], 1)[0]}"
    return [intro, *blocks[1 : max(2, round(len(blocks) * 2 / 3))]]


@dataclass(frozen=True, slots=True)
class Case:
    """Two texts, and whether they are the same story."""

    name: str
    same: bool
    one: str
    other: str


NEWSLETTER = [
    "Good evening. This is The Tide Table, your daily guide to what moves the coast. Was this sent"
    " to you by a friend? You can have it in your own mailbox every day, free of charge.",
    "In today’s edition: three stories, one chart, and the view from the pier.",
    "Around the coast: what our correspondents in the provinces saw, heard and were told today.",
    "That is all for today. See you tomorrow, when the tide is back. Write to us if there is"
    " anything that we should know; every letter is read by someone, and most are answered.",
]
LIVE = [
    "Follow along for the latest from the floor of Parliament. Members are expected to speak all"
    " day, and votes may come at any time. Updates are below, with the newest at the top.",
    "All times are local.",
]
VIDEO = (
    "{who} will take questions in the press room. The briefing is scheduled to begin at {hour}:30"
    " in the morning, local time, and can be watched in the player above without interruption."
)
BIOGRAPHY = [
    "Idris Falkenrath served as deputy budget director from 2014 to 2019. He is the author of"
    " three books on public money, teaches at Linden Quay University, sits on the boards of two"
    " museums, and has written this column since the spring of 2011. He lives in Corrin Bay with"
    " his family and a very old dog, who has views of his own."
]


def newsletter(seed: str, paragraphs: int = 10) -> list[str]:
    """Return an issue of a newsletter: a fixed frame around the news of a day."""
    first, second, third, last = NEWSLETTER
    news = story(seed, paragraphs)
    half = paragraphs // 2
    return [first, second, *news[:half], third, *news[half:], last]


def cases() -> Iterator[Case]:
    """Yield pairs of texts with the expected result."""
    a, b, c = story("a"), story("b"), story("c")
    yield Case("the same under another id", True, text(a), text(a))
    yield Case("1 of 12 paragraphs rewritten", True, text(a), text(rewritten(a, [4])))
    yield Case("3 of 12 paragraphs rewritten", True, text(a), text(rewritten(a, [0, 5, 9])))
    yield Case("last third cut", True, text(a), text(a[:8]))
    yield Case("wire copy: other intro, last third cut", True, text(a), text(wire(a)))
    yield Case("second half cut", True, text(a), text(a[:6]))
    yield Case("two thirds cut", False, text(a), text(a[:4]))
    yield Case("follow-up: 4 of 12 paragraphs taken over", False, text(a), text(b[:8], a[8:]))
    yield Case("roundup of three stories, one of them", False, text(a, b, c), text(a))
    yield Case("two stories", False, text(a), text(b))
    one, other = newsletter("monday"), newsletter("tuesday")
    yield Case("newsletter, two days", False, text(one), text(other))
    one, other = newsletter("friday", 4), newsletter("sunday", 4)
    yield Case("short newsletter, two days", False, text(one), text(other))
    one, other = [*LIVE, *story("live 1", 6)], [*LIVE, *story("live 2", 6)]
    yield Case("live page, two days", False, text(one), text(other))
    one, other = [*story("e", 8), *BIOGRAPHY], [*story("f", 8), *BIOGRAPHY]
    yield Case("columns with one long biography", False, text(one), text(other))
    yield Case(
        "two short columns with it",
        False,
        text(story("g", 2), BIOGRAPHY),
        text(story("h", 2), BIOGRAPHY),
    )
    one_video = VIDEO.format(who="The prime minister", hour=9)
    yield Case(
        "videos, a line each (too short)",
        False,
        one_video,
        VIDEO.format(who="The minister of ports", hour=11),
    )


def real_bodies() -> list[str]:
    """Return the extracted bodies of real pages, if the pages are on this machine."""
    if not SHARED.is_dir():
        return []
    from tests.test_real_pages import bodies, read_body  # noqa: PLC0415

    return [read_body(it).text or "" for it in bodies(SHARED)]


EDITS: dict[str, Callable[[list[str]], list[str]]] = {
    "a paragraph rewritten": lambda it: rewritten(it, [len(it) // 2]),
    "the last third cut": lambda it: it[: round(len(it) * 2 / 3)],
    "wire copy": wire,
    "the second half cut": lambda it: it[: -(-len(it) // 2)],
}


def alike(one: Sequence[str], other: Sequence[str]) -> list[float]:
    """Return the similarities of texts, pair by pair."""
    found: list[float] = similarity(signatures(one), signatures(other)).tolist()
    return found


def run() -> str:
    """Return the report."""
    made_up = list(cases())
    found = alike([it.one for it in made_up], [it.other for it in made_up])
    rows = [
        [it.name, "yes" if it.same else "no", f"{how:.2f}"]
        for it, how in zip(made_up, found, strict=True)
    ]
    if real := real_bodies():
        signed = signatures(real)
        pairs = [
            it for n in range(1, len(real)) for it in similarity(signed[:-n], signed[n:]).tolist()
        ]
        rows.append([f"{len(pairs):,} pairs of {len(real)} real stories", "no", _spread(pairs)])
        for name, edit in EDITS.items():
            found = alike(real, [text(edit(it.split("\n\n"))) for it in real])
            caught = sum(it >= THRESHOLD for it in found)
            told = f"real, {name}: {caught} of {len(real)} found"
            rows.append([told, "yes", _spread(found)])
    texts = [text(story(str(n))) for n in range(TIMED)]
    begun = time.process_time()
    for start in range(0, TIMED, 1000):
        signatures(texts[start : start + 1000])
    cost = (time.process_time() - begun) / TIMED
    words = sum(len(it.split()) for it in texts) / TIMED
    return (
        markdown(["made-up texts, and real ones", "the same story", "similarity"], rows)
        + f"\n\nFrom {THRESHOLD} on they are in one cluster. Real ones: least, median, most. A"
        f" signature costs {cost * 1e6:.0f} µs of CPU for a text of {words:.0f} words."
    )


def _spread(found: Sequence[float]) -> str:
    return f"{min(found):.2f}, {median(found):.2f}, {max(found):.2f}"
