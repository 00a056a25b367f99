"""The bodies of the sample articles: their markup and the text that it contains."""

import random
from collections.abc import Sequence
from functools import cache
from html import escape
from importlib import resources
from string import Template
from typing import NamedTuple

from tests.sample.news import Story, eastern, material

DOCTYPE = (
    '<!DOCTYPE html PUBLIC "-//W3C//DTD HTML 4.0 Transitional//EN" '
    '"http://www.w3.org/TR/REC-html40/loose.dtd">\n'
)


class Block(NamedTuple):
    """A piece of a body: its markup, and the blocks of text it gives; none if it is noise."""

    html: str
    text: tuple[str, ...] = ()


class Image(NamedTuple):
    """An image of an article: address without query, caption without credit, credit."""

    url: str
    caption: str | None
    credit: str | None

    @property
    def printed(self) -> str:
        """The caption as it is printed, the credit in brackets behind it."""
        return f"{self.caption or ''} ({self.credit})" if self.credit else self.caption or ""


@cache
def template(name: str) -> Template:
    """Return the template `html/<name>.html`; FileNotFoundError if there is none."""
    folder = resources.files(__package__).joinpath("html")
    return Template(folder.joinpath(f"{name}.html").read_text("utf-8"))


def fill(name: str, /, **values: object) -> str:
    """Return a template filled in with values that are markup already; KeyError if one lacks."""
    return template(name).substitute(values)


