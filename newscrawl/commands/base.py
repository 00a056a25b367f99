"""What the commands have in common that look at an output folder and crawl nothing."""

import sys
from pathlib import Path
from typing import ClassVar

from scrapy.settings import Settings

from newscrawl.extensions.run import ledger_url


class OutputCommand:
    """A command of the project that needs no crawler and logs nothing.

    A mixin of ``ScrapyCommand``: Scrapy takes every subclass of that for a command.
    """

    settings: Settings | None
    exitcode: int

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar = {"LOG_ENABLED": False}

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        assert self.settings is not None
        return Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy's address of the ledger."""
        assert self.settings is not None
        return ledger_url(self.settings)

    def give_up(self, why: object) -> None:
        """Say in a sentence why it cannot be done; the exit code is 3."""
        print(why, file=sys.stderr)  # noqa: T201
        self.exitcode = 3
