"""The command ``newscrawl``: Scrapy's command line with the settings of this project."""

import io
import os
import sys
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

import scrapy.commands
from scrapy.cmdline import execute

import newscrawl.commands
from newscrawl import __version__
from newscrawl.extensions.options import unknown

# Scrapy's commands for writing a project. They do not apply to an installed newscrawl.
_OF_PROJECTS = ("bench", "edit", "genspider", "runspider", "startproject")


def main() -> None:
    """Run a command in any folder. Without a command, list all commands."""
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "newscrawl.settings")
    if sys.argv[0].endswith("__main__.py"):
        sys.argv[0] = "newscrawl"
    if sys.argv[1:] in ([], ["-h"], ["--help"], ["help"]):
        print(overview(), end="")  # noqa: T201
        return
    if sys.argv[1:] == ["--version"]:
        sys.argv[1] = "version"
    name = next((it for it in sys.argv[1:] if not it.startswith("-")), None)
    if name and name not in (known := commands_in(newscrawl.commands, scrapy.commands)):
        print(unknown("command", name, sorted(known)), file=sys.stderr)  # noqa: T201
        sys.exit(2)
    execute(["newscrawl", *sys.argv[1:]])


def overview() -> str:
    """Return the list of commands, newscrawl's version first."""
    with redirect_stdout(io.StringIO()) as listed, suppress(SystemExit):
        execute(["newscrawl"])
    _, *lines = listed.getvalue().replace("scrapy <", "newscrawl <").splitlines()
    shown = [it for it in lines if not it.strip().startswith(_OF_PROJECTS)]
    return "\n".join([f"newscrawl {__version__}, Scrapy {scrapy.__version__}", *shown, ""])


def commands_in(*packages: ModuleType) -> set[str]:
    """Return the names of the commands in packages. Scrapy imports them in any case."""
    return {
        it.name
        for package in packages
        for it in iter_modules(package.__path__)
        if hasattr(import_module(f"{package.__name__}.{it.name}"), "Command")
    }


if __name__ == "__main__":
    main()
