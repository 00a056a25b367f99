"""The command ``newscrawl``: Scrapy's command line with the settings of this project."""

import io
import os
import sys
from contextlib import redirect_stdout, suppress

from scrapy.cmdline import execute


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
    execute(["newscrawl", *sys.argv[1:]])


if __name__ == "__main__":
    main()