def paragraphs(story: Story) -> list[str]:
    """Return the paragraphs of a story as corrected, without lists, quotes and other ornaments."""
    texts = list(story.plot["paragraphs"])
    if story.kind == "news" and not story.plot.get("alone"):
        common = material()["common"]
        chosen = random.Random(int(story.id)).sample(range(len(common)), 7)
        texts += [common[number] for number in sorted(chosen)]
    if story.kind == "video":
        texts = (texts, [], texts[:1])[story.index // 26 % 3]
    introduced: list[str] = []
    for text in texts:
        introduced.append(_introduce(text, introduced))
    for correction in story.corrections:
        if correction.text:
            introduced[correction.at] = correction.text
        if correction.added:
            introduced.append(correction.added)
    return introduced


def description(story: Story) -> str:
    """Return the summary that metadata and listings print."""
    text = story.plot["paragraphs"][0].format_map(story.facts)
    return text if len(text) <= 200 else f"{text[:200].rpartition(' ')[0]}…"


def rendered(text: str) -> str:
    """Return a text as WordPress prints titles: what is not ASCII typography as entities.

    >>> rendered("Bells & “whistles” aren’t")
    'Bells &#038; &#8220;whistles&#8221; aren&#8217;t'
    """
    html = escape(text, quote=False).replace("&amp;", "&#038;")
    return "".join(f"&#{ord(char)};" if char in "‘’“”–—…" else char for char in html)


def lead_image(story: Story) -> Image:
    """Return the image at the head of a page: a picture, or what stands for its video."""
    if has_lead_video(story) or story.layout == "drupal":
        return Image(story.image, None, None)
    caption = material()["captions"][story.index % 4]
    return Image(story.image, caption["text"].format_map(story.facts), caption["credit"] or None)


def has_lead_video(story: Story) -> bool:
    """Tell whether a page is headed by a video player instead of a picture."""
    return story.kind == "video" or story.index % 6 == 4


def figures(story: Story) -> list[Image]:
    """Return the images inside a body, in order."""
    if story.kind != "news" or story.layout == "drupal" or story.index % 5 != 2:
        return []
    url = story.image.replace(".jpg", "-scene.jpg")
    if story.index % 10 == 2:
        return [Image(url, None, "Meridian Images")]
    return [Image(url, f"A street in {story.facts['place']} last week.", "Courtesy of the town")]


def today(story: Story, others: Sequence[Story]) -> list[Block]:
    """Return the body of a page of today's layout.

    `others` are stories to link to, at least one.
    """
    rng = random.Random(int(story.id) + 1)
    blocks = [Block(fill("noise-instaread"))] if story.index % 10 != 9 else []
    if story.index % 10 != 4:
        blocks.append(Block(DOCTYPE))
    if story.kind == "newsletter":
        return [*blocks, *_newsletter(story, others), _signup(story)]
    texts = [text.format_map(story.facts) for text in paragraphs(story)]
    story_blocks = [_paragraph(text, story, others, rng) for text in texts]
    if story.kind in {"news", "opinion"}:
        _ornament(story_blocks, story, others)
    notes = (correction.note for correction in story.corrections if correction.note)
    story_blocks += [Block(f"<p><em>{note}</em></p>", (note,)) for note in notes]
    blocks += story_blocks
    if story.kind in {"live", "video"} and story_blocks:
        blocks.insert(-1, Block(fill("noise-s2n")))
    if story.kind == "live":
        blocks.append(Block(f'<div class="{story.id}" id="wpcom-liveblog-container"></div>'))
    return blocks


def drupal(story: Story, others: Sequence[Story]) -> list[Block]:
    """Return the body of a page of the layout before 2022."""
    facts = story.facts
    blocks = []
    known = False
    for place, pattern in enumerate(paragraphs(story)):
        text = pattern.format_map(facts)
        html = escape(text, quote=False)
        if place % 2:
            html = f'<span style="font-weight: 400;">{html} </span>'
        if facts["first"] in html and not known:
            known = True
            html = html.replace(facts["first"], _popup(story, others).strip(), 1)
        elif facts["agency"] in html:
            link = f'<a href="{others[0].path}">'
            html = html.replace(facts["agency"], f"{link}{facts['agency']}</a>", 1)
        blocks.append(Block(f"<p>{html}</p>", (text,)))
    blocks.insert(3, Block(fill("drupal-ad")))
    if story.index % 3 == 1:
        blocks.insert(5, _list(story))
    if story.index % 3 == 2:
        blocks.insert(5, _tweet(story))
    if story.kind == "opinion":
        blocks.append(_biographies(story))
    return blocks


def mailed(story: Story) -> str:
    """Return the address of a story as newsletters link to it, with tracking."""
    return f"{story.url}?email=5a3b&utm_source=Sailthru&utm_medium=email"


def _introduce(text: str, earlier: Sequence[str]) -> str:
    """Name people in full where the text would name them by surname first."""
    before = "".join(earlier)
    for short, full in (("{p}", "{P}"), ("{q}", "{Q}"), ("{e}", "{E},")):
        if full[:3] not in before and full[:3] not in text:
            text = text.replace(short, full, 1)
    return text


def _paragraph(text: str, story: Story, others: Sequence[Story], rng: random.Random) -> Block:
    html = escape(text, quote=False)
    chance = rng.random()
    facts = story.facts
    phrases = [facts[key] for key in ("agency", "topic", "place") if facts[key] in html]
    if phrases and chance < 0.5:
        phrase = rng.choice(phrases)
        url = rng.choice(others).alias
        link = f'<a rel="noreferrer noopener" href="{escape(url)}" target="_blank">{phrase}</a>'
        mark = f"<strong>{phrase}</strong>" if chance < 0.1 else link
        html = html.replace(phrase, mark, 1)
    elif chance < 0.6:
        html = html.replace(" said", "&nbsp;said", 1)
    elif chance < 0.7:
        html = html.replace("’", "&#8217;").replace("—", "&mdash;")
    elif chance < 0.75:
        html = html.replace("“", "&ldquo;").replace("”", "&rdquo;")
    if rng.random() < 0.2:
        html += "&nbsp;"
    return Block(f"<p>{html}</p>", (text,))


def _ornament(blocks: list[Block], story: Story, others: Sequence[Story]) -> None:
    """Put headings, lists and quotes, and everything that is not the story, between."""
    between = [*_furniture(story), *_noise(story, others)]
    if story.kind == "opinion":
        between.append((len(blocks), _biographies(story)))
    for place, block in sorted(between, key=lambda one: one[0], reverse=True):
        blocks.insert(place, block)
    number = story.index
    if number % 4 == 3 and story.kind == "news" and not story.plot.get("noteless"):
        blocks.append(_note(story))
    if number % 4 == 2:
        blocks.append(_signup(story))
    if number % 8 == 3:
        blocks.append(_related("noise-related-bare", others))


def _furniture(story: Story) -> list[tuple[int, Block]]:
    """Return what a story has besides paragraphs, each with its place among them.

    Everything has its turn by the number of the story, so that each is on some page.
    """
    number = story.index
    found = [(2, _figure(image, story)) for image in figures(story)]
    if number % 3 == 0:
        found.append((4, _heading(story, 2 + number // 3 % 3)))
    if number % 4 == 2 and story.kind == "news":
        found.append((3, _list(story)))
    if number % 5 == 0:
        found.append((5, _quote(story)))
    if number % 6 == 5:
        found.append((4, _tweet(story)))
    return found


def _noise(story: Story, others: Sequence[Story]) -> list[tuple[int, Block]]:
    """Return what stands between the paragraphs and is not the story, each with its place."""
    number = story.index
    found = [(2, _ad("mr1_ab")), (6, _ad("mr2_ab")), (10, _ad("mr3_ab"))]
    if number % 3 == 1:
        found.append((5, Block(fill("noise-s2n"))))
    if number % 4 == 0:
        found.append((5, _related("noise-related", others)))
    if number % 4 == 1:
        found.append((3, _promo(story)))
    if number % 5 == 1:
        found.append((6, Block(fill("noise-beacon", id=story.id))))
    if number % 5 == 3:
        found.append((2, Block(fill("noise-civic", id=story.id))))
    if number % 6 == 1:
        found.append((4, Block(fill("noise-hardwall", title=material()["noise"]["hardwall"]))))
    if number % 7 == 3:
        found.append((3, Block(fill("noise-video", id=story.id, title=_clip(story)))))
    if number % 7 == 5:
        found.append((2, Block("<p>&nbsp;</p>")))
    if story.kind == "opinion":
        found.append((3, Block(fill("noise-banner"))))
    return found


def _ad(slot: str) -> Block:
    return Block(fill("noise-ad", slot=slot))


def _heading(story: Story, level: int) -> Block:
    headings = material()["headings" if story.kind == "news" else "opinion_headings"]
    text = headings[story.index % len(headings)]
    inner = f"<strong>{text}</strong>" if level == 3 else text
    return Block(f'<h{level} class="wp-block-heading">{inner}</h{level}>', (text,))


def _list(story: Story) -> Block:
    rows = material()["lists"]
    items = [item.format_map(story.facts) for item in rows[story.index % len(rows)]]
    tag = "ol" if story.index % 8 == 6 else "ul"
    markup = "\n".join(f"<li>{escape(item, quote=False)}</li>" for item in items)
    text = "\n".join(f"- {item}" for item in items)
    return Block(f'<{tag} class="wp-block-list">\n{markup}\n</{tag}>', (text,))


def _quote(story: Story) -> Block:
    quotes = material()["quotes"]
    text = quotes[story.index % len(quotes)]
    html = f'<blockquote class="wp-block-quote is-layout-flow">\n<p>{text}</p>\n</blockquote>'
    return Block(html, (text,))


def _tweet(story: Story) -> Block:
    tweets = material()["tweets"]
    tweet = tweets[story.index % len(tweets)]
    text = tweet["text"].format_map(story.facts)
    when = eastern(story.published)
    date = f"{when:%B} {when.day}, {when.year}"
    name = story.facts["first"]
    html = fill(
        "tweet", text=text, name=name, handle=tweet["handle"], date=date, id=f"{story.id}00"
    )
    return Block(html, (text, f"— {name} (@{tweet['handle']}) {date}"))


def _note(story: Story) -> Block:
    notes = material()["notes"]
    text = notes[story.index // 4 % len(notes)].format_map(story.facts)
    return Block(f"<p><em>{text}</em></p>", (text,))


def _biographies(story: Story) -> Block:
    texts = [f"{author.name} {author.bio}" for author in story.authors]
    html = "\n".join(f"<p><em>{text}</em></p>" for text in texts)
    return Block(html, tuple(text.replace("\xa0", " ") for text in texts))


def _figure(image: Image, story: Story) -> Block:
    # A caption stands under its picture: the record has it with the image, not in the text.
    return Block(fill("figure", src=image.url, caption=image.printed, alt="", id=int(story.id) + 1))


def _promo(story: Story) -> Block:
    titles = material()["noise"]["promo"]
    title = titles[story.index % len(titles)]
    return Block(fill("noise-nlp", title=title, slug=story.id))


def _clip(story: Story) -> str:
    return f"Inside the fight over {story.facts['topic']}"


def _related(name: str, others: Sequence[Story]) -> Block:
    items = (
        f'<li><a href="{escape(other.alias)}">{escape(other.headline)}</a></li>' for other in others
    )
    return Block(fill(name, items="\n".join(items)))


def _signup(story: Story) -> Block:
    text = material()["noise"]["newsletter"].format(name=story.section.name)
    return Block(fill("noise-signup", title=escape(text)))


def _popup(story: Story, others: Sequence[Story]) -> str:
    first, *rest = story.facts["first"].split()
    items = " ".join(
        f'<a class="people-articles" href="{other.path}">{escape(other.headline)}</a>'
        for other in others
    )
    return fill(
        "drupal-popup",
        nid=int(story.id) - 211_000,
        slug="-".join(story.facts["first"].lower().split()),
        name=story.facts["first"],
        full_name=" ".join([first, "Emmeline", *rest]),
        items=items,
    )


def _newsletter(story: Story, others: Sequence[Story]) -> list[Block]:
    """Return a whole e-mail, set in tables; the text blocks come in reading order."""
    facts = story.facts
    text = material()["newsletter"]
    name = story.section.name
    story_texts = [pattern.format_map(facts) for pattern in paragraphs(story)]
    picture = "© Lena Marquist, Harrow Press"
    elsewhere = [item.format_map(facts) for item in text["elsewhere"]]
    plan = [item.format_map(facts) for item in material()["lists"][2]]
    first = (
        _mail_text([_label("The Big Story")], 1)
        + fill("newsletter-heading", text=escape(story.headline))
        + _mail_text([_span(story_texts[0], 22)], 3)
        + _mail_image(story)
        + _mail_text([_span(picture, 12)], 5)
        + _mail_text([_span(part, 17, facts["agency"]) for part in story_texts[1:]], 6)
        + fill("newsletter-trim", url=escape(mailed(others[0])))
    )
    second = (
        '<table class="html_block block-1" role="presentation" width="100%"><tr><td class="pad">'
        '<div align="center"><h4 style="text-align: left; margin: 0px;">'
        "<span>COMING UP</span></h4></div></td></tr></table>"
        + _mail_text([f"<em>{_span(text['coming_up'], 17)}</em>"], 2)
        + _mail_list(plan)
    )
    third = _mail_text([_label("Elsewhere")], 1) + _mail_list(elsewhere, paragraph=True)
    last = (
        '<div class="spacer_block block-1" style="height:30px;line-height:30px"> </div>'
        + _mail_text([f"<em>{text['caught_up']} </em>"], 3)
    )
    rows = "\n".join(
        fill("newsletter-row", number=number, blocks=blocks)
        for number, blocks in enumerate((first, second, third, last), 3)
    )
    mail = fill("newsletter", preheader=text["preheader"], name=escape(name), rows=rows)
    return [
        Block('<div class="ns-block-custom-html">'),
        Block(
            mail,
            (
                name,
                "The Big Story",
                story.headline,
                story_texts[0],
                picture,
                *story_texts[1:],
                "COMING UP",
                text["coming_up"],
                "\n".join(f"- {item}" for item in plan),
                "Elsewhere",
                "\n".join(f"- {item}" for item in elsewhere),
                text["caught_up"],
            ),
        ),
        Block("<p></p>\n</div>"),
    ]


def _label(text: str) -> str:
    return (
        '<span style="word-break: break-word; background-color: #e0eee0;"><strong>'
        f'<span style="word-break: break-word; font-size: 18px;">{text}</span> </strong></span>'
    )


def _span(text: str, size: int, strong: str = "") -> str:
    html = escape(text, quote=False)
    if strong:
        html = html.replace(strong, f"<strong>{strong}</strong>", 1)
    return f'<span style="word-break: break-word; font-size: {size}px;">{html} </span>'


def _mail_text(parts: Sequence[str], number: int) -> str:
    gap = '<p style="margin:0;font-size:17px;mso-line-height-alt:21px">\xa0</p>'
    html = gap.join(f'<p style="margin:0;font-size:17px">\n{part}</p>' for part in parts)
    return fill("newsletter-text", number=number, paragraphs=html)


def _mail_image(story: Story) -> str:
    return (
        '<table class="image_block block-4" role="presentation" width="100%"><tr><td class="pad">'
        '<div align="center" class="alignment" style="line-height:10px">'
        f'<img alt="" decoding="async" src="{story.image}?w=1280&amp;h=720&amp;crop=1" '
        'style="display:block;height:auto;border:0;width:100%" title="" width="548"/>'
        "</div></td></tr></table>"
    )


def _mail_list(items: Sequence[str], *, paragraph: bool = False) -> str:
    html = (escape(item, quote=False) for item in items)
    if paragraph:
        html = (f'<p style="margin:0;mso-line-height-alt:20.4px">\n{item}</p>' for item in html)
    joined = "".join(f'<li style="Margin:0 0 26px 0">\n{item}</li>' for item in html)
    return fill("newsletter-list", items=joined)
