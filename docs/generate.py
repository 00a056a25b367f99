"""Write the generated parts of the reference pages: ``python docs/generate.py``.

A page marks such a part with two comments, ``<!-- generated: NAME -->`` and ``<!-- end -->``.
Everything between them comes from the code. A test fails when a page is out of date.
"""

import argparse
import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from pkgutil import iter_modules
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from scrapy.commands import ScrapyCommand
from scrapy.settings import Settings
from scrapy.spiderloader import get_spider_loader

from newscrawl import commands as commands_package
from newscrawl import settings
from newscrawl.base_spiders import arguments, outlet_keys
from newscrawl.base_spiders.spider_loader import find_outlet
from newscrawl.dispatch import nodes_table
from newscrawl.extensions import options
from newscrawl.extensions.exit_codes import EXIT_CODES
from newscrawl.monitoring.checks import CHECKS
from newscrawl.storage import document, schema
from newscrawl.workbench.status import HEAD, markdown, status

PAGES = Path(__file__).parent
# Help of options that no help text shows.
_HIDDEN = (None, argparse.SUPPRESS, "show this help message and exit")
_BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.S)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(text) for text in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return _markdown(text).replace("|", r"\|")


def _markdown(text: str) -> str:
    """Return a docstring as one line of Markdown."""
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split()))


def record() -> str:
    """Return the fields of the record, from the JSON Schema."""
    return _fields(schema.generate()["properties"], "")


def _fields(properties: Mapping[str, Any], prefix: str) -> str:
    return table(("Field", "Type", "Meaning"), _rows(properties, prefix))


def _rows(properties: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, str, str]]:
    for name, it in properties.items():
        yield f"`{prefix}{name}`", _type(it), it.get("description", "")
        if inner := it.get("items", {}).get("properties"):
            yield from _rows(inner, f"{prefix}{name}[].")


def _type(it: Mapping[str, Any]) -> str:
    kinds = it["type"] if isinstance(it["type"], list) else [it["type"]]
    if inner := it.get("items"):
        kinds = [f"list of {_type(inner)}s"]
    if values := it.get("enum"):
        kinds = [", ".join(f"`{value}`" for value in values)]
    return " or ".join(sorted(kinds, key=lambda kind: kind == "null"))


def checks() -> str:
    """Return every check of a run, and what it reports."""
    return table(("Check", "Reports"), ((f"`{name}`", text) for name, text in CHECKS.items()))


def run_json() -> str:
    """Return the keys of ``run.json`` and of the objects in it, from their typed definitions."""
    objects = [document.RunDocument]
    text = ""
    for it in objects:
        hints = get_type_hints(it)
        meanings = _attribute_docstrings(it)
        rows = [(f"`{key}`", _in_words(hint), meanings.get(key, "")) for key, hint in hints.items()]
        if it is not document.RunDocument:
            text += f"\n### {_title(it)}\n\n{_sentence(inspect.getdoc(it) or '')}\n\n"
        text += table(("Key", "Type", "Meaning"), rows)
        inner = (found for hint in hints.values() for found in (hint, *get_args(hint)))
        objects += [found for found in inner if is_typeddict(found) and found not in objects]
    return text


def _title(kind: type) -> str:
    return kind.__name__.removesuffix("Document").lower()


def _in_words(kind: Any) -> str:
    names = {str: "string", int: "integer", bool: "boolean", NoneType: "null", Any: "value"}
    inner = [_in_words(it) for it in get_args(kind)]
    if is_typeddict(kind):
        return f"[{_title(kind)}](#{_title(kind)})"
    if get_origin(kind) is list:
        return f"list of {inner[0]}"
    if get_origin(kind) is dict:
        return f"object: {inner[1]} by name"
    return " or ".join(inner) if inner else names[kind]


