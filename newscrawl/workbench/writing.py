"""Write a drafted outlet: a row of ``outlets.toml``, or the code of a spider."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import fields
from textwrap import shorten
from typing import Any

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.base_spiders.outlet_keys import SOURCES
from newscrawl.base_spiders.outlet_table import read_table
from newscrawl.extraction.loaders import Layout
from newscrawl.extraction.sources import Source
from newscrawl.workbench.draft import Selectors
from newscrawl.workbench.survey import Survey

_LONGEST_TITLE = 50  # characters in a docstring
CHECKED = "nothing yet: drafted from {}"
_LAYOUT = ("article", "headline", "byline", "author", "section", "story", "tags")


def checked(survey: Survey) -> str:
    """Return what an outlet was checked on when only its draft exists."""
    count = len(survey.reads)
    return CHECKED.format("a page" if count == 1 else f"{count} pages")


def row(survey: Survey, name: str) -> str:
    """Return the row of an outlet that a platform or ``generic`` reads."""
    lines = [f"[{name}]", f"title = {_toml(survey.title)}"]
    if survey.platform:
        lines.append(f"platform = {_toml(survey.platform)}")
    lines.append(f"host = {_toml(survey.host)}")
    if survey.scheme == "http":
        lines.append('scheme = "http"')
    lines += [f"zone = {_toml(survey.zone)}", f"language = {_toml(survey.language)}"]
    if survey.country:
        lines.append(f"country = {_toml(survey.country)}")
    if not survey.platform:
        quote = "'" if "'" not in survey.article else ""
        article = f"'{survey.article}'" if quote else _toml(survey.article)
        lines.append(f"article = {article}")
    if survey.sources:
        listed = ", ".join(map(_source_in_toml, survey.sources))
        lines.append(f"sources = [{listed}]")
    lines.append(f"checked = {_toml(checked(survey))}")
    return "\n".join([*lines, ""])


def _toml(text: str) -> str:
    # A basic string of TOML has the escapes of JSON.
    return json.dumps(text, ensure_ascii=False)


def _source_in_toml(source: Source) -> str:
    keys = next(it.keys for it in SOURCES if it.make is type(source))
    return f"{{ {keys[0].name} = {_toml(_address(source))} }}"


def _address(source: Source) -> str:
    return str(getattr(source, fields(source)[0].name))


def spider(survey: Survey, name: str, selectors: Selectors | None) -> str:
    """Return the code of a spider; without ``selectors`` it reads pages as ``generic`` does."""
    base, module = "ArticleSpider", "article"
    if survey.platform:
        base, module = "WordPressSpider", "wordpress"
    identity = (
        "The number in an article's address."
        if "(?P<id>" in survey.article and not survey.platform
        else "The number of the post in WordPress."
        if survey.platform
        else "The canonical address of an article."
    )
    title = shorten(re.sub(r'["\\]', "", survey.title), _LONGEST_TITLE, placeholder=" …")
    kinds = sorted({type(it).__name__ for it in survey.sources})
    imports = [
        "from zoneinfo import ZoneInfo",
        "",
        f"from newscrawl.base_spiders.{module} import {base}",
    ]
    if selectors:
        imports.append("from newscrawl.extraction.loaders import Layout, Reader")
        imports.append("from newscrawl.extraction.noise import Noise")
    else:
        imports.insert(0, "from dataclasses import replace")
        imports.append("from newscrawl.extraction.generic_outlet import Generic")
    if kinds:
        imports.append(f"from newscrawl.extraction.sources import {', '.join(kinds)}")
    title = title.rstrip(" .:") or survey.host
    if title.startswith("This"):
        # A docstring that begins with this word is a fault for the linter.
        title = f"The site {title}"
    head = f'"""{title}: {survey.scheme}://{survey.host}."""'
    lines = [
        head,
        "",
        *imports,
        "",
        "",
        f"class {name.title()}Spider({base}):",
        f'    """{title}.',
        "",
        *_headings(survey, identity),
        '    """',
        "",
        f"    name = {_python(name)}",
        f"    title = {_python(survey.title)}",
        f"    checked = {_python(checked(survey))}",
        f"    host = {_python(survey.host)}",
    ]
    if survey.scheme == "http":
        lines.append('    scheme = "http"')
    if survey.sources:
        sources = [f"{type(it).__name__}({_python(_address(it))})" for it in survey.sources]
        lines += _tuple("    sources = ", sources, "")
    if not survey.platform:
        lines.append(f"    article = {_raw(survey.article)}")
    lines.append(f"    language = {_python(survey.language)}")
    lines.append(f"    zone = ZoneInfo({_python(survey.zone)})")
    if survey.country:
        lines.append(f"    country = {_python(survey.country)}")
    lines += ["", *(_reader(selectors) if selectors else _generic_reader())]
    return "\n".join([*lines, ""])


def _headings(survey: Survey, identity: str) -> Iterator[str]:
    for heading, text in (
        ("Domain", survey.host),
        ("Identity", identity),
        ("History", "Nothing is known."),
        ("Caveats", "A draft of ``newscrawl outlet new``, which nobody has checked yet."),
    ):
        yield f"    {heading}"
        yield f"      {text}"


def _reader(selectors: Selectors) -> Iterator[str]:
    layout: Layout = selectors.layout
    yield "    reader = Reader("
    yield "        zone=zone,"
    yield "        layouts=("
    yield "            Layout("
    yield f"                name={_python(layout.name)},"
    for name in _LAYOUT:
        if value := getattr(layout, name):
            yield f"                {name}={_python(value)},"
    yield "            ),"
    yield "        ),"
    if selectors.noise:
        yield "        noise=Noise("
        yield from _tuple("            selectors=", list(map(_python, selectors.noise)), ",")
        yield "        ),"
    else:
        yield "        noise=Noise(()),"
    yield "    )"


def _tuple(start: str, values: Sequence[str], end: str) -> Iterator[str]:
    """Yield the lines of a tuple, as a formatter writes it."""
    if len(values) == 1:
        yield f"{start}({values[0]},){end}"
        return
    indent = " " * (len(start) - len(start.lstrip()))
    yield f"{start}("
    yield from (f"{indent}    {it}," for it in values)
    yield f"{indent}){end}"


def _generic_reader() -> Iterator[str]:
    yield "    # No selector matches just the story."
    yield "    reader = replace(Generic.reader, zone=zone)"


def _python(text: str) -> str:
    """Return a text as Python code, in the quotes that a formatter uses."""
    if '"' in text and "'" not in text and text.isprintable():
        escaped = text.replace("\\", "\\\\")
        return f"'{escaped}'"
    return json.dumps(text, ensure_ascii=False)


def _raw(text: str) -> str:
    return f'r"{text}"' if '"' not in text and text.isprintable() else _python(text)


def row_outlet(text: str, name: str, file: str) -> ArticleSpider:
    """Return the outlet of a row. Raises RowError if the row is wrong."""
    made: ArticleSpider = read_table(text, file)[name].spider()()
    return made


def spider_outlet(code: str, name: str) -> ArticleSpider:
    """Return the outlet that a drafted spider's code defines."""
    names: dict[str, Any] = {"__name__": f"newscrawl.spiders.{name}"}
    exec(compile(code, f"{name}.py", "exec"), names)  # noqa: S102  # the code is of spider() above
    made: ArticleSpider = names[f"{name.title()}Spider"]()
    return made
