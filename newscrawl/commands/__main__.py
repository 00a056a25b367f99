"""The command ``newscrawl``: Scrapy's command line with the settings of this project."""

import io
import os
import sys
from contextlib import redirect_stdout, suppress
from importlib.metadata import version
from pkgutil import iter_modules

import scrapy.commands
from scrapy.cmdline import execute

import newscrawl.commands
from newscrawl.extensions.options import unknown


def main() -> None:
    """Run a command in any folder; without one, list what there is."""
    os.environ.setdefault("SCRAPY_SETTINGS_MODULE", "newscrawl.settings")
    if sys.argv[0].endswith("__main__.py"):
        sys.argv[0] = "newscrawl"
    if sys.argv[1:] in ([], ["-h"], ["--help"]):
        with redirect_stdout(io.StringIO()) as listed, suppress(SystemExit):
            execute(["newscrawl"])
        print(listed.getvalue().replace("scrapy <", "newscrawl <"), end="")  # noqa: T201
        return
    if sys.argv[1:] == ["--version"]:
        print(f"newscrawl {version('newscrawl')}, Scrapy {scrapy.__version__}")  # noqa: T201
        return
    packages = (newscrawl.commands, scrapy.commands)
    known = sorted({it.name for package in packages for it in iter_modules(package.__path__)})
    name = next((it for it in sys.argv[1:] if not it.startswith("-")), None)
    if name and name not in known:
        print(unknown("command", name, known), file=sys.stderr)  # noqa: T201
        sys.exit(2)
    execute(["newscrawl", *sys.argv[1:]])


if __name__ == "__main__":
    main()