def _attribute_docstrings(kind: type) -> dict[str, str]:
    """Return the strings below the attributes of a class in ``document``, and of its bases."""
    tree = ast.parse(inspect.getsource(document))
    classes = {it.name: it for it in tree.body if isinstance(it, ast.ClassDef)}
    wanted, found = [kind.__name__], {}
    for name in wanted:
        wanted += [base.id for base in classes[name].bases if base.id in classes]
        for field, text in pairwise(classes[name].body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[ast.unparse(field.target)] = ast.literal_eval(text.value)
    return found


def exit_codes() -> str:
    """Return the exit codes of a crawl, from their table in the code."""
    rows = (
        (str(it.code), it.name, it.meaning, ", ".join(f"`{reason}`" for reason in it.reasons))
        for it in EXIT_CODES
    )
    return table(("Exit code", "Name", "When", "Reasons"), rows)


def commands() -> Iterator[tuple[str, ScrapyCommand, argparse.ArgumentParser]]:
    """Yield every command of newscrawl: its name, the command, and the parser of its options."""
    ours = Settings()
    ours.setmodule(settings)
    for module in iter_modules(commands_package.__path__):
        found = import_module(f"{commands_package.__name__}.{module.name}")
        if not (kind := vars(found).get("Command")):
            continue
        command: ScrapyCommand = kind()
        command.settings = ours
        parser = argparse.ArgumentParser(module.name, conflict_handler="resolve")
        command.add_options(parser)
        yield module.name, command, parser


def command_help() -> str:
    """Return a section for each command: usage, description and options."""
    return "\n".join(_command(*it) for it in commands())


def _command(name: str, command: ScrapyCommand, parser: argparse.ArgumentParser) -> str:
    usage = f"newscrawl {name} {command.syntax()}".strip()
    text = f"## {name}\n\n```text\n{usage}\n```\n\n{_sentence(command.long_desc())}\n"
    if rows := list(_options(parser, "")):
        text += f"\n{table(('Option', 'Meaning'), rows)}"
    if example := getattr(command, "example", ""):
        text += f"\nExample: `newscrawl {example}`\n"
    if codes := getattr(command, "exit_codes", ""):
        text += f"\nExit codes: {_sentence(codes)}\n"
    return text


def _options(parser: argparse.ArgumentParser, prefix: str) -> Iterator[tuple[str, str]]:
    for group in parser._action_groups:
        for action in group._group_actions:
            if isinstance(action, argparse._SubParsersAction):
                for choice in action._choices_actions:
                    yield f"{prefix}`{choice.dest}`", choice.help or ""
                    inner = action.choices[choice.dest]
                    yield from _options(inner, f"{prefix}`{choice.dest}` ")
            elif group.title != "Global Options" and action.help not in _HIDDEN:
                yield f"{prefix}`{_spelling(action)}`", action.help % vars(action)


def _spelling(action: argparse.Action) -> str:
    value = action.metavar or (action.choices and "{" + ",".join(action.choices) + "}")
    value = "" if action.nargs == 0 else str(value or action.dest.upper())
    return " ".join(filter(None, (", ".join(action.option_strings), value)))


def _sentence(text: str) -> str:
    text = _markdown(text)
    return text if text.endswith(".") else f"{text}."


def keys_of_outlets() -> str:
    """Return the keys of a row of ``outlets.toml``, of its sources and of its selectors."""
    sources = [key for kind in outlet_keys.SOURCES for key in kind.keys]
    return "\n".join(
        f"{title}\n\n" + table(("Key", "Meaning", "Value", "Example"), map(_key, keys))
        for title, keys in (
            ("Keys of a row:", outlet_keys.KEYS),
            ("Keys of one of its `sources`. The first key says what kind the source is:", sources),
            (
                "Keys of its `selectors`:",
                outlet_keys.SELECTORS,
            ),
        )
    )


def keys_of_nodes() -> str:
    """Return the keys of ``nodes.toml``."""
    return "\n".join(
        f"{title}\n\n" + table(("Key", "Meaning", "Value", "Example"), map(_key, keys))
        for title, keys in (
            ("Keys of the file, before its tables:", nodes_table.KEYS),
            ("Keys of a node:", nodes_table.NODE_KEYS),
            ("Keys of a crawl:", nodes_table.CRAWL_KEYS),
        )
    )


def _key(key: outlet_keys.Key) -> tuple[str, ...]:
    required = ", required" if key.is_required else ""
    return f"`{key.name}`{required}", key.meaning, key.kind.allowed, f"`{key.example}`"


def outlets() -> str:
    """Return the outlets of the project, without those of an operator."""
    ours = Settings()
    ours.setmodule(settings)
    # An operator's table is beside the output folder.
    ours.set("NEWSCRAWL_OUTPUT_DIR", str(PAGES / "none" / "output"))
    ours.set("NEWSCRAWL_OUTLETS", "")
    names = get_spider_loader(ours).list()
    rows = [status(find_outlet(it, ours), PAGES.parent / "tests" / "fixtures") for it in names]
    return table(HEAD, markdown(rows))


PARTS: Mapping[str, Callable[[], str]] = {
    "record": record,
    "run-json": run_json,
    "checks": checks,
    "exit-codes": exit_codes,
    "commands": command_help,
    "outlets": outlets,
    "arguments": lambda: options.markdown(arguments.OPTIONS),
    "outlet-keys": keys_of_outlets,
    "nodes-keys": keys_of_nodes,
    "settings": lambda: options.markdown(settings.table, scrapy=True),
}
"""What writes each generated part."""


def fill(page: str) -> str:
    """Return the text of a page with every generated part written again."""
    return _BLOCK.sub(lambda found: f"{found[1]}{PARTS[found[2]]()}{found[3]}", page)


def pages() -> Iterable[Path]:
    """Return all pages of the documentation."""
    return sorted(PAGES.rglob("*.md"))


if __name__ == "__main__":
    for path in pages():
        before = path.read_text("utf-8")
        if (after := fill(before)) != before:
            path.write_text(after, "utf-8")
            print(f"Updated {path.relative_to(PAGES.parent)}")  # noqa: T201
